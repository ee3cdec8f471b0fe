import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal } from './read-rows.ts';

/** One row of a part; the first two say which row of the input it answers. */
export interface PartRows {
  readonly source: string;
  /** counted from 0 within the source */
  readonly row: number[];
  readonly key: (string | null)[] | null;
  readonly prediction: (number | string | boolean | null)[];
  /** class → one per row */
  readonly probabilities: ReadonlyMap<string, (number | null)[]>;
  /** why a row could not be scored; null where bad rows are left out */
  readonly fault: (string | null)[] | null;
}

const chunkRows = 2048;

/**
 * Writes a part as Parquet.
 *
 * @param isText whether the model answers labels that are text
 */
export async function writePart(
  connection: DuckDBConnection,
  rows: PartRows,
  path: string,
  isText: boolean,
): Promise<void> {
  const { BIGINT, BOOLEAN, DOUBLE, VARCHAR, DuckDBDataChunk } = await import('@duckdb/node-api');
  const isFlag = !isText && rows.prediction.some((label) => typeof label === 'boolean');
  const columns = [
    { name: 'source', type: VARCHAR, values: rows.row.map(() => rows.source) },
    { name: 'row', type: BIGINT, values: rows.row.map(BigInt) },
    ...(rows.key === null ? [] : [{ name: 'key', type: VARCHAR, values: rows.key }]),
    { name: 'prediction', type: isText ? VARCHAR : isFlag ? BOOLEAN : DOUBLE, values: rows.prediction },
    ...[...rows.probabilities].map(([label, values]) => ({
      name: `probability_${label}`,
      type: DOUBLE,
      values,
    })),
    ...(rows.fault === null ? [] : [{ name: 'fault', type: VARCHAR, values: rows.fault }]),
  ];
  const definition = columns.map(({ name, type }) => `${identifier(name)} ${type.toString()}`).join(', ');
  await connection.run(`CREATE OR REPLACE TEMP TABLE part (${definition})`);
  const appender = await connection.createAppender('part');
  const types = columns.map(({ type }) => type);
  for (let from = 0; from < rows.row.length; from += chunkRows) {
    const chunk = DuckDBDataChunk.create(types, Math.min(chunkRows, rows.row.length - from));
    chunk.setColumns(columns.map(({ values }) => values.slice(from, from + chunkRows)));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  await connection.run(`COPY part TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
}
