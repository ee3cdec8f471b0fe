import { existsSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { parsePythonJson } from '../../platform/python-json.ts';
import { identifier, literal } from '../../platform/sql-text.ts';
import { cellOf, type Cell } from '../serving/engines/rows.ts';

const mlmodelFile = z.object({
  signature: z.object({ inputs: z.string() }).nullish(),
  saved_input_example_info: z.object({ artifact_path: z.string() }).nullish(),
});
const signatureInputs = z.array(z.object({ type: z.string(), name: z.string().optional() }));
const splitExample = z.object({
  columns: z.array(z.string()).optional(),
  data: z.array(z.array(z.unknown())),
});

/**
 * Writes the rows that a model is compared on: its own input example, then rows of the first of `sources` that has
 * all its columns, taken evenly over the file.
 *
 * @param sources Parquet files or folders of them, the best first
 * @param most rows in all
 * @returns the file, and where its rows come from
 */
export async function writeSampleRows(
  modelFolder: string,
  sources: readonly string[],
  file: string,
  most: number,
): Promise<{ rowCount: number; from: string[] }> {
  const mlmodel = mlmodelFile.parse(parse(await readFile(join(modelFolder, 'MLmodel'), 'utf8')));
  const columns = columnsOf(mlmodel.signature?.inputs);
  const example = await readExample(modelFolder, mlmodel.saved_input_example_info?.artifact_path);
  if (columns === undefined) {
    // rows without names can't be matched with a file's columns
    await writeFile(file, JSON.stringify(example ?? { data: [] }));
    return { rowCount: example?.data.length ?? 0, from: example === undefined ? [] : ['input example'] };
  }
  const rows = example === undefined ? [] : rowsOfExample(example, columns);
  const from = rows.length === 0 ? [] : ['input example'];
  for (const source of sources) {
    const found = await sampleOf(source, columns, most - rows.length);
    if (found === undefined) continue;
    rows.push(...found);
    from.push(source);
    break;
  }
  await writeFile(file, JSON.stringify({ columns, data: rows }));
  return { rowCount: rows.length, from };
}

/** Column names of a signature; undefined when it has none. */
function columnsOf(inputs: string | undefined): string[] | undefined {
  if (inputs === undefined) return undefined;
  const parsed = signatureInputs.parse(JSON.parse(inputs));
  const names = parsed.flatMap((column) => column.name ?? []);
  return names.length === parsed.length && parsed[0]?.type !== 'tensor' ? names : undefined;
}

async function readExample(
  folder: string,
  name: string | undefined,
): Promise<z.infer<typeof splitExample> | undefined> {
  const file = join(folder, name ?? 'input_example.json');
  if (!isBelow(folder, file) || !existsSync(file)) return undefined;
  // pandas writes a missing number as NaN
  const content = parsePythonJson(await readFile(file, 'utf8'));
  const split = splitExample.safeParse(content);
  if (split.success) return split.data;
  const records = z.array(z.record(z.string(), z.unknown())).safeParse(content);
  if (!records.success || records.data[0] === undefined) return undefined;
  const columns = Object.keys(records.data[0]);
  return { columns, data: records.data.map((record) => columns.map((column) => record[column])) };
}

function rowsOfExample(example: z.infer<typeof splitExample>, columns: readonly string[]): Cell[][] {
  const places = columns.map((column) => example.columns?.indexOf(column) ?? -1);
  if (places.includes(-1)) return [];
  return example.data.map((row) => places.map((place) => cellOf(row[place])));
}

async function sampleOf(
  source: string,
  columns: readonly string[],
  limit: number,
): Promise<Cell[][] | undefined> {
  if (!existsSync(source) || limit <= 0) return undefined;
  const files = statSync(source).isDirectory() ? join(source, '*.parquet') : source;
  if (!files.endsWith('.parquet')) return undefined;
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const table = `read_parquet(${literal(files)}, union_by_name = true)`;
    const described = await connection.runAndReadAll(`SELECT * FROM ${table} LIMIT 0`).catch(() => undefined);
    const has = new Set(described?.columnNames() ?? []);
    if (!columns.every((column) => has.has(column))) return undefined;
    const list = columns.map((column) => identifier(column)).join(', ');
    const read = await connection.runAndReadAll(
      `SELECT ${list} FROM (SELECT ${list}, row_number() OVER () - 1 AS "#row", count(*) OVER () AS "#count" FROM ${table})
       WHERE "#row" % greatest(1, ceil("#count" / ${limit}.0)::BIGINT) = 0 LIMIT ${limit}`,
    );
    return read.getRowsJS().map((row) => row.map(cellOf));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A path that someone logged, inside of the project; undefined when it leads out of it. */
export function insideOf(root: string, path: string): string | undefined {
  const full = resolve(root, path);
  return isBelow(root, full) ? full : undefined;
}

function isBelow(folder: string, file: string): boolean {
  const path = relative(resolve(folder), resolve(file));
  return path !== '' && !path.startsWith('..') && !isAbsolute(path);
}
