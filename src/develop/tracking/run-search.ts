import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { experimentNumbers } from './experiment-store.ts';
import { afterPosition, orderSql, positionOf, sortSelection, type Position, type SortColumn } from './keyset.ts';
import { getRuns } from './run-store.ts';
import { conditionsOf, parseFilter, parseOrder, type Comparison, type Order, type SearchGrammar } from './search-filter.ts';
import { all, comparisonSql } from './search-sql.ts';
import { stagesOf, type Run, type ViewType } from './tracking.ts';

const startTime = { name: 'started_at', type: 'number' } as const;
const runName = { name: 'name', type: 'text', takesList: true } as const;

export const runGrammar: SearchGrammar = {
  families: {
    metric: 'metric',
    metrics: 'metric',
    parameter: 'param',
    parameters: 'param',
    param: 'param',
    params: 'param',
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  attributes: {
    run_id: { name: 'id', type: 'text', takesList: true },
    run_name: runName,
    'run name': runName,
    'Run name': runName,
    'Run Name': runName,
    status: { name: 'status', type: 'text', takesList: true },
    user_id: { name: 'user_id', type: 'text', takesList: true },
    artifact_uri: { name: 'artifact_uri', type: 'text', takesList: true },
    experiment_id: { name: 'experiment_id', type: 'text', takesList: true },
    start_time: startTime,
    created: startTime,
    Created: startTime,
    end_time: { name: 'ended_at', type: 'number' },
  },
  datasetKeys: ['name', 'digest', 'context'],
  allowsNull: true,
};

export interface RunSearch {
  readonly experimentIds: readonly string[];
  readonly filter?: string | undefined;
  readonly orderBy: readonly string[];
  readonly view: ViewType;
  readonly limit: number;
  readonly after?: Position | undefined;
}

/**
 * Runs that match a filter, ordered, and where the next page starts: `params.depth = '3' and metrics.auc > 0.7`.
 * Newest first unless ordered otherwise; in an order by metric, NaN and then missing values come last.
 */
export async function searchRuns(read: Reader, search: RunSearch): Promise<{ runs: Run[]; next?: Position }> {
  const { ids, next } = await searchRunIds(read, search);
  const runs = await getRuns(read, ids);
  return next === undefined ? { runs } : { runs, next };
}

async function searchRunIds(read: Reader, search: RunSearch): Promise<{ ids: string[]; next?: Position }> {
  const conditions = conditionsOf(parseFilter(search.filter, runGrammar)).map(conditionSql);
  const order = orderOf(search.orderBy);
  const experiments = experimentNumbers(search.experimentIds);
  if (experiments.length === 0) return { ids: [] };
  const { rows } = await sql<{ id: string } & Record<string, unknown>>`
    SELECT run.id, ${sortSelection(order.columns)} FROM run ${order.joins}
    WHERE run.experiment_id IN (${sql.join(experiments)}) AND run.lifecycle_stage IN (${sql.join(stagesOf(search.view))})
      AND ${all(conditions)} AND ${afterPosition(order.columns, search.after)}
    ORDER BY ${orderSql(order.columns)} LIMIT ${search.limit + 1}`.execute(read);
  const page = rows.slice(0, search.limit);
  const last = page.at(-1);
  const ids = page.map((row) => row.id);
  return rows.length > search.limit && last !== undefined ? { ids, next: positionOf(last, order.columns) } : { ids };
}

function conditionSql(comparison: Comparison): RawBuilder<boolean> {
  const value = sql.ref('value');
  switch (comparison.family) {
    case 'attribute':
      return comparisonSql(
        comparison.key === 'experiment_id' ? sql`CAST(run.experiment_id AS text)` : sql.ref(`run.${comparison.key}`),
        comparison,
      );
    case 'metric': {
      // a NaN is unequal to every number, and neither above nor below one
      const nan = comparison.operator === '!=' ? sql`(is_nan = 1 OR ${comparisonSql(value, comparison)})` : sql`is_nan = 0 AND ${comparisonSql(value, comparison)}`;
      return sql`run.id IN (SELECT run_id FROM latest_metric WHERE key = ${comparison.key} AND ${nan})`;
    }
    case 'dataset':
      return sql`run.id IN (SELECT run_id FROM run_dataset JOIN logged_dataset ON logged_dataset.id = run_dataset.dataset_id
        WHERE ${comparisonSql(sql.ref(comparison.key), comparison)})`;
    default: {
      const table = sql.table(comparison.family === 'param' ? 'run_param' : 'run_tag');
      if (comparison.operator === 'IS NULL') return sql`run.id NOT IN (SELECT run_id FROM ${table} WHERE key = ${comparison.key})`;
      if (comparison.operator === 'IS NOT NULL') return sql`run.id IN (SELECT run_id FROM ${table} WHERE key = ${comparison.key})`;
      return sql`run.id IN (SELECT run_id FROM ${table} WHERE key = ${comparison.key} AND ${comparisonSql(value, comparison)})`;
    }
  }
}

function orderOf(sources: readonly string[]): { columns: SortColumn[]; joins: RawBuilder<unknown> } {
  const orders = sources.map((source) => parseOrder(source, runGrammar));
  const names = orders.map((order) => `${order.family}.${order.key}`);
  if (new Set(names).size < names.length) throw badRequest(`order_by contains duplicate fields: ${sources.join(', ')}`);
  const columns = orders.flatMap(sortColumns);
  if (!names.includes('attribute.started_at')) columns.push({ sql: sql.ref('run.started_at'), isAscending: false });
  columns.push({ sql: sql.ref('run.id'), isAscending: true });
  const joins = orders.map(joinSql);
  return { columns, joins: joins.length === 0 ? sql`` : sql.join(joins, sql` `) };
}

/** A metric's value stands after 0, a NaN after 1, a missing one after 2, whatever the direction. */
function sortColumns(order: Order, index: number): SortColumn[] {
  const { isAscending } = order;
  if (order.family === 'attribute') {
    const column = sql.ref(`run.${order.key}`);
    return [
      { sql: sql`(${column} IS NULL)`, isAscending: true },
      { sql: column, isAscending },
    ];
  }
  const value = sql.ref(`o${index}.value`);
  const rank = order.family === 'metric' ? sql`coalesce(${sql.ref(`o${index}.is_nan`)}, 2)` : sql`(${value} IS NULL)`;
  return [
    { sql: rank, isAscending: true },
    { sql: value, isAscending },
  ];
}

function joinSql(order: Order, index: number): RawBuilder<unknown> {
  if (order.family === 'attribute') return sql``;
  if (order.family === 'dataset') throw badRequest(`Runs can't be ordered by dataset.${order.key}.`);
  const table = sql.table({ metric: 'latest_metric', param: 'run_param', tag: 'run_tag' }[order.family]);
  const alias = sql.table(`o${index}`);
  return sql`LEFT JOIN ${table} AS ${alias} ON ${alias}.run_id = run.id AND ${alias}.key = ${order.key}`;
}
