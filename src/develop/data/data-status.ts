import { relative, resolve, sep } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import { revisionTree } from '../dvc-files/file-tree.ts';
import { cacheFor } from '../dvc-files/measured-out.ts';
import { git, isGit, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { readIndex, type Index } from '../dvc-files/stored.ts';
import { isWithin } from '../dvc-files/targets.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { dataDifference, shownEntry, type DataChange } from './data-difference.ts';
import { emptyTree, recordedTree, workspaceTree } from './data-tree.ts';

/** Paths by what happened to them, in DVC's words; folders end with `/`. */
export interface ChangedPaths {
  readonly added?: readonly string[];
  readonly modified?: readonly string[];
  readonly deleted?: readonly string[];
  readonly unknown?: readonly string[];
  readonly renamed?: readonly { readonly old: string; readonly new: string }[];
}

/** `dvc data status --json`; what is empty is left out. Paths are relative to the repository. */
export interface DataStatus {
  readonly not_in_cache?: readonly string[];
  readonly not_in_remote?: readonly string[];
  /** between the last commit and the `.dvc` files and `dvc.lock` as they are */
  readonly committed?: ChangedPaths;
  /** between those and the workspace */
  readonly uncommitted?: ChangedPaths;
  readonly untracked?: readonly string[];
  readonly unchanged?: readonly string[];
}

export interface StatusOptions {
  /** absolute: relative targets start from it, untracked files are named from it */
  readonly folder: string;
  readonly targets: readonly string[];
  /** file by file inside folders */
  readonly isGranular: boolean;
  readonly withUnchanged: boolean;
  readonly withUntracked: boolean;
  /** which of these entries the remote lacks; asked only where given */
  readonly missingInRemote?: (
    index: Index,
    targets: readonly string[],
    isGranular: boolean,
  ) => Promise<readonly string[]>;
}

/** Three states of the data compared: the last commit, what is recorded now, and the workspace. */
export async function dataStatus(workspace: Workspace, options: StatusOptions): Promise<DataStatus> {
  const { repository } = workspace;
  const index = readIndex(repository);
  const targets = options.targets.map((target) =>
    repositoryPath(repository, resolve(options.folder, target)),
  );
  const depth = { isDeep: options.isGranular };
  const recorded = recordedTree(workspace, index.outs, depth);
  const isMeant = (path: string): boolean =>
    targets.length === 0 || targets.some((target) => target === '' || isWithin(path, target));
  const compared = { isShallow: !options.isGranular, isByHash: true, isMeant };
  const uncommitted = dataDifference(recorded, workspaceTree(workspace, index.outs, depth), compared);
  const before = commitTree(workspace, depth);
  const committed = before === undefined ? undefined : dataDifference(before, recorded, compared);
  return withoutEmpty({
    not_in_cache: uncommitted
      .map(({ old }) => old)
      .flatMap((old) =>
        old?.md5 === undefined || cacheFor(workspace, old.hashName ?? 'md5').has(old.md5)
          ? []
          : [shownEntry(old)],
      ),
    not_in_remote: await options.missingInRemote?.(index, targets, options.isGranular),
    committed: committed === undefined ? {} : changedPaths(committed),
    uncommitted: changedPaths(uncommitted),
    untracked: options.withUntracked ? untrackedFiles(repository, options.folder, targets) : [],
    unchanged: options.withUnchanged ? unchangedIn(uncommitted, committed) : [],
  });
}

/** What the last commit records; nothing before the first one, undefined where there is no git. */
function commitTree(
  workspace: Workspace,
  depth: { isDeep: boolean },
): ReturnType<typeof emptyTree> | undefined {
  const { repository } = workspace;
  if (repository.config.noScm || !isGit(repository.root)) return undefined;
  try {
    return recordedTree(workspace, readIndex(repository, revisionTree(repository, 'HEAD')).outs, depth);
  } catch (reason) {
    if (reason instanceof TilthError && reason.code === 'GIT_REVISION_UNKNOWN') return emptyTree();
    throw reason;
  }
}

function changedPaths(changes: readonly DataChange[]): ChangedPaths {
  const paths = (kind: DataChange['kind']): string[] =>
    changes
      .filter((change) => change.kind === kind && (kind !== 'unknown' || change.new !== undefined))
      .map((change) => shownEntry(change.new ?? change.old));
  return withoutEmpty({
    added: paths('added'),
    modified: paths('modified'),
    deleted: paths('deleted'),
    renamed: changes
      .filter(({ kind }) => kind === 'renamed')
      .map((change) => ({ old: shownEntry(change.old), new: shownEntry(change.new) })),
    unknown: paths('unknown'),
  });
}

/** Versioned paths that are the same in all three states. */
function unchangedIn(
  uncommitted: readonly DataChange[],
  committed: readonly DataChange[] | undefined,
): string[] {
  const paths = (changes: readonly DataChange[]): string[] =>
    changes
      .filter(({ kind, old, new: now }) => kind === 'unchanged' && (old?.md5 ?? now?.md5) !== undefined)
      .map(({ old }) => shownEntry(old));
  const before = committed === undefined ? undefined : new Set(paths(committed));
  return paths(uncommitted).filter((path) => before?.has(path) !== false);
}

/** Files that neither git nor DVC knows; named from `folder`. */
function untrackedFiles(repository: Repository, folder: string, targets: readonly string[]): string[] {
  if (!isGit(repository.root)) return [];
  const { output } = git(repository.root, ['ls-files', '-z', '--others', '--exclude-standard']);
  return output
    .split('\0')
    .filter(
      (path) => path !== '' && (targets.length === 0 || targets.some((target) => isWithin(path, target))),
    )
    .map((path) => relative(folder, resolve(repository.root, path)).split(sep).join('/'));
}

/** Whether git sees changes or new files: DVC's closing line tells of them. */
export const isGitDirty = (repository: Repository, withUntracked: boolean): boolean =>
  isGit(repository.root) &&
  git(repository.root, ['status', '--porcelain', `--untracked-files=${withUntracked ? 'all' : 'no'}`])
    .output !== '';

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

const withoutEmpty = <T extends object>(value: { readonly [Key in keyof T]: T[Key] | undefined }): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => !isEmpty(one))) as T;
