import type { ContractTable, LogicalType, Property, Rule, RuleTest } from './contract.ts';

/** Files of one format with the same columns. */
export interface FileGroup {
  readonly format: 'parquet' | 'csv';
  /** absolute */
  readonly files: readonly string[];
  /** name → DuckDB type; of CSV all are text */
  readonly columns: ReadonlyMap<string, string>;
  readonly delimiter: string;
}

/** One row of numbers for all rules of a table: `n` rows, then `r0`, `r1`, … */
export function measuringQuery(table: ContractTable, groups: readonly FileGroup[]): string {
  const counts = table.rules.map((rule, at) => `${countOf(rule.test, table, rule.column)} AS r${at}`);
  return `WITH data AS (${rows(table, groups, false)}) SELECT ${['count(*) AS n', ...counts].join(', ')} FROM data`;
}

/** Up to `limit` violating rows of each failing rule: `rule` (its number), `file`, `row`, `value`. */
export function examplesQuery(
  table: ContractTable,
  groups: readonly FileGroup[],
  failing: readonly number[],
  limit: number,
): string {
  const selects = failing.flatMap((at) => {
    const rule = table.rules[at];
    if (rule === undefined || rule.test.kind === 'row-count') return [];
    const shown = rule.test.kind === 'duplicate' ? rule.test.columns : [rule.column ?? ''];
    const value = shown.map((name) => `raw${indexOf(table, name)}`).join(` || ', ' || `);
    return [
      `(SELECT ${at} AS rule, file, "row", ${value} AS value FROM data WHERE ${violates(rule.test, table, rule.column)} ORDER BY file, "row" LIMIT ${limit})`,
    ];
  });
  return `WITH data AS (${rows(table, groups, true)}) SELECT * FROM (${selects.join(' UNION ALL ')}) ORDER BY rule, file, "row"`;
}

const indexOf = (table: ContractTable, column: string): number => table.properties.findIndex((one) => one.name === column);

/**
 * All rows of all files with, for each property: `v` its value as the contract's type, null when it can't be one,
 * and `raw` its text as it stands in the file.
 */
function rows(table: ContractTable, groups: readonly FileGroup[], isLocated: boolean): string {
  return groups
    .flatMap((group) => {
      const columns = table.properties.flatMap((one, at) => [
        `${typedValue(one, group)} AS v${at}`,
        `${rawText(one, group)} AS raw${at}`,
      ]);
      const place = isLocated ? ['filename AS file', '__row AS "row"'] : [];
      const selected = [...place, ...columns].join(', ') || '1 AS nothing';
      return sources(group, isLocated).map((source) => `SELECT ${selected} FROM ${source}`);
    })
    .join(' UNION ALL ');
}

function sources(group: FileGroup, isLocated: boolean): string[] {
  const list = (files: readonly string[]): string => `[${files.map(text).join(', ')}]`;
  if (group.format === 'parquet') {
    const options = `hive_partitioning = false${isLocated ? ', filename = true, file_row_number = true' : ''}`;
    const source = `read_parquet(${list(group.files)}, ${options})`;
    return [isLocated ? `(SELECT *, file_row_number + 1 AS __row FROM ${source})` : source];
  }
  const columns = [...group.columns.keys()].map((name) => `${text(name)}: 'VARCHAR'`).join(', ');
  const options = `auto_detect = false, header = true, delim = ${text(group.delimiter)}, quote = '"', escape = '"', nullstr = '', columns = {${columns}}, hive_partitioning = false`;
  if (!isLocated) return [`read_csv(${list(group.files)}, ${options})`];
  // one thread per file keeps the rows in their order, so that they can be numbered
  return group.files.map(
    (file) =>
      `(SELECT *, ${text(file)} AS filename, row_number() OVER () AS __row FROM read_csv(${text(file)}, ${options}, parallel = false))`,
  );
}

function typedValue(one: Property, group: FileGroup): string {
  const type = group.columns.get(one.name);
  if (type === undefined) return `CAST(NULL AS ${sqlTypes[one.type]})`;
  const column = name(one.name);
  if (one.type === 'string' || one.type === 'other') return `CAST(${column} AS VARCHAR)`;
  if (one.type === 'integer') {
    if (/INT(EGER)?$/.test(type)) return `CAST(${column} AS HUGEINT)`;
    // a whole number with a fraction of zero is an integer: pandas stores integers with gaps as floats
    const number = `TRY_CAST(${column} AS DOUBLE)`;
    return `CASE WHEN ${number} = floor(${number}) AND isfinite(${number}) THEN TRY_CAST(${number} AS HUGEINT) END`;
  }
  const value = `TRY_CAST(${column} AS ${sqlTypes[one.type]})`;
  return one.type === 'number' ? `CASE WHEN NOT isnan(${value}) THEN ${value} END` : value;
}

/** Text as it stands in the file; not-a-number, pandas' sign for no value, is none. */
function rawText(one: Property, group: FileGroup): string {
  const type = group.columns.get(one.name);
  if (type === undefined) return 'CAST(NULL AS VARCHAR)';
  const value = `CAST(${name(one.name)} AS VARCHAR)`;
  return type === 'DOUBLE' || type === 'FLOAT' ? `nullif(${value}, 'nan')` : value;
}

const sqlTypes: Readonly<Record<LogicalType, string>> = {
  string: 'VARCHAR',
  other: 'VARCHAR',
  number: 'DOUBLE',
  integer: 'HUGEINT',
  boolean: 'BOOLEAN',
  date: 'TIMESTAMP',
  timestamp: 'TIMESTAMP',
};

function countOf(test: RuleTest, table: ContractTable, column: string | null): string {
  if (test.kind === 'row-count') return 'count(*)';
  if (test.kind !== 'duplicate') return `count(*) FILTER (WHERE ${violates(test, table, column)})`;
  const values = test.columns.map((one) => `v${indexOf(table, one)}`);
  const isComplete = values.map((value) => `${value} IS NOT NULL`).join(' AND ');
  return `count(*) FILTER (WHERE ${isComplete}) - count(DISTINCT (${values.join(', ')})) FILTER (WHERE ${isComplete})`;
}

/** SQL that is true for a row that breaks the rule. */
function violates(test: RuleTest, table: ContractTable, column: string | null): string {
  const at = indexOf(table, column ?? '');
  const value = `v${at}`;
  const raw = `raw${at}`;
  const type = table.properties[at]?.type ?? 'other';
  switch (test.kind) {
    case 'wrong-type':
      return `${raw} IS NOT NULL AND ${value} IS NULL`;
    case 'null':
      return `${raw} IS NULL`;
    case 'below':
      return `${value} < ${literal(test.bound, type)}`;
    case 'above':
      return `${value} > ${literal(test.bound, type)}`;
    case 'not-above':
      return `${value} <= ${literal(test.bound, type)}`;
    case 'not-below':
      return `${value} >= ${literal(test.bound, type)}`;
    case 'length-below':
      return `length(${raw}) < ${test.bound}`;
    case 'length-above':
      return `length(${raw}) > ${test.bound}`;
    case 'not-multiple':
      return `abs(${value} / ${test.of} - round(${value} / ${test.of})) > 1e-9`;
    case 'pattern':
      return `NOT regexp_matches(${raw}, ${text(test.pattern)})`;
    case 'not-one-of':
      return `${raw} IS NOT NULL AND NOT (${oneOf(test.values, value, raw, type)})`;
    case 'one-of':
      return oneOf(test.values, value, raw, type);
    case 'duplicate': {
      const values = test.columns.map((one) => `v${indexOf(table, one)}`).join(', ');
      return `(${values}) IN (SELECT (${values}) FROM data GROUP BY ${values} HAVING count(*) > 1)`;
    }
    case 'row-count':
      return 'false';
  }
}

function oneOf(values: readonly (string | number | boolean | null)[], value: string, raw: string, type: LogicalType): string {
  const tests = values.map((one) => {
    if (one === null || one === '') return `${raw} IS NULL OR ${raw} = ''`;
    return typeof one === 'string' ? `${raw} = ${text(one)}` : `${value} = ${literal(one, type)}`;
  });
  return tests.map((test) => `coalesce(${test}, false)`).join(' OR ') || 'false';
}

const literal = (bound: number | string | boolean, type: LogicalType): string => {
  if (type === 'date' || type === 'timestamp') return `TRY_CAST(${text(String(bound))} AS TIMESTAMP)`;
  return typeof bound === 'string' ? text(bound) : String(bound);
};

/** A string as SQL text. */
export const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
const name = (value: string): string => `"${value.replaceAll('"', '""')}"`;

/** Columns that the rules name and the contract does not declare. */
export const unknownColumns = (table: ContractTable): string[] => {
  const declared = new Set(table.properties.map((one) => one.name));
  const named = table.rules.flatMap((rule: Rule) => (rule.test.kind === 'duplicate' ? rule.test.columns : [rule.column ?? '']));
  return [...new Set(named)].filter((one) => one !== '' && !declared.has(one));
};
