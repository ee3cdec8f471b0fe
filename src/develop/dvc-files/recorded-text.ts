import { join, resolve } from 'node:path';
import type { Cache } from './cache.ts';
import { isTreeHash } from './tree.ts';
import { repositoryPath } from './repository.ts';
import type { Index } from './stored.ts';
import { isWithin, outAt } from './targets.ts';

/**
 * Text of a file as it is, or as it was in the commit of an index: from git, or from the cache where an out holds it.
 *
 * @param path absolute
 * @returns undefined when neither has it
 */
export function recordedText(index: Index, cache: Cache, path: string): string | undefined {
  const here = index.tree.readText(repositoryPath(index.repository, path));
  if (here !== undefined) return here;
  const found = outAt(index, path);
  const md5 = found?.out.md5;
  // an out that git keeps may be in the cache by chance, as a run's memory
  if (found === undefined || !found.out.isCached || md5 === undefined || !cache.has(md5)) return undefined;
  if (!isTreeHash(md5)) return cache.readObject(md5, path)?.toString('utf8');
  const entry = cache
    .readTree(md5, path)
    .find(({ relpath }) => join(found.out.path, relpath) === resolve(path));
  return entry === undefined ? undefined : cache.readObject(entry.md5, path)?.toString('utf8');
}

/** Files that a path stands for: itself, or all that lie in a folder, as it is or as an out records it; absolute. */
export function filesAt(index: Index, cache: Cache, path: string): string[] {
  const inside = repositoryPath(index.repository, path);
  if (index.tree.isFolder(inside)) return filesBelow(index, path);
  const found = outAt(index, path);
  const md5 = found?.out.md5;
  if (index.tree.exists(inside) || found === undefined || md5 === undefined) return [path];
  if (!isTreeHash(md5) || !cache.has(md5)) return [path];
  const files = cache
    .readTree(md5, path)
    .map(({ relpath }) => join(found.out.path, relpath))
    .filter((file) => isWithin(file, path));
  return files.length === 0 ? [path] : files;
}

const filesBelow = (index: Index, folder: string): string[] =>
  index.tree
    .names(repositoryPath(index.repository, folder))
    .flatMap(({ name, isFolder }) =>
      isFolder ? filesBelow(index, join(folder, name)) : [join(folder, name)],
    );
