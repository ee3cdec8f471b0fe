import type { Actor } from '../../platform/actor.ts';
import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { evaluatePolicies, type PolicyData } from '../../develop/contracts/policies.ts';
import { enforcePolicies } from '../../develop/contracts/policy-store.ts';
import { findDatasetVersion, listDatasets } from '../../develop/data/data-store.ts';
import type { PolicyMoment } from '../../start/project/declaration.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { trainingData } from './training-data.ts';

/**
 * Holds a version, or one that is about to be, against the policies of the project that declares its model: what they
 * say stays in the audit log, and one that refuses ends the act.
 *
 * @throws POLICY_REFUSED
 */
export async function holdToPolicies(
  world: World,
  actor: Actor,
  asked: { readonly model: string; readonly version: number | null; readonly runId: string | null },
  moment: PolicyMoment,
): Promise<void> {
  const { read } = world.database;
  const { model, version, runId } = asked;
  const declared = await declarationOf(read, model);
  if (declared === undefined) return;
  const data = await policyData(read, runId, declared.model.dataset);
  const facts = { moment, model: { name: model, audience: declared.model.audience }, data };
  const results = evaluatePolicies(declared.project.declaration.policies ?? [], facts);
  const thing = version === null ? model : `${model}/${version}`;
  const what = version === null ? `A version of ${model}` : `Version ${version} of ${model}`;
  await enforcePolicies(world, actor, { thing, what, moment }, results);
}

/** The versions that the run says it read; where it names none, the declared dataset without a version. */
async function policyData(read: Reader, runId: string | null, declared: string): Promise<PolicyData[]> {
  const used = await trainingData(read, { run_id: runId }, declared);
  const datasets = new Map((await listDatasets(read)).map((one) => [one.name, one]));
  const wanted = used.length === 0 ? [{ dataset: declared, md5: null }] : used;
  return Promise.all(
    wanted.map(async ({ dataset, md5 }): Promise<PolicyData> => {
      const known = datasets.get(dataset);
      const version = md5 === null ? undefined : await findDatasetVersion(read, dataset, md5);
      return {
        dataset,
        md5,
        owner: known?.owner ?? null,
        licence: known?.licence ?? null,
        classification: known?.classification ?? null,
        columns: version?.columns ?? [],
        contractState: version?.contractState ?? (known === undefined ? 'none' : 'unknown'),
      };
    }),
  );
}
