import { resolve, sep } from 'node:path';
import type { ContractReport, ContractState } from '../contracts/contract-api.ts';
import { contractBroken } from '../contracts/contract-errors.ts';
import { declaredDatasets, type DeclaredDataset } from '../contracts/declared-datasets.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { writeDvcFile } from '../dvc-files/dvc-file.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { headCommit, ignoreInGit, openRepository, repositoryPath, trackedByGit, type Repository } from '../dvc-files/repository.ts';
import { changeOf, listRecorded, type Change, type Recorded } from '../dvc-files/stored.ts';
import { Workspace, type Content } from '../dvc-files/workspace.ts';
import type { NewDatasetVersionBody } from './data-api.ts';
import { changedWhileAdded, keptByGit, madeByStage } from './data-errors.ts';

const pathOf = (dataset: DeclaredDataset): string => resolve(dataset.root, dataset.path);
const contains = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep);

/** Runs `work` on the working tree, alone in the repository when it writes. */
async function inWorkspace<T>(
  folder: string,
  isWriting: boolean,
  work: (workspace: Workspace, repository: Repository) => Promise<T>,
): Promise<T> {
  const repository = openRepository(folder);
  const run = async (): Promise<T> => {
    const workspace = new Workspace(repository);
    try {
      return await work(workspace, repository);
    } finally {
      workspace.close();
    }
  };
  return isWriting ? withRepositoryLock(repository, run) : run();
}

export interface Added extends Content {
  /** relative to the repository */
  readonly path: string;
  readonly file: string;
  readonly dataset: string | null;
  readonly contractState: ContractState;
  /** true when this data had passed this contract before */
  readonly isRemembered: boolean;
}

/** What `add` hands to the caller, who sends the versions to the server. */
export interface AddOutcome {
  readonly added: readonly Added[];
  readonly versions: readonly { readonly dataset: string; readonly version: NewDatasetVersionBody }[];
}

/**
 * Puts files and folders under version control. A declared dataset must keep its contract first:
 * when one breaks, nothing of any path is cached or changed.
 *
 * @throws DATA_CONTRACT_BROKEN, DATA_PATH_MISSING, DATA_TRACKED_BY_GIT, DATA_MADE_BY_STAGE
 */
export async function addPaths(folder: string, paths: readonly string[]): Promise<AddOutcome> {
  return inWorkspace(folder, true, async (workspace, repository) => {
    const targets = paths.map((path) => resolve(folder, path.replace(/(?<=.)\/+$/, '')));
    for (const target of targets) refuseForeign(repository, target);
    const datasets = await declaredDatasets(folder);
    const checks = new Map<string, ContractReport & { isRemembered: boolean }>();
    for (const target of targets) {
      if (workspace.measure(target) === undefined) throw pathMissing(repositoryPath(repository, target));
      for (const dataset of datasets) {
        const isTouched = contains(pathOf(dataset), target) || contains(target, pathOf(dataset));
        if (!isTouched || checks.has(dataset.name)) continue;
        // only here: most commands check nothing and need not load what checks
        const { checkDeclared } = await import('../contracts/check-datasets.ts');
        const report = await checkDeclared(workspace, dataset);
        if (report?.state === 'broken') throw contractBroken(report);
        if (report !== undefined) checks.set(dataset.name, report);
      }
    }
    const added = targets.map((target): Added => {
      const measured = workspace.measure(target);
      const content = workspace.add(target);
      // the contract was checked on what was measured; anything else must be checked again
      if (content.md5 !== measured?.md5) throw changedWhileAdded(repositoryPath(repository, target));
      const file = writeDvcFile(target, content);
      ignoreInGit(target);
      const dataset = datasets.find((one) => pathOf(one) === target);
      const report = dataset === undefined ? undefined : checks.get(dataset.name);
      return {
        ...content,
        path: repositoryPath(repository, target),
        file: repositoryPath(repository, file),
        dataset: dataset?.name ?? null,
        contractState: report?.state ?? 'none',
        isRemembered: report?.isRemembered ?? false,
      };
    });
    const commit = headCommit(repository.root) ?? null;
    const versions = added.flatMap((one) => {
      const dataset = datasets.find(({ name }) => name === one.dataset);
      return dataset === undefined ? [] : [{ dataset: dataset.name, version: versionOf(dataset, one, checks.get(dataset.name), commit) }];
    });
    return { added, versions };
  });
}

function refuseForeign(repository: Repository, target: string): void {
  const path = repositoryPath(repository, target);
  if (trackedByGit(repository.root, target)) throw keptByGit(path);
  const stage = listRecorded(repository).find((one) => one.source.kind === 'stage' && one.isCached && one.path === target);
  if (stage?.source.kind === 'stage') throw madeByStage(path, stage.source.stage);
}

function versionOf(
  dataset: DeclaredDataset,
  content: Content,
  report: ContractReport | undefined,
  commit: string | null,
): NewDatasetVersionBody {
  return {
    md5: content.md5,
    project: dataset.project,
    path: dataset.path,
    size: content.size,
    fileCount: content.nfiles ?? 1,
    rowCount: report?.rowCount ?? null,
    columns: report?.columns ?? [],
    contractHash: report?.contractHash ?? null,
    contractState: report?.state ?? 'none',
    report: report ?? null,
    commit,
    owner: dataset.owner,
    classification: dataset.classification,
    licence: dataset.licence ?? null,
  };
}

export interface PathStatus {
  readonly path: string;
  readonly state: Change | 'unchanged' | 'old format';
  readonly md5: string | null;
  readonly size: number | null;
  readonly dataset: string | null;
  /** the stage that makes it, null for what was added */
  readonly stage: string | null;
}

/** Every versioned path and whether the workspace still has what is recorded. */
export async function dataStatus(folder: string): Promise<PathStatus[]> {
  const datasets = await declaredDatasets(folder);
  return inWorkspace(folder, false, async (workspace, repository) =>
    Promise.resolve(
      listRecorded(repository).map((recorded): PathStatus => {
        const isOld = recorded.hashName === 'md5-dos2unix';
        return {
          path: repositoryPath(repository, recorded.path),
          state: isOld ? 'old format' : (changeOf(workspace, recorded) ?? 'unchanged'),
          md5: recorded.md5 ?? null,
          size: recorded.size ?? null,
          dataset: datasets.find((one) => pathOf(one) === recorded.path)?.name ?? null,
          stage: recorded.source.kind === 'stage' ? recorded.source.stage : null,
        };
      }),
    ),
  );
}

export interface CheckedOut {
  readonly path: string;
  readonly change: 'added' | 'modified';
}

/**
 * Brings the workspace to what `.dvc` files and `dvc.lock` record.
 *
 * @param targets paths or `.dvc` files; none means all
 * @throws DATA_NOT_IN_CACHE, DATA_UNSAVED unless forced
 */
export async function checkOut(folder: string, targets: readonly string[], isForced: boolean): Promise<CheckedOut[]> {
  return inWorkspace(folder, true, async (workspace, repository) => {
    const chosen = choose(listRecorded(repository), targets.map((target) => resolve(folder, target)));
    const changed: CheckedOut[] = [];
    for (const { path, md5 } of chosen) {
      if (md5 === undefined) continue;
      const change = workspace.restore(path, md5, isForced);
      if (change !== 'unchanged') changed.push({ path: repositoryPath(repository, path), change });
    }
    return Promise.resolve(changed);
  });
}

function choose(all: readonly Recorded[], targets: readonly string[]): Recorded[] {
  const restorable = all.filter((one) => one.isCached && one.md5 !== undefined);
  if (targets.length === 0) return restorable;
  return targets.flatMap((target) => {
    const found = restorable.filter(
      (one) => contains(target, one.path) || (one.source.kind === 'dvc-file' && one.source.file === target),
    );
    if (found.length === 0) throw pathMissing(`${target}, as a versioned path,`);
    return found;
  });
}
