import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Actor } from '../../platform/actor.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { listSql } from '../../platform/database/sql-words.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { checkArtifactLocation } from './artifact-keys.ts';
import { afterPosition, orderSql, positionOf, sortSelection, type Position, type SortColumn } from './keyset.ts';
import { parseFilter, parseOrder, type SearchGrammar } from './search-filter.ts';
import { comparisonSql, filterSql, outcomeSql, type Condition, type Leaf } from './search-sql.ts';
import { experimentExists, experimentNotFound, notActive, tagNotFound } from './tracking-errors.ts';
import { groupedByIds } from './tracking-store.ts';
import { stagesOf, type Experiment, type KeyValue, type ViewType } from './tracking.ts';

/** The experiment with an id, deleted or not. @throws EXPERIMENT_NOT_FOUND */
export async function getExperiment(read: Reader, id: string): Promise<Experiment> {
  const row = await read.selectFrom('experiment').selectAll().where('id', '=', experimentNumber(id)).executeTakeFirst();
  if (row === undefined) throw experimentNotFound(id);
  const [experiment] = await withTags(read, [row]);
  return experiment as Experiment;
}

/** @throws EXPERIMENT_NOT_FOUND */
export async function getExperimentByName(read: Reader, name: string): Promise<Experiment> {
  const row = await read.selectFrom('experiment').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw experimentNotFound(`named '${name}'`);
  const [experiment] = await withTags(read, [row]);
  return experiment as Experiment;
}

export interface NewExperiment {
  readonly name: string;
  readonly artifactLocation?: string | undefined;
  readonly tags: readonly KeyValue[];
}

/** @returns its id. @throws EXPERIMENT_ALREADY_EXISTS, also for the name of a deleted one */
export async function createExperiment(world: World, actor: Actor, wanted: NewExperiment): Promise<string> {
  if (wanted.artifactLocation !== undefined) checkArtifactLocation(wanted.artifactLocation);
  const now = world.clock.now();
  requireRight(actor, 'experiment.create');
  // not `perform`: the event names the id, which is only known inside
  return world.database.write(async (tx) => {
    const taken = await tx.selectFrom('experiment').select('lifecycle_stage').where('name', '=', wanted.name).executeTakeFirst();
    if (taken !== undefined) throw experimentExists(wanted.name, taken.lifecycle_stage);
    const { id } = await tx
      .updateTable('experiment_number')
      .set((number) => ({ last: number('last', '+', 1) }))
      .returning('last as id')
      .executeTakeFirstOrThrow();
    await tx
      .insertInto('experiment')
      .values({
        id,
        name: wanted.name,
        artifact_location: wanted.artifactLocation ?? `mlflow-artifacts:/${id}`,
        lifecycle_stage: 'active',
        created_at: now,
        updated_at: now,
      })
      .execute();
    for (const tag of wanted.tags) await putTag(tx, id, tag);
    await recordEvent(world, tx, { actor, verb: 'experiment.create', kind: 'experiment', thing: String(id), data: { name: wanted.name } });
    return String(id);
  });
}

/** @throws EXPERIMENT_NOT_FOUND, EXPERIMENT_DELETED, EXPERIMENT_ALREADY_EXISTS */
export async function renameExperiment(world: World, actor: Actor, id: string, name: string): Promise<void> {
  await perform(world, { actor, verb: 'experiment.change', kind: 'experiment', thing: id, data: { name } }, async (tx) => {
    await requireActiveExperiment(tx, id);
    const taken = await tx.selectFrom('experiment').select(['id', 'lifecycle_stage']).where('name', '=', name).executeTakeFirst();
    if (taken !== undefined && String(taken.id) !== id) throw experimentExists(name, taken.lifecycle_stage);
    await tx.updateTable('experiment').set({ name, updated_at: world.clock.now() }).where('id', '=', experimentNumber(id)).execute();
  });
}

/** Marks the experiment and its runs. @throws EXPERIMENT_NOT_FOUND */
export async function deleteExperiment(world: World, actor: Actor, id: string): Promise<void> {
  const now = world.clock.now();
  await perform(world, { actor, verb: 'experiment.delete', kind: 'experiment', thing: id }, async (tx) => {
    await changeStage(tx, id, 'active', 'deleted', now);
    await tx.updateTable('run').set({ lifecycle_stage: 'deleted', deleted_at: now }).where('experiment_id', '=', experimentNumber(id)).execute();
  });
}

/** Undoes a deletion, also of all its runs. @throws EXPERIMENT_NOT_FOUND */
export async function restoreExperiment(world: World, actor: Actor, id: string): Promise<void> {
  await perform(world, { actor, verb: 'experiment.change', kind: 'experiment', thing: id, data: { restored: true } }, async (tx) => {
    await changeStage(tx, id, 'deleted', 'active', world.clock.now());
    await tx.updateTable('run').set({ lifecycle_stage: 'active', deleted_at: null }).where('experiment_id', '=', experimentNumber(id)).execute();
  });
}

async function changeStage(tx: Transaction, id: string, from: 'active' | 'deleted', to: 'active' | 'deleted', now: number): Promise<void> {
  const changed = await tx
    .updateTable('experiment')
    .set({ lifecycle_stage: to, updated_at: now })
    .where('id', '=', experimentNumber(id))
    .where('lifecycle_stage', '=', from)
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) throw experimentNotFound(`${id} (${from})`);
}

export async function setExperimentTag(world: World, id: string, tag: KeyValue): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveExperiment(tx, id);
    await putTag(tx, experimentNumber(id), tag);
  });
}

/** @throws TAG_NOT_FOUND */
export async function deleteExperimentTag(world: World, id: string, key: string): Promise<void> {
  await world.database.write(async (tx) => {
    await requireActiveExperiment(tx, id);
    const gone = await tx
      .deleteFrom('experiment_tag')
      .where('experiment_id', '=', experimentNumber(id))
      .where('key', '=', key)
      .executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw tagNotFound(key, `experiment ${id}`);
  });
}

async function putTag(tx: Transaction, experimentId: number, { key, value }: KeyValue): Promise<void> {
  await tx
    .insertInto('experiment_tag')
    .values({ experiment_id: experimentId, key, value })
    .onConflict((conflict) => conflict.columns(['experiment_id', 'key']).doUpdateSet({ value }))
    .execute();
}

/** @throws EXPERIMENT_NOT_FOUND, EXPERIMENT_DELETED */
export async function requireActiveExperiment(tx: Reader, id: string): Promise<{ id: number; artifactLocation: string }> {
  const row = await tx
    .selectFrom('experiment')
    .select(['id', 'artifact_location', 'lifecycle_stage'])
    .where('id', '=', experimentNumber(id))
    .executeTakeFirst();
  if (row === undefined) throw experimentNotFound(id);
  if (row.lifecycle_stage !== 'active') throw notActive('experiment', id);
  return { id: row.id, artifactLocation: row.artifact_location };
}

/** The number behind an experiment id; an id that is none belongs to no experiment. */
export function experimentNumber(id: string): number {
  const number = Number(id);
  if (!/^\d+$/.test(id) || !Number.isSafeInteger(number)) throw experimentNotFound(id);
  return number;
}

/** The numbers of a list that a client searches in. @throws BAD_REQUEST for what can't be an id */
export const experimentNumbers = (ids: readonly string[]): number[] =>
  ids.map((id) => {
    if (!/^[-+]?\d+$/.test(id)) throw badRequest(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
    return Number(id);
  });

// ---------------------------------------------------------------------------------------------------------------------

export const experimentGrammar: SearchGrammar = {
  families: { attribute: 'attribute', attributes: 'attribute', attr: 'attribute', tag: 'tag', tags: 'tag' },
  attributes: {
    name: { name: 'name', type: 'text' },
    experiment_id: { name: 'id', type: 'text', takesList: true },
    creation_time: { name: 'created_at', type: 'number' },
    last_update_time: { name: 'updated_at', type: 'number' },
  },
  hasLogic: true,
};

export interface ExperimentSearch {
  readonly filter?: string | undefined;
  readonly orderBy: readonly string[];
  readonly view: ViewType;
  readonly limit: number;
  readonly after?: Position | undefined;
}

/** Experiments that match, newest first unless ordered otherwise, and where the next page starts. */
export async function searchExperiments(read: Reader, search: ExperimentSearch): Promise<{ experiments: Experiment[]; next?: Position }> {
  const isWanted = filterSql(parseFilter(search.filter, experimentGrammar), conditionSql);
  const columns: SortColumn[] = search.orderBy.map((source) => {
    const order = parseOrder(source, experimentGrammar);
    if (order.family !== 'attribute') throw badRequest(`Experiments can't be ordered by ${source}.`);
    return { sql: sql.ref(`experiment.${order.key}`), isAscending: order.isAscending };
  });
  if (columns.length === 0) columns.push({ sql: sql.ref('experiment.created_at'), isAscending: false });
  columns.push({ sql: sql.ref('experiment.id'), isAscending: false });
  const stages = sql`lifecycle_stage IN (${sql.join(stagesOf(search.view))})`;
  const { rows } = await sql<{ id: number } & Record<string, unknown>>`
    SELECT id, ${sortSelection(columns)} FROM experiment
    WHERE ${stages} AND ${isWanted} AND ${afterPosition(columns, search.after)}
    ORDER BY ${orderSql(columns)} LIMIT ${search.limit + 1}`.execute(read);
  const page = rows.slice(0, search.limit);
  const ids = page.map((row) => row.id);
  const found = ids.length === 0 ? [] : await read.selectFrom('experiment').selectAll().where(sql<boolean>`id IN ${listSql(ids)}`).execute();
  const byId = new Map((await withTags(read, found)).map((experiment) => [experiment.id, experiment]));
  const experiments = ids.flatMap((id) => byId.get(String(id)) ?? []);
  const last = page.at(-1);
  return rows.length > search.limit && last !== undefined ? { experiments, next: positionOf(last, columns) } : { experiments };
}

/** The ids that a user means by an id, a name, or nothing: all that are active. @throws EXPERIMENT_NOT_FOUND */
export async function experimentsMeant(read: Reader, experiment: string | undefined): Promise<string[]> {
  if (experiment === undefined) {
    const { experiments } = await searchExperiments(read, { orderBy: [], view: 'ACTIVE_ONLY', limit: 50_000 });
    return experiments.map(({ id }) => id);
  }
  const found = /^\d+$/.test(experiment) ? await getExperiment(read, experiment) : await getExperimentByName(read, experiment);
  return [found.id];
}

function conditionSql(leaf: Leaf, outcome: boolean): Condition {
  assert(leaf.kind === 'compare');
  const { compare } = leaf;
  if (compare.family === 'attribute') {
    const column = compare.key === 'id' ? sql`CAST(experiment.id AS text)` : sql.ref(`experiment.${compare.key}`);
    return outcomeSql(comparisonSql(column, compare), outcome);
  }
  const tagged = sql`SELECT experiment_id FROM experiment_tag WHERE key = ${compare.key}`;
  if (compare.operator === 'IS NULL') return outcome ? sql`id NOT IN (${tagged})` : sql`id IN (${tagged})`;
  if (compare.operator === 'IS NOT NULL') return outcome ? sql`id IN (${tagged})` : sql`id NOT IN (${tagged})`;
  return sql`id IN (${tagged} AND ${outcomeSql(comparisonSql(sql.ref('value'), compare), outcome)})`;
}

interface ExperimentRow {
  readonly id: number;
  readonly name: string;
  readonly artifact_location: string;
  readonly lifecycle_stage: 'active' | 'deleted';
  readonly created_at: number;
  readonly updated_at: number;
}

async function withTags(read: Reader, rows: readonly ExperimentRow[]): Promise<Experiment[]> {
  const tags = await groupedByIds(
    rows.map((row) => String(row.id)),
    (ids) => read.selectFrom('experiment_tag').selectAll().where('experiment_id', 'in', ids.map(Number)).orderBy('key').execute(),
    (tag) => String(tag.experiment_id),
  );
  return rows.map((row) => ({
    id: String(row.id),
    name: row.name,
    artifactLocation: row.artifact_location,
    lifecycleStage: row.lifecycle_stage,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: (tags.get(String(row.id)) ?? []).map(({ key, value }) => ({ key, value })),
  }));
}

