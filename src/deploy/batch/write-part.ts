import type { DuckDBConnection, DuckDBType, DuckDBVector } from '@duckdb/node-api';
import { everyRow, type Part } from './part.ts';
import { numbersOf } from './vector-numbers.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

const chunkRows = 2048;

interface PartColumn {
  readonly name: string;
  readonly type: DuckDBType;
  /** one per row of the block */
  readonly values: Values;
  /** those without an answer have none here either */
  readonly isOfAnswer?: boolean;
}

type Values = Float64Array | Int32Array | readonly (string | boolean | number | null)[];

/** Writes a part as Parquet; the first two columns say which row of the input each row answers. */
export async function writePart(connection: DuckDBConnection, part: Part, path: string): Promise<void> {
  const { BOOLEAN, DOUBLE, INTEGER, VARCHAR, DuckDBDataChunk } = await import('@duckdb/node-api');
  const types = { text: VARCHAR, flag: BOOLEAN, number: DOUBLE };
  const rows = part.rows();
  const columns: PartColumn[] = [
    { name: 'row', type: INTEGER, values: everyRow },
    ...(part.keys === null ? [] : [{ name: 'key', type: VARCHAR, values: part.keys }]),
    { name: 'prediction', type: types[part.kind], values: part.labels, isOfAnswer: true },
    ...[...part.probabilities].map(([label, values]) => ({
      name: `probability_${label}`,
      type: DOUBLE,
      values,
      isOfAnswer: true,
    })),
    ...(part.faults === null ? [] : [{ name: 'fault', type: VARCHAR, values: part.faultOfRows() }]),
  ];
  const definition = columns.map(({ name, type }) => `${identifier(name)} ${type.toString()}`).join(', ');
  await connection.run(`CREATE OR REPLACE TEMP TABLE part (${definition})`);
  const appender = await connection.createAppender('part');
  const kinds = columns.map(({ type }) => type);
  for (let from = 0; from < rows.length; from += chunkRows) {
    const count = Math.min(chunkRows, rows.length - from);
    const chunk = DuckDBDataChunk.create(kinds, count);
    for (const [index, column] of columns.entries())
      fill(chunk.getColumnVector(index), column, part, rows.subarray(from, from + count));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  const others = columns.slice(1).map(({ name }) => identifier(name));
  const source = literal(part.source);
  const select = [
    // text in the file, and one word for all rows on the way to it
    `${source}::ENUM(${source}) AS source`,
    `"row"::BIGINT + ${part.firstRow} AS "row"`,
    ...others,
  ];
  await connection.run(
    `COPY (SELECT ${select.join(', ')} FROM part) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`,
  );
}

function fill(vector: DuckDBVector, { values, isOfAnswer }: PartColumn, part: Part, rows: Int32Array): void {
  const items = part.isComplete && !Array.isArray(values) ? numbersOf(vector) : undefined;
  if (items === undefined) {
    for (const [at, row] of rows.entries())
      vector.setItem(at, isOfAnswer === true && part.isAnswered[row] !== 1 ? null : (values[row] ?? null));
  } else {
    const [first = 0] = rows;
    items.set((values as Float64Array | Int32Array).subarray(first, first + rows.length));
  }
  vector.flush();
}
