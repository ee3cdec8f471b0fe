import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { cellOf, type Cell } from '../serving/engines/rows.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

/** Rows with their truth that a model did not learn from. */
export interface HoldoutRows {
  readonly rowCount: number;
  /** md5 of the file */
  readonly md5: string;
  /** values by column name */
  readonly columns: Readonly<Record<string, readonly Cell[]>>;
}

/** As many rows as a gate looks at; of a longer file every n-th. */
export const maxHoldoutRows = 10_000;

/**
 * Reads columns of a Parquet file, evenly over it.
 *
 * @returns the names of columns that it lacks, where it lacks any
 */
export async function readHoldout(
  file: string,
  wanted: readonly string[],
): Promise<HoldoutRows | { readonly missing: readonly string[] }> {
  if (!existsSync(file)) return { missing: wanted };
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const table = `read_parquet(${literal(file)})`;
    const has = new Set((await connection.runAndReadAll(`SELECT * FROM ${table} LIMIT 0`)).columnNames());
    const missing = wanted.filter((column) => !has.has(column));
    if (missing.length > 0) return { missing };
    const list = wanted.map((column) => identifier(column)).join(', ');
    const read = await connection.runAndReadAll(
      `SELECT ${list} FROM (SELECT ${list}, file_row_number AS "#row", count(*) OVER () AS "#count"
         FROM read_parquet(${literal(file)}, file_row_number = true))
       WHERE "#row" % greatest(1, ceil("#count" / ${maxHoldoutRows}.0)::BIGINT) = 0 ORDER BY "#row"`,
    );
    const rows = read.getRowsJS();
    const columns: Record<string, Cell[]> = {};
    for (const [place, name] of wanted.entries()) columns[name] = rows.map((row) => cellOf(row[place]));
    return { rowCount: rows.length, md5: await md5Of(file), columns };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
