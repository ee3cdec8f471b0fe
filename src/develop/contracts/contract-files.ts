import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, matchesGlob, relative, sep } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import { listFiles } from '../dvc-files/data-walk.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';

import type { Example, Violation } from './contract-api.ts';
import type { ContractTable } from './contract.ts';
import { exampleLimit } from './contract-sql.ts';
import type { FileGroup } from './file-group.ts';
import type { LogicalType } from './rule.ts';
import { literal } from '../../platform/sql-text.ts';

const isTableFile = (path: string): boolean => /\.(parquet|csv|tsv|jsonl|ndjson)$/i.test(path);

/**
 * The files of a dataset that hold rows, in order; a path to one file is that file.
 *
 * @param root where ignore rules begin
 */
export function dataFiles(path: string, root: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return listFiles(path, new IgnoreRules(root))
    .filter((file) => isTableFile(file.relpath))
    .map((file) => file.path)
    .sort();
}

/** What paths in reports are relative to. */
export const folderOf = (path: string): string => (statSync(path).isDirectory() ? path : dirname(path));

export const relativePath = (from: string, to: string): string => relative(from, to).split(sep).join('/');

/** Whether a file belongs to a table that names its files. */
export const belongs = (path: string, pattern: string): boolean =>
  matchesGlob(path, pattern) || matchesGlob(basename(path), pattern);

/** Files by what columns they have; those that can't be opened are violations of their own. */
export async function groupFiles(
  connection: DuckDBConnection,
  files: readonly string[],
  folder: string,
): Promise<{ groups: FileGroup[]; unreadable: Violation[] }> {
  const groups = new Map<string, FileGroup & { files: string[] }>();
  const unreadable: Violation[] = [];
  for (const file of files) {
    try {
      const shape = await shapeOf(connection, file);
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

function shapeOf(connection: DuckDBConnection, file: string): Promise<Shape> | Shape {
  if (/\.parquet$/i.test(file)) return describedShape(connection, file, 'parquet');
  return /\.(jsonl|ndjson)$/i.test(file) ? describedShape(connection, file, 'json-lines') : csvShape(file);
}

async function describedShape(
  connection: DuckDBConnection,
  file: string,
  format: 'parquet' | 'json-lines',
): Promise<Shape> {
  const source =
    format === 'parquet'
      ? `read_parquet(${literal(file)}, hive_partitioning = false)`
      : `read_json(${literal(file)}, format = 'newline_delimited', maximum_depth = 1, hive_partitioning = false)`;
  const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
  const described = reader.getRowObjectsJson() as { column_name: string; column_type: string }[];
  const columns = described.map((row): [string, string] => [
    row.column_name,
    format === 'parquet' ? row.column_type : 'VARCHAR',
  ]);
  return { format, columns: new Map(columns), delimiter: ',' };
}

const headerBytes = 1 << 20;

function csvShape(file: string): Shape {
  const delimiter = /\.tsv$/i.test(file) ? '\t' : ',';
  const handle = openSync(file, 'r');
  const block = Buffer.alloc(headerBytes);
  const length = readSync(handle, block, 0, headerBytes, 0);
  closeSync(handle);
  const names = headerNames(block.toString('utf8', 0, length).replace(/^\ufeff/, ''), delimiter);
  if (names.length === 0 || new Set(names).size !== names.length) {
    throw new Error('its header is empty or names a column twice');
  }
  return { format: 'csv', columns: new Map(names.map((name) => [name, 'VARCHAR'])), delimiter };
}

/** The cells of the first line, quotes honoured. */
function headerNames(block: string, delimiter: string): string[] {
  const names: string[] = [];
  let name = '';
  let isQuoted = false;
  for (let at = 0; at < block.length; at++) {
    const one = block[at] ?? '';
    if (one === '"') {
      if (isQuoted && block[at + 1] === '"') name += block[++at] ?? '';
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
export function shapeFaults(
  table: ContractTable,
  groups: readonly FileGroup[],
  folder: string,
  fileCount: number,
): Violation[] {
  if (fileCount === 0) {
    const description = `${table.name} must have files in Parquet, CSV or JSON lines`;
    return [fault(`${table.name}.files`, null, description, 'none was found', [])];
  }
  return table.properties.flatMap(({ name, column, type }) => {
    const lacking = groups.filter((group) => !group.columns.has(column));
    const wrong = groups.filter(
      (group) => group.format === 'parquet' && isWrongColumn(group.columns.get(column), type),
    );
    const places = (of: readonly FileGroup[], value: (group: FileGroup) => string | null): Example[] =>
      of.flatMap((group) =>
        group.files.map((file) => ({
          file: relativePath(folder, file),
          row: null,
          column: name,
          value: value(group),
        })),
      );
    const missing = places(lacking, () => null);
    const mistyped = places(wrong, (group) => group.columns.get(column) ?? null);
    return [
      ...(missing.length === 0
        ? []
        : [
            fault(
              `${name}.present`,
              name,
              `the column ${name} must be there`,
              `${missing.length} files lack it`,
              missing,
            ),
          ]),
      ...(mistyped.length === 0
        ? []
        : [
            fault(
              `${name}.storedType`,
              name,
              `the column ${name} must be stored as ${type}`,
              `${mistyped.length} files store it otherwise`,
              mistyped,
            ),
          ]),
    ];
  });
}

export const fault = (
  rule: string,
  column: string | null,
  description: string,
  outcome: string,
  examples: readonly Example[],
): Violation => ({
  rule,
  column,
  description,
  outcome,
  passed: false,
  severity: 'error',
  examples: examples.slice(0, exampleLimit),
});

const isNumeric = (stored: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|UINTEGER|DOUBLE|FLOAT|DECIMAL.*)$/.test(stored);

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
    case 'time':
      return !/^TIME( .*)?$/.test(stored);
    case 'other':
      return false;
  }
}

/** A file that DuckDB gives up on; for CSV its message names the line, the header being line 1. */
export function unreadableFile(message: string, folder: string, file?: string): Violation {
  const named = file ?? /file = (.+)/.exec(message)?.[1] ?? /in file "(.+?)"/.exec(message)?.[1];
  const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
  const original = /Original Line: (.*)/.exec(message)?.[1] ?? null;
  const jsonLine = /in (?:record\/value|line) (\d+)/.exec(message)?.[1];
  const row = line !== undefined ? Number(line) - 1 : jsonLine !== undefined ? Number(jsonLine) : null;
  const place: Example[] =
    named === undefined ? [] : [{ file: relativePath(folder, named), row, column: null, value: original }];
  const reason = message.split('\n').find((one) => !one.startsWith('Original Line')) ?? message;
  const outcome = reason.replace(/^.*?Error( on Line: \d+)?:? ?/, '') || message;
  return fault('readable', null, 'every file must be readable', outcome, place);
}
