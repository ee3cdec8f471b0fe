import { sql } from 'kysely';
import type { Actor } from '../../platform/actor.ts';
import type { Instant } from '../../platform/clock.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { newHexId } from '../../platform/ids.ts';
import { RowsStatement, Statement } from '../../platform/database/statements.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { linkRunTags } from '../lineage/lineage-store.ts';
import { experimentNumbers, requireActiveExperiment } from './experiment-store.ts';
import { appendMetrics, latestMetrics } from './metric-store.ts';
import { modelNotFound, notActive, paramChanged, runNotFound, tagNotFound } from './tracking-errors.ts';
import { groupedByIds } from './tracking-store.ts';
import {
  contextTag,
  isOver,
  makeName,
  runNameTag,
  type DatasetInput,
  type KeyValue,
  type Metric,
  type ModelLink,
  type ModelMetric,
  type Run,
  type RunInfo,
  type RunStatus,
} from './tracking.ts';
import { appendModelMetrics } from './logged-model-store.ts';

export interface NewRun {
  readonly experimentId: string;
  readonly userId?: string | undefined;
  readonly name?: string | undefined;
  readonly startedAt?: Instant | undefined;
  readonly tags: readonly KeyValue[];
}

/** @throws EXPERIMENT_NOT_FOUND, EXPERIMENT_DELETED, BAD_REQUEST when two names are given */
export async function createRun(world: World, actor: Actor, wanted: NewRun): Promise<Run> {
  const tagged = wanted.tags.find((tag) => tag.key === runNameTag)?.value;
  if (wanted.name && tagged && wanted.name !== tagged) {
    throw badRequest(`Both 'run_name' argument and '${runNameTag}' tag are specified, but with different values ('${wanted.name}' and '${tagged}').`);
  }
  const id = newHexId();
  const name = wanted.name || tagged || makeName(Math.random);
  const tags = tagged ? wanted.tags : [...wanted.tags.filter((tag) => tag.key !== runNameTag), { key: runNameTag, value: name }];
  const data = { name, experimentId: wanted.experimentId };
  return perform(world, { actor, verb: 'run.create', kind: 'run', thing: id, data }, async (tx): Promise<Run> => {
    const experiment = await requireActiveExperiment(tx, wanted.experimentId);
    const info: RunInfo = {
      id,
      name,
      experimentId: String(experiment.id),
      userId: wanted.userId ?? '',
      status: 'RUNNING',
      startedAt: wanted.startedAt ?? 0,
      endedAt: null,
      artifactUri: `${experiment.artifactLocation.replace(/\/$/, '')}/${id}/artifacts`,
      lifecycleStage: 'active',
    };
    await putRun.run(tx, [[id, name, experiment.id, info.userId, actor.id, info.status, info.startedAt, info.artifactUri, info.lifecycleStage]]);
    const kept = await upsertTags(tx, id, tags);
    await linkRunTags(tx, id, recordOf(tags), world.clock.now());
    const inOrder = [...kept].map(([key, value]) => ({ key, value })).sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    return { ...info, tags: inOrder, params: [], metrics: [], datasets: [], modelInputs: [], modelOutputs: [] };
  });
}

const putRun = new RowsStatement(
  'INSERT INTO run (id, name, experiment_id, user_id, created_by, status, started_at, artifact_uri, lifecycle_stage)',
  '',
  1,
);

export interface RunChange {
  readonly status?: RunStatus | undefined;
  readonly endedAt?: Instant | undefined;
  readonly name?: string | undefined;
}

/** @throws RUN_NOT_FOUND, RUN_DELETED */
export async function updateRun(world: World, actor: Actor, id: string, change: RunChange): Promise<RunInfo> {
  const work = async (tx: Transaction): Promise<void> => {
    await requireActiveRun(tx, id);
    const { status, endedAt } = change;
    if (status !== undefined || endedAt !== undefined) {
      const set = { ...(status === undefined ? {} : { status }), ...(endedAt === undefined ? {} : { ended_at: endedAt }) };
      await tx.updateTable('run').set(set).where('id', '=', id).execute();
    }
    if (change.name) await putTags(tx, id, [{ key: runNameTag, value: change.name }]);
  };
  if (change.status !== undefined && isOver(change.status)) {
    await perform(world, { actor, verb: 'run.finish', kind: 'run', thing: id, data: { status: change.status } }, work);
  } else {
    await world.database.write(work);
  }
  return getRunInfo(world.database.read, id);
}

/** Marks the run; its bytes go with `tilth gc`. @throws RUN_NOT_FOUND */
export async function deleteRun(world: World, actor: Actor, id: string): Promise<void> {
  await perform(world, { actor, verb: 'run.delete', kind: 'run', thing: id }, async (tx) => {
    await getRunInfo(tx, id);
    await tx.updateTable('run').set({ lifecycle_stage: 'deleted', deleted_at: world.clock.now() }).where('id', '=', id).execute();
  });
}

/** @throws RUN_NOT_FOUND */
export async function restoreRun(world: World, actor: Actor, id: string): Promise<void> {
  await perform(world, { actor, verb: 'run.restore', kind: 'run', thing: id }, async (tx) => {
    await getRunInfo(tx, id);
    await tx.updateTable('run').set({ lifecycle_stage: 'active', deleted_at: null }).where('id', '=', id).execute();
  });
}

export interface Batch {
  readonly metrics?: readonly (Metric & Partial<Pick<ModelMetric, 'modelId' | 'datasetName' | 'datasetDigest'>>)[];
  readonly params?: readonly KeyValue[];
  readonly tags?: readonly KeyValue[];
}

/** Metrics, params and tags of a run, all or none. @throws RUN_NOT_FOUND, RUN_DELETED, PARAM_CHANGED */
export async function logBatch(world: World, runId: string, batch: Batch): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveRun(tx, runId);
    await putParams(tx, runId, batch.params ?? []);
    await appendMetrics(tx, runId, batch.metrics ?? []);
    await appendModelMetrics(tx, runId, batch.metrics ?? []);
    await putTags(tx, runId, batch.tags ?? []);
    await linkRunTags(tx, runId, recordOf(batch.tags ?? []), world.clock.now());
  });
}

const recordOf = (tags: readonly KeyValue[]): Record<string, string> => Object.fromEntries(tags.map(({ key, value }) => [key, value]));

async function putParams(tx: Transaction, runId: string, params: readonly KeyValue[]): Promise<void> {
  if (params.length === 0) return;
  const keys = [...new Set(params.map(({ key }) => key))];
  const rows = await tx.selectFrom('run_param').select(['key', 'value']).where('run_id', '=', runId).where('key', 'in', keys).execute();
  const known = new Map(rows.map(({ key, value }) => [key, value]));
  const fresh: [runId: string, key: string, value: string][] = [];
  for (const { key, value } of params) {
    const before = known.get(key);
    if (before !== undefined && before !== value) throw paramChanged(key, before, value, runId);
    if (before === undefined) fresh.push([runId, key, value]);
    known.set(key, value);
  }
  await putFreshParams.run(tx, fresh);
}

const putFreshParams = new RowsStatement('INSERT INTO run_param (run_id, key, value)', '', 32);

/** The tag that holds the name renames the run too. */
export async function putTags(tx: Transaction, runId: string, tags: readonly KeyValue[]): Promise<void> {
  const name = (await upsertTags(tx, runId, tags)).get(runNameTag);
  if (name !== undefined && name !== '') await tx.updateTable('run').set({ name }).where('id', '=', runId).execute();
}

/** @returns what was written: of a key that comes twice, its last value */
async function upsertTags(tx: Transaction, runId: string, tags: readonly KeyValue[]): Promise<Map<string, string>> {
  const last = new Map(tags.map(({ key, value }) => [key, value]));
  await putTagRows.run(tx, [...last].map(([key, value]) => [runId, key, value]));
  return last;
}

const putTagRows = new RowsStatement(
  'INSERT INTO run_tag (run_id, key, value)',
  'ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value',
  32,
);

/** @throws RUN_NOT_FOUND, RUN_DELETED, TAG_NOT_FOUND */
export async function deleteTag(world: World, runId: string, key: string): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveRun(tx, runId);
    const gone = await tx.deleteFrom('run_tag').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw tagNotFound(key, `run ${runId}`);
  });
}

/** Changes one tag by what it was, in one write; used where a client appends to a JSON list. */
export async function changeTag(world: World, runId: string, key: string, change: (before: string | undefined) => string): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveRun(tx, runId);
    const known = await tx.selectFrom('run_tag').select('value').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst();
    await putTags(tx, runId, [{ key, value: change(known?.value) }]);
  });
}

/** What the run read. A dataset is one row per experiment, name and digest. @throws RUN_NOT_FOUND, RUN_DELETED */
export async function logInputs(world: World, runId: string, datasets: readonly DatasetInput[], models: readonly string[]): Promise<void> {
  await world.database.write(async (tx) => {
    const run = await requireActiveRun(tx, runId);
    for (const { dataset, tags } of datasets) {
      const { name, digest, sourceType, source, schema, profile } = dataset;
      const identity = { experiment_id: run.experimentNumber, name, digest };
      await tx
        .insertInto('logged_dataset')
        .values({ ...identity, source_type: sourceType, source, schema, profile })
        .onConflict((conflict) => conflict.columns(['experiment_id', 'name', 'digest']).doNothing())
        .execute();
      const { id } = await tx
        .selectFrom('logged_dataset')
        .select('id')
        .where('experiment_id', '=', run.experimentNumber)
        .where('name', '=', name)
        .where('digest', '=', digest)
        .executeTakeFirstOrThrow();
      const values = { context: tags.find((tag) => tag.key === contextTag)?.value ?? null, tags: JSON.stringify(tags) };
      await tx
        .insertInto('run_dataset')
        .values({ run_id: runId, dataset_id: id, ...values })
        .onConflict((conflict) => conflict.columns(['run_id', 'dataset_id']).doNothing())
        .execute();
    }
    await linkModels(tx, runId, 'input', models.map((modelId) => ({ modelId, step: 0 })));
  });
}

/** The models that the run made, each at one step. @throws RUN_NOT_FOUND, RUN_DELETED, LOGGED_MODEL_NOT_FOUND, BAD_REQUEST */
export async function logOutputs(world: World, runId: string, models: readonly ModelLink[]): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveRun(tx, runId);
    await linkModels(tx, runId, 'output', models);
  });
}

async function linkModels(tx: Transaction, runId: string, direction: 'input' | 'output', models: readonly ModelLink[]): Promise<void> {
  for (const { modelId, step } of models) {
    const model = await tx.selectFrom('logged_model').select('id').where('id', '=', modelId).executeTakeFirst();
    if (model === undefined) throw modelNotFound(modelId);
    const known = await tx.selectFrom('run_model').select('step').where('run_id', '=', runId).where('direction', '=', direction).where('model_id', '=', modelId).executeTakeFirst();
    if (known !== undefined && known.step !== step) throw badRequest(`The logged model ${modelId} is already an ${direction} of the run ${runId}, at step ${known.step}.`);
    await tx
      .insertInto('run_model')
      .values({ run_id: runId, model_id: modelId, direction, step })
      .onConflict((conflict) => conflict.columns(['run_id', 'direction', 'model_id', 'step']).doNothing())
      .execute();
  }
}

async function requireActiveRun(tx: Reader, id: string): Promise<{ experimentNumber: number }> {
  const [row] = await stageOfRun.run(tx, [id]);
  if (row === undefined) throw runNotFound(id);
  if (row.lifecycle_stage !== 'active') throw notActive('run', id);
  return { experimentNumber: row.experiment_id };
}

const stageOfRun = new Statement<{ lifecycle_stage: string; experiment_id: number }>(([id]) => sql`SELECT lifecycle_stage, experiment_id FROM run WHERE id = ${id}`);

// ---------------------------------------------------------------------------------------------------------------------

/** A run without what it logged. @throws RUN_NOT_FOUND */
export async function getRunInfo(read: Reader, id: string): Promise<RunInfo> {
  const row = await read.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw runNotFound(id);
  return infoOf(row);
}

/** A run with all that it logged, histories apart; deleted ones too. @throws RUN_NOT_FOUND */
export async function getRun(read: Reader, id: string): Promise<Run> {
  const [run] = await getRuns(read, [id]);
  if (run === undefined) throw runNotFound(id);
  return run;
}

/** Many runs at once, in the order asked for; unknown ids are left out. */
export async function getRuns(read: Reader, ids: readonly string[]): Promise<Run[]> {
  const ofRun = (row: { run_id: string }): string => row.run_id;
  const [rows, params, tags, metrics, datasets, models] = await Promise.all([
    groupedByIds(ids, (chunk) => read.selectFrom('run').selectAll().where('id', 'in', chunk).execute(), (row) => row.id),
    groupedByIds(ids, (chunk) => read.selectFrom('run_param').selectAll().where('run_id', 'in', chunk).orderBy('run_id').orderBy('key').execute(), ofRun),
    groupedByIds(ids, (chunk) => read.selectFrom('run_tag').selectAll().where('run_id', 'in', chunk).orderBy('run_id').orderBy('key').execute(), ofRun),
    latestMetrics(read, ids),
    groupedByIds(
      ids,
      (chunk) =>
        read
          .selectFrom('run_dataset')
          .innerJoin('logged_dataset', 'logged_dataset.id', 'run_dataset.dataset_id')
          .selectAll()
          .where('run_id', 'in', chunk)
          .orderBy('dataset_id')
          .execute(),
      ofRun,
    ),
    groupedByIds(ids, (chunk) => read.selectFrom('run_model').selectAll().where('run_id', 'in', chunk).orderBy('direction').orderBy('model_id').orderBy('step').execute(), ofRun),
  ]);
  const pairs = (list: readonly KeyValue[] | undefined): KeyValue[] => (list ?? []).map(({ key, value }) => ({ key, value }));
  return ids.flatMap((id) => {
    const row = rows.get(id)?.[0];
    if (row === undefined) return [];
    const links = models.get(id) ?? [];
    const linked = (direction: 'input' | 'output'): ModelLink[] =>
      links.filter((link) => link.direction === direction).map((link) => ({ modelId: link.model_id, step: link.step }));
    return {
      ...infoOf(row),
      params: pairs(params.get(id)),
      tags: pairs(tags.get(id)),
      metrics: metrics.get(id) ?? [],
      datasets: (datasets.get(id) ?? []).map((input) => ({
        dataset: {
          name: input.name,
          digest: input.digest,
          sourceType: input.source_type,
          source: input.source,
          schema: input.schema,
          profile: input.profile,
        },
        tags: JSON.parse(input.tags) as KeyValue[],
      })),
      modelInputs: linked('input'),
      modelOutputs: linked('output'),
    };
  });
}

interface RunRow {
  readonly id: string;
  readonly name: string;
  readonly experiment_id: number;
  readonly user_id: string;
  readonly status: RunStatus;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly artifact_uri: string;
  readonly lifecycle_stage: 'active' | 'deleted';
}

const infoOf = (row: RunRow): RunInfo => ({
  id: row.id,
  name: row.name,
  experimentId: String(row.experiment_id),
  userId: row.user_id,
  status: row.status,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  artifactUri: row.artifact_uri,
  lifecycleStage: row.lifecycle_stage,
});

/** Every dataset that runs of these experiments were given, with what for; at most 1,000. */
export async function datasetsOfExperiments(
  read: Reader,
  experimentIds: readonly string[],
): Promise<{ experimentId: string; name: string; digest: string; context: string | null }[]> {
  const rows = await read
    .selectFrom('run_dataset')
    .innerJoin('logged_dataset', 'logged_dataset.id', 'run_dataset.dataset_id')
    .select(['logged_dataset.experiment_id', 'logged_dataset.name', 'logged_dataset.digest', 'run_dataset.context'])
    .distinct()
    .where('logged_dataset.experiment_id', 'in', experimentNumbers(experimentIds))
    .orderBy('logged_dataset.experiment_id')
    .orderBy('logged_dataset.name')
    .orderBy('logged_dataset.digest')
    .limit(1_000)
    .execute();
  return rows.map(({ experiment_id, ...rest }) => ({ experimentId: String(experiment_id), ...rest }));
}
