import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { experimentNumbers } from './experiment-store.ts';
import { orderSql, type SortColumn } from './keyset.ts';
import { attributeSql, runFilterSql, runTermsSql, tableOf } from './run-filter.ts';
import { runGrammar } from './run-grammar.ts';
import { columnsOf, isInScope, joinsOf, ordersOf, readOfAll } from './run-search.ts';
import { getRuns } from './run-store.ts';
import { Parser, parseFilter, type Field, type Term } from './search-filter.ts';
import { Reader as TextReader } from './search-tokens.ts';
import type { Run, ViewType } from './tracking.ts';

export type AggregateKind = 'count' | 'min' | 'max' | 'sum' | 'mean' | 'median' | 'std';

/** What is told of a group: how many runs it has, or a figure of a term over those that have it. */
export type Aggregate = { readonly kind: 'runs' } | { readonly kind: AggregateKind; readonly of: Term };

const kinds: Readonly<Record<string, AggregateKind>> = {
  COUNT: 'count',
  MIN: 'min',
  MAX: 'max',
  SUM: 'sum',
  MEAN: 'mean',
  AVG: 'mean',
  MEDIAN: 'median',
  STD: 'std',
};
const example = "For example: max(metrics.auc), or: mean(metrics.auc - metrics.auc_train)";

/**
 * Parses `max(metrics.auc)`: count, min, max, sum, mean, median or std of a term; `count` alone counts runs.
 *
 * @throws INVALID_PARAMETER_VALUE
 */
export function parseAggregate(source: string): Aggregate {
  const reader = new TextReader(source);
  const aggregate = readAggregate(reader);
  if (reader.peek() !== undefined) throw reader.fail('This is no aggregate:', example);
  return aggregate;
}

function readAggregate(reader: TextReader): Aggregate {
  const kind = kinds[reader.take(...Object.keys(kinds)) ?? ''];
  if (kind === undefined) throw reader.fail('This is no aggregate:', example);
  if (kind === 'count' && reader.peek()?.text !== '(') return { kind: 'runs' };
  reader.require('(');
  if (kind === 'count' && reader.take('*') !== undefined) {
    reader.require(')');
    return { kind: 'runs' };
  }
  const of = new Parser(reader, runGrammar).readNumberTerm();
  reader.require(')');
  return { kind, of };
}

/** A param, tag or text attribute. @throws INVALID_PARAMETER_VALUE */
export function parseGroupField(source: string): Field {
  const reader = new TextReader(source);
  const start = reader.peek();
  const { family, key, type } = new Parser(reader, runGrammar).readName();
  reader.requireEnd();
  if (type === 'number' || family === 'dataset') {
    throw reader.fail(`Runs are grouped by params, tags and text attributes; ${family} '${key}' is none, and stands`, 'For example: params.candidate', start);
  }
  return { family, key };
}

export interface GroupSearch {
  readonly experimentIds: readonly string[];
  readonly filter?: string | undefined;
  readonly groupBy: readonly string[];
  readonly aggregates: readonly string[];
  readonly orderBy: readonly string[];
  readonly top?: { readonly count: number; readonly orderBy: readonly string[] } | undefined;
  readonly view: ViewType;
  readonly limit: number;
}

export interface Group {
  readonly keys: readonly (string | null)[];
  readonly runCount: number;
  readonly values: readonly (number | null)[];
  /** the first of the group, where they were asked for */
  readonly runs?: readonly Run[];
}

/** Groups of the runs that a filter finds, with figures of each; those with the most runs first unless ordered otherwise. */
export async function groupRuns(read: Reader, search: GroupSearch): Promise<{ groups: Group[]; hasMore: boolean }> {
  const fields = search.groupBy.map(parseGroupField);
  const shown = search.aggregates.map(parseAggregate);
  const orders = search.orderBy.map((source) => parseGroupOrder(source, fields));
  const aggregates = [...shown, ...orders.flatMap((order) => (order.by.kind === 'field' ? [] : [order.by]))];
  const found = foundSql(search, fields, aggregates);
  if (found === undefined) return { groups: [], hasMore: false };

  const keys = fields.map((_, index) => sql.ref(`g${index}`));
  const figures = aggregates.map(figureSql);
  const sorted: SortColumn[] = orders.flatMap(({ by, isAscending }) => {
    const value = by.kind === 'field' ? sql.ref(`g${by.index}`) : sql.ref(`a${aggregates.indexOf(by)}`);
    return [
      { sql: sql`(${value} IS NULL)`, isAscending: true },
      { sql: value, isAscending },
    ];
  });
  sorted.push({ sql: sql.ref('run_count'), isAscending: false }, ...keys.map((key) => ({ sql: key, isAscending: true })));
  const columns = [...keys, sql`count(*) AS run_count`, ...figures.map((figure, index) => sql`${figure} AS ${sql.ref(`a${index}`)}`)];
  const { rows } = await sql<Record<string, string | number | null> & { run_count: number }>`
    WITH found AS (${found}), ranked AS (SELECT found.*${ranksSql(aggregates, keys)} FROM found)
    SELECT * FROM (SELECT ${sql.join(columns)} FROM ranked ${keys.length === 0 ? sql`` : sql`GROUP BY ${sql.join(keys)}`}) AS grouped
    ORDER BY ${orderSql(sorted)} LIMIT ${search.limit + 1}`.execute(await readOfAll(read, experimentNumbers(search.experimentIds)));

  const groups = rows.slice(0, search.limit).map((row): Group => ({
    keys: fields.map((_, index) => row[`g${index}`] as string | null),
    runCount: row.run_count,
    values: shown.map((_, index) => row[`a${index}`] as number | null),
  }));
  const firsts = search.top === undefined ? undefined : await firstsOfGroups(read, search, fields, groups);
  const withRuns = groups.map((group): Group => (firsts === undefined ? group : { ...group, runs: firsts.get(nameOf(group.keys)) ?? [] }));
  return { groups: withRuns, hasMore: rows.length > search.limit };
}

type GroupOrder = { readonly isAscending: boolean; readonly by: { readonly kind: 'field'; readonly index: number } | Aggregate };

/** `max(metrics.auc) DESC`, or a field that is grouped by. */
function parseGroupOrder(source: string, fields: readonly Field[]): GroupOrder {
  const reader = new TextReader(source);
  const isAggregate = kinds[reader.peek()?.text.toUpperCase() ?? ''] !== undefined;
  const start = reader.peek();
  let by: GroupOrder['by'];
  if (isAggregate) {
    by = readAggregate(reader);
  } else {
    const { family, key } = new Parser(reader, runGrammar).readName();
    const index = fields.findIndex((field) => field.family === family && field.key === key);
    if (index < 0) throw reader.fail('Groups are ordered by an aggregate or a field that they are grouped by; another stands', example, start);
    by = { kind: 'field', index };
  }
  const isDescending = reader.take('ASC', 'DESC') === 'DESC';
  reader.requireEnd();
  return { by, isAscending: !isDescending };
}

/** One row per run: its id, the keys of its group as g0, g1, …, and the terms of the aggregates as v0, v1, …. */
function foundSql(search: GroupSearch, fields: readonly Field[], aggregates: readonly Aggregate[]): RawBuilder<unknown> | undefined {
  const experiments = experimentNumbers(search.experimentIds);
  if (experiments.length === 0) return undefined;
  const filter = parseFilter(search.filter, runGrammar);
  const joins = fields.map((field, index) => {
    const alias = sql.table(`k${index}`);
    return field.family === 'attribute' ? sql`` : sql`LEFT JOIN ${tableOf(field.family)} AS ${alias} ON ${alias}.run_id = run.id AND ${alias}.key = ${field.key}`;
  });
  const keys = fields.map((field, index) => sql`${field.family === 'attribute' ? attributeSql('run', field.key) : sql.ref(`k${index}.value`)} AS ${sql.ref(`g${index}`)}`);
  const terms = runTermsSql(aggregates.map((aggregate) => (aggregate.kind === 'runs' ? { kind: 'number', value: 0 } : aggregate.of)));
  const values = terms.values.map((value, index) => sql`${value} AS ${sql.ref(`v${index}`)}`);
  return sql`SELECT ${sql.join([sql`run.id`, ...keys, ...values])} FROM run ${sql.join([...joins, terms.joins], sql` `)}
    WHERE ${isInScope(experiments, search.view)} AND ${runFilterSql(filter, 'set')}`;
}

/** What a median and a standard deviation need of the other rows of their group. */
function ranksSql(aggregates: readonly Aggregate[], keys: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const group = keys.length === 0 ? sql`` : sql`PARTITION BY ${sql.join(keys)}`;
  const columns = aggregates.flatMap(({ kind }, index) => {
    const value = sql.ref(`v${index}`);
    if (kind === 'std') return [sql`, avg(${value}) OVER (${group}) AS ${sql.ref(`m${index}`)}`];
    if (kind !== 'median') return [];
    return [
      sql`, row_number() OVER (${group} ORDER BY ${value} IS NULL, ${value}) AS ${sql.ref(`r${index}`)}`,
      sql`, count(${value}) OVER (${group}) AS ${sql.ref(`c${index}`)}`,
    ];
  });
  return columns.length === 0 ? sql`` : sql.join(columns, sql``);
}

/** The standard deviation is the one of a sample, as pandas has it; the median of an even count is the mean of the middle two. */
function figureSql({ kind }: Aggregate, index: number): RawBuilder<unknown> {
  const value = sql.ref(`v${index}`);
  switch (kind) {
    case 'runs':
      return sql`count(*)`;
    case 'mean':
      return sql`avg(${value})`;
    case 'std': {
      const mean = sql.ref(`m${index}`);
      return sql`CASE WHEN count(${value}) > 1 THEN sqrt(sum((${value} - ${mean}) * (${value} - ${mean})) / (count(${value}) - 1)) END`;
    }
    case 'median': {
      const [rank, count] = [sql.ref(`r${index}`), sql.ref(`c${index}`)];
      return sql`avg(CASE WHEN ${rank} IN ((${count} + 1) / 2, (${count} + 2) / 2) THEN ${value} END)`;
    }
    default:
      return sql`${sql.raw(kind)}(${value})`;
  }
}

async function firstsOfGroups(read: Reader, search: GroupSearch, fields: readonly Field[], groups: readonly Group[]): Promise<Map<string, Run[]>> {
  const firsts = new Map<string, Run[]>();
  const found = foundSql(search, fields, []);
  if (found === undefined || search.top === undefined) return firsts;
  const orders = ordersOf(search.top.orderBy);
  const keys = fields.map((_, index) => sql.ref(`g${index}`));
  const group = keys.length === 0 ? sql`` : sql`PARTITION BY ${sql.join(keys)}`;
  const { rows } = await sql<Record<string, string | null> & { id: string }>`
    WITH found AS (${found}), placed AS (
      SELECT found.*, row_number() OVER (${group} ORDER BY ${orderSql(columnsOf(orders))}) AS place
      FROM found JOIN run ON run.id = found.id ${joinsOf(orders)})
    SELECT * FROM placed WHERE place <= ${search.top.count} ORDER BY place`.execute(await readOfAll(read, experimentNumbers(search.experimentIds)));
  const isShown = new Set(groups.map(({ keys: names }) => nameOf(names)));
  const placed = rows.map((row) => ({ id: row.id, name: nameOf(fields.map((_, index) => row[`g${index}`] ?? null)) })).filter(({ name }) => isShown.has(name));
  const runs = new Map((await getRuns(read, placed.map(({ id }) => id))).map((run) => [run.id, run]));
  for (const { id, name } of placed) firsts.set(name, [...(firsts.get(name) ?? []), runs.get(id) ?? []].flat());
  return firsts;
}

const nameOf = (keys: readonly (string | null)[]): string => JSON.stringify(keys);
