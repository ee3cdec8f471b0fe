import { globSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { Cache } from '../dvc-files/cache.ts';
import type { HashName } from '../dvc-files/dvc-file.ts';
import { revisionTree, workingTree, type FileTree } from '../dvc-files/file-tree.ts';
import { git, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { awaitedMd5, readableIndex, type Recorded, type RecordedStage } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import { isTreeHash, type TreeEntry } from '../dvc-files/tree.ts';

/** Which outs are meant. */
export interface Scope {
  readonly targets?: readonly string[];
  /** that relative targets start from; the repository's root when it is left out */
  readonly folder?: string;
  readonly withDeps?: boolean;
  readonly isRecursive?: boolean;
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
  /** further commits: what git understands */
  readonly revisions?: readonly string[];
  /** false: only what commits record, not the working tree */
  readonly hasWorkspace?: boolean;
  /** true: outs with the same content are told one by one */
  readonly isEveryPath?: boolean;
  /** true: also imports that were written down without their data */
  readonly withAwaited?: boolean;
  /** true: records that can't be read are passed over */
  readonly skipsBroken?: boolean;
  /** only outs of these kinds */
  readonly kinds?: readonly Recorded['kind'][];
  /** told of outs of stages that never ran: paths and addresses relative to the repository */
  readonly onUnversioned?: (out: string, stage: string) => void;
}

/** The content of one out, or of a part of it, that a cache and a remote hold. */
export interface UsedOut {
  readonly stage: RecordedStage;
  readonly out: Recorded;
  readonly md5: string;
  readonly hashName: HashName;
  /** with `/`, inside the out: only this file or folder of it */
  readonly inside: string | undefined;
}

/**
 * The contents that a scope's outs have, each once.
 *
 * @throws DATA_TARGET_UNKNOWN, DVC_FILE_UNREADABLE, PIPELINE_INVALID, GIT_REVISION_UNKNOWN
 */
export function usedOuts(repository: Repository, scope: Scope = {}): UsedOut[] {
  const used = new Map<string, UsedOut>();
  const { folder = repository.root, withDeps = false, isRecursive = false, targets = [] } = scope;
  for (const tree of treesOf(repository, scope)) {
    const found = readableIndex(repository, tree);
    const index = scope.skipsBroken === true ? { ...found, broken: [] } : found;
    // what a commit does not have was not meant there
    const there =
      tree.commit === undefined
        ? targets
        : targets.filter((target) => isKnown(() => chooseTargets(index, [target], { folder })));
    if (targets.length > 0 && there.length === 0) continue;
    for (const { stage, outs, inside } of chooseTargets(index, there, { folder, withDeps, isRecursive })) {
      for (const out of outs) {
        const { hashName } = out;
        const md5 = out.md5 ?? (scope.withAwaited === true ? awaitedMd5(stage) : undefined);
        if (md5 === undefined && out.isCached && stage.name !== undefined && tree.commit === undefined)
          scope.onUnversioned?.(repositoryPath(repository, out.path), stage.address);
        if (
          md5 === undefined ||
          !out.isCached ||
          (scope.kinds !== undefined && !scope.kinds.includes(out.kind))
        )
          continue;
        const part = inside === undefined ? undefined : relative(out.path, inside).split(sep).join('/');
        // an imported out and one that was added may hold the same, and come from different places
        const key = [
          hashName,
          md5,
          part ?? '',
          out.remote ?? '',
          out.isPushed,
          scope.isEveryPath === true ? out.path : '',
          stage.record.kind === 'dvc-file' && stage.record.dvcFile.deps.length > 0 ? stage.file : '',
        ].join('\n');
        if (!used.has(key)) used.set(key, { stage, out, md5, hashName, inside: part });
      }
    }
  }
  return [...used.values()];
}

function isKnown(choose: () => unknown): boolean {
  try {
    choose();
    return true;
  } catch {
    return false;
  }
}

function* treesOf(repository: Repository, scope: Scope): Generator<FileTree> {
  if (scope.hasWorkspace !== false) yield workingTree(repository);
  const commits = new Set<string>();
  const lists: (readonly string[])[] = [
    ...(scope.allCommits === true ? [['rev-list', '--all']] : []),
    ...(scope.allBranches === true ? [['for-each-ref', '--format=%(objectname)', 'refs/heads']] : []),
    ...(scope.allTags === true
      ? [
          [
            'for-each-ref',
            '--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)',
            'refs/tags',
          ],
        ]
      : []),
  ];
  for (const args of lists)
    for (const commit of git(repository.root, args).output.split('\n'))
      if (commit !== '') commits.add(commit);
  for (const revision of [...(scope.revisions ?? []), ...commits]) yield revisionTree(repository, revision);
}

/** The cache that holds objects of a kind; that of DVC 2 lies beside that of DVC 3. */
export class Caches {
  readonly current: Cache;
  readonly old: Cache;

  constructor(repository: Repository) {
    this.current = new Cache(repository);
    this.old = new Cache(repository, true);
  }

  of(hashName: HashName): Cache {
    return hashName === 'md5' ? this.current : this.old;
  }

  close(): void {
    this.current.close();
    this.old.close();
  }
}

/** The files that a part of an out needs, by its `.dir` object. @throws DATA_NOT_IN_CACHE when that is not here */
export function usedEntries({ md5, inside, out }: UsedOut, cache: Cache): readonly TreeEntry[] {
  if (!isTreeHash(md5)) return [];
  const entries = cache.readTree(md5, out.path);
  return inside === undefined
    ? entries
    : entries.filter(({ relpath }) => relpath === inside || relpath.startsWith(`${inside}/`));
}

/** Targets with `*` and `?` filled in from the working tree; one that fits nothing stays as it is. */
export function expandTargets(targets: readonly string[], folder: string): string[] {
  return targets.flatMap((target) => {
    if (!/[*?[]/.test(target)) return [target];
    const found = globSync(target, { cwd: folder });
    return found.length === 0 ? [target] : found.sort();
  });
}
