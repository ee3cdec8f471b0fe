import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { longRead } from '../../platform/database/long-reads.ts';
import { joinInOrder, orderKept } from '../../platform/database/sql-words.ts';
import { experimentNumbers } from './experiment-store.ts';
import { afterPosition, orderOfSelection, orderSql, positionOf, sortSelection, type Position, type SortColumn } from './keyset.ts';
import { attributeSql, matchingSql, runFilterSql, tableOf, type Asking } from './run-filter.ts';
import { runGrammar } from './run-grammar.ts';
import { getRuns } from './run-store.ts';
import { everything, parseFilter, parseOrder, type Filter, type Order } from './search-filter.ts';
import { all, type Condition } from './search-sql.ts';
import { stagesOf, type Run, type ViewType } from './tracking.ts';

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

type FoundRow = { id: string } & Record<string, unknown>;

/** Runs that are looked at, in their order, before the whole search is asked. */
const windowSize = 4_000;

/** The same, ids only. */
export async function searchRunIds(read: Reader, search: RunSearch): Promise<{ ids: string[]; next?: Position }> {
  const filter = parseFilter(search.filter, runGrammar);
  const orders = ordersOf(search.orderBy);
  const experiments = experimentNumbers(search.experimentIds);
  if (experiments.length === 0) return { ids: [] };
  const columns = columnsOf(orders);
  const rows = await found(read, { search, filter, orders, columns, experiments, wanted: search.limit + 1 });
  const page = rows.slice(0, search.limit);
  const last = page.at(-1);
  const ids = page.map((row) => row.id);
  return rows.length > search.limit && last !== undefined ? { ids, next: positionOf(last, columns) } : { ids };
}

interface Plan {
  readonly search: RunSearch;
  readonly filter: Filter;
  readonly orders: readonly Order[];
  readonly columns: readonly SortColumn[];
  readonly experiments: readonly number[];
  readonly wanted: number;
}

/** Three ways to the same answer: through few candidates, along the order until enough fit, or over all runs. */
async function found(read: Reader, plan: Plan): Promise<FoundRow[]> {
  const few = await fewCandidates(read, plan.filter);
  if (few !== undefined) return inWholeOrder(read, plan, { from: sql`(${few.runs}) AS few ${joinInOrder} run ON run.id = few.run_id`, asking: 'probe' });
  const near = plan.wanted * 2 <= windowSize && isWalkable(plan.orders[0]) ? await firstInOrder(read, plan) : [];
  return near.length === plan.wanted ? near : inWholeOrder(await readOfAll(read, plan.experiments), plan, { from: sql`run`, asking: 'set' });
}

/** For a statement over all runs of some experiments: where these are many, another thread answers it. */
export async function readOfAll(read: Reader, experiments: readonly number[]): Promise<Reader> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM (
      SELECT 1 FROM run WHERE experiment_id IN (${sql.join(experiments)}) LIMIT ${windowSize}) AS counted`.execute(read);
  return (rows[0]?.count ?? 0) < windowSize ? read : longRead(read);
}

/** All runs that match are sorted: the time grows with how many there are. */
async function inWholeOrder(read: Reader, plan: Plan, { from, asking }: { from: RawBuilder<unknown>; asking: Asking }): Promise<FoundRow[]> {
  const { search, filter, orders, columns, experiments, wanted } = plan;
  const { rows } = await sql<FoundRow>`
    SELECT run.id, ${sortSelection(columns)} FROM ${from} ${joinsOf(orders)}
    WHERE ${isInScope(experiments, search.view)} AND ${runFilterSql(filter, asking)} AND ${afterPosition(columns, search.after)}
    ORDER BY ${orderSql(columns)} LIMIT ${wanted}`.execute(read);
  return rows;
}

/** A statement that selects `run_id`, each once, of so many runs. */
interface Candidates {
  readonly runs: RawBuilder<unknown>;
  readonly count: number;
}

/**
 * The smallest set of runs, read off an index, that has all that a filter finds; undefined where no condition is rare.
 *
 * @param below how few they must be
 */
async function fewCandidates(read: Reader, filter: Filter, below = windowSize): Promise<Candidates | undefined> {
  if (filter.kind === 'and') {
    let fewest: Candidates | undefined;
    for (const part of filter.parts) fewest = (await fewCandidates(read, part, fewest?.count ?? below)) ?? fewest;
    return fewest;
  }
  if (filter.kind === 'or') {
    const sets: RawBuilder<unknown>[] = [];
    let count = 0;
    for (const part of filter.parts) {
      const few = await fewCandidates(read, part, below - count);
      if (few === undefined) return undefined;
      sets.push(sql`SELECT run_id FROM (${few.runs}) AS few`);
      count += few.count;
    }
    return { runs: sql.join(sets, sql` UNION `), count };
  }
  const matching = filter.kind === 'compare' ? matchingSql(filter.compare) : undefined;
  if (matching === undefined || below <= 0) return undefined;
  const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM (${matching} LIMIT ${below}) AS few`.execute(read);
  const count = rows[0]?.count ?? 0;
  return count < below ? { runs: matching, count } : undefined;
}

/**
 * The first runs in the order, walked along an index, and those of them that match: a page of a filter that many runs
 * match is found after a few hundred, however many there are. Fewer than wanted say nothing about the rest.
 */
async function firstInOrder(read: Reader, { search, filter, orders, columns, experiments, wanted }: Plan): Promise<FoundRow[]> {
  const [first, ...others] = orders;
  const isLogged = first !== undefined && first.family !== 'attribute';
  if (isLogged && (search.after?.[0] ?? 0) !== 0) return [];
  const order = isLogged ? columns.slice(1) : columns;
  const from = isLogged
    ? // the values in their order first, then the runs that they belong to
      sql`${tableOf(first.family)} AS o0 ${joinInOrder} run ON run.id = o0.run_id ${joinsOf(others, 1)}`
    : sql`run ${joinsOf(orders)}`;
  const isStart = isLogged ? sql`o0.key = ${first.key}${first.family === 'metric' ? sql` AND o0.is_nan = 0` : sql``} AND ${notBefore(first, search.after?.[1])}` : sql`1 = 1`;
  const isAll = filter === everything;
  const { rows } = await sql<FoundRow>`
    SELECT near.* FROM (
      SELECT run.id, ${sortSelection(columns)} FROM ${from}
      WHERE ${isStart} AND ${isInScope(experiments, search.view)} AND ${afterPosition(columns, search.after)}
      ORDER BY ${orderSql(order)} LIMIT ${isAll ? wanted : windowSize}) AS near ${joinInOrder} run ON run.id = near.id
    WHERE ${runFilterSql(filter, 'probe')} ${orderKept(orderOfSelection(columns, 'near'))} LIMIT ${wanted}`.execute(read);
  return rows;
}

/** Is there an index in this order? */
const isWalkable = (first: Order | undefined): boolean => first === undefined || first.family !== 'attribute' || first.key === 'started_at';

/** Lets the walk along the index begin near the position instead of at its start. */
function notBefore({ isAscending }: Order, value: string | number | null | undefined): Condition {
  if (value === undefined || value === null) return sql`1 = 1`;
  return isAscending ? sql`o0.value >= ${value}` : sql`o0.value <= ${value}`;
}

/** Runs of some experiments, kept or deleted. */
export const isInScope = (experiments: readonly number[], view: ViewType): Condition =>
  all([sql`run.experiment_id IN (${sql.join(experiments)})`, sql`run.lifecycle_stage IN (${sql.join(stagesOf(view))})`]);

/** @throws INVALID_PARAMETER_VALUE, BAD_REQUEST for a field named twice, and for datasets */
export function ordersOf(sources: readonly string[]): Order[] {
  const orders = sources.map((source) => parseOrder(source, runGrammar));
  const names = orders.map((order) => `${order.family}.${order.key}`);
  if (new Set(names).size < names.length) throw badRequest(`order_by contains duplicate fields: ${sources.join(', ')}`);
  for (const order of orders) if (order.family === 'dataset') throw badRequest(`Runs can't be ordered by dataset.${order.key}.`);
  return orders;
}

/** Sort columns down to the run's id, for a statement with the tables of `joinsOf`. */
export function columnsOf(orders: readonly Order[]): SortColumn[] {
  const columns = orders.flatMap(sortColumns);
  const isByStart = orders.some((order) => order.family === 'attribute' && order.key === 'started_at');
  if (!isByStart) columns.push({ sql: sql.ref('run.started_at'), isAscending: false });
  columns.push({ sql: sql.ref('run.id'), isAscending: true });
  return columns;
}

/** A metric's value stands after 0, a NaN after 1, a missing one after 2, whatever the direction. */
function sortColumns(order: Order, index: number): SortColumn[] {
  const { isAscending } = order;
  if (order.family === 'attribute') {
    const value = { sql: attributeSql('run', order.key), isAscending };
    return order.key === 'ended_at' ? [{ sql: sql`(run.ended_at IS NULL)`, isAscending: true }, value] : [value];
  }
  const value = sql.ref(`o${index}.value`);
  const rank = order.family === 'metric' ? sql`coalesce(${sql.ref(`o${index}.is_nan`)}, 2)` : sql`(${value} IS NULL)`;
  return [
    { sql: rank, isAscending: true },
    { sql: value, isAscending },
  ];
}

/** The tables o0, o1, … that the orders sort by. @param start of how many orders the tables are there already */
export const joinsOf = (orders: readonly Order[], start = 0): RawBuilder<unknown> => {
  const joins = orders.map((order, index) => {
    if (order.family === 'attribute') return sql``;
    const alias = sql.table(`o${index + start}`);
    return sql`LEFT JOIN ${tableOf(order.family)} AS ${alias} ON ${alias}.run_id = run.id AND ${alias}.key = ${order.key}`;
  });
  return joins.length === 0 ? sql`` : sql.join(joins, sql` `);
};
