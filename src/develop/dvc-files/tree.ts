import { hash } from 'node:crypto';
import { readdirSync, statSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { fileUnreadable, pathMissing } from './dvc-errors.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { compareCodePoints, decodeName, encodePath, jsonText } from './python-text.ts';

/** One file of a folder, as the `.dir` object lists it. */
export interface TreeEntry {
  readonly md5: string;
  /** with `/`, relative to the folder */
  readonly relpath: string;
}

/** The `.dir` object: Python's JSON, sorted by code point, no newline at the end. */
export function treeText(entries: readonly TreeEntry[]): string {
  const sorted = entries.toSorted((left, right) => compareCodePoints(left.relpath, right.relpath));
  const items = sorted.map(({ md5, relpath }) => `{"md5": "${md5}", "relpath": ${jsonText(relpath)}}`);
  return `[${items.join(', ')}]`;
}

export const treeHash = (text: string): string => `${hash('md5', text)}.dir`;

export const isTreeHash = (md5: string): boolean => md5.endsWith('.dir');

export function treeEntries(text: string, name: string): readonly TreeEntry[] {
  const entries = JSON.parse(text) as TreeEntry[];
  // a path that leaves the folder could overwrite anything at checkout
  const bad = entries.find(({ relpath }) => relpath.startsWith('/') || relpath.split('/').includes('..'));
  if (bad !== undefined) throw fileUnreadable(name, `it lists the path ${bad.relpath}, which leaves the folder`);
  return entries;
}

export interface FoundFile {
  readonly path: string;
  readonly relpath: string;
  readonly stat: BigIntStats;
}

/** All files below a folder that `.dvcignore` does not leave out, links followed. */
export function listFiles(folder: string, rules: IgnoreRules): FoundFile[] {
  const found: FoundFile[] = [];
  const walk = (at: string, prefix: string): void => {
    for (const entry of readdirSync(encodePath(at), { withFileTypes: true, encoding: 'buffer' })) {
      const name = decodeName(entry.name);
      const path = join(at, name);
      const isKnown = entry.isFile() || entry.isDirectory();
      if (isKnown && rules.ignores(at, name, entry.isDirectory())) continue;
      if (entry.isDirectory()) {
        walk(path, `${prefix}${name}/`);
        continue;
      }
      const stat = statOf(path);
      if (stat === undefined) throw pathMissing(path);
      if (!isKnown && rules.ignores(at, name, stat.isDirectory())) continue;
      if (stat.isDirectory()) walk(path, `${prefix}${name}/`);
      else if (stat.isFile()) found.push({ path, relpath: prefix + name, stat });
    }
  };
  walk(folder, '');
  return found;
}

export const statOf = (path: string): BigIntStats | undefined =>
  statSync(encodePath(path), { bigint: true, throwIfNoEntry: false });
