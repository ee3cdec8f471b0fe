import { usage } from '../../platform/terminal.ts';
import { revisionTree } from '../dvc-files/file-tree.ts';
import { cacheFor } from '../dvc-files/measured-out.ts';
import { headCommit, repositoryPath } from '../dvc-files/repository.ts';
import { commitOf } from '../dvc-files/revision.ts';
import { readIndex, type Recorded } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { TilthError } from '../../platform/errors.ts';
import { dataDifference, shownEntry } from './data-difference.ts';
import { recordedTree, workspaceTree, type DataEntry, type DataNode } from './data-tree.ts';

interface DiffPath {
  readonly path: string;
  readonly hash: string | null;
}

/** `dvc diff --json` with hashes; no keys at all where nothing differs. */
export interface DataDiff {
  added?: DiffPath[];
  deleted?: DiffPath[];
  modified?: {
    readonly path: string;
    readonly hash: { readonly old: string | null; readonly new: string | null };
  }[];
  renamed?: { readonly path: { readonly old: string; readonly new: string }; readonly hash: string | null }[];
  'not in cache'?: DiffPath[];
}

/** What one side of the comparison holds. */
interface Side {
  readonly tree: DataNode;
  /** repository-relative paths that were asked for */
  readonly roots: readonly string[];
  /** targets that this side does not know */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Data that differs between two commits, or between a commit and the workspace.
 *
 * @param to undefined: the workspace
 * @throws GIT_REVISION_UNKNOWN; USAGE for a target that neither side knows
 */
export function dataDiff(
  workspace: Workspace,
  from: string,
  to: string | undefined,
  options: { folder: string; targets: readonly string[] },
): DataDiff {
  const { repository } = workspace;
  if (headCommit(repository.root) === undefined) return {};
  if (to !== undefined && commitOf(repository.root, from) === commitOf(repository.root, to)) return {};
  const before = sideOf(workspace, from, options);
  const after = sideOf(workspace, to, options);
  const nowhere = options.targets.find((target) => before.unknown.has(target) && after.unknown.has(target));
  if (nowhere !== undefined) throw usage(`Neither side of the comparison has ${nowhere}.`);
  const roots = outermost([...before.roots, ...after.roots]);
  return diffOf(workspace, before.tree, after.tree, roots, to === undefined);
}

function sideOf(
  workspace: Workspace,
  revision: string | undefined,
  { folder, targets }: { folder: string; targets: readonly string[] },
): Side {
  const { repository } = workspace;
  const index = readIndex(
    repository,
    revision === undefined ? undefined : revisionTree(repository, revision),
  );
  const unknown = new Set<string>();
  const chosen =
    targets.length === 0
      ? chooseTargets(index, [], { folder })
      : targets.flatMap((target) => {
          try {
            return chooseTargets(index, [target], { folder });
          } catch (reason) {
            if (!(reason instanceof TilthError) || reason.code !== 'DATA_TARGET_UNKNOWN') throw reason;
            unknown.add(target);
            return [];
          }
        });
  const outs = [...new Set(chosen.flatMap((one) => one.outs.filter((out) => out.isCached && out.isInside)))];
  const roots = chosen.flatMap(({ outs: meant, inside }) =>
    meant
      .filter((out) => out.isCached && out.isInside)
      .map((out) => repositoryPath(repository, inside ?? out.path)),
  );
  return { tree: treeOf(workspace, outs, revision), roots, unknown };
}

const treeOf = (workspace: Workspace, outs: readonly Recorded[], revision: string | undefined): DataNode =>
  revision === undefined
    ? workspaceTree(workspace, outs, { isDeep: true })
    : recordedTree(workspace, outs, { isDeep: true });

/** Each path once, however often it was asked for. */
const outermost = (paths: readonly string[]): string[] => {
  const unique = [...new Set(paths)];
  return unique.filter((path) => !unique.some((other) => other !== path && path.startsWith(`${other}/`)));
};

function diffOf(
  workspace: Workspace,
  before: DataNode,
  after: DataNode,
  roots: readonly string[],
  withMissing: boolean,
): DataDiff {
  const diff: Required<DataDiff> = { added: [], deleted: [], modified: [], renamed: [], 'not in cache': [] };
  for (const { kind, old, new: now } of dataDifference(before, after, { roots })) {
    if (isBareFolder(old) || isBareFolder(now)) continue;
    if (kind === 'added') diff.added.push(pathOf(now));
    else if (kind === 'deleted') diff.deleted.push(pathOf(old));
    else if (kind === 'modified')
      diff.modified.push({ path: shownEntry(old), hash: { old: old?.md5 ?? null, new: now?.md5 ?? null } });
    else if (kind === 'renamed')
      diff.renamed.push({ path: { old: shownEntry(old), new: shownEntry(now) }, hash: old?.md5 ?? null });
    if (withMissing && old?.md5 !== undefined && !cacheFor(workspace, old.hashName ?? 'md5').has(old.md5))
      diff['not in cache'].push(pathOf(old));
  }
  return Object.values(diff).some((entries: readonly unknown[]) => entries.length > 0) ? diff : {};
}

/** A folder inside versioned data has no hash of its own, and nothing to say. */
const isBareFolder = (entry: DataEntry | undefined): boolean =>
  entry?.isFolder === true && entry.md5 === undefined;

const pathOf = (entry: DataEntry | undefined): DiffPath => ({
  path: shownEntry(entry),
  hash: entry?.md5 ?? null,
});
