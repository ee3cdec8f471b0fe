import assert from 'node:assert/strict';
import { sql, type RawBuilder } from 'kysely';
import type { Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { newHexId } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { experimentNumbers, requireActiveExperiment } from './experiment-store.ts';
import { afterPosition, orderSql, positionOf, sortSelection, type Position, type SortColumn } from './keyset.ts';
import { stored } from './metric-columns.ts';
import { pointOf } from './metric-point-store.ts';
import { parseFilter, parseOrder, type Comparison, type Filter, type SearchGrammar } from './search-filter.ts';
import { all, comparisonSql, filterSql, outcomeSql, type Condition, type Leaf } from './search-sql.ts';
import { modelNotFound, tagNotFound } from './tracking-errors.ts';
import { groupedByIds } from './tracking-store.ts';
import { makeName, type KeyValue, type LoggedModel, type Metric, type ModelMetric, type ModelStatus } from './tracking.ts';

export interface NewLoggedModel {
  readonly experimentId: string;
  readonly name?: string | undefined;
  readonly modelType?: string | undefined;
  readonly sourceRunId?: string | undefined;
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
}

/** A model whose files are still to come; `finalizeLoggedModel` says when they are there. @throws EXPERIMENT_NOT_FOUND */
export async function createLoggedModel(world: World, wanted: NewLoggedModel): Promise<LoggedModel> {
  const name = wanted.name || makeName(Math.random);
  if (/[/:.%"']/.test(name)) {
    throw badRequest(`Invalid model name '${name}': it must not contain one of / : . % " '`);
  }
  const id = `m-${newHexId()}`;
  const now = world.clock.now();
  await world.database.write(async (tx) => {
    const experiment = await requireActiveExperiment(tx, wanted.experimentId);
    await tx
      .insertInto('logged_model')
      .values({
        id,
        experiment_id: experiment.id,
        name,
        status: 'LOGGED_MODEL_PENDING',
        model_type: wanted.modelType ?? null,
        source_run_id: wanted.sourceRunId ?? null,
        artifact_uri: `${experiment.artifactLocation.replace(/\/$/, '')}/models/${id}/artifacts`,
        lifecycle_stage: 'active',
        created_at: now,
        updated_at: now,
      })
      .execute();
    await putPairs(tx, 'logged_model_param', id, wanted.params);
    await putPairs(tx, 'logged_model_tag', id, wanted.tags);
  });
  return getLoggedModel(world.database.read, id);
}

/** @throws LOGGED_MODEL_NOT_FOUND */
export async function finalizeLoggedModel(world: World, actor: Actor, id: string, status: ModelStatus): Promise<LoggedModel> {
  await perform(world, { actor, verb: 'logged-model.finalize', kind: 'logged-model', thing: id, data: { status } }, async (tx) => {
    await requireModel(tx, id);
    await tx.updateTable('logged_model').set({ status, updated_at: world.clock.now() }).where('id', '=', id).execute();
  });
  return getLoggedModel(world.database.read, id);
}

/** @throws LOGGED_MODEL_NOT_FOUND */
export async function deleteLoggedModel(world: World, actor: Actor, id: string): Promise<void> {
  await perform(world, { actor, verb: 'logged-model.delete', kind: 'logged-model', thing: id }, async (tx) => {
    await requireModel(tx, id);
    await tx.updateTable('logged_model').set({ lifecycle_stage: 'deleted', updated_at: world.clock.now() }).where('id', '=', id).execute();
  });
}

/** @throws LOGGED_MODEL_NOT_FOUND */
export async function setLoggedModelTags(world: World, id: string, tags: readonly KeyValue[]): Promise<void> {
  await world.database.write(async (tx) => {
    await requireModel(tx, id);
    await putPairs(tx, 'logged_model_tag', id, tags);
  });
}

/** Changes one tag by what it was, in one write. @throws LOGGED_MODEL_NOT_FOUND */
export async function changeLoggedModelTag(world: World, id: string, key: string, change: (before: string | undefined) => string): Promise<void> {
  await world.database.write(async (tx) => {
    await requireModel(tx, id);
    const known = await tx.selectFrom('logged_model_tag').select('value').where('model_id', '=', id).where('key', '=', key).executeTakeFirst();
    await putPairs(tx, 'logged_model_tag', id, [{ key, value: change(known?.value) }]);
  });
}

/** @throws LOGGED_MODEL_NOT_FOUND, TAG_NOT_FOUND */
export async function deleteLoggedModelTag(world: World, id: string, key: string): Promise<void> {
  await world.database.write(async (tx) => {
    await requireModel(tx, id);
    const gone = await tx.deleteFrom('logged_model_tag').where('model_id', '=', id).where('key', '=', key).executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw tagNotFound(key, `logged model ${id}`);
  });
}

/** A param never changes; the same one again is nothing new. @throws LOGGED_MODEL_NOT_FOUND, BAD_REQUEST */
export async function logLoggedModelParams(world: World, id: string, params: readonly KeyValue[]): Promise<void> {
  await world.database.write(async (tx) => {
    await requireModel(tx, id);
    for (const { key, value } of params) {
      const known = await tx.selectFrom('logged_model_param').select('value').where('model_id', '=', id).where('key', '=', key).executeTakeFirst();
      if (known === undefined) await tx.insertInto('logged_model_param').values({ model_id: id, key, value }).execute();
      else if (known.value !== value) throw badRequest(`Changing param values is not allowed. The logged model ${id} has '${key}' = '${known.value}'.`);
    }
  });
}

async function putPairs(tx: Transaction, table: 'logged_model_param' | 'logged_model_tag', id: string, pairs: readonly KeyValue[]): Promise<void> {
  for (const { key, value } of pairs) {
    await tx
      .insertInto(table)
      .values({ model_id: id, key, value })
      .onConflict((conflict) => conflict.columns(['model_id', 'key']).doUpdateSet({ value }))
      .execute();
  }
}

/** Metrics that name a model are the model's too. @throws LOGGED_MODEL_NOT_FOUND */
export async function appendModelMetrics(
  tx: Transaction,
  runId: string,
  metrics: readonly (Metric & Partial<Pick<ModelMetric, 'modelId' | 'datasetName' | 'datasetDigest'>>)[],
): Promise<void> {
  for (const metric of metrics) {
    if (metric.modelId === undefined) continue;
    await requireModel(tx, metric.modelId);
    const [value, isNan] = stored(metric.value);
    await tx
      .insertInto('logged_model_metric')
      .values({
        model_id: metric.modelId,
        key: metric.key,
        value,
        is_nan: isNan,
        step: metric.step,
        timestamp: metric.timestamp,
        run_id: runId,
        dataset_name: metric.datasetName ?? '',
        dataset_digest: metric.datasetDigest ?? '',
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

async function requireModel(read: Reader, id: string): Promise<void> {
  const row = await read.selectFrom('logged_model').select('lifecycle_stage').where('id', '=', id).executeTakeFirst();
  if (row?.lifecycle_stage !== 'active') throw modelNotFound(id);
}

/** @throws LOGGED_MODEL_NOT_FOUND, also when it was deleted */
export async function getLoggedModel(read: Reader, id: string): Promise<LoggedModel> {
  await requireModel(read, id);
  const [model] = await getLoggedModels(read, [id]);
  if (model === undefined) throw modelNotFound(id);
  return model;
}

/** As their key has them. */
const metricOrder = ['key', 'step', 'timestamp', 'run_id', 'dataset_name', 'dataset_digest', 'value'] as const;

async function getLoggedModels(read: Reader, ids: readonly string[]): Promise<LoggedModel[]> {
  const ofModel = (row: { model_id: string }): string => row.model_id;
  const [rows, params, tags, metrics] = await Promise.all([
    groupedByIds(ids, (chunk) => read.selectFrom('logged_model').selectAll().where('id', 'in', chunk).execute(), (row) => row.id),
    groupedByIds(ids, (chunk) => read.selectFrom('logged_model_param').selectAll().where('model_id', 'in', chunk).orderBy('key').execute(), ofModel),
    groupedByIds(ids, (chunk) => read.selectFrom('logged_model_tag').selectAll().where('model_id', 'in', chunk).orderBy('key').execute(), ofModel),
    groupedByIds(ids, (chunk) => read.selectFrom('logged_model_metric').selectAll().where('model_id', 'in', chunk).orderBy(metricOrder).execute(), ofModel),
  ]);
  const pairs = (list: readonly KeyValue[] | undefined): KeyValue[] => (list ?? []).map(({ key, value }) => ({ key, value }));
  return ids.flatMap((id) => {
    const row = rows.get(id)?.[0];
    if (row === undefined) return [];
    return {
      id,
      experimentId: String(row.experiment_id),
      name: row.name,
      status: row.status,
      modelType: row.model_type || null,
      sourceRunId: row.source_run_id || null,
      artifactUri: row.artifact_uri,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      tags: pairs(tags.get(id)),
      params: pairs(params.get(id)),
      metrics: (metrics.get(id) ?? []).map((metric) => ({
        key: metric.key,
        ...pointOf(metric),
        modelId: id,
        runId: metric.run_id,
        datasetName: metric.dataset_name === '' ? null : metric.dataset_name,
        datasetDigest: metric.dataset_digest === '' ? null : metric.dataset_digest,
      })),
    };
  });
}

// ---------------------------------------------------------------------------------------------------------------------

const text = (name: string) => ({ name, type: 'text', takesList: true }) as const;
const number = (name: string) => ({ name, type: 'number' }) as const;

export const loggedModelGrammar: SearchGrammar = {
  families: { attributes: 'attribute', metrics: 'metric', params: 'param', tags: 'tag' },
  attributes: {
    name: text('name'),
    model_id: text('id'),
    model_type: text('model_type'),
    status: text('status'),
    source_run_id: text('source_run_id'),
    experiment_id: text('experiment_id'),
    creation_timestamp: number('created_at'),
    creation_timestamp_ms: number('created_at'),
    creation_time: number('created_at'),
    last_updated_timestamp: number('updated_at'),
    last_updated_timestamp_ms: number('updated_at'),
    last_updated_time: number('updated_at'),
  },
  hasLogic: true,
};

export interface DatasetFilter {
  readonly name: string;
  readonly digest?: string | undefined;
}

export interface LoggedModelSearch {
  readonly experimentIds: readonly string[];
  readonly filter?: string | undefined;
  /** metrics of the filter count only when measured on one of these */
  readonly datasets: readonly DatasetFilter[];
  readonly orderBy: readonly { field: string; isAscending: boolean; dataset?: DatasetFilter | undefined }[];
  readonly limit: number;
  readonly after?: Position | undefined;
}

/** Logged models that match, newest first unless ordered otherwise. */
export async function searchLoggedModels(read: Reader, search: LoggedModelSearch): Promise<{ models: LoggedModel[]; next?: Position }> {
  const filter = parseFilter(search.filter, loggedModelGrammar);
  const tests = [filterSql(filter, (leaf, outcome) => conditionSql(leaf, outcome, search.datasets))];
  if (search.datasets.length > 0 && !namesMetric(filter)) {
    tests.push(sql`logged_model.id IN (SELECT model_id FROM logged_model_metric WHERE ${onDatasets(search.datasets)})`);
  }
  const columns = search.orderBy.flatMap(({ field, isAscending, dataset }): SortColumn[] => {
    const { family, key } = parseOrder(field, loggedModelGrammar);
    if (family !== 'attribute' && family !== 'metric') throw badRequest(`Logged models can't be ordered by ${field}.`);
    const value = family === 'attribute' ? sql.ref(`logged_model.${key}`) : latestSql(key, dataset);
    return [
      { sql: sql`(${value} IS NULL)`, isAscending: true },
      { sql: value, isAscending },
    ];
  });
  columns.push({ sql: sql.ref('logged_model.created_at'), isAscending: false }, { sql: sql.ref('logged_model.id'), isAscending: true });
  const experiments = experimentNumbers(search.experimentIds);
  if (experiments.length === 0) return { models: [] };
  const { rows } = await sql<{ id: string } & Record<string, unknown>>`
    SELECT logged_model.id, ${sortSelection(columns)} FROM logged_model
    WHERE lifecycle_stage = 'active' AND experiment_id IN (${sql.join(experiments)})
      AND ${all(tests)} AND ${afterPosition(columns, search.after)}
    ORDER BY ${orderSql(columns)} LIMIT ${search.limit + 1}`.execute(read);
  const page = rows.slice(0, search.limit);
  const models = await getLoggedModels(read, page.map((row) => row.id));
  const last = page.at(-1);
  return rows.length > search.limit && last !== undefined ? { models, next: positionOf(last, columns) } : { models };
}

function namesMetric(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.parts.some(namesMetric);
  if (filter.kind === 'not') return namesMetric(filter.part);
  return filter.kind === 'compare' && filter.compare.family === 'metric';
}

/** A model has many values of one metric, from runs, steps and datasets: one that fits is enough, and NOT asks for none. */
function conditionSql(leaf: Leaf, outcome: boolean, datasets: readonly DatasetFilter[]): Condition {
  assert(leaf.kind === 'compare');
  const { compare } = leaf;
  if (compare.family === 'attribute') return outcomeSql(attributeSql(compare), outcome);
  const logged =
    compare.family === 'metric'
      ? sql`SELECT model_id FROM logged_model_metric WHERE key = ${compare.key} AND ${onDatasets(datasets)}`
      : sql`SELECT model_id FROM ${sql.table(compare.family === 'param' ? 'logged_model_param' : 'logged_model_tag')} WHERE key = ${compare.key}`;
  if (compare.operator === 'IS NULL' || compare.operator === 'IS NOT NULL') {
    return (compare.operator === 'IS NULL') === outcome ? sql`logged_model.id NOT IN (${logged})` : sql`logged_model.id IN (${logged})`;
  }
  const isNumber = compare.family === 'metric' ? sql`is_nan = 0 AND ` : sql``;
  const fitting = sql`${logged} AND ${isNumber}${comparisonSql(sql.ref('value'), compare)}`;
  return outcome ? sql`logged_model.id IN (${fitting})` : sql`logged_model.id IN (${logged}) AND logged_model.id NOT IN (${fitting})`;
}

function attributeSql(compare: Comparison): Condition {
  if (compare.key !== 'status') {
    return comparisonSql(compare.key === 'experiment_id' ? sql`CAST(experiment_id AS text)` : sql.ref(`logged_model.${compare.key}`), compare);
  }
  const value = Array.isArray(compare.value) ? compare.value.map(statusName) : typeof compare.value === 'string' ? statusName(compare.value) : compare.value;
  return comparisonSql(sql.ref('logged_model.status'), { ...compare, value } as Comparison);
}

/** `READY` stands for `LOGGED_MODEL_READY`. */
const statusName = (value: string): string => (/^(PENDING|READY|UPLOAD_FAILED)$/.test(value) ? `LOGGED_MODEL_${value}` : value);

const onDatasets = (datasets: readonly DatasetFilter[]): RawBuilder<boolean> =>
  datasets.length === 0
    ? sql`1 = 1`
    : sql`(${sql.join(
        datasets.map(({ name, digest }) =>
          digest === undefined ? sql`dataset_name = ${name}` : sql`(dataset_name = ${name} AND dataset_digest = ${digest})`,
        ),
        sql` OR `,
      )})`;

const latestSql = (key: string, dataset: DatasetFilter | undefined): RawBuilder<unknown> =>
  sql`(SELECT value FROM logged_model_metric WHERE model_id = logged_model.id AND key = ${key} AND is_nan = 0
    AND ${onDatasets(dataset === undefined ? [] : [dataset])} ORDER BY step DESC, timestamp DESC LIMIT 1)`;
