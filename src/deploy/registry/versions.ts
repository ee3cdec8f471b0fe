import type { Actor } from '../../platform/actor.ts';
import type { Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { linkLineage } from '../../develop/lineage/lineage-store.ts';
import { requireApproval } from './aliases.ts';
import { approvalRows } from './approvals/approval-store.ts';
import { blobFolderOf, isPromptSource, resolveSource } from './model-source.ts';
import { champion, checkModelName } from './registry.ts';
import { refuseApproved } from './version-deletion.ts';
import { holdToPolicies } from './version-policies.ts';
import { aliasProtected, modelExists } from './registry-errors.ts';
import type { ModelVersion } from './registry-api.ts';
import {
  findModelRow,
  getModelRow,
  getVersion,
  getVersionRow,
  insertModel,
  isPromptModel,
  nextVersion,
  putTag,
  removeTag,
  renameModelRows,
  touchModel,
  updateVersionRow,
} from './registry-store.ts';

export const convertJobKind = 'model.convert';

export interface ConvertJobInput {
  readonly model: string;
  readonly version: number;
}

interface Describing {
  readonly description?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** @throws MODEL_ALREADY_EXISTS */
export async function createModel(
  world: World,
  actor: Actor,
  wanted: Describing & { name: string },
): Promise<void> {
  checkModelName(wanted.name);
  await perform(world, { actor, verb: 'model.register', kind: 'model', thing: wanted.name }, async (tx) => {
    if ((await findModelRow(tx, wanted.name)) !== undefined) throw modelExists(wanted.name);
    await addModel(world, tx, actor, wanted);
  });
}

async function addModel(
  world: World,
  tx: Transaction,
  actor: Actor,
  wanted: Describing & { name: string },
): Promise<void> {
  const at = world.clock.now();
  await insertModel(tx, { name: wanted.name, description: wanted.description || null, by: actor.id, at });
  for (const [key, value] of Object.entries(wanted.tags ?? {})) await putTag(tx, wanted.name, 0, key, value);
}

export interface Registration extends Describing {
  readonly model: string;
  readonly source: string;
  readonly runId?: string | undefined;
  readonly loggedModelId?: string | undefined;
  readonly runLink?: string | undefined;
  /** create the model where it is missing; MLflow's clients do that themselves */
  readonly createsModel?: boolean;
}

/**
 * Registers a version and queues its conversion.
 *
 * @throws MODEL_SOURCE_REFUSED, MODEL_NOT_FOUND
 */
export async function registerVersion(
  world: World,
  actor: Actor,
  wanted: Registration,
): Promise<ModelVersion> {
  requireRight(actor, 'model.register');
  const { read } = world.database;
  const isPrompt = isPromptSource(wanted.source) && (await isPromptModel(read, wanted.model));
  const { location, runId, loggedModelId } = isPrompt
    ? { location: wanted.source, runId: wanted.runId ?? null, loggedModelId: null }
    : await resolveSource(read, wanted.source, wanted);
  const isStoredHere = blobFolderOf(location) !== undefined;
  if (!isPrompt)
    await holdToPolicies(world, actor, { model: wanted.model, version: null, runId }, 'registration');
  const version = await world.database.write(async (tx) => {
    if (wanted.createsModel === true && (await findModelRow(tx, wanted.model)) === undefined) {
      await addModel(world, tx, actor, { name: wanted.model });
      await recordEvent(world, tx, { actor, verb: 'model.register', kind: 'model', thing: wanted.model });
    }
    await getModelRow(tx, wanted.model);
    const at = world.clock.now();
    const number = await nextVersion(tx, wanted.model, at);
    const job = isStoredHere
      ? await queueConversion(world, tx, actor, { model: wanted.model, version: number })
      : null;
    await tx
      .insertInto('model_version')
      .values({
        model: wanted.model,
        version: number,
        source: wanted.source,
        location,
        run_id: runId,
        run_link: wanted.runLink ?? null,
        logged_model_id: wanted.loggedModelId ?? loggedModelId,
        status: 'READY',
        status_message: null,
        stage: 'None',
        description: wanted.description ?? null,
        created_by: actor.id,
        created_at: at,
        updated_at: at,
        engine: isStoredHere ? 'pending' : 'python',
        reason: isStoredHere ? null : whyNotConverted(location, isPrompt),
        artifact_digest: null,
        onnx_digest: null,
        onnx_byte_count: null,
        schema: null,
        schema_hash: null,
        parity: null,
        data_version: null,
        gate_report: null,
        gate_hash: null,
        card_hash: null,
        conversion_job: job,
        lifecycle: 'active',
      })
      .execute();
    for (const [key, value] of Object.entries(wanted.tags ?? {}))
      await putTag(tx, wanted.model, number, key, value);
    if (runId !== null) {
      const from = { kind: 'run', id: runId } as const;
      await linkLineage(
        tx,
        from,
        { kind: 'model-version', id: `${wanted.model}/${number}` },
        'registered as',
        at,
      );
    }
    await recordEvent(world, tx, {
      actor,
      verb: 'model.register',
      kind: 'model-version',
      thing: `${wanted.model}/${number}`,
      data: { source: wanted.source, run: runId },
    });
    return number;
  });
  return getVersion(read, wanted.model, version);
}

const whyNotConverted = (location: string, isPrompt: boolean): string =>
  isPrompt
    ? 'A prompt is a text: there is nothing to convert.'
    : `Its files are kept elsewhere (${location}), so it was not converted.`;

const queueConversion = (
  world: World,
  tx: Transaction,
  actor: Actor,
  input: ConvertJobInput,
): Promise<string> =>
  world.jobs.enqueue(tx, {
    kind: convertJobKind,
    key: `${convertJobKind}:${input.model}/${input.version}`,
    input,
    requestedBy: actor.id,
  });

/**
 * Converts a version again, for example after its project's environment was repaired.
 *
 * @returns the id of the job
 * @throws MODEL_VERSION_IN_USE when it is approved: what was approved does not change
 */
export async function convertAgain(
  world: World,
  actor: Actor,
  model: string,
  version: number,
): Promise<string> {
  return perform(
    world,
    { actor, verb: 'model.convert', kind: 'model-version', thing: `${model}/${version}` },
    async (tx) => {
      await getVersionRow(tx, model, version);
      await refuseApproved(tx, model, version);
      const job = await queueConversion(world, tx, actor, { model, version });
      await updateVersionRow(tx, model, version, { conversion_job: job, engine: 'pending', reason: null });
      return job;
    },
  );
}

/** @throws MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND */
export async function describe(
  world: World,
  actor: Actor,
  thing: { model: string; version?: number | undefined },
  change: {
    description?: string | undefined;
    putTags?: Readonly<Record<string, string>>;
    removeTag?: string;
  },
): Promise<void> {
  const { model, version } = thing;
  const name = version === undefined ? model : `${model}/${version}`;
  const kind = version === undefined ? 'model' : 'model-version';
  await perform(
    world,
    { actor, verb: 'model.describe', kind, thing: name, data: { ...change } },
    async (tx) => {
      const at = world.clock.now();
      await getModelRow(tx, model);
      if (version !== undefined) {
        await getVersionRow(tx, model, version);
        if (change.description !== undefined)
          await updateVersionRow(tx, model, version, { updated_at: at, description: change.description });
      } else if (change.description !== undefined) {
        await tx
          .updateTable('model')
          .set({ description: change.description, updated_at: at })
          .where('name', '=', model)
          .execute();
      }
      for (const [key, value] of Object.entries(change.putTags ?? {}))
        await putTag(tx, model, version ?? 0, key, value);
      if (change.removeTag !== undefined) await removeTag(tx, model, version ?? 0, change.removeTag);
    },
  );
}

export const stages = ['None', 'Staging', 'Production', 'Archived'] as const;
export type Stage = (typeof stages)[number];

/**
 * MLflow's older way of naming what is in production; the same approval is asked as for the alias.
 *
 * @throws APPROVAL_MISSING
 */
export async function setStage(
  world: World,
  actor: Actor,
  change: { model: string; version: number; stage: Stage; archivesOthers: boolean },
): Promise<void> {
  const { model, version, stage } = change;
  await perform(
    world,
    { actor, verb: 'model.alias', kind: 'model-version', thing: `${model}/${version}`, data: { stage } },
    async (tx) => {
      await getVersionRow(tx, model, version);
      if (stage === 'Production') await requireApproval(tx, model, version, champion, world.clock.now());
      const at = world.clock.now();
      if (change.archivesOthers) {
        await tx
          .updateTable('model_version')
          .set({ stage: 'Archived', updated_at: at })
          .where('model', '=', model)
          .where('stage', '=', stage)
          .where('version', '!=', version)
          .execute();
      }
      await updateVersionRow(tx, model, version, { stage, updated_at: at });
      await touchModel(tx, model, at);
    },
  );
}

/** @throws MODEL_ALREADY_EXISTS, ALIAS_PROTECTED where a project or an approval knows the model by its name */
export async function renameModel(world: World, actor: Actor, model: string, newName: string): Promise<void> {
  checkModelName(newName);
  await perform(
    world,
    { actor, verb: 'model.describe', kind: 'model', thing: model, data: { newName } },
    async (tx) => {
      await getModelRow(tx, model);
      if (newName === model) return renameModelRows(tx, model, model, world.clock.now());
      const isTaken =
        (await tx.selectFrom('model').select('name').where('name', '=', newName).executeTakeFirst()) !==
        undefined;
      if (isTaken) throw modelExists(newName);
      const isKnown = ((await declarationOf(tx, model)) ?? (await declarationOf(tx, newName))) !== undefined;
      const hasApprovals = (await approvalRows(tx, model)).length > 0;
      if (isKnown || hasApprovals) throw aliasProtected(model, champion, 'Renaming the model');
      await renameModelRows(tx, model, newName, world.clock.now());
    },
  );
}
