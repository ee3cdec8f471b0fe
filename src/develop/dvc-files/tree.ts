import { hash } from 'node:crypto';
import { fileUnreadable } from './dvc-errors.ts';
import { compareCodePoints, jsonText } from './python-text.ts';

/** One file of a folder, as the `.dir` object lists it. */
export interface TreeEntry {
  readonly md5: string;
  /** with `/`, relative to the folder */
  readonly relpath: string;
}

/** The `.dir` object: Python's JSON, sorted by code point, no newline at the end. */
export function treeText(entries: readonly TreeEntry[]): string {
  const isSorted = entries.every(
    (entry, at) => at === 0 || compareCodePoints(entries[at - 1]?.relpath ?? '', entry.relpath) < 0,
  );
  const sorted = isSorted
    ? entries
    : entries.toSorted((left, right) => compareCodePoints(left.relpath, right.relpath));
  const items = sorted.map(({ md5, relpath }) => `{"md5": "${md5}", "relpath": ${jsonText(relpath)}}`);
  return `[${items.join(', ')}]`;
}

export const treeHash = (text: string): string => `${hash('md5', text)}.dir`;

export const isTreeHash = (md5: string): boolean => md5.endsWith('.dir');

/**
 * @param name of the object, for the message
 * @throws DVC_FILE_UNREADABLE
 */
export function treeEntries(text: string, name: string): readonly TreeEntry[] {
  const entries = parsed(text, name);
  // a path that leaves the folder could overwrite anything at checkout, a hash that is none could read anything
  const bad = entries.find(({ relpath }) => !isInside(relpath));
  if (bad !== undefined)
    throw fileUnreadable(name, `it lists the path ${bad.relpath}, which leaves the folder`);
  const odd = entries.find(({ md5 }) => !isMd5.test(md5));
  if (odd !== undefined)
    throw fileUnreadable(name, `it gives ${odd.relpath} the hash ${odd.md5}, which is no md5`);
  return entries;
}

const isMd5 = /^[0-9a-f]{32}$/;

const isInside = (relpath: string): boolean =>
  relpath !== '' &&
  !relpath.startsWith('/') &&
  !relpath.includes('\0') &&
  !(relpath.includes('..') && relpath.split('/').includes('..'));

/** DVC 1 and 2 wrote the same list with their own fields beside `md5` and `relpath`. */
function parsed(text: string, name: string): readonly TreeEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (reason) {
    throw fileUnreadable(name, `it is no JSON: ${(reason as Error).message}`);
  }
  const isEntry = (one: unknown): one is TreeEntry =>
    typeof one === 'object' && one !== null && 'md5' in one && 'relpath' in one;
  if (!Array.isArray(value) || !value.every(isEntry)) throw fileUnreadable(name, 'it is no list of files');
  return value;
}
