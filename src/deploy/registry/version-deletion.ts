import type { Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { isProtected } from './aliases.ts';
import { approvalRows } from './approvals/approval-store.ts';
import { champion } from './registry.ts';
import { versionHeld, versionInUse } from './registry-errors.ts';
import { getModelRow, getVersionRow, touchModel, writeAlias } from './registry-store.ts';

/** Why a version must stay, and what to do first. */
export interface Hold {
  readonly version: number;
  /** `the endpoint late routes to it` */
  readonly why: string;
  readonly next: string;
}

/** Names the versions of a model that somebody needs. */
export type VersionHolder = (read: Reader, model: string) => Promise<readonly Hold[]>;

const holders = new Set<VersionHolder>();

/** Who uses versions says so here: endpoints come after the registry. @returns a function that ends it */
export function holdVersions(holder: VersionHolder): () => void {
  holders.add(holder);
  return () => void holders.delete(holder);
}

/** What keeps versions of a model from being deleted, the most serious first. */
async function holdsOn(read: Reader, model: string): Promise<Hold[]> {
  const served = (await Promise.all([...holders].map((holder) => holder(read, model)))).flat();
  const asked = (await approvalRows(read, model))
    .filter((row) => row.state === 'waiting')
    .map(({ version, alias, requested_by: by }) => ({
      version,
      why: `${by} asked that it may become ${alias}, and the request waits`,
      next: `Decide about it first: tilth model reject ${model} ${version} --reason "…", or tilth model withdraw ${model} ${version}`,
    }));
  return [...served, ...(await aliasHolds(read, model)), ...asked];
}

/** Aliases hold versions of models that a project or an approval knows; others go as MLflow's clients expect, with their aliases. */
async function aliasHolds(read: Reader, model: string): Promise<Hold[]> {
  const isGoverned =
    (await declarationOf(read, model)) !== undefined || (await isProtected(read, model, champion));
  if (!isGoverned) return [];
  const held = await read
    .selectFrom('alias')
    .select(['name', 'version'])
    .where('model', '=', model)
    .orderBy('name')
    .execute();
  return held.map(({ name, version }) => ({
    version,
    why: `the alias ${name} names it`,
    next:
      name === champion
        ? `Put another version in its place first: tilth model request ${model} VERSION`
        : `Give the alias to another version first, or take it away: tilth model alias ${model} ${name} --remove`,
  }));
}

/**
 * Deletes a version for good; what was ever approved stays on record.
 *
 * @throws MODEL_VERSION_IN_USE while an endpoint, an alias or an open request names it, or it was approved
 */
export async function deleteVersion(
  world: World,
  actor: Actor,
  model: string,
  version: number,
): Promise<void> {
  await perform(
    world,
    { actor, verb: 'model.delete', kind: 'model-version', thing: `${model}/${version}` },
    async (tx) => {
      await getVersionRow(tx, model, version);
      await refuseHeld(tx, model, version);
      await refuseApproved(tx, model, version);
      const at = world.clock.now();
      await dropAliases(tx, model, version, actor.id, at);
      await forgetVersions(tx, model, version, at);
      await touchModel(tx, model, at);
    },
  );
}

/** Deletes a model with all its versions. @throws MODEL_VERSION_IN_USE */
export async function deleteModel(world: World, actor: Actor, model: string): Promise<void> {
  await perform(world, { actor, verb: 'model.delete', kind: 'model', thing: model }, async (tx) => {
    await getModelRow(tx, model);
    await refuseHeld(tx, model);
    await refuseApproved(tx, model);
    const at = world.clock.now();
    await dropAliases(tx, model, undefined, actor.id, at);
    await forgetVersions(tx, model, undefined, at);
    await tx.deleteFrom('registry_tag').where('model', '=', model).execute();
    await tx
      .updateTable('model')
      .set({ lifecycle: 'deleted', updated_at: at })
      .where('name', '=', model)
      .execute();
  });
}

async function refuseHeld(read: Reader, model: string, version?: number): Promise<void> {
  const hold = (await holdsOn(read, model)).find((each) => version === undefined || each.version === version);
  if (hold !== undefined) throw versionHeld(model, hold.version, hold.why, hold.next);
}

/** What was approved keeps its bytes and its record. @throws MODEL_VERSION_IN_USE */
export async function refuseApproved(read: Reader, model: string, version?: number): Promise<void> {
  const granted = (await approvalRows(read, model, version)).find((row) => row.state === 'granted');
  if (granted !== undefined) throw versionInUse(model, granted.version);
}

async function dropAliases(
  tx: Transaction,
  model: string,
  version: number | undefined,
  by: string,
  at: number,
): Promise<void> {
  let held = tx.selectFrom('alias').select('name').where('model', '=', model);
  if (version !== undefined) held = held.where('version', '=', version);
  for (const { name } of await held.execute())
    await writeAlias(tx, { model, name, version: null, at, by, reason: 'deleted' });
}

async function forgetVersions(
  tx: Transaction,
  model: string,
  version: number | undefined,
  at: number,
): Promise<void> {
  let versions = tx
    .updateTable('model_version')
    .set({ lifecycle: 'deleted', updated_at: at })
    .where('model', '=', model);
  let tags = tx.deleteFrom('registry_tag').where('model', '=', model).where('version', '>', 0);
  if (version !== undefined) {
    versions = versions.where('version', '=', version);
    tags = tags.where('version', '=', version);
  }
  await versions.execute();
  await tags.execute();
}
