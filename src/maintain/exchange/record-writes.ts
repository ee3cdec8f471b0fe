import { setImmediate } from 'node:timers/promises';
import type { Transaction } from '../../platform/database/database.ts';
import { linkRunTags } from '../../develop/lineage/lineage-store.ts';
import { stored } from '../../develop/tracking/metric-columns.ts';
import { appendMetrics } from '../../develop/tracking/metric-store.ts';
import {
  contextTag,
  type KeyValue,
  type LoggedDataset,
  type ModelLink,
} from '../../develop/tracking/tracking.ts';
import { pointsAtOnce, type ExperimentRecord, type LoggedModelRecord, type RunRecord } from './records.ts';

/** Adds what is missing; what has another value stays unless it may be replaced. @returns the keys that stay */
export interface PairMerge {
  readonly kept: readonly string[];
  readonly hasChanged: boolean;
}

type PairTable = 'run_param' | 'run_tag' | 'logged_model_param' | 'logged_model_tag';
const ownerColumn = {
  run_param: 'run_id',
  run_tag: 'run_id',
  logged_model_param: 'model_id',
  logged_model_tag: 'model_id',
} as const;

/**
 * Brings params or tags up to a newer source.
 *
 * @param replaces nothing was changed here since the last import, so that the source's value counts
 */
export async function mergePairs(
  tx: Transaction,
  table: PairTable,
  id: string,
  ours: readonly KeyValue[],
  theirs: readonly KeyValue[],
  replaces: boolean,
): Promise<PairMerge> {
  const column = ownerColumn[table];
  const known = new Map(ours.map(({ key, value }) => [key, value]));
  const wanted = new Set(theirs.map(({ key }) => key));
  const kept: string[] = [];
  let hasChanged = false;
  for (const { key, value } of theirs) {
    const before = known.get(key);
    if (before === value) continue;
    if (before !== undefined && !replaces) {
      kept.push(key);
      continue;
    }
    hasChanged = true;
    await tx
      .insertInto(table)
      .values({ [column]: id, key, value } as never)
      .onConflict((conflict) => conflict.columns([column, 'key'] as never).doUpdateSet({ value } as never))
      .execute();
  }
  if (!replaces) return { kept, hasChanged };
  for (const { key } of ours.filter((pair) => !wanted.has(pair.key))) {
    hasChanged = true;
    await tx
      .deleteFrom(table)
      .where(column as never, '=', id as never)
      .where('key', '=', key)
      .execute();
  }
  return { kept, hasChanged };
}

async function putPairs(
  tx: Transaction,
  table: PairTable,
  id: string,
  pairs: readonly KeyValue[],
): Promise<void> {
  await mergePairs(tx, table, id, [], pairs, true);
}

export async function putMetrics(tx: Transaction, run: string, metrics: RunRecord['metrics']): Promise<void> {
  for (let from = 0; from < metrics.length; from += pointsAtOnce) {
    await appendMetrics(tx, run, metrics.slice(from, from + pointsAtOnce));
    if (metrics.length > pointsAtOnce) await setImmediate();
  }
}

export interface Home {
  /** of the experiment, here */
  readonly experiment: number;
  readonly artifactUri: string;
  /** who imports */
  readonly by: string;
  readonly at: number;
}

/** A run with all that belongs to it. */
export async function insertRun(tx: Transaction, run: RunRecord, home: Home): Promise<void> {
  await tx
    .insertInto('run')
    .values({
      id: run.id,
      name: run.name,
      experiment_id: home.experiment,
      user_id: run.userId,
      created_by: home.by,
      status: run.status,
      started_at: run.startedAt,
      ended_at: run.endedAt,
      artifact_uri: home.artifactUri,
      lifecycle_stage: run.lifecycleStage,
      deleted_at: run.lifecycleStage === 'deleted' ? (run.deletedAt ?? home.at) : null,
    })
    .execute();
  await putPairs(tx, 'run_param', run.id, run.params);
  await putPairs(tx, 'run_tag', run.id, run.tags);
  await linkRunTags(tx, run.id, Object.fromEntries(run.tags.map(({ key, value }) => [key, value])), home.at);
  await putMetrics(tx, run.id, run.metrics);
  await putRunLinks(tx, run, home.experiment);
}

/** Datasets and models of a run; those that are there stay as they are. */
export async function putRunLinks(tx: Transaction, run: RunRecord, experiment: number): Promise<void> {
  for (const { dataset, tags } of run.datasets) {
    const id = await putDataset(tx, experiment, dataset);
    const values = {
      context: tags.find((tag) => tag.key === contextTag)?.value ?? null,
      tags: JSON.stringify(tags),
    };
    await tx
      .insertInto('run_dataset')
      .values({ run_id: run.id, dataset_id: id, ...values })
      .onConflict((conflict) => conflict.columns(['run_id', 'dataset_id']).doNothing())
      .execute();
  }
  const put = async (direction: 'input' | 'output', links: readonly ModelLink[]): Promise<void> => {
    for (const { modelId, step } of links)
      await tx
        .insertInto('run_model')
        .values({ run_id: run.id, model_id: modelId, direction, step })
        .onConflict((conflict) => conflict.columns(['run_id', 'direction', 'model_id', 'step']).doNothing())
        .execute();
  };
  await put('input', run.modelInputs);
  await put('output', run.modelOutputs);
}

async function putDataset(tx: Transaction, experiment: number, dataset: LoggedDataset): Promise<number> {
  const identity = { experiment_id: experiment, name: dataset.name, digest: dataset.digest };
  await tx
    .insertInto('logged_dataset')
    .values({
      ...identity,
      source_type: dataset.sourceType,
      source: dataset.source,
      schema: dataset.schema,
      profile: dataset.profile,
    })
    .onConflict((conflict) => conflict.columns(['experiment_id', 'name', 'digest']).doNothing())
    .execute();
  const { id } = await tx
    .selectFrom('logged_dataset')
    .select('id')
    .where('experiment_id', '=', experiment)
    .where('name', '=', dataset.name)
    .where('digest', '=', dataset.digest)
    .executeTakeFirstOrThrow();
  return id;
}

export async function insertLoggedModel(
  tx: Transaction,
  model: LoggedModelRecord,
  home: Home,
): Promise<void> {
  await tx
    .insertInto('logged_model')
    .values({
      id: model.id,
      experiment_id: home.experiment,
      name: model.name,
      status: model.status,
      model_type: model.modelType,
      source_run_id: model.sourceRunId,
      artifact_uri: home.artifactUri,
      lifecycle_stage: model.lifecycleStage,
      created_at: model.createdAt,
      updated_at: model.updatedAt,
    })
    .execute();
  await putPairs(tx, 'logged_model_param', model.id, model.params);
  await putPairs(tx, 'logged_model_tag', model.id, model.tags);
  await putModelMetrics(tx, model);
}

export async function putModelMetrics(tx: Transaction, model: LoggedModelRecord): Promise<void> {
  for (const metric of model.metrics) {
    const [value, isNan] = stored(metric.value);
    await tx
      .insertInto('logged_model_metric')
      .values({
        model_id: model.id,
        key: metric.key,
        value,
        is_nan: isNan,
        step: metric.step,
        timestamp: metric.timestamp,
        run_id: metric.runId,
        dataset_name: metric.datasetName ?? '',
        dataset_digest: metric.datasetDigest ?? '',
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Numbers above this one are never reached by counting, so they don't move the counter. */
const farAway = 1_000_000_000;

/** @param id the number it had, where nothing here has it; else it gets the next one */
export async function insertExperiment(
  tx: Transaction,
  experiment: ExperimentRecord,
  place: {
    readonly id: number | undefined;
    readonly name: string;
    readonly artifactLocation: string | undefined;
    readonly tags: readonly KeyValue[];
  },
): Promise<number> {
  let id = place.id;
  if (id === undefined) {
    const next = await tx
      .updateTable('experiment_number')
      .set((number) => ({ last: number('last', '+', 1) }))
      .returning('last')
      .executeTakeFirstOrThrow();
    id = next.last;
  } else if (id < farAway) {
    await tx.updateTable('experiment_number').set({ last: id }).where('last', '<', id).execute();
  }
  const values = {
    name: place.name,
    artifact_location: place.artifactLocation ?? `mlflow-artifacts:/${id}`,
    lifecycle_stage: experiment.lifecycleStage,
    created_at: experiment.createdAt,
    updated_at: experiment.updatedAt,
  };
  // the only one that everyone has; an empty one of ours becomes theirs
  if (id === 0) await tx.deleteFrom('experiment').where('id', '=', 0).execute();
  await tx
    .insertInto('experiment')
    .values({ id, ...values })
    .execute();
  await putExperimentTags(tx, id, place.tags);
  for (const dataset of experiment.datasets) await putDataset(tx, id, dataset);
  return id;
}

export async function putExperimentTags(
  tx: Transaction,
  id: number,
  tags: readonly KeyValue[],
): Promise<void> {
  for (const { key, value } of tags)
    await tx
      .insertInto('experiment_tag')
      .values({ experiment_id: id, key, value })
      .onConflict((conflict) => conflict.columns(['experiment_id', 'key']).doUpdateSet({ value }))
      .execute();
}
