import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { readExtras, type AskedPrediction } from './asked-prediction.ts';
import { takeRows, wholeColumn, type Cell } from '../engines/rows.ts';
import { bodyUnreadable } from '../serving-errors.ts';
import { literal } from '../../../platform/sql-text.ts';

export const parquetType = 'application/vnd.apache.parquet';

/** Made at the first such body; it costs memory that most planes never need. */
let instance: Promise<DuckDBInstance> | undefined;

/**
 * Reads a Parquet file as the body of `POST /invocations`, as MLflow's scoring server does: a data frame.
 *
 * @throws SERVING_BODY_UNREADABLE
 */
export async function readParquetInvocation(
  body: Buffer,
  requestId: string | undefined,
): Promise<AskedPrediction> {
  const columns = await columnsOf(body);
  const [first] = columns.values();
  return {
    requestId,
    ...readExtras(undefined),
    outputNames: undefined,
    rowsFor: (layout) =>
      takeRows(layout, first?.length ?? 0, (name) => {
        const values = columns.get(name);
        return values === undefined ? undefined : wholeColumn(values);
      }),
  };
}

async function columnsOf(body: Buffer): Promise<Map<string, Cell[]>> {
  // the reader wants a file
  const path = join(tmpdir(), `tilth-body-${randomUUID()}.parquet`);
  try {
    await writeFile(path, body, { mode: 0o600 });
    const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
    const connection = await (
      await (instance ??= Instance.create(':memory:', { threads: '1', memory_limit: '512MB' }))
    ).connect();
    try {
      const read = await connection.runAndReadAll(`SELECT * FROM read_parquet(${literal(path)})`);
      const lists = read.getColumnsJS();
      return new Map(read.columnNames().map((name, index) => [name, (lists[index] ?? []).map(cellOf)]));
    } finally {
      connection.closeSync();
    }
  } catch (cause) {
    // what the reader says names the file
    throw bodyUnreadable('The body is no Parquet file that can be read.', undefined, cause);
  } finally {
    await rm(path, { force: true });
  }
}

function cellOf(value: unknown): Cell {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' ? value : null;
}
