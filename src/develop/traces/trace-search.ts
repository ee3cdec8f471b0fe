import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { hasKeySql, itemsSql, jsonTextSql, listSql } from '../../platform/database/sql-words.ts';
import { experimentNumbers } from '../tracking/experiment-store.ts';
import { afterPosition, orderSql, positionOf, sortSelection, type Position, type SortColumn } from '../tracking/keyset.ts';
import type { Comparison } from '../tracking/search-filter.ts';
import { comparisonSql } from '../tracking/search-sql.ts';
import { matching } from './pattern.ts';
import { parseTraceFilter, parseTraceOrder, type Condition, type TraceField, type TraceFilter } from './trace-filter.ts';
import { getTraceInfos } from './traces-store.ts';
import { metadataKeys, type TraceInfo } from './traces.ts';

export interface TraceSearch {
  readonly experimentIds: readonly string[];
  readonly filter?: string | undefined;
  readonly orderBy: readonly string[];
  readonly limit: number;
  readonly after?: Position | undefined;
}

/** Traces that match, newest first unless ordered otherwise, and where the next page starts. */
export async function searchTraces(read: Reader, search: TraceSearch): Promise<{ traces: TraceInfo[]; next?: Position }> {
  const scope = experimentNumbers(search.experimentIds);
  if (scope.length === 0) return { traces: [] };
  const inScope = scope.length === 1 ? sql`t.experiment_id = ${scope[0]}` : sql`t.experiment_id IN (${sql.join(scope)})`;
  const isWanted = await filterSql(read, parseTraceFilter(search.filter), scope);
  const columns = sortColumns(search.orderBy);
  const first = search.orderBy.length === 0 ? search.after?.[0] : undefined;
  // lets the index of the usual order start at the page
  const fromPage = typeof first === 'number' ? sql`t.requested_at <= ${first}` : sql`1 = 1`;
  const { rows } = await sql<{ id: string } & Record<string, unknown>>`
    SELECT t.id, ${sortSelection(columns)} FROM trace t
    WHERE ${inScope} AND ${fromPage} AND ${afterPosition(columns, search.after)} AND ${isWanted}
    ORDER BY ${orderSql(columns)} LIMIT ${search.limit + 1}`.execute(read);
  const page = rows.slice(0, search.limit);
  const traces = await getTraceInfos(read, page.map((row) => row.id));
  const last = page.at(-1);
  return rows.length > search.limit && last !== undefined ? { traces, next: positionOf(last, columns) } : { traces };
}

function sortColumns(orderBy: readonly string[]): SortColumn[] {
  const columns: SortColumn[] = [];
  const seen = new Set<string>();
  for (const source of orderBy) {
    const { field, isAscending } = parseTraceOrder(source);
    const name = JSON.stringify(field);
    if (seen.has(name)) throw badRequest(`\`order_by\` contains duplicate fields: ${orderBy.join(', ')}`);
    seen.add(name);
    const value = fieldSql(field);
    // what a trace does not have comes last, in both directions
    columns.push({ sql: sql`(${value} IS NULL)`, isAscending: true }, { sql: value, isAscending });
  }
  return [...columns, { sql: sql`t.requested_at`, isAscending: false }, { sql: sql`t.id`, isAscending: true }];
}

/** The one value that a trace has of a field, or NULL. */
function fieldSql(field: TraceField): RawBuilder<unknown> {
  switch (field.kind) {
    case 'number':
      if (field.name === 'timestamp') return sql`t.requested_at`;
      return field.name === 'execution_time' ? sql`t.duration_ms` : sql`(t.requested_at + coalesce(t.duration_ms, 0))`;
    case 'text':
      if (field.name === 'experiment_id') return sql`CAST(t.experiment_id AS text)`;
      return field.name === 'request_id' ? sql`t.id` : field.name === 'status' ? sql`t.state` : sql`t.client_request_id`;
    case 'tag':
      return sql`(SELECT value FROM trace_tag WHERE trace_id = t.id AND key = ${field.key})`;
    case 'metadata':
      return sql`(SELECT value FROM trace_metadata WHERE trace_id = t.id AND key = ${field.key})`;
    case 'run':
      return sql`(SELECT value FROM trace_metadata WHERE trace_id = t.id AND key = ${metadataKeys.run})`;
    default:
      throw new Error(`a trace has many values of ${field.kind}`);
  }
}

/** SQL that is true, false or NULL as the filter is true, false or unknown. */
async function filterSql(read: Reader, filter: TraceFilter, scope: readonly number[]): Promise<RawBuilder<unknown>> {
  if (filter.kind === 'not') return sql`NOT (${await filterSql(read, filter.part, scope)})`;
  if (filter.kind === 'condition') return conditionSql(read, filter, scope);
  const isAnd = filter.kind === 'and';
  // conditions on spans that are joined by AND are about the same span
  const ofSpans = isAnd ? filter.parts.filter(isOfSpan) : [];
  const parts: RawBuilder<unknown>[] = ofSpans.length === 0 ? [] : [await spanSql(read, ofSpans)];
  for (const part of filter.parts) if (!isAnd || !isOfSpan(part)) parts.push(await filterSql(read, part, scope));
  if (parts.length === 0) return sql`1 = 1`;
  return sql`(${sql.join(parts.map((part) => sql`(${part})`), isAnd ? sql` AND ` : sql` OR `)})`;
}

const isOfSpan = (filter: TraceFilter): filter is Condition =>
  filter.kind === 'condition' && (filter.field.kind === 'span' || filter.field.kind === 'span-attribute');

async function conditionSql(read: Reader, condition: Condition, scope: readonly number[]): Promise<RawBuilder<unknown>> {
  const { field, operator, value } = condition;
  switch (field.kind) {
    case 'span':
    case 'span-attribute':
      return spanSql(read, [condition]);
    case 'feedback':
    case 'expectation':
      return assessmentSql(read, field, condition, scope);
    case 'issue':
      return sql`EXISTS (SELECT 1 FROM trace_assessment a WHERE a.trace_id = t.id AND a.kind = 'issue' AND a.name = ${value})`;
    case 'prompt':
      return sql`EXISTS (SELECT 1 FROM trace_prompt p WHERE p.trace_id = t.id AND p.prompt = ${value})`;
    case 'run': {
      const isList = operator === 'IN';
      if (operator !== '=' && !isList) break;
      // the run that made the trace, and those it was linked to
      const runs = sql.join(isList ? (value as readonly string[]) : [value]);
      return sql`(EXISTS (SELECT 1 FROM trace_run r WHERE r.trace_id = t.id AND r.run_id IN (${runs})) OR coalesce(${fieldSql(field)} IN (${runs}), 1 = 0))`;
    }
    default:
  }
  return comparedSql(read, fieldSql(field), sql`trace t`, condition);
}

async function spanSql(read: Reader, conditions: readonly Condition[]): Promise<RawBuilder<unknown>> {
  const parts = await Promise.all(
    conditions.map((condition) => comparedSql(read, spanColumn(condition.field), sql`trace_span s`, condition)),
  );
  return sql`EXISTS (SELECT 1 FROM trace_span s WHERE s.trace_id = t.id AND ${sql.join(parts.map((part) => sql`(${part})`), sql` AND `)})`;
}

function spanColumn(field: TraceField): RawBuilder<unknown> {
  if (field.kind === 'span') return field.name === 'content' ? sql`(s.name || ' ' || s.content)` : sql.ref(`s.${field.name}`);
  const key = field.kind === 'span-attribute' ? field.key : '';
  const value = sql`attribute.value`;
  const texts = ['string_value', 'int_value', 'bool_value', 'double_value'].map((type) => jsonTextSql(value, 'value', type));
  return sql`(SELECT coalesce(${sql.join([...texts, jsonTextSql(value, 'value')])})
    FROM ${itemsSql(sql`s.content`, 'attribute', 'attributes')} WHERE ${jsonTextSql(value, 'key')} = ${key} LIMIT 1)`;
}

/** Of the trace itself, or of its session: what was said of a session holds for all traces in it. */
async function assessmentSql(
  read: Reader,
  field: { readonly kind: 'feedback' | 'expectation'; readonly name: string },
  condition: Condition,
  scope: readonly number[],
): Promise<RawBuilder<unknown>> {
  const { operator, value } = condition;
  const there = sql`a.kind = ${field.kind} AND a.name = ${field.name} AND a.is_valid = 1`;
  const isTest = operator === 'IS NULL' || operator === 'IS NOT NULL';
  const fits = isTest
    ? sql`1 = 1`
    : /[<>]/.test(operator)
      ? sql`a.value_number ${sql.raw(operator)} ${value}`
      : await comparedSql(read, sql`a.value_text`, sql`trace_assessment a`, condition);
  const sessionOf = sql`SELECT value FROM trace_metadata WHERE key = ${metadataKeys.session} AND trace_id =`;
  const found = (wanted: RawBuilder<unknown>): RawBuilder<unknown> => sql`(
    EXISTS (SELECT 1 FROM trace_assessment a WHERE a.trace_id = t.id AND ${there} AND ${wanted})
    OR coalesce((${sessionOf} t.id) IN (
      SELECT (${sessionOf} a.trace_id) FROM trace_assessment a JOIN trace o ON o.id = a.trace_id
      WHERE ${there} AND ${wanted} AND o.experiment_id IN (${sql.join(scope)})
      AND ${hasKeySql(sql`a.metadata`, metadataKeys.session)}), 1 = 0))`;
  if (operator === 'IS NULL') return sql`NOT ${found(fits)}`;
  if (operator === 'IS NOT NULL') return found(fits);
  return sql`CASE WHEN ${found(fits)} THEN 1 = 1 WHEN ${found(sql`1 = 1`)} THEN 1 = 0 END`;
}

/** @param from where all values of the column are, for what SQLite can't compare itself */
async function comparedSql(
  read: Reader,
  column: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
  { operator, value }: Condition,
): Promise<RawBuilder<unknown>> {
  if (operator !== 'RLIKE') return comparisonSql(column, { family: 'attribute', key: '', operator, value } as Comparison);
  // SQLite has no regular expressions: the values that there are are tried here, and those that fit are looked for
  const { rows } = await sql<{ value: string | null }>`SELECT DISTINCT ${column} AS value FROM ${from}`.execute(read);
  const fitting = matching(rows.flatMap(({ value: text }) => text ?? []), String(value));
  return sql`${column} IN ${listSql(fitting)}`;
}
