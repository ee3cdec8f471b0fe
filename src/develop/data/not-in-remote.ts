import { resolve } from 'node:path';
import { repositoryPath } from '../dvc-files/repository.ts';
import type { Index } from '../dvc-files/stored.ts';
import { isWithin } from '../dvc-files/targets.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { storesOf } from '../remotes/stores-of.ts';
import { usedEntries, usedOuts } from '../remotes/used.ts';

/**
 * Paths whose objects the remote lacks, relative to the repository; folders end with `/`.
 *
 * @param targets relative to the repository
 * @throws REMOTE_NOT_SET, REMOTE_UNKNOWN, REMOTE_AWAY
 */
export async function missingInRemote(
  workspace: Workspace,
  { repository }: Index,
  targets: readonly string[],
  { isGranular, remote }: { readonly isGranular: boolean; readonly remote: string | undefined },
): Promise<string[]> {
  const pushed = usedOuts(repository, { isEveryPath: true }).filter(({ out }) => out.isPushed && out.isInside);
  const isMeant = (path: string): boolean =>
    targets.length === 0 || targets.some((target) => isWithin(path, resolve(repository.root, target)));
  const missing: string[] = [];
  for (const group of await storesOf(repository, pushed, { remote })) {
    try {
      const entries = group.outs.flatMap((used) => {
        const isFolder = isTreeHash(used.md5);
        const own = { path: `${used.out.path}${isFolder ? '/' : ''}`, md5: used.md5 };
        if (!isGranular || !isFolder || !workspace.cache.has(used.md5)) return [own];
        return [
          own,
          ...usedEntries(used, workspace.cache).map(({ relpath, md5 }) => ({
            path: `${used.out.path}/${relpath}`,
            md5,
          })),
        ];
      });
      const meant = entries.filter(({ path }) => isMeant(path.replace(/\/$/, '')));
      const there = await group.store.existing(
        [...new Set(meant.map(({ md5 }) => group.keyOf(md5)))],
        group.jobs,
      );
      for (const { path, md5 } of meant) {
        if (!there.has(group.keyOf(md5)))
          missing.push(repositoryPath(repository, path.replace(/\/$/, '')) + (path.endsWith('/') ? '/' : ''));
      }
    } finally {
      await group.store.close();
    }
  }
  return missing;
}
