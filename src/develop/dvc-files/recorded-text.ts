import { join, resolve } from 'node:path';
import type { Cache } from './cache.ts';
import { isTreeHash } from './tree.ts';
import { repositoryPath } from './repository.ts';
import type { Index } from './stored.ts';
import { outAt } from './targets.ts';

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
  if (found === undefined || md5 === undefined || !cache.has(md5)) return undefined;
  if (!isTreeHash(md5)) return cache.readObject(md5, path)?.toString('utf8');
  const entry = cache
    .readTree(md5, path)
    .find(({ relpath }) => join(found.out.path, relpath) === resolve(path));
  return entry === undefined ? undefined : cache.readObject(entry.md5, path)?.toString('utf8');
}
