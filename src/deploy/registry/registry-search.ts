import assert from 'node:assert/strict';
import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import {
  afterPosition,
  orderSql,
  positionOf,
  sortSelection,
  type Position,
  type SortColumn,
} from '../../develop/tracking/keyset.ts';
import { invalidParameter } from '../../develop/tracking/mlflow-wire.ts';
import {
  parseFilter,
  parseOrder,
  type Comparison,
  type Filter,
  type SearchGrammar,
} from '../../develop/tracking/search-filter.ts';
import {
  all,
  comparisonSql,
  filterSql,
  outcomeSql,
  type Condition,
  type Leaf,
} from '../../develop/tracking/search-sql.ts';
import { promptTag } from './registry-store.ts';

const families = {
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  tag: 'tag',
  tags: 'tag',
} as const;

const times = {
  creation_timestamp: { name: 'created_at', type: 'number' },
  last_updated_timestamp: { name: 'updated_at', type: 'number' },
} as const;

/** Times and descriptions, and the logic, are ours; MLflow takes the other attributes joined by AND. */
export const modelGrammar: SearchGrammar = {
  families,
  attributes: {
    name: { name: 'name', type: 'text' },
    description: { name: 'description', type: 'text' },
    ...times,
  },
  hasLogic: true,
};

/** The same of versions, whose stage and status are ours too. */
export const versionGrammar: SearchGrammar = {
  families,
  attributes: {
    name: { name: 'model', type: 'text', takesList: true },
    run_id: { name: 'run_id', type: 'text', takesList: true },
    source_path: { name: 'source', type: 'text', takesList: true },
    version_number: { name: 'version', type: 'number' },
    current_stage: { name: 'stage', type: 'text' },
    status: { name: 'status', type: 'text' },
    description: { name: 'description', type: 'text' },
    ...times,
  },
  hasLogic: true,
};

const modelOrderGrammar: SearchGrammar = {
  families,
  attributes: {
    name: { name: 'name', type: 'text' },
    timestamp: { name: 'updated_at', type: 'number' },
    ...times,
  },
};
const versionOrderGrammar: SearchGrammar = {
  families,
  attributes: {
    name: { name: 'model', type: 'text' },
    version_number: { name: 'version', type: 'number' },
    ...times,
  },
};

export interface RegistrySearch {
  readonly filter?: string | undefined;
  readonly orderBy: readonly string[];
  readonly limit: number;
  readonly after?: Position | undefined;
}

interface Found<Row> {
  readonly rows: Row[];
  /** where the next page starts; undefined on the last one */
  readonly next: Position | undefined;
}

export interface FoundModel {
  readonly name: string;
  readonly description: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Models that match, by name unless ordered otherwise. @throws INVALID_PARAMETER_VALUE, BAD_REQUEST */
export async function searchModels(read: Reader, search: RegistrySearch): Promise<Found<FoundModel>> {
  const columns = [
    ...orderColumns('model', search.orderBy, modelOrderGrammar),
    { sql: sql.ref('model.name'), isAscending: true },
  ];
  const owner = sql<boolean>`registry_tag.model = model.name AND registry_tag.version = 0`;
  const isWanted = wantedSql('model', parseFilter(search.filter, modelGrammar), owner);
  const { rows } = await sql<FoundModel & Record<string, unknown>>`
    SELECT model.*, ${sortSelection(columns)} FROM model
    WHERE lifecycle = 'active' AND ${isWanted} AND ${afterPosition(columns, search.after)}
    ORDER BY ${orderSql(columns)} LIMIT ${search.limit + 1}`.execute(read);
  return pageOf(rows, columns, search.limit);
}

/** Versions that match, those changed last first unless ordered otherwise. @throws INVALID_PARAMETER_VALUE, BAD_REQUEST */
export async function searchVersions(
  read: Reader,
  search: RegistrySearch,
): Promise<Found<{ readonly model: string; readonly version: number }>> {
  const columns = orderColumns('model_version', search.orderBy, versionOrderGrammar);
  if (columns.length === 0) columns.push({ sql: sql.ref('model_version.updated_at'), isAscending: false });
  columns.push(
    { sql: sql.ref('model_version.model'), isAscending: true },
    { sql: sql.ref('model_version.version'), isAscending: false },
  );
  const owner = sql<boolean>`registry_tag.model = model_version.model AND registry_tag.version = model_version.version`;
  const isWanted = wantedSql('model_version', parseFilter(search.filter, versionGrammar), owner);
  const { rows } = await sql<{ model: string; version: number } & Record<string, unknown>>`
    SELECT model_version.model, model_version.version, ${sortSelection(columns)} FROM model_version
    WHERE lifecycle = 'active' AND ${isWanted} AND ${afterPosition(columns, search.after)}
    ORDER BY ${orderSql(columns)} LIMIT ${search.limit + 1}`.execute(read);
  return pageOf(rows, columns, search.limit);
}

function orderColumns(table: string, orders: readonly string[], grammar: SearchGrammar): SortColumn[] {
  const columns = new Map<string, SortColumn>();
  for (const source of orders) {
    const { family, key, isAscending } = parseOrder(source, grammar);
    if (family !== 'attribute') throw badRequest(`Models can't be ordered by ${source}.`);
    if (columns.has(key))
      throw invalidParameter(`order_by names the same field twice: ${orders.join(', ')}.`);
    columns.set(key, { sql: sql.ref(`${table}.${key}`), isAscending });
  }
  return [...columns.values()];
}

function pageOf<Row extends Readonly<Record<string, unknown>>>(
  rows: Row[],
  columns: readonly SortColumn[],
  limit: number,
): Found<Row> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page,
    next: rows.length > limit && last !== undefined ? positionOf(last, columns) : undefined,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * What a filter finds. Prompts, which MLflow keeps among the models, are found only by a filter that names their tag.
 *
 * @param owner true for the tags of a row of the table
 */
function wantedSql(table: string, filter: Filter, owner: RawBuilder<boolean>): Condition {
  const tagged = (key: string, condition: RawBuilder<unknown>): Condition =>
    sql`EXISTS (SELECT 1 FROM registry_tag WHERE ${owner} AND registry_tag.key = ${key} AND ${condition})`;
  const value = sql.ref('registry_tag.value');
  const isPrompt = tagged(promptTag, sql`${value} = 'true'`);
  const leafSql = ({ kind, ...leaf }: Leaf, outcome: boolean): Condition => {
    assert(kind === 'compare' && 'compare' in leaf);
    const { compare } = leaf;
    // what has no such tag is no prompt
    if (isPromptTag(compare))
      return outcomeSql(
        comparisonSql(sql`(CASE WHEN ${isPrompt} THEN 'true' ELSE 'false' END)`, compare),
        outcome,
      );
    if (compare.family === 'attribute')
      return outcomeSql(comparisonSql(attributeSql(table, compare), compare), outcome);
    if (compare.operator === 'IS NULL' || compare.operator === 'IS NOT NULL') {
      return outcomeSql(tagged(compare.key, sql`1 = 1`), (compare.operator === 'IS NOT NULL') === outcome);
    }
    return tagged(compare.key, outcomeSql(comparisonSql(value, compare), outcome));
  };
  const list = listOf(filter);
  if (list === undefined && namesPrompts(filter)) return filterSql(filter, leafSql);
  // MLflow reads no more from a condition on the tag than whether prompts are asked for
  const asksForPrompts = list?.some((compare) => isPromptTag(compare) && compare.operator === '=') === true;
  const others: Filter =
    list === undefined
      ? filter
      : {
          kind: 'and',
          parts: list.filter((each) => !isPromptTag(each)).map((compare) => ({ kind: 'compare', compare })),
        };
  return all([asksForPrompts ? isPrompt : sql`NOT ${isPrompt}`, filterSql(others, leafSql)]);
}

/** For MLflow's clients a version without a run has the empty one: it differs from every run. */
const attributeSql = (table: string, { key, operator }: Comparison): RawBuilder<unknown> =>
  key === 'run_id' && !operator.endsWith('NULL')
    ? sql`COALESCE(${sql.ref(`${table}.run_id`)}, '')`
    : sql.ref(`${table}.${key}`);

const isPromptTag = ({ family, key }: Comparison): boolean => family === 'tag' && key === promptTag;

/** The conditions of a filter that MLflow's grammar knows too: joined by AND alone. */
function listOf(filter: Filter): Comparison[] | undefined {
  if (filter.kind === 'compare') return [filter.compare];
  if (filter.kind !== 'and') return undefined;
  const parts = filter.parts.map(listOf);
  return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? []);
}

function namesPrompts(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.parts.some(namesPrompts);
  if (filter.kind === 'not') return namesPrompts(filter.part);
  return filter.kind === 'compare' && isPromptTag(filter.compare);
}
