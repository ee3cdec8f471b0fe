import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync, constants } from 'node:zlib';
import type { TableFiles } from './profile-sql.ts';
import { literal } from '../../platform/sql-text.ts';

/** A file of a version, wherever its bytes lie. */
export interface ProfiledFile {
  /** within the dataset, with `/` */
  readonly relpath: string;
  /** absolute */
  readonly path: string;
  readonly md5: string;
  readonly size: number;
}

export interface FoundTable extends TableFiles {
  readonly name: string;
  readonly files: readonly ProfiledFile[];
}

export interface FoundTables {
  readonly tables: readonly FoundTable[];
  readonly others: readonly ProfiledFile[];
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
}

const most = 50;
const headBytes = 1 << 16;

/** Format of a file that is a table, told by its name. */
export function formatOf(
  path: string,
): { format: TableFiles['format']; delimiter: string; isZipped: boolean } | undefined {
  const match = /\.(?:(parquet|pq)|(csv|tsv|jsonl|ndjson)(\.gz)?)$/i.exec(path);
  if (match === null) return undefined;
  if (match[1] !== undefined) return { format: 'parquet', delimiter: ',', isZipped: false };
  const ending = (match[2] ?? '').toLowerCase();
  const format = ending === 'csv' || ending === 'tsv' ? 'csv' : 'json';
  return { format, delimiter: ending === 'tsv' ? '\t' : ',', isZipped: match[3] !== undefined };
}

/**
 * Files with the same columns are one table; at most 50 tables are looked at.
 *
 * @param parquetColumns names of each Parquet file's columns, by path
 */
export function findTables(
  files: readonly ProfiledFile[],
  parquetColumns: ReadonlyMap<string, readonly string[]>,
): FoundTables {
  const groups = new Map<string, TableFiles & { files: ProfiledFile[] }>();
  const others: ProfiledFile[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  for (const file of files) {
    const shape = formatOf(file.relpath);
    if (shape === undefined) {
      others.push(file);
      continue;
    }
    const columns = shape.format === 'parquet' ? parquetColumns.get(file.path) : headerOf(file.path, shape);
    if (columns === undefined || columns.length === 0) {
      unreadable.push({
        file: file.relpath,
        reason:
          file.size === 0
            ? 'it is empty'
            : shape.format === 'parquet'
              ? 'it is no Parquet file'
              : 'it has no first line',
      });
      continue;
    }
    const key = JSON.stringify([shape, columns.toSorted()]);
    const group = groups.get(key) ?? { ...shape, paths: [], files: [] };
    group.files.push(file);
    groups.set(key, group);
  }
  const largestFirst = [...groups.values()].toSorted((left, right) => right.files.length - left.files.length);
  const tables = largestFirst.slice(0, most).map((group) => ({
    ...group,
    name: commonName(group.files.map(({ relpath }) => relpath)),
    paths: group.files.map(({ path }) => path),
  }));
  return {
    tables: tables.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    others: [...others, ...largestFirst.slice(most).flatMap((group) => group.files)],
    unreadable: unreadable.slice(0, most),
  };
}

/** `flights-*.parquet` for `flights-2013-01.parquet` and `flights-2014-03.parquet`. */
export function commonName(paths: readonly string[]): string {
  const [first = ''] = paths;
  if (paths.length < 2) return first;
  let size = 0;
  while (size < first.length && paths.every((path) => path[size] === first[size])) size++;
  // digits that happen to agree are no name: 2013-01 and 2013-02 are 2013-*
  const start = first.slice(0, size).replace(/(?<=[^0-9])[0-9]+$/, '');
  const ending = /\.[a-z]+(\.gz)?$/i.exec(basename(first))?.[0] ?? '';
  return `${start}*${ending}`;
}

/** Column names in a text file's first line; undefined when nothing is there. */
function headerOf(
  path: string,
  { format, delimiter, isZipped }: Omit<TableFiles, 'paths'>,
): string[] | undefined {
  const line = firstLine(path, isZipped);
  if (line === undefined) return undefined;
  if (format === 'csv') return line.split(delimiter);
  try {
    return Object.keys(JSON.parse(line) as object);
  } catch {
    // a line longer than what was read, or none of JSON: reading the table will tell
    return ['?'];
  }
}

function firstLine(path: string, isZipped: boolean): string | undefined {
  const handle = openSync(path, 'r');
  try {
    const block = Buffer.alloc(headBytes);
    const head = block.subarray(0, readSync(handle, block, 0, headBytes, 0));
    const plain = isZipped ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : head;
    const line = plain
      .toString('utf8')
      .replace(/^\ufeff/, '')
      .split(/\r?\n/)[0];
    return line === undefined || line.trim() === '' ? undefined : line;
  } finally {
    closeSync(handle);
  }
}

/** One reading of all footers. */
export const parquetSchemaQuery = (paths: readonly string[]): string =>
  `SELECT file_name, list(name ORDER BY name) AS names FROM parquet_schema([${paths.map(literal).join(', ')}]) WHERE num_children IS NULL OR num_children = 0 GROUP BY 1`;
