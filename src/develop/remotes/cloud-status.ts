import { relative } from 'node:path';
import type { Repository } from '../dvc-files/repository.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import { storesOf } from './stores-of.ts';
import { Caches, usedEntries, usedOuts, type Scope } from './used.ts';

/** Paths as seen from `scope.folder` → new: only the cache has it; deleted: only the remote; missing: neither. */
export type CloudStatus = Readonly<Record<string, 'new' | 'deleted' | 'missing'>>;

/**
 * How cache and remote differ in what is recorded, file by file, as `dvc status --cloud` tells it.
 *
 * @throws REMOTE_NOT_SET, REMOTE_UNKNOWN, REMOTE_UNAVAILABLE
 */
export async function cloudStatus(
  repository: Repository,
  scope: Scope & { readonly folder: string },
  remote: { readonly remote: string | undefined },
): Promise<CloudStatus> {
  const pushed = usedOuts(repository, scope).filter(({ out }) => out.isPushed && out.isInside);
  const caches = new Caches(repository);
  const found: Record<string, 'new' | 'deleted' | 'missing'> = {};
  for (const { store, jobs, keyOf, hashName, outs } of await storesOf(repository, pushed, remote)) {
    const cache = caches.of(hashName);
    try {
      const entries = outs.flatMap((used) => {
        const own = { path: used.out.path, md5: used.md5 };
        if (!isTreeHash(used.md5) || !cache.has(used.md5)) return [own];
        const inside = usedEntries(used, cache);
        return [own, ...inside.map(({ relpath, md5 }) => ({ path: `${used.out.path}/${relpath}`, md5 }))];
      });
      const there = await store.existing([...new Set(entries.map(({ md5 }) => keyOf(md5)))], jobs);
      for (const { path, md5 } of entries) {
        const isCached = cache.has(md5);
        const isThere = there.has(keyOf(md5));
        if (isCached && isThere) continue;
        found[relative(scope.folder, path)] = isCached ? 'new' : isThere ? 'deleted' : 'missing';
      }
    } finally {
      await store.close();
    }
  }
  return found;
}
