import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { notInCache, unsavedData } from './dvc-errors.ts';
import { cacheFor, entriesOfOut, isHeld } from './measured-out.ts';
import { repositoryPath } from './repository.ts';
import { isTreeHash } from './tree.ts';
import type { Workspace } from './workspace.ts';

/**
 * Brings the workspace to what DVC 1 or 2 recorded, always by copies. What can't be brought back whole is not begun.
 *
 * @param isForced also when that loses a file that is nowhere else
 * @throws DATA_NOT_IN_CACHE, DATA_UNSAVED
 */
export function restoreLegacy(
  workspace: Workspace,
  path: string,
  md5: string,
  isForced: boolean,
): 'added' | 'modified' {
  const hashName = 'md5-dos2unix';
  const cache = cacheFor(workspace, hashName);
  const shown = repositoryPath(workspace.repository, path);
  if (!isHeld(workspace, { md5, hashName })) throw notInCache(shown, md5);
  const wanted = new Map(
    isTreeHash(md5) ? cache.readTree(md5, shown).map((entry) => [entry.relpath, entry.md5]) : [['', md5]],
  );
  const stat = statSync(path, { throwIfNoEntry: false });
  const there = new Map(stat === undefined ? [] : filesAt(workspace, path, stat.isDirectory()));
  for (const [relpath, now] of there) {
    if (isForced || wanted.get(relpath) === now || cache.has(now)) continue;
    const current = workspace.measure(join(path, relpath));
    if (current === undefined || !workspace.cache.has(current.md5))
      throw unsavedData(repositoryPath(workspace.repository, join(path, relpath)));
  }
  if (stat !== undefined && stat.isDirectory() !== isTreeHash(md5)) rmSync(path, { recursive: true });
  for (const [relpath, one] of wanted)
    if (there.get(relpath) !== one) place(cache.pathOf(one), join(path, relpath));
  for (const relpath of there.keys()) if (!wanted.has(relpath)) rmSync(join(path, relpath), { force: true });
  return stat === undefined ? 'added' : 'modified';
}

const filesAt = (workspace: Workspace, path: string, isFolder: boolean): [string, string][] => {
  if (isFolder)
    return entriesOfOut(workspace, { path, hashName: 'md5-dos2unix' }).map(({ relpath, md5 }) => [
      relpath,
      md5,
    ]);
  const content = workspace.measure(path);
  return content === undefined ? [] : [['', content.md5]];
};

function place(object: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.tmp`;
  copyFileSync(object, draft);
  chmodSync(draft, 0o666 & ~process.umask());
  renameSync(draft, path);
}
