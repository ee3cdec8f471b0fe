import { chmodSync, existsSync, lstatSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { pathOutside, targetUnknown, unsavedData } from '../dvc-files/dvc-errors.ts';
import { restoreLegacy } from '../dvc-files/legacy-restore.ts';
import { cacheFor, measureOut } from '../dvc-files/measured-out.ts';
import { repositoryPath } from '../dvc-files/repository.ts';
import { awaitedMd5, readableIndex, type Recorded, type RecordedStage } from '../dvc-files/stored.ts';
import { chooseTargets, type Chosen } from '../dvc-files/targets.ts';
import { isTreeHash, type TreeEntry } from '../dvc-files/tree.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { inWorkspace } from './in-workspace.ts';
import { PlacedPaths } from './placed-paths.ts';

export interface CheckOutOptions {
  /** give up changes that are stored nowhere else */
  readonly isForced?: boolean;
  /** also what the targets' stages need */
  readonly withDeps?: boolean;
  /** a folder stands for all that is recorded below it */
  readonly isRecursive?: boolean;
  /** make every file anew what `cache.type` asks for: a link, or a copy */
  readonly isRelinked?: boolean;
}

export interface CheckedOut {
  /** what is recorded, also where only a part of it was meant; relative to the repository */
  readonly path: string;
  readonly isFolder: boolean;
  readonly change: 'added' | 'modified' | 'deleted';
}

export interface CheckOutOutcome {
  readonly changes: readonly CheckedOut[];
  /** paths that stayed as they were, because the cache can't bring them back */
  readonly failed: readonly string[];
  /** paths of which no content is recorded yet, as of a stage that never ran: nothing could be brought back */
  readonly unrecorded: readonly string[];
  /** files, inside folders too */
  readonly fileCounts: Readonly<Record<CheckedOut['change'], number>>;
}

/**
 * Brings the workspace to what `.dvc` files and `dvc.lock` record, and clears away what an earlier command put there and
 * nothing records any more. Paths that the cache can't bring back are left as they are and named.
 *
 * @param targets as for `chooseTargets`; none means all
 * @throws DATA_TARGET_UNKNOWN, DATA_UNSAVED unless forced, DATA_PATH_OUTSIDE
 */
export async function checkOut(
  folder: string,
  targets: readonly string[],
  options: CheckOutOptions = {},
): Promise<CheckOutOutcome> {
  return inWorkspace(folder, true, (workspace, repository) => {
    const index = readableIndex(repository);
    const chosen = chooseTargets(index, targets, {
      folder,
      withDeps: options.withDeps === true,
      isRecursive: options.isRecursive === true,
    });
    return checkOutChosen(workspace, index.outs, chosen, targets.length === 0, options);
  });
}

/** The same for a caller that holds the lock and knows what is meant, as after a download. */
export function checkOutChosen(
  workspace: Workspace,
  recorded: readonly Recorded[],
  chosen: readonly Chosen[],
  isEverything: boolean,
  options: CheckOutOptions = {},
): CheckOutOutcome {
  const { repository } = workspace;
  const staysInside = withinLinks(repository.root);
  for (const { stage, outs } of chosen) {
    const outside = outs.find((out) => out.isCached && !(out.isInside && staysInside(out.path)));
    if (outside !== undefined) throw pathOutside(outside.path, stage.address);
  }
  const placed = new PlacedPaths(repository);
  const changes: CheckedOut[] = [];
  const failed: string[] = [];
  const unrecorded: string[] = [];
  const fileCounts = { added: 0, modified: 0, deleted: 0 };
  if (isEverything) {
    for (const { path, isFolder } of placed.clear(workspace, new Set(recorded.map((out) => out.path)))) {
      changes.push({ path: repositoryPath(repository, path), isFolder, change: 'deleted' });
      fileCounts.deleted += 1;
    }
  }
  for (const { stage, outs, inside } of chosen) {
    for (const recordedOut of outs) {
      if (!recordedOut.isCached) continue;
      const out = { ...recordedOut, md5: recordedOut.md5 ?? heldAwaited(workspace, stage) };
      if (out.md5 === undefined) {
        unrecorded.push(repositoryPath(repository, out.path));
        continue;
      }
      try {
        const done =
          inside === undefined
            ? bringWhole(workspace, out, options)
            : bringPart(workspace, out, inside, options);
        if (done === undefined) continue;
        if (out.md5 !== undefined && inside === undefined) placed.remember(out.path, out.md5);
        if (done.change === undefined) continue;
        changes.push({
          path: repositoryPath(repository, out.path),
          isFolder: done.isFolder,
          change: done.change,
        });
        for (const kind of ['added', 'modified', 'deleted'] as const) fileCounts[kind] += done.counts[kind];
      } catch (reason) {
        const isMissing =
          reason instanceof TilthError &&
          (reason.code === 'DATA_NOT_IN_CACHE' || reason.code === 'DATA_CACHE_DAMAGED');
        if (!isMissing) throw reason;
        failed.push(repositoryPath(repository, inside ?? out.path));
      }
    }
  }
  placed.save();
  return { changes, failed, unrecorded, fileCounts };
}

/** What an import without download waits for, once a fetch has brought it. */
function heldAwaited(workspace: Workspace, stage: RecordedStage): string | undefined {
  const md5 = awaitedMd5(stage);
  return md5 !== undefined && workspace.isCached(md5) ? md5 : undefined;
}

interface Brought {
  /** undefined: it was right already */
  readonly change: CheckedOut['change'] | undefined;
  readonly isFolder: boolean;
  readonly counts: Record<CheckedOut['change'], number>;
}

const unchanged = (isFolder: boolean): Brought => ({
  change: undefined,
  isFolder,
  counts: { added: 0, modified: 0, deleted: 0 },
});

function bringWhole(
  workspace: Workspace,
  out: Recorded,
  { isForced, isRelinked }: CheckOutOptions,
): Brought | undefined {
  const { path, md5 } = out;
  if (md5 === undefined) return undefined;
  const isFolder = isTreeHash(md5);
  const before = measureOut(workspace, out);
  if (before?.md5 === md5) {
    // what is added again becomes what the settings ask for
    if (isRelinked === true && out.hashName === 'md5') workspace.add(path);
    return madeExecutable(out)
      ? { change: 'modified', isFolder, counts: { added: 0, modified: 1, deleted: 0 } }
      : unchanged(isFolder);
  }
  const filesBefore = filesAt(workspace, path);
  const isLegacy = out.hashName === 'md5-dos2unix';
  const change = isLegacy
    ? restoreLegacy(workspace, path, md5, isForced === true)
    : workspace.restore(path, md5, isForced === true);
  madeExecutable(out);
  const after = isFolder
    ? new Map(
        cacheFor(workspace, out.hashName)
          .readTree(md5, path)
          .map((entry) => [entry.relpath, entry.md5]),
      )
    : new Map([['', md5]]);
  return {
    change: change === 'unchanged' ? undefined : change,
    isFolder,
    counts: countFiles(filesBefore, after),
  };
}

/** Lets people run what is recorded as such. @returns whether that was missing */
function madeExecutable({ path, isExec }: Recorded): boolean {
  if (!isExec) return false;
  const { mode } = statSync(path);
  chmodSync(path, mode | 0o111);
  return (mode & 0o100) === 0;
}

/** Files at a path with their hashes; the path itself when it is a file. */
function filesAt(workspace: Workspace, path: string): ReadonlyMap<string, string> {
  const entries = workspace.entries(path);
  if (entries !== undefined) return new Map(entries.map((entry) => [entry.relpath, entry.md5]));
  const content = workspace.measure(path);
  return new Map(content === undefined ? [] : [['', content.md5]]);
}

function countFiles(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Brought['counts'] {
  const counts = { added: 0, modified: 0, deleted: 0 };
  for (const [relpath, md5] of after) {
    const known = before.get(relpath);
    if (known === undefined) counts.added += 1;
    else if (known !== md5) counts.modified += 1;
  }
  for (const relpath of before.keys()) if (!after.has(relpath)) counts.deleted += 1;
  return counts;
}

/** One file or folder inside a versioned folder; the rest of that folder is left alone. */
function bringPart(
  workspace: Workspace,
  out: Recorded,
  part: string,
  { isForced }: CheckOutOptions,
): Brought | undefined {
  if (out.md5 === undefined || !isTreeHash(out.md5)) throw targetUnknown(part, 'dvc.yaml');
  const name = relative(out.path, part).split(sep).join('/');
  const wanted = workspace.cache
    .readTree(out.md5, out.path)
    .filter(({ relpath }) => relpath === name || relpath.startsWith(`${name}/`));
  if (wanted.length === 0) throw targetUnknown(repositoryPath(workspace.repository, part), 'dvc.yaml');
  const isFolder = wanted[0]?.relpath !== name;
  const wasThere = existsSync(out.path);
  const before = filesAt(workspace, part);
  const inside = (entry: TreeEntry): string => (isFolder ? entry.relpath.slice(name.length + 1) : '');
  const after = new Map(wanted.map((entry) => [inside(entry), entry.md5]));
  const surplus = [...before].filter(([relpath]) => !after.has(relpath));
  for (const [relpath, md5] of surplus) {
    if (isForced !== true && !workspace.cache.has(md5))
      throw unsavedData(repositoryPath(workspace.repository, join(part, relpath)));
  }
  for (const [relpath, md5] of after)
    if (before.get(relpath) !== md5) workspace.restore(join(part, relpath), md5, isForced === true);
  for (const [relpath] of surplus) rmSync(join(part, relpath), { force: true });
  const counts = countFiles(before, after);
  if (counts.added + counts.modified + counts.deleted === 0) return unchanged(true);
  return { change: wasThere ? 'modified' : 'added', isFolder: true, counts };
}

/** Whether a path stays below `root` when the links among its folders are followed; what is not there yet leads nowhere. */
function withinLinks(root: string): (path: string) => boolean {
  const known = new Map<string, boolean>([[root, true]]);
  const real = realpathSync(root) + sep;
  const isInside = (folder: string): boolean => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const isLink = lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    const found = isLink
      ? existsSync(folder) && `${realpathSync(folder)}${sep}`.startsWith(real)
      : isInside(dirname(folder));
    known.set(folder, found);
    return found;
  };
  return (path) => isInside(dirname(path));
}
