import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { matchesGlob, basename, join, relative, sep } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { listFiles } from '../dvc-files/tree.ts';
import { meets, readContract, type Contract, type ContractTable, type LogicalType, type Rule } from './contract.ts';
import { examplesQuery, measuringQuery, text, unknownColumns, type FileGroup } from './contract-sql.ts';
import type { ColumnType, ContractReport, Example, RuleResult, Violation } from './contract-api.ts';
import { contractInvalid } from './contract-errors.ts';

const exampleLimit = 20;
/** part of the memory's key: another version of the rules' SQL must check again */
const engineVersion = 1;

export interface CheckedDataset {
  readonly name: string;
  /** absolute */
  readonly path: string;
  /** absolute */
  readonly contract: string;
}

/**
 * Checks a dataset version against its contract: one query for all rules of a table, a second one only for examples
 * of what failed. The same data and the same contract are not read twice.
 *
 * @throws DATA_CONTRACT_INVALID
 */
export async function checkContract(
  repository: Repository,
  dataset: CheckedDataset,
  md5: string,
): Promise<ContractReport & { readonly isRemembered: boolean }> {
  const contractText = readFileSync(dataset.contract, 'utf8');
  const contractHash = createHash('sha256').update(contractText).digest('hex');
  const file = join(repository.state, 'checks', `${md5}-${contractHash}-${engineVersion}.json`);
  const head = { dataset: dataset.name, contract: relativePath(repository.root, dataset.contract), contractHash, md5 };
  if (existsSync(file)) {
    return { ...(JSON.parse(readFileSync(file, 'utf8')) as ContractReport), ...head, isRemembered: true };
  }
  const contract = readContract(contractText, head.contract);
  const checked = await checkTables(contract, dataset.path, repository);
  const report: ContractReport = { ...head, ...checked, notChecked: [...contract.notChecked] };
  mkdirSync(join(repository.state, 'checks'), { recursive: true });
  writeFileSync(file, JSON.stringify(report));
  return { ...report, isRemembered: false };
}

type Findings = Omit<ContractReport, 'dataset' | 'contract' | 'contractHash' | 'md5' | 'notChecked'>;

async function checkTables(contract: Contract, path: string, repository: Repository): Promise<Findings> {
  // only here: DuckDB takes a while to load, and an unchanged dataset never needs it
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const folder = statSync(path).isDirectory() ? path : join(path, '..');
    const files = dataFiles(path, repository);
    const tables: TableFindings[] = [];
    for (const table of contract.tables) {
      const unknown = unknownColumns(table);
      if (unknown.length > 0) throw contractInvalid(contract.id, [`${table.name} has rules on undeclared ${unknown.join(', ')}`]);
      const own = files.filter((file) => table.files === undefined || belongs(relativePath(folder, file), table.files));
      tables.push(await checkTable(connection, table, own, folder));
    }
    const violations = tables.flatMap((table) => table.broken);
    const refusing = violations.filter(({ severity }) => severity === 'error');
    return {
      state: refusing.length === 0 ? 'passed' : 'broken',
      rowCount: tables.reduce((sum, table) => sum + table.rowCount, 0),
      fileCount: files.length,
      columns: tables.flatMap((table) => table.columns),
      rules: tables.flatMap((table) => table.results),
      violations: refusing,
      warnings: violations.filter(({ severity }) => severity === 'warning'),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const relativePath = (from: string, to: string): string => relative(from, to).split(sep).join('/');

const belongs = (path: string, pattern: string): boolean => matchesGlob(path, pattern) || matchesGlob(basename(path), pattern);

function dataFiles(path: string, repository: Repository): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return listFiles(path, new IgnoreRules(repository.root))
    .filter((file) => /\.(parquet|csv|tsv)$/i.test(file.relpath))
    .map((file) => file.path)
    .sort();
}

interface TableFindings {
  readonly rowCount: number;
  readonly columns: readonly ColumnType[];
  readonly results: readonly RuleResult[];
  readonly broken: readonly Violation[];
}

async function checkTable(
  connection: DuckDBConnection,
  table: ContractTable,
  files: readonly string[],
  folder: string,
): Promise<TableFindings> {
  const { groups, unreadable } = await groupFiles(connection, files, folder);
  const shape = [...unreadable, ...shapeFaults(table, groups, folder, files.length)];
  const columns = new Map(groups.flatMap((group) => [...group.columns]));
  const described = [...columns].map(([name, type]) => ({ name, type }));
  if (groups.length === 0) return { rowCount: 0, columns: [], results: shape.map(resultOf), broken: shape };
  let counts: Record<string, unknown>;
  try {
    counts = await firstRow(connection, measuringQuery(table, groups));
  } catch (cause) {
    if (/^(Binder|Parser|Catalog|INTERNAL) Error/.test(messageOf(cause))) throw cause;
    const broken = [...shape, unreadableFile(messageOf(cause), folder)];
    return { rowCount: 0, columns: described, results: broken.map(resultOf), broken };
  }
  const rowCount = Number(counts['n']);
  const measured = table.rules.map((rule, at) => measure(rule, Number(counts[`r${at}`]), rowCount));
  const failing = measured.flatMap(({ passed }, at) => (passed ? [] : [at]));
  const examples = await findExamples(connection, table, groups, failing, folder);
  const broken = failing.map((at) => ({ ...(measured[at] as RuleResult), examples: examples.get(at) ?? [] }));
  return { rowCount, columns: described, results: [...shape.map(resultOf), ...measured], broken: [...shape, ...broken] };
}

const resultOf = ({ examples: _examples, ...result }: Violation): RuleResult => result;

function measure(rule: Rule, count: number, rowCount: number): RuleResult {
  const share = rowCount === 0 ? 0 : (100 * count) / rowCount;
  const value = rule.limit.unit === 'percent' ? share : count;
  const outcome =
    rule.limit.unit === 'percent' ? `${share.toFixed(4)} percent (${count} of ${rowCount} rows)` : `${count} of ${rowCount} rows`;
  return {
    rule: rule.id,
    column: rule.column,
    description: rule.description,
    outcome: rule.test.kind === 'row-count' ? `${rowCount} rows` : outcome,
    passed: meets(value, rule.limit),
    severity: rule.severity,
  };
}

async function firstRow(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJson()[0] ?? {};
}

async function findExamples(
  connection: DuckDBConnection,
  table: ContractTable,
  groups: readonly FileGroup[],
  failing: readonly number[],
  folder: string,
): Promise<ReadonlyMap<number, Example[]>> {
  const found = new Map<number, Example[]>();
  const withRows = failing.filter((at) => table.rules[at]?.test.kind !== 'row-count');
  if (withRows.length === 0) return found;
  const reader = await connection.runAndReadAll(examplesQuery(table, groups, withRows, exampleLimit));
  for (const row of reader.getRowObjectsJson() as { rule: number; file: string; row: string; value: string | null }[]) {
    const at = row.rule;
    const test = table.rules[at]?.test;
    const column = test?.kind === 'duplicate' ? test.columns.join(', ') : (table.rules[at]?.column ?? null);
    const example = {
      file: relativePath(folder, row.file),
      row: Number(row.row),
      column,
      value: row.value,
    };
    found.set(at, [...(found.get(at) ?? []), example]);
  }
  return found;
}

/** Files by what columns they have; those that can't be opened are violations of their own. */
async function groupFiles(
  connection: DuckDBConnection,
  files: readonly string[],
  folder: string,
): Promise<{ groups: FileGroup[]; unreadable: Violation[] }> {
  const groups = new Map<string, FileGroup & { files: string[] }>();
  const unreadable: Violation[] = [];
  for (const file of files) {
    try {
      const shape = /\.parquet$/i.test(file) ? await parquetShape(connection, file) : csvShape(file);
      const key = JSON.stringify([shape.format, shape.delimiter, [...shape.columns]]);
      const group = groups.get(key) ?? { ...shape, files: [] };
      group.files.push(file);
      groups.set(key, group);
    } catch (cause) {
      unreadable.push(unreadableFile(messageOf(cause), folder, file));
    }
  }
  return { groups: [...groups.values()], unreadable };
}

type Shape = Omit<FileGroup, 'files'>;

async function parquetShape(connection: DuckDBConnection, file: string): Promise<Shape> {
  const reader = await connection.runAndReadAll(
    `DESCRIBE SELECT * FROM read_parquet(${text(file)}, hive_partitioning = false)`,
  );
  const described = reader.getRowObjectsJson() as { column_name: string; column_type: string }[];
  const columns = described.map((row): [string, string] => [row.column_name, row.column_type]);
  return { format: 'parquet', columns: new Map(columns), delimiter: ',' };
}

const headerBytes = 1 << 20;

function csvShape(file: string): Shape {
  const delimiter = /\.tsv$/i.test(file) ? '\t' : ',';
  const handle = openSync(file, 'r');
  const block = Buffer.alloc(headerBytes);
  const length = readSync(handle, block, 0, headerBytes, 0);
  closeSync(handle);
  const names = headerNames(block.toString('utf8', 0, length).replace(/^\ufeff/, ''), delimiter);
  if (names.length === 0 || new Set(names).size !== names.length) throw new Error('its header is empty or names a column twice');
  return { format: 'csv', columns: new Map(names.map((name) => [name, 'VARCHAR'])), delimiter };
}

/** The cells of the first line, quotes honoured. */
function headerNames(text: string, delimiter: string): string[] {
  const names: string[] = [];
  let name = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const one = text[at] ?? '';
    if (one === '"') {
      if (isQuoted && text[at + 1] === '"') name += text[++at] ?? '';
      else isQuoted = !isQuoted;
    } else if (isQuoted) name += one;
    else if (one === delimiter) {
      names.push(name);
      name = '';
    } else if (one === '\n' || one === '\r') break;
    else name += one;
  }
  return name === '' && names.length === 0 ? [] : [...names, name];
}

/** Missing columns and columns that are stored as another type, file by file. */
function shapeFaults(table: ContractTable, groups: readonly FileGroup[], folder: string, fileCount: number): Violation[] {
  if (fileCount === 0) {
    const description = `${table.name} must have Parquet or CSV files`;
    return [fault(`${table.name}.files`, null, description, 'none was found', [])];
  }
  return table.properties.flatMap(({ name, type }) => {
    const lacking = groups.filter((group) => !group.columns.has(name));
    const wrong = groups.filter((group) => group.format === 'parquet' && isWrongColumn(group.columns.get(name), type));
    const places = (of: readonly FileGroup[], value: (group: FileGroup) => string | null): Example[] =>
      of
        .flatMap((group) =>
          group.files.map((file) => ({ file: relativePath(folder, file), row: null, column: name, value: value(group) })),
        )
        .slice(0, exampleLimit);
    const missing = places(lacking, () => null);
    const mistyped = places(wrong, (group) => group.columns.get(name) ?? null);
    return [
      ...(missing.length === 0 ? [] : [fault(`${name}.present`, name, `the column ${name} must be there`, `${missing.length} files lack it`, missing)]),
      ...(mistyped.length === 0
        ? []
        : [fault(`${name}.storedType`, name, `the column ${name} must be stored as ${type}`, `${mistyped.length} files store it otherwise`, mistyped)]),
    ];
  });
}

const fault = (rule: string, column: string | null, description: string, outcome: string, examples: Example[]): Violation => ({
  rule,
  column,
  description,
  outcome,
  passed: false,
  severity: 'error',
  examples,
});

const isNumeric = (stored: string): boolean => /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|DOUBLE|FLOAT|DECIMAL.*)$/.test(stored);

/** A Parquet column of the wrong sort is wrong as a whole, whatever its values look like. */
function isWrongColumn(stored: string | undefined, type: LogicalType): boolean {
  if (stored === undefined || stored === '"NULL"') return false;
  switch (type) {
    case 'number':
    case 'integer':
      return !isNumeric(stored);
    case 'string':
      return !/^(VARCHAR|UUID|ENUM.*)$/.test(stored);
    case 'boolean':
      return stored !== 'BOOLEAN';
    case 'date':
    case 'timestamp':
      return !/^(DATE|TIMESTAMP.*)$/.test(stored);
    case 'other':
      return false;
  }
}

/** A file that DuckDB gives up on; for CSV its message names the line, the header being line 1. */
function unreadableFile(message: string, folder: string, file?: string): Violation {
  const named = file ?? /file = (.+)/.exec(message)?.[1];
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  const original = /Original Line: (.*)/.exec(message)?.[1] ?? null;
  const place: Example[] =
    named === undefined
      ? []
      : [{ file: relativePath(folder, named), row: line === undefined ? null : Number(line) - 1, column: null, value: original }];
  const reason = message.split('\n').filter((one) => !one.startsWith('Original Line'))[0] ?? message;
  return fault('readable', null, 'every file must be readable', reason.replace(/^.*?Error( on Line: \d+)?:? ?/, '') || message, place);
}
