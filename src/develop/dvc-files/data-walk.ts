import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { fileFailure, ignoreFileInData, pathMissing, withPath } from './dvc-errors.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { decodeName, encodePath } from './python-text.ts';

/** The files that lie directly in one folder of data. */
export interface DataFolder {
  /** absolute */
  readonly path: string;
  /** what its files' names begin with in the `.dir` object: `''`, or `sub/` */
  readonly prefix: string;
  readonly names: readonly string[];
  /** `stampWidth` numbers per file, in the order of the names */
  readonly stamps: Float64Array;
  /** places in `names` of files that share their bytes with another name: symbolic links and hard links */
  readonly linked: ReadonlySet<number>;
}

/** What tells that a file is as it was, dvc's own rule: inode, size in bytes, modification time in ms. */
export const stampWidth = 3;
export const sizeIn = (folder: DataFolder, at: number): number => folder.stamps[at * stampWidth + 1] ?? 0;

export const stampOf = (stat: Stats): readonly [number, number, number] => [
  stat.ino,
  stat.size,
  stat.mtimeMs,
];

export const statOf = (path: string): Stats | undefined =>
  statSync(encodePath(path), { throwIfNoEntry: false });

/**
 * All files below a folder that `.dvcignore` does not leave out. As in dvc, links to files are files, links to folders
 * are not followed.
 *
 * @throws DATA_PATH_MISSING a link that leads nowhere
 * @throws DVC_IGNORE_IN_DATA
 */
export function walkData(folder: string, rules: IgnoreRules): DataFolder[] {
  const found: DataFolder[] = [];
  walk(folder, '', rules, found);
  return found;
}

function walk(path: string, prefix: string, rules: IgnoreRules, found: DataFolder[]): void {
  const all = withPath(path, () => namesIn(path));
  const names: string[] = [];
  const below: string[] = [];
  const stamps = new Float64Array(all.length * stampWidth);
  const linked = new Set<number>();
  const mayIgnore = rules.hasPatterns(path);
  for (const name of all) {
    const own = lstat(`${path}/${name}`);
    const isLink = own.isSymbolicLink();
    if (own.isDirectory()) {
      if (!rules.ignores(path, name, true)) below.push(name);
      continue;
    }
    if ((mayIgnore || name === '.git') && rules.ignores(path, name, false)) continue;
    const stat = isLink ? followed(`${path}/${name}`) : own;
    if (!stat.isFile()) continue;
    if (name === '.dvcignore') throw ignoreFileInData(`${path}/${name}`);
    const at = names.length * stampWidth;
    stamps[at] = stat.ino;
    stamps[at + 1] = stat.size;
    stamps[at + 2] = stat.mtimeMs;
    if (isLink || stat.nlink > 1) linked.add(names.length);
    names.push(name);
  }
  found.push({ path, prefix, names, stamps: stamps.subarray(0, names.length * stampWidth), linked });
  for (const name of below) walk(`${path}/${name}`, `${prefix}${name}/`, rules, found);
}

/** Sorted by their bytes, as the file system library hands them out. */
function namesIn(path: string): string[] {
  const names = readdirSync(encodePath(path));
  // a name that is not UTF-8 is asked for once more, as bytes
  return names.some((name) => name.includes('\ufffd'))
    ? readdirSync(encodePath(path), 'buffer').map(decodeName)
    : names;
}

function lstat(path: string): Stats {
  try {
    return lstatSync(encodePath(path));
  } catch (reason) {
    throw fileFailure(path, reason);
  }
}

function followed(path: string): Stats {
  const stat = withPath(path, () => statOf(path));
  if (stat === undefined) throw pathMissing(path);
  return stat;
}

/** One file of a folder. */
export interface FoundFile {
  /** absolute */
  readonly path: string;
  /** with `/`, relative to the folder */
  readonly relpath: string;
  /** bytes */
  readonly size: number;
}

/** The same as a list of files. */
export const listFiles = (folder: string, rules: IgnoreRules): FoundFile[] =>
  walkData(folder, rules).flatMap((one) =>
    one.names.map((name, at) => ({
      path: `${one.path}/${name}`,
      relpath: one.prefix + name,
      size: sizeIn(one, at),
    })),
  );
