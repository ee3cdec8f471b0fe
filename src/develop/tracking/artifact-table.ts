import { badRequest, messageOf } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import type { ArtifactTable } from './tracking-api.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

const rowLimit = 200;
const columnLimit = 60;
/** A longer text in a cell is cut. */
const cellLimit = 300;

/** The columns and first rows of a Parquet file. @throws BLOB_NOT_FOUND, BAD_REQUEST where it is none */
export async function artifactTable(world: World, key: string): Promise<ArtifactTable> {
  const { path, release } = await world.blobs.localFile(key);
  try {
    return await readTable(path);
  } finally {
    release();
  }
}

async function readTable(file: string): Promise<ArtifactTable> {
  // only here: DuckDB takes a while to load
  const { DuckDBInstance } = await import('@duckdb/node-api');
  // what was uploaded may be made to harm: it gets this one file, and little of the machine
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '256MB' });
  const connection = await instance.connect();
  try {
    const source = `read_parquet(${literal(file)})`;
    await connection.run(
      `SET allowed_paths = [${literal(file)}]; SET enable_external_access = false; SET lock_configuration = true`,
    );
    const shape = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    const columns = shape
      .getRowObjects()
      .map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
    const count = await connection.runAndReadAll(`SELECT count(*) FROM ${source}`);
    const shown = columns
      .slice(0, columnLimit)
      .map(({ name }) => `left(CAST(${identifier(name)} AS VARCHAR), ${cellLimit})`);
    const rows = await connection.runAndReadAll(
      `SELECT ${shown.join(', ')} FROM ${source} LIMIT ${rowLimit}`,
    );
    return {
      columns,
      rowCount: Number(count.getRows()[0]?.[0] ?? 0),
      rows: rows.getRows() as (string | null)[][],
    };
  } catch (thrown) {
    throw badRequest(
      `This file can't be read as Parquet: ${messageOf(thrown).split('\n')[0]?.replaceAll(file, 'the file') ?? ''}`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
