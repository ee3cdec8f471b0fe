import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import type { MeasuredAge } from './age-check.ts';
import type { ColumnType, ContractReport, Example, RuleResult, Violation } from './contract-api.ts';
import { contractInvalid } from './contract-errors.ts';
import {
  belongs,
  dataFiles,
  folderOf,
  groupFiles,
  relativePath,
  shapeFaults,
  unreadableFile,
} from './contract-files.ts';
import type { Contract, ContractTable } from './contract.ts';
import { examplesQuery, hasRows, measuringQuery, spansQuery, tableView } from './contract-sql.ts';
import type { FileGroup } from './file-group.ts';
import { meets } from './limit.ts';
import type { Rule } from './rule.ts';
import { closeOff, queryFault } from './query-guard.ts';
import { isDense, placeLimit } from './scans.ts';
import { literal } from '../../platform/sql-text.ts';

export type Findings = Omit<
  ContractReport,
  'dataset' | 'contract' | 'contractHash' | 'md5' | 'notChecked' | 'rowRules'
>;

/** The files of one table of a contract. */
interface TableFiles {
  readonly table: ContractTable;
  readonly files: readonly string[];
  readonly groups: readonly FileGroup[];
  readonly unreadable: readonly Violation[];
}

/**
 * Runs every rule of a contract over the files of a dataset.
 *
 * @param name of the contract, for messages
 * @throws DATA_CONTRACT_INVALID for a pattern or a query that can't be run at all
 */
export async function checkTables(
  contract: Contract,
  name: string,
  path: string,
  root: string,
): Promise<{ readonly findings: Findings; readonly ages: readonly MeasuredAge[] }> {
  // only here: DuckDB takes a while to load, and an unchanged dataset never needs it
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await refuseUnknownPatterns(connection, contract, name);
    const folder = folderOf(path);
    const files = dataFiles(path, root);
    const tables: TableFiles[] = [];
    for (const table of contract.tables) {
      const own = files.filter(
        (file) => table.files === undefined || belongs(relativePath(folder, file), table.files),
      );
      tables.push({ table, files: own, ...(await groupFiles(connection, own, folder)) });
    }
    if (contract.tables.some(({ rules }) => rules.some(({ test }) => test.kind === 'sql'))) {
      await prepareQueries(connection, tables, files, name);
    }
    const found: TableFindings[] = [];
    for (const one of tables) found.push(await checkTable(connection, one, folder));
    return { findings: together(found, files.length), ages: found.flatMap(({ ages }) => ages) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function together(tables: readonly TableFindings[], fileCount: number): Findings {
  const violations = tables.flatMap((table) => table.broken);
  const refusing = violations.filter(({ severity }) => severity === 'error');
  return {
    state: refusing.length === 0 ? 'passed' : 'broken',
    rowCount: tables.reduce((sum, table) => sum + table.rowCount, 0),
    fileCount,
    columns: tables.flatMap((table) => table.columns),
    rules: tables.flatMap((table) => table.results),
    violations: refusing,
    warnings: violations.filter(({ severity }) => severity === 'warning'),
  };
}

/** The engine's expressions know no look-around and no back references. */
async function refuseUnknownPatterns(
  connection: DuckDBConnection,
  contract: Contract,
  name: string,
): Promise<void> {
  const faults: string[] = [];
  for (const { id, test } of contract.tables.flatMap(({ rules }) => rules)) {
    if (test.kind !== 'pattern') continue;
    try {
      await connection.run(`SELECT regexp_matches('', ${literal(test.pattern)})`);
    } catch (cause) {
      faults.push(
        `${id}: the pattern ${test.pattern} can't be used (${messageOf(cause).replace(/^.*?Error: /, '')})`,
      );
    }
  }
  if (faults.length > 0) throw contractInvalid(name, faults);
}

/** Views by the names of the contract, then no way out of them: the queries of a contract are somebody else's. */
async function prepareQueries(
  connection: DuckDBConnection,
  tables: readonly TableFiles[],
  files: readonly string[],
  name: string,
): Promise<void> {
  for (const { table, groups } of tables) await connection.run(tableView(table, groups));
  await closeOff(connection, files);
  const faults: string[] = [];
  for (const { table } of tables) {
    for (const rule of table.rules) {
      const wrong = await queryFault(connection, rule, table.name);
      if (wrong !== undefined) faults.push(`${rule.id}: ${wrong}`);
    }
  }
  if (faults.length > 0) throw contractInvalid(name, faults);
}

interface TableFindings {
  readonly rowCount: number;
  readonly columns: readonly ColumnType[];
  readonly results: readonly RuleResult[];
  readonly broken: readonly Violation[];
  readonly ages: readonly MeasuredAge[];
}

async function checkTable(
  connection: DuckDBConnection,
  { table, files, groups, unreadable }: TableFiles,
  folder: string,
): Promise<TableFindings> {
  const shape = [...unreadable, ...shapeFaults(table, groups, folder, files.length)];
  const columns = columnsOf(table, groups);
  if (groups.length === 0)
    return { rowCount: 0, columns, results: shape.map(resultOf), broken: shape, ages: [] };
  let counts: Record<string, unknown>;
  try {
    counts = await firstRow(
      connection,
      measuringQuery(table, groups, await denseKeys(connection, table, groups)),
    );
  } catch (cause) {
    if (/^(Binder|Parser|Catalog|INTERNAL) Error/.test(messageOf(cause))) throw cause;
    const broken = [...shape, unreadableFile(messageOf(cause), folder)];
    return { rowCount: 0, columns, results: broken.map(resultOf), broken, ages: [] };
  }
  const rowCount = Number(counts['n']);
  const counted = table.rules.map((_rule, at) => countedOf(counts[`r${at}`]));
  const measured = table.rules.map((rule, at) => measure(rule, counted[at]?.n, rowCount));
  const failing = measured.flatMap(({ passed }, at) => (passed ? [] : [at]));
  const examples = await findExamples(connection, table, groups, failing, counted, folder);
  const broken = failing.map((at) => ({ ...(measured[at] as RuleResult), examples: examples.get(at) ?? [] }));
  const ages = table.ages.flatMap(({ id, column }, at) =>
    column === null ? [] : [{ id, at: counts[`a${at}`] === null ? null : Number(counts[`a${at}`]) }],
  );
  return {
    rowCount,
    columns,
    results: [...shape.map(resultOf), ...measured],
    broken: [...shape, ...broken],
    ages,
  };
}

function columnsOf(table: ContractTable, groups: readonly FileGroup[]): ColumnType[] {
  const classes = new Map(table.properties.map(({ column, classification }) => [column, classification]));
  const types = new Map(groups.flatMap((group) => [...group.columns]));
  return [...types].map(([name, type]) => {
    const classification = classes.get(name);
    return { name, type, ...(classification === undefined ? {} : { classification }) };
  });
}

/** What a query says of a rule: a count or, where it is one of the rule's own, what it found besides. */
interface Counted {
  readonly n: unknown;
  readonly found?: readonly ExampleRow[] | null;
  /** of `wholeRepeats` */
  readonly places?: readonly string[] | null;
}

interface ExampleRow {
  readonly file: string;
  readonly row: string;
  readonly value: string | null;
}

const countedOf = (value: unknown): Counted =>
  typeof value === 'object' && value !== null ? (value as Counted) : { n: value };

const resultOf = ({ examples: _examples, ...result }: Violation): RuleResult => result;

function measure(rule: Rule, counted: unknown, rowCount: number): RuleResult {
  const { id, column, description, severity, test, limit } = rule;
  const result = { rule: id, column, description, severity };
  if (test.kind === 'sql') {
    const passed = counted !== null && meets(Number(counted), limit);
    return {
      ...result,
      passed,
      outcome: counted === null ? 'the query gives nothing' : `the query gives ${Number(counted)}`,
    };
  }
  const count = Number(counted);
  const share = rowCount === 0 ? 0 : (100 * count) / rowCount;
  const isShare = limit.unit === 'percent';
  const rows = `${count} of ${rowCount} rows`;
  return {
    ...result,
    outcome:
      test.kind === 'row-count'
        ? `${rowCount} rows`
        : isShare
          ? `${share.toFixed(4)} percent (${rows})`
          : rows,
    passed: meets(isShare ? share : count, limit),
  };
}

async function firstRow(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJson()[0] ?? {};
}

async function denseKeys(
  connection: DuckDBConnection,
  table: ContractTable,
  groups: readonly FileGroup[],
): Promise<ReadonlySet<number>> {
  const query = spansQuery(table, groups);
  if (query === undefined) return new Set();
  const spans = await firstRow(connection, query);
  const isClose = (span: unknown): boolean => typeof span === 'number' && isDense(span, Number(spans['n']));
  return new Set([...table.rules.keys()].filter((at) => isClose(spans[`r${at}`])));
}

async function findExamples(
  connection: DuckDBConnection,
  table: ContractTable,
  groups: readonly FileGroup[],
  failing: readonly number[],
  counted: readonly Counted[],
  folder: string,
): Promise<ReadonlyMap<number, Example[]>> {
  const found = new Map<number, Example[]>();
  const add = (at: number, { file, row, value }: ExampleRow): void => {
    const { test, column } = table.rules[at] as Rule;
    const shown = test.kind === 'duplicate' ? test.columns.join(', ') : column;
    const example = { file: relativePath(folder, file), row: Number(row), column: shown, value };
    found.set(at, [...(found.get(at) ?? []), example]);
  };
  for (const at of failing) for (const row of counted[at]?.found ?? []) add(at, row);
  const others = failing
    .filter((at) => hasRows((table.rules[at] as Rule).test) && counted[at]?.found === undefined)
    .map((at) => {
      const places = counted[at]?.places ?? [];
      return { at, places: places.length === 0 || places.length >= placeLimit ? undefined : places };
    });
  if (others.length === 0) return found;
  const reader = await connection.runAndReadAll(examplesQuery(table, groups, others));
  for (const row of reader.getRowObjectsJson() as unknown as (ExampleRow & { rule: number })[])
    add(row.rule, row);
  return found;
}
