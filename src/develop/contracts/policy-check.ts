import { resolve, sep } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import {
  readDeclaration,
  type PolicyMoment,
  type ProjectDeclaration,
} from '../../start/project/declaration.ts';
import { openRepository } from '../dvc-files/repository.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { checkDeclared } from './check-datasets.ts';
import { contractBroken } from './contract-errors.ts';
import { declaredDatasets, type DeclaredDataset } from './declared-datasets.ts';
import { evaluatePolicies, type PolicyData } from './policies.ts';
import type { PolicyReport, PolicyResult } from './policy-api.ts';
import { policyRefused } from './policy-errors.ts';

/** What the policies of a project say of the working tree: of every dataset, and of every model made of one. */
export async function checkPolicies(folder: string): Promise<PolicyReport | undefined> {
  const root = findUp(declarationFile, folder);
  if (root === undefined) return undefined;
  const declaration = readDeclaration(root);
  const data = await gatherData(root, await declaredDatasets(folder));
  const results = moments.flatMap((moment) => [
    ...(moment === 'pipeline'
      ? evaluatePolicies(declaration.policies, { moment, model: null, data })
      : modelResults(declaration, moment, data)),
  ]);
  return { project: declaration.project, moment: 'check', stage: null, results: withoutRepeats(results) };
}

const moments: readonly PolicyMoment[] = ['pipeline', 'registration', 'deploy'];

const modelResults = (
  declaration: ProjectDeclaration,
  moment: PolicyMoment,
  data: readonly PolicyData[],
): PolicyResult[] =>
  Object.entries(declaration.models).flatMap(([name, model]) =>
    evaluatePolicies(declaration.policies, {
      moment,
      model: { name, audience: model.audience },
      data: data.filter(({ dataset }) => dataset === model.dataset),
    }),
  );

/** A policy says the same at several moments. */
function withoutRepeats(results: readonly PolicyResult[]): PolicyResult[] {
  const seen = new Set<string>();
  return results.filter((one) => {
    const key = JSON.stringify(one);
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

async function gatherData(root: string, datasets: readonly DeclaredDataset[]): Promise<PolicyData[]> {
  const workspace = findUp('.dvc', root) === undefined ? undefined : new Workspace(openRepository(root));
  try {
    const gathered: PolicyData[] = [];
    for (const one of datasets) {
      const content = workspace?.measure(resolve(one.root, one.path));
      const report =
        content === undefined || workspace === undefined ? undefined : await checkDeclared(workspace, one);
      gathered.push({
        dataset: one.name,
        md5: content?.md5 ?? null,
        owner: one.owner,
        licence: one.licence ?? null,
        classification: one.classification,
        columns: report?.columns ?? [],
        contractState: one.contractFile === undefined ? 'none' : (report?.state ?? 'unknown'),
      });
    }
    return gathered;
  } finally {
    workspace?.close();
  }
}

/**
 * To be called before a stage reads: the governed datasets among what it reads must keep their contracts, and the
 * policies for pipelines must hold. Does nothing outside a project, and reads nothing twice.
 *
 * @param reads absolute paths
 * @returns what the policies said, for the audit log; undefined when nothing governed is read
 * @throws DATA_CONTRACT_BROKEN, POLICY_REFUSED
 */
export async function allowReading(
  folder: string,
  stage: string,
  reads: readonly string[],
): Promise<PolicyReport | undefined> {
  const root = findUp(declarationFile, folder);
  if (root === undefined) return undefined;
  const read = (await declaredDatasets(folder)).filter((one) =>
    reads.some((path) => isTouched(path, resolve(one.root, one.path))),
  );
  if (read.length === 0) return undefined;
  const declaration = readDeclaration(root);
  await refuseBroken(root, read);
  const data = await gatherData(root, read);
  const results = evaluatePolicies(declaration.policies, { moment: 'pipeline', model: null, data });
  if (results.some(({ verdict }) => verdict === 'refused'))
    throw policyRefused(`The stage ${stage}`, results);
  return { project: declaration.project, moment: 'pipeline', stage, results };
}

async function refuseBroken(root: string, datasets: readonly DeclaredDataset[]): Promise<void> {
  if (findUp('.dvc', root) === undefined) return;
  const workspace = new Workspace(openRepository(root));
  try {
    for (const one of datasets) {
      if (workspace.measure(resolve(one.root, one.path)) === undefined) continue;
      const report = await checkDeclared(workspace, one);
      if (report?.state === 'broken') throw contractBroken(report);
    }
  } finally {
    workspace.close();
  }
}

const isTouched = (one: string, other: string): boolean =>
  one === other || one.startsWith(other + sep) || other.startsWith(one + sep);
