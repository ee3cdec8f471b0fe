import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { listFiles } from '../dvc-files/data-walk.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';
import { openRepository } from '../dvc-files/repository.ts';
import { treeHash, treeText } from '../dvc-files/tree.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import type { ContractReport } from './contract-api.ts';
import { checkContract, type CheckPlace } from './contract-check.ts';
import { noContract } from './contract-errors.ts';
import { contractBeside, declaredDatasets, type DeclaredDataset } from './declared-datasets.ts';

export type CheckedReport = ContractReport & { readonly isRemembered: boolean };

/** What a contract is checked for: a dataset that `tilth.yaml` declares, or any path with a contract. */
interface Target {
  readonly name: string;
  /** absolute */
  readonly path: string;
  /** absolute; undefined when there is none */
  readonly contract: string | undefined;
  /** what `tilth.yaml` says of it */
  readonly declared: {
    readonly owner?: string;
    readonly licence?: string | undefined;
    readonly classification?: string;
  };
}

/** @throws DATA_PATH_MISSING */
export const resolveTarget = async (folder: string, asked: string): Promise<Target> =>
  findTarget(folder, asked, await declaredDatasets(folder));

/**
 * Checks the contract of one dataset or path, or of all datasets that have one. Does not refuse: the reports tell.
 *
 * @param asked a dataset's name, or a path of data with a contract beside it
 * @throws DATA_CONTRACT_MISSING, DATA_PATH_MISSING, DATA_CONTRACT_INVALID
 */
export async function checkDatasets(folder: string, asked: string | undefined): Promise<ContractReport[]> {
  const datasets = await declaredDatasets(folder);
  const targets =
    asked === undefined
      ? datasets.map(targetOf).filter(({ contract }) => contract !== undefined)
      : [findTarget(folder, asked, datasets)];
  const reports: ContractReport[] = [];
  for (const target of targets) {
    if (target.contract === undefined) throw noContract(target.name);
    const checked = await inPlace(target.path, folder, (place, measure) => {
      const md5 = measure(target.path);
      if (md5 === undefined) throw pathMissing(relative(folder, target.path));
      return checkContract(place, { ...target, contract: target.contract ?? '' }, md5);
    });
    const { isRemembered: _isRemembered, ...report } = checked;
    reports.push(report);
  }
  return reports;
}

/**
 * The contract of a declared dataset held against the working tree; undefined when it has none.
 *
 * @throws DATA_PATH_MISSING, DATA_CONTRACT_INVALID
 */
export async function checkDeclared(
  workspace: Workspace,
  dataset: DeclaredDataset,
): Promise<CheckedReport | undefined> {
  const { name, path, contract } = targetOf(dataset);
  if (contract === undefined) return undefined;
  const content = workspace.measure(path);
  if (content === undefined) throw pathMissing(dataset.path);
  return checkContract(workspace.repository, { name, path, contract }, content.md5);
}

/**
 * The contract that lies beside data which no `tilth.yaml` declares, held against the working tree; undefined when there
 * is none, or it is still a draft.
 *
 * @throws DATA_PATH_MISSING, DATA_CONTRACT_INVALID
 */
export async function checkBeside(workspace: Workspace, path: string): Promise<CheckedReport | undefined> {
  const contract = contractBeside(path);
  if (!existsSync(contract) || isDraft.test(readFileSync(contract, 'utf8'))) return undefined;
  const content = workspace.measure(path);
  if (content === undefined) throw pathMissing(path);
  return checkContract(workspace.repository, { name: basename(path), path, contract }, content.md5);
}

const isDraft = /^status:\s*(['"]?)draft\1\s*(?:#.*)?$/m;

const targetOf = (dataset: DeclaredDataset): Target => ({
  name: dataset.name,
  path: resolve(dataset.root, dataset.path),
  contract: dataset.contractFile,
  declared: dataset,
});

function findTarget(folder: string, asked: string, datasets: readonly DeclaredDataset[]): Target {
  const named = datasets.find(({ name }) => name === asked);
  if (named !== undefined) return targetOf(named);
  const path = resolve(folder, asked);
  const declared = datasets.find((one) => resolve(one.root, one.path) === path);
  if (declared !== undefined) return targetOf(declared);
  if (!existsSync(path))
    throw pathMissing(
      `${asked}, neither a declared dataset (${datasets.map(({ name }) => name).join(', ') || 'there is none'}) nor a path,`,
    );
  const beside = contractBeside(path);
  return { name: basename(path), path, contract: existsSync(beside) ? beside : undefined, declared: {} };
}

/** Runs `work` with the repository that holds the path, or, outside of any, without a memory. */
async function inPlace<T>(
  path: string,
  folder: string,
  work: (place: CheckPlace, measure: (path: string) => string | undefined) => Promise<T>,
): Promise<T> {
  if (findUp('.dvc', dirname(path)) === undefined)
    return work({ root: resolve(folder) }, (one) => contentHash(one));
  const repository = openRepository(dirname(path));
  const workspace = new Workspace(repository);
  try {
    return await work(repository, (one) => workspace.measure(one)?.md5);
  } finally {
    workspace.close();
  }
}

/** The name of a content as dvc gives it, without a repository that remembers any. */
function contentHash(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return hash('md5', readFileSync(path));
  const entries = listFiles(path, new IgnoreRules(path)).map((file) => ({
    relpath: file.relpath.split(sep).join('/'),
    md5: hash('md5', readFileSync(file.path)),
  }));
  return treeHash(treeText(entries));
}
