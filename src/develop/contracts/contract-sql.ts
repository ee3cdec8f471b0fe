import type { FileGroup } from './file-group.ts';
import type { ContractTable, Property } from './contract.ts';
import type { Scalar } from './contract-text.ts';
import { matching } from './patterns.ts';
import type { LogicalType, Rule, RuleTest } from './rule.ts';
import {
  isAlwaysOfType,
  isFloat,
  isInteger,
  isWholeKey,
  ownScans,
  repeats,
  repeatsAmong,
  wholeRepeats,
} from './scans.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

/** Examples kept of one broken rule. */
export const exampleLimit = 20;

/**
 * One row for all rules of a table: `n` rows, then `r0`, `r1`, … of rules and `a0`, … of ages (ms). What it says of a
 * rule is a number, or a `Counted` where the scan finds examples too.
 *
 * @param dense the rules, by number, whose keys lie close, as `spansQuery` tells
 */
export function measuringQuery(
  table: ContractTable,
  groups: readonly FileGroup[],
  dense: ReadonlySet<number>,
): string {
  const alone = ownScans(table.rules, groups);
  const counts = table.rules.map(
    (rule, at) =>
      `${alone.has(at) ? scanOf(rule, table, groups, dense.has(at)) : countOf(rule, table, groups)} AS r${at}`,
  );
  const ages = table.ages.flatMap(({ column, of }, at) =>
    column === null
      ? []
      : [`epoch_ms(${of === 'newest' ? 'max' : 'min'}(v${indexOf(table, column)})) AS a${at}`],
  );
  const placed = alone.size === 0 ? '' : `, __placed AS NOT MATERIALIZED (${rows(table, groups, true)})`;
  return `WITH __data AS NOT MATERIALIZED (${rows(table, groups, false)})${placed} SELECT ${['count(*) AS n', ...counts, ...ages].join(', ')} FROM __data`;
}

/** How far the whole numbers of each key lie apart, `r0`, `r1`, … of rules; Parquet's statistics know it. */
export function spansQuery(table: ContractTable, groups: readonly FileGroup[]): string | undefined {
  const alone = ownScans(table.rules, groups);
  const spans = table.rules.flatMap(({ test }, at) => {
    if (!alone.has(at) || test.kind !== 'duplicate' || !isWholeKey(test.columns, table, groups)) return [];
    const { values } = keyOf(test.columns, table);
    return [`CAST(max(${values}) AS DOUBLE) - CAST(min(${values}) AS DOUBLE) AS r${at}`];
  });
  if (spans.length === 0) return undefined;
  return `WITH __data AS NOT MATERIALIZED (${rows(table, groups, false)}) SELECT count(*) AS n, ${spans.join(', ')} FROM __data`;
}

/** Up to `exampleLimit` violating rows of each failing rule: `rule` (its number), `file`, `row`, `value`. */
export function examplesQuery(
  table: ContractTable,
  groups: readonly FileGroup[],
  failing: readonly { readonly at: number; readonly places?: readonly string[] | undefined }[],
): string {
  const selects = failing.flatMap(({ at, places }) => {
    const rule = table.rules[at];
    if (rule === undefined || !hasRows(rule.test)) return [];
    const violating =
      places === undefined || rule.test.kind !== 'duplicate'
        ? violates(rule.test, table, rule.column)
        : repeatsAmong(`v${indexOf(table, rule.test.columns[0] ?? '')}`, places);
    return [
      `(SELECT ${at} AS rule, file, "row", ${shownValue(rule, table)} AS value FROM __data WHERE ${violating} ORDER BY file, "row" LIMIT ${exampleLimit})`,
    ];
  });
  return `WITH __data AS NOT MATERIALIZED (${rows(table, groups, true)}) SELECT * FROM (${selects.join(' UNION ALL ')}) ORDER BY rule, file, "row"`;
}

function shownValue({ test, column }: Rule, table: ContractTable): string {
  const shown = test.kind === 'duplicate' ? test.columns : [column ?? ''];
  return shown.map((one) => `raw${indexOf(table, one)}`).join(` || ', ' || `);
}

/** Whether single rows can break a rule of this kind. */
export const hasRows = (test: RuleTest): boolean => test.kind !== 'row-count' && test.kind !== 'sql';

/** A view of the table by the names and types of its contract, for the queries of `sql` rules. */
export function tableView(table: ContractTable, groups: readonly FileGroup[]): string {
  const columns =
    table.properties.map((one, at) => `v${at} AS ${identifier(one.name)}`).join(', ') || '1 AS nothing';
  const source = groups.length === 0 ? emptyRows(table) : rows(table, groups, false);
  return `CREATE VIEW ${identifier(table.name)} AS SELECT ${columns} FROM (${source})`;
}

const emptyRows = (table: ContractTable): string =>
  `SELECT ${table.properties.map((one, at) => `CAST(NULL AS ${sqlTypes[one.type]}) AS v${at}`).join(', ') || '1 AS nothing'} WHERE false`;

/** The query of a `sql` rule with its table and column in the places that the standard gives them. */
export const filledQuery = (query: string, table: string, column: string | null): string =>
  query
    .replace(/\$?\{(object|table|model|schema)\}/g, () => identifier(table))
    .replace(/\$?\{(property|column|field)\}/g, () => identifier(column ?? ''));

const indexOf = (table: ContractTable, column: string): number =>
  table.properties.findIndex((one) => one.name === column);

/**
 * All rows of all files with, for each property: `v` its value as the contract's type, null when it can't be one,
 * `has` whether there is one, and `raw` its text as it stands in the file.
 */
function rows(table: ContractTable, groups: readonly FileGroup[], isLocated: boolean): string {
  return groups
    .flatMap((group) => {
      const columns = table.properties.flatMap((one, at) => [
        `${typedValue(one, group)} AS v${at}`,
        `${presence(one, group)} AS has${at}`,
        `${rawText(one, group)} AS raw${at}`,
        `${comparable(one, group)} AS plain${at}`,
      ]);
      const place = isLocated ? ['filename AS file', '__row AS "row"'] : [];
      const selected = [...place, ...columns].join(', ') || '1 AS nothing';
      return sources(group, isLocated).map((source) => `SELECT ${selected} FROM ${source}`);
    })
    .join(' UNION ALL ');
}

function sources(group: FileGroup, isLocated: boolean): string[] {
  const list = (files: readonly string[]): string => `[${files.map(literal).join(', ')}]`;
  if (group.format === 'parquet') {
    const options = `hive_partitioning = false${isLocated ? ', filename = true, file_row_number = true' : ''}`;
    const source = `read_parquet(${list(group.files)}, ${options})`;
    return [isLocated ? `(SELECT *, file_row_number + 1 AS __row FROM ${source})` : source];
  }
  const read = readerOf(group);
  if (!isLocated) return [read(list(group.files), '')];
  // one thread per file keeps the rows in their order, so that they can be numbered
  const serial = group.format === 'csv' ? ', parallel = false' : '';
  return group.files.map(
    (file) =>
      `(SELECT *, ${literal(file)} AS filename, row_number() OVER () AS __row FROM ${read(literal(file), serial)})`,
  );
}

function readerOf(group: FileGroup): (files: string, more: string) => string {
  const columns = [...group.columns.keys()].map((name) => `${literal(name)}: 'VARCHAR'`).join(', ');
  const options =
    group.format === 'csv'
      ? `auto_detect = false, header = true, delim = ${literal(group.delimiter)}, quote = '"', escape = '"', nullstr = '', columns = {${columns}}, hive_partitioning = false`
      : `format = 'newline_delimited', columns = {${columns}}, hive_partitioning = false`;
  return (files, more) => `${group.format === 'csv' ? 'read_csv' : 'read_json'}(${files}, ${options}${more})`;
}

/** All rows of all files with the files' own columns; a file that lacks one has no value there. */
export const unionOf = (groups: readonly FileGroup[]): string =>
  groups
    .flatMap((group) => sources(group, false).map((source) => `SELECT * FROM ${source}`))
    .join(' UNION ALL BY NAME ');

function typedValue(one: Property, group: FileGroup): string {
  const stored = group.columns.get(one.column);
  if (stored === undefined) return `CAST(NULL AS ${sqlTypes[one.type]})`;
  const column = identifier(one.column);
  switch (one.type) {
    case 'string':
    case 'other':
      return stored === 'VARCHAR' ? column : `CAST(${column} AS VARCHAR)`;
    case 'integer':
      return integerValue(column, stored);
    case 'number': {
      if (isInteger(stored) || stored.startsWith('DECIMAL')) return `CAST(${column} AS DOUBLE)`;
      const value = isFloat(stored) ? column : `TRY_CAST(${column} AS DOUBLE)`;
      return `CASE WHEN NOT isnan(${value}) THEN ${value} END`;
    }
    case 'date':
    case 'timestamp':
      return one.format !== undefined && stored === 'VARCHAR'
        ? `try_strptime(${column}, ${literal(one.format)})`
        : `TRY_CAST(${column} AS TIMESTAMP)`;
    case 'time':
      return one.format !== undefined && stored === 'VARCHAR'
        ? `CAST(try_strptime(${column}, ${literal(one.format)}) AS TIME)`
        : `TRY_CAST(${column} AS TIME)`;
    case 'boolean':
      return `TRY_CAST(${column} AS BOOLEAN)`;
  }
}

/** The value for comparisons with a bound: of floats the column as it is, which Parquet's statistics know. */
function comparable(one: Property, group: FileGroup): string {
  const stored = group.columns.get(one.column);
  return one.type === 'number' && stored !== undefined && isFloat(stored)
    ? identifier(one.column)
    : typedValue(one, group);
}

/** A whole number with a fraction of zero is an integer: pandas stores integers with gaps as floats. */
function integerValue(column: string, stored: string): string {
  if (isInteger(stored)) return column;
  const number = isFloat(stored) ? column : `TRY_CAST(${column} AS DOUBLE)`;
  // beyond 2^53 a double has no room for every integer, the text has
  return `CASE WHEN ${number} = floor(${number}) AND isfinite(${number}) THEN CASE WHEN abs(${number}) < 9007199254740992 THEN CAST(CAST(${number} AS BIGINT) AS HUGEINT) ELSE TRY_CAST(${column} AS HUGEINT) END END`;
}

/** Not-a-number, pandas' sign for no value, is none. */
function presence(one: Property, group: FileGroup): string {
  const stored = group.columns.get(one.column);
  if (stored === undefined) return 'false';
  const column = identifier(one.column);
  return isFloat(stored) ? `(${column} IS NOT NULL AND NOT isnan(${column}))` : `(${column} IS NOT NULL)`;
}

function rawText(one: Property, group: FileGroup): string {
  const stored = group.columns.get(one.column);
  if (stored === undefined) return 'CAST(NULL AS VARCHAR)';
  const column = identifier(one.column);
  if (stored === 'VARCHAR') return column;
  const value = `CAST(${column} AS VARCHAR)`;
  return isFloat(stored) ? `nullif(${value}, 'nan')` : value;
}

const sqlTypes: Readonly<Record<LogicalType, string>> = {
  string: 'VARCHAR',
  other: 'VARCHAR',
  number: 'DOUBLE',
  integer: 'HUGEINT',
  boolean: 'BOOLEAN',
  date: 'TIMESTAMP',
  timestamp: 'TIMESTAMP',
  time: 'TIME',
};

/** A rule's part of the scan that all share. */
function countOf({ test, column }: Rule, table: ContractTable, groups: readonly FileGroup[]): string {
  if (test.kind === 'row-count') return 'count(*)';
  if (test.kind === 'sql') return `CAST((\n${filledQuery(test.query, table.name, column)}\n) AS DOUBLE)`;
  const property = table.properties[indexOf(table, column ?? '')];
  if (test.kind === 'wrong-type' && property !== undefined && isAlwaysOfType(property, groups)) return '0';
  if (test.kind !== 'duplicate') return `count(*) FILTER (WHERE ${violates(test, table, column)})`;
  const { values, isComplete } = keyOf(test.columns, table);
  return `count(*) FILTER (WHERE ${isComplete}) - count(DISTINCT (${values})) FILTER (WHERE ${isComplete})`;
}

/** A rule's scan of its own columns. */
function scanOf(rule: Rule, table: ContractTable, groups: readonly FileGroup[], areDense: boolean): string {
  const { test, column } = rule;
  if (test.kind !== 'duplicate')
    return `(SELECT {'n': count(*), 'found': min({'file': file, 'row': "row", 'value': ${shownValue(rule, table)}}, ${exampleLimit})} FROM __placed WHERE ${violates(test, table, column)})`;
  const { values, isComplete } = keyOf(test.columns, table);
  return `(${isWholeKey(test.columns, table, groups) ? wholeRepeats(values, areDense) : repeats(values, isComplete)})`;
}

function keyOf(columns: readonly string[], table: ContractTable): { values: string; isComplete: string } {
  const values = columns.map((one) => `v${indexOf(table, one)}`);
  return {
    values: values.join(', '),
    isComplete: values.map((value) => `${value} IS NOT NULL`).join(' AND '),
  };
}

/** SQL that is true for a row that breaks the rule. */
function violates(test: RuleTest, table: ContractTable, column: string | null): string {
  const at = indexOf(table, column ?? '');
  const value = `v${at}`;
  const raw = `raw${at}`;
  const plain = `plain${at}`;
  const type = table.properties[at]?.type ?? 'other';
  switch (test.kind) {
    case 'wrong-type':
      return `has${at} AND ${value} IS NULL`;
    case 'null':
      return `NOT has${at}`;
    case 'below':
      return `${plain} < ${boundSql(test.bound, type)}`;
    case 'above':
      return `${plain} > ${boundSql(test.bound, type)} AND has${at}`;
    case 'not-above':
      return `${plain} <= ${boundSql(test.bound, type)}`;
    case 'not-below':
      return `${plain} >= ${boundSql(test.bound, type)} AND has${at}`;
    case 'length-below':
      return `length(${raw}) < ${test.bound}`;
    case 'length-above':
      return `length(${raw}) > ${test.bound}`;
    case 'not-multiple':
      return `abs(${value} / ${test.of} - round(${value} / ${test.of})) > 1e-9`;
    case 'pattern':
      return `NOT ${matching(raw, test.pattern)}`;
    case 'not-one-of':
      return `has${at} AND NOT (${oneOf(test.values, at, type)})`;
    case 'one-of':
      return oneOf(test.values, at, type);
    case 'duplicate': {
      const values = test.columns.map((one) => `v${indexOf(table, one)}`).join(', ');
      return `(${values}) IN (SELECT (${values}) FROM __data GROUP BY ${values} HAVING count(*) > 1)`;
    }
    case 'row-count':
    case 'sql':
      return 'false';
  }
}

/** Texts are compared as they stand in the file, numbers and truths by value. */
function oneOf(values: readonly Scalar[], at: number, type: LogicalType): string {
  const texts = values.filter((one) => typeof one === 'string' && one !== '');
  const others = values.filter((one) => typeof one === 'number' || typeof one === 'boolean');
  const tests = [
    ...(values.some((one) => one === null || one === '') ? [`NOT has${at}`, `raw${at} = ''`] : []),
    ...(texts.length === 0 ? [] : [isOneOfTexts(`raw${at}`, texts)]),
    ...(others.length === 0 ? [] : [comparison(others, at, type)]),
  ];
  return tests.map((test) => `coalesce(${test}, false)`).join(' OR ') || 'false';
}

function comparison(values: readonly Scalar[], at: number, type: LogicalType): string {
  if (type === 'string' || type === 'other') return isOneOfTexts(`raw${at}`, values);
  return `v${at} IN (${values.map((one) => boundSql(one as number | boolean, type)).join(', ')})`;
}

/** Unlike IN it looks at each value of a Parquet dictionary only once. */
const isOneOfTexts = (value: string, texts: readonly Scalar[]): string =>
  `list_contains([${texts.map((one) => literal(String(one))).join(', ')}], ${value})`;

const boundSql = (bound: number | string | boolean, type: LogicalType): string => {
  if (type === 'date' || type === 'timestamp') return `TRY_CAST(${literal(String(bound))} AS TIMESTAMP)`;
  if (type === 'time') return `TRY_CAST(${literal(String(bound))} AS TIME)`;
  if (type === 'integer' && typeof bound === 'string') return `TRY_CAST(${literal(bound)} AS HUGEINT)`;
  return typeof bound === 'string' ? literal(bound) : String(bound);
};
