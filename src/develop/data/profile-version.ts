import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../platform/errors.ts';
import { Cache } from '../dvc-files/cache.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import type { ColumnProfile, DataProfile, TableProfile } from './profile-api.ts';
import { gridFor, histogramOf, type Grid } from './profile.ts';
import {
  countsOf,
  frequentCount,
  guesses,
  isWhole,
  kindOf,
  summaryOf,
  tableSource,
  type Wanted,
} from './profile-sql.ts';
import {
  findTables,
  formatOf,
  parquetSchemaQuery,
  type FoundTable,
  type ProfiledFile,
} from './profile-tables.ts';
import { identifier } from '../../platform/sql-text.ts';

/** part of the memory's key: another way of counting must count again */
const engineVersion = 1;
const mostColumns = 2000;
/** a plan of thousands of sums takes longer to make than to run */
const columnsPerQuery = 100;
/** text up to this size is read once and held: taking it apart costs more than counting */
const mostHeldBytes = 256_000_000;
const zipRatio = 6;
/** up to so many, different values are counted exactly */
const fewDistinct = 5000;
const nothing: Wanted = { grid: undefined, frequent: [], isFew: false };

/**
 * The files of a version as they lie in the cache, where no edit reaches them.
 *
 * @param path of the dataset, for its name
 * @returns undefined when a file is not in the cache
 */
export function cachedFiles(repository: Repository, md5: string, path: string): ProfiledFile[] | undefined {
  const cache = new Cache(repository);
  const sized = (file: Omit<ProfiledFile, 'size'>): ProfiledFile | undefined => {
    const stat = statSync(file.path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : { ...file, size: stat.size };
  };
  if (!cache.has(md5)) return undefined;
  const entries = isTreeHash(md5) ? cache.readTree(md5, path) : [{ relpath: basename(path), md5 }];
  const files = entries.map((entry) => sized({ ...entry, path: cache.pathOf(entry.md5) }));
  return files.every((file) => file !== undefined) ? files : undefined;
}

/** Counts what a version holds; the same content is read once. */
export async function profileVersion(
  repository: Repository,
  md5: string,
  files: readonly ProfiledFile[],
): Promise<DataProfile> {
  const folder = join(repository.state, 'profiles');
  // the names tell what is a table and what it is called
  const memory = join(folder, `${md5}-${basename(files[0]?.relpath ?? '')}-${engineVersion}.json`);
  if (existsSync(memory)) return JSON.parse(readFileSync(memory, 'utf8')) as DataProfile;
  const profile = await profileFiles(md5, files);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${memory}.${process.pid}`, JSON.stringify(profile));
  renameSync(`${memory}.${process.pid}`, memory);
  return profile;
}

/** Two readings of each table, by DuckDB where the data is: what there is, then how often. */
export async function profileFiles(md5: string, files: readonly ProfiledFile[]): Promise<DataProfile> {
  const extent = { md5, fileCount: files.length, size: sizeOf(files) };
  if (!files.some(({ relpath }) => formatOf(relpath) !== undefined)) {
    return { ...extent, tables: [], others: { fileCount: files.length, size: extent.size }, unreadable: [] };
  }
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const found = findTables(files, await parquetColumns(connection, files));
    const tables: TableProfile[] = [];
    const unreadable = [...found.unreadable];
    for (const table of found.tables) {
      try {
        tables.push(await profileTable(connection, table));
      } catch (cause) {
        unreadable.push({ file: table.name, reason: reasonOf(cause, table) });
      }
    }
    return {
      ...extent,
      tables,
      others: { fileCount: found.others.length, size: sizeOf(found.others) },
      unreadable: unreadable.slice(0, 50),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const sizeOf = (files: readonly ProfiledFile[]): number => files.reduce((sum, { size }) => sum + size, 0);

/** DuckDB's first line, with the names that people know for those of the cache. */
const reasonOf = (cause: unknown, table: FoundTable): string =>
  table.files
    .reduce(
      (message, { path, relpath }) => message.replaceAll(path, relpath),
      messageOf(cause).split('\n')[0] ?? '',
    )
    .slice(0, 500);

async function parquetColumns(
  connection: DuckDBConnection,
  files: readonly ProfiledFile[],
): Promise<Map<string, string[]>> {
  const paths = files
    .filter(({ relpath }) => formatOf(relpath)?.format === 'parquet')
    .map(({ path }) => path);
  if (paths.length === 0) return new Map();
  try {
    return await schemas(connection, paths);
  } catch {
    // one file that is none makes the whole list fail: ask for each
    const found = new Map<string, string[]>();
    for (const path of paths) {
      for (const [key, names] of await schemas(connection, [path]).catch(() => new Map<string, string[]>()))
        found.set(key, names);
    }
    return found;
  }
}

async function schemas(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<Map<string, string[]>> {
  const reader = await connection.runAndReadAll(parquetSchemaQuery(paths));
  return new Map((reader.getRowsJson() as [string, string[]][]).map(([file, names]) => [file, names]));
}

/** Guesses the types of a text file from its beginning, then from all of it, then takes all as text. */
async function profileTable(connection: DuckDBConnection, table: FoundTable): Promise<TableProfile> {
  if (table.format === 'parquet') return readTable(connection, table, tableSource(table, 0));
  const isHeld = sizeOf(table.files) * (table.isZipped ? zipRatio : 1) <= mostHeldBytes;
  for (let guess = 0; ; guess++) {
    try {
      const source = tableSource(table, guess);
      if (!isHeld) return await readTable(connection, table, source);
      await connection.run(`CREATE OR REPLACE TEMP TABLE held AS SELECT * FROM ${source}`);
      return await readTable(connection, table, 'held');
    } catch (cause) {
      if (guess === guesses.length - 1) throw cause;
    }
  }
}

type Row = Readonly<Record<string, unknown>>;

async function readTable(
  connection: DuckDBConnection,
  table: FoundTable,
  source: string,
): Promise<TableProfile> {
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
  const all = (described.getRowObjectsJson() as { column_name: string; column_type: string }[]).map(
    (row) => ({
      name: row.column_name,
      type: row.column_type,
    }),
  );
  const columns = all.slice(0, mostColumns);
  let rowCount = 0;
  const profiles: ColumnProfile[] = [];
  for (let at = 0; at === 0 || at < columns.length; at += columnsPerQuery) {
    const part = columns.slice(at, at + columnsPerQuery);
    const summary = await firstRow(
      connection,
      ['count(*) AS n', ...part.flatMap(({ name, type }, index) => summaryOf(name, type, index))],
      source,
      part,
    );
    rowCount = Number(summary['n']);
    const wanted = part.map(({ type }, index) => ({
      grid: gridOf(summary, type, index),
      frequent: frequentOf(summary, type, index),
      isFew: (numberOf(summary[`c${index}_distinct`]) ?? 0) <= fewDistinct && kindOf(type) !== 'other',
    }));
    const counts = part.flatMap(({ name, type }, index) =>
      countsOf(name, type, index, wanted[index] ?? nothing),
    );
    const counted = counts.length === 0 ? {} : await firstRow(connection, counts, source, part);
    for (const [index, column] of part.entries())
      profiles.push(columnOf(column, index, summary, counted, wanted[index]?.grid));
  }
  return {
    name: table.name,
    format: table.format,
    fileCount: table.files.length,
    rowCount,
    columns: profiles,
    columnsLeftOut: all.length - columns.length,
  };
}

async function firstRow(
  connection: DuckDBConnection,
  selected: readonly string[],
  source: string,
  columns: readonly { name: string }[],
): Promise<Row> {
  // only the columns at hand: of text files the others need not be made into values
  const inner = `SELECT ${columns.map(({ name }) => identifier(name)).join(', ') || '1'} FROM ${source}`;
  const reader = await connection.runAndReadAll(`SELECT ${selected.join(', ')} FROM (${inner})`);
  return reader.getRowObjectsJson()[0] ?? {};
}

const numberOf = (value: unknown): number | null => {
  const found = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isFinite(found) ? found : null;
};

function gridOf(summary: Row, type: string, at: number): Grid | undefined {
  const [low, high] = [numberOf(summary[`c${at}_low`]), numberOf(summary[`c${at}_high`])];
  if (low === null || high === null) return undefined;
  const [first, , , , last] = quantilesOf(summary, at) ?? [low, 0, 0, 0, high];
  return gridFor(low, high, first, last, isWhole(type));
}

function quantilesOf(summary: Row, at: number): ColumnProfile['quantiles'] {
  const found = summary[`c${at}_quantiles`];
  const values = Array.isArray(found) ? found.map(numberOf) : [];
  return values.length === 5 && values.every((value) => value !== null)
    ? (values as [number, number, number, number, number])
    : null;
}

/** Text that hardly repeats has no frequent values worth a count; whole numbers have when they are few. */
function frequentOf(summary: Row, type: string, at: number): string[] {
  const top = summary[`c${at}_top`];
  if (!Array.isArray(top)) return [];
  if (kindOf(type) === 'number' && (numberOf(summary[`c${at}_distinct`]) ?? 0) > 12) return [];
  return top.filter((value): value is string => typeof value === 'string');
}

function columnOf(
  { name, type }: { name: string; type: string },
  at: number,
  summary: Row,
  counted: Row,
  grid: Grid | undefined,
): ColumnProfile {
  const cut = (value: unknown): string | null => (typeof value === 'string' ? value.slice(0, 120) : null);
  const nullCount = numberOf(summary[`c${at}_nulls`]) ?? 0;
  const rows = (numberOf(summary['n']) ?? 0) - nullCount;
  return {
    name: name.slice(0, 1000),
    type: type.slice(0, 1000),
    kind: kindOf(type),
    classification: null,
    isMasked: false,
    nullCount,
    distinctCount:
      numberOf(counted[`c${at}_exact`]) ?? Math.min(numberOf(summary[`c${at}_distinct`]) ?? 0, rows),
    min: cut(summary[`c${at}_min`]),
    max: cut(summary[`c${at}_max`]),
    mean: numberOf(summary[`c${at}_mean`]),
    standardDeviation: numberOf(summary[`c${at}_deviation`]),
    quantiles: quantilesOf(summary, at),
    histogram: grid === undefined ? null : histogramOf(grid, mapOf(counted[`c${at}_bins`], Number)),
    frequent: mostFrequent(mapOf(counted[`c${at}_top`], String), rows),
  };
}

/** Most frequent first; none where no value occurs twice, as names and ids do. */
function mostFrequent(counts: ReadonlyMap<string, number>, rows: number): ColumnProfile['frequent'] {
  const repeats =
    rows <= counts.size ? rows <= frequentCount : [...counts.values()].some((count) => count > 1);
  if (!repeats) return [];
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((left, right) => right.count - left.count);
}

/** DuckDB's MAP as it comes in JSON. */
function mapOf<Key>(found: unknown, key: (text: string) => Key): Map<Key, number> {
  const entries = Array.isArray(found) ? (found as { key: string; value: string }[]) : [];
  return new Map(entries.map((entry) => [key(entry.key), Number(entry.value)]));
}
