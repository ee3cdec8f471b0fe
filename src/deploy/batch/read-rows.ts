import type { DuckDBConnection } from '@duckdb/node-api';
import type { Feature } from '../serving/engines/rows.ts';
import { rowsPerPart } from './batch.ts';
import { columnMissing, columnWrong } from './batch-errors.ts';
import type { Format } from './places.ts';
import { numbersOf } from './vector-numbers.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

/** Rows of one file that follow each other; numbers are NaN and texts null where they are missing. */
export interface Block {
  /** counted from 0 */
  readonly index: number;
  /** of the first row, within the file */
  readonly firstRow: number;
  readonly rowCount: number;
  /** in the order of the features */
  readonly columns: (Float64Array | (string | boolean | null)[])[];
  /** feature → rows whose text is no number */
  readonly unread: ReadonlyMap<number, readonly number[]>;
  readonly keys: (string | null)[] | null;
  readonly eventAt: (number | null)[] | null;
}

export interface Wanted {
  readonly features: readonly Feature[];
  readonly keyColumn: string | null;
  readonly eventTimeColumn: string | null;
}

const numbers = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|BOOLEAN)$/;
const texts = /^(VARCHAR|ENUM.*)$/;
const times = /^(TIMESTAMP.*|DATE)$/;

/** What each column of a file is read as. @throws BATCH_COLUMN_MISSING, BATCH_COLUMN_WRONG */
export async function planRead(
  connection: DuckDBConnection,
  file: { path: string; name: string; format: Format },
  wanted: Wanted,
): Promise<{ from: string; select: string[] }> {
  const from =
    file.format === 'parquet'
      ? `read_parquet(${literal(file.path)})`
      : `read_csv(${literal(file.path)}, all_varchar = true, header = true)`;
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`);
  const types = new Map(described.getRows().map(([name, type]) => [String(name), String(type)]));
  const named = [...wanted.features.map(({ name }) => name), wanted.keyColumn, wanted.eventTimeColumn];
  const missing = named.filter((name): name is string => name !== null && !types.has(name));
  if (missing.length > 0) throw columnMissing(file.name, missing, [...types.keys()]);
  const select = wanted.features.flatMap((feature) =>
    expressionsOf(feature, types.get(feature.name) ?? '', file),
  );
  if (wanted.keyColumn !== null) select.push(`CAST(${identifier(wanted.keyColumn)} AS VARCHAR)`);
  if (wanted.eventTimeColumn !== null) {
    const column = identifier(wanted.eventTimeColumn);
    const type = types.get(wanted.eventTimeColumn) ?? '';
    if (times.test(type) || texts.test(type))
      select.push(`CAST(epoch_ms(TRY_CAST(${column} AS TIMESTAMP)) AS DOUBLE)`);
    else if (numbers.test(type)) select.push(`CAST(${column} AS DOUBLE)`);
    else throw columnWrong(file.name, wanted.eventTimeColumn, 'times', type);
  }
  return { from, select };
}

/** The value, and for a number out of text whether it was there and could not be read. */
function expressionsOf(feature: Feature, type: string, file: { name: string; format: Format }): string[] {
  const column = identifier(feature.name);
  if (feature.datatype === 'BYTES') {
    if (!texts.test(type)) throw columnWrong(file.name, feature.name, 'text', type);
    return [`CAST(${column} AS VARCHAR)`];
  }
  const isText = file.format === 'csv';
  if (!isText && !numbers.test(type)) throw columnWrong(file.name, feature.name, 'numbers', type);
  if (feature.datatype === 'BOOL')
    return [isText ? `TRY_CAST(${column} AS BOOLEAN)` : `CAST(${column} AS BOOLEAN)`];
  if (!isText) return [`coalesce(CAST(${column} AS DOUBLE), 'nan'::DOUBLE)`];
  const read = `TRY_CAST(${column} AS DOUBLE)`;
  return [`coalesce(${read}, 'nan'::DOUBLE)`, `(${column} IS NOT NULL AND ${read} IS NULL)`];
}

/**
 * Reads a file block after block, in the order of its rows.
 *
 * @param isDone blocks that are not wanted again
 */
export async function* readBlocks(
  connection: DuckDBConnection,
  file: { path: string; name: string; format: Format },
  wanted: Wanted,
  isDone: (block: number) => boolean,
): AsyncGenerator<Block> {
  const { from, select } = await planRead(connection, file, wanted);
  let firstBlock = 0;
  // a Parquet file is not read again where it is done; a text file has no places to go to
  while (file.format === 'parquet' && isDone(firstBlock)) firstBlock += 1;
  const skipped = firstBlock === 0 ? '' : ` WHERE file_row_number >= ${firstBlock * rowsPerPart}`;
  const source = firstBlock === 0 ? from : from.replace(/\)$/, ', file_row_number = true)');
  const result = await connection.stream(`SELECT ${select.join(', ')} FROM ${source}${skipped}`);
  let block = emptyBlock(firstBlock, wanted);
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    // each look at it asks the library's machine code
    const { rowCount } = chunk;
    for (let at = 0; at < rowCount;) {
      const count = Math.min(rowCount - at, rowsPerPart - block.rowCount);
      if (!isDone(block.index)) put(block, chunk, at, count, file.format, wanted);
      block.rowCount += count;
      at += count;
      if (block.rowCount < rowsPerPart) continue;
      if (!isDone(block.index)) yield block;
      block = emptyBlock(block.index + 1, wanted);
    }
  }
  if (block.rowCount > 0 && !isDone(block.index)) yield shortened(block);
}

interface FillingBlock extends Block {
  rowCount: number;
  readonly unread: Map<number, number[]>;
}

const emptyBlock = (index: number, { features, keyColumn, eventTimeColumn }: Wanted): FillingBlock => ({
  index,
  firstRow: index * rowsPerPart,
  rowCount: 0,
  columns: features.map(({ datatype }) =>
    datatype === 'BYTES' || datatype === 'BOOL' ? [] : new Float64Array(rowsPerPart),
  ),
  unread: new Map(),
  keys: keyColumn === null ? null : [],
  eventAt: eventTimeColumn === null ? null : [],
});

const shortened = (block: FillingBlock): Block => ({
  ...block,
  columns: block.columns.map((column) =>
    column instanceof Float64Array ? column.subarray(0, block.rowCount) : column,
  ),
});

type Chunk = NonNullable<Awaited<ReturnType<Awaited<ReturnType<DuckDBConnection['stream']>>['fetchChunk']>>>;

function put(
  block: FillingBlock,
  chunk: Chunk,
  from: number,
  count: number,
  format: Format,
  wanted: Wanted,
): void {
  let at = 0;
  for (const [index, column] of block.columns.entries()) {
    const vector = chunk.getColumnVector(at++);
    if (!(column instanceof Float64Array)) {
      for (let row = from; row < from + count; row += 1) column.push(vector.getItem(row) as string | null);
      continue;
    }
    // none is missing: they were read as NaN
    const items = numbersOf(vector);
    if (items === undefined)
      for (let row = 0; row < count; row += 1)
        column[block.rowCount + row] = vector.getItem(from + row) as number;
    else column.set(items.subarray(from, from + count), block.rowCount);
    if (format !== 'csv') continue;
    const flags = chunk.getColumnVector(at++);
    for (let row = 0; row < count; row += 1) {
      if (flags.getItem(from + row) !== true) continue;
      const rows = block.unread.get(index);
      if (rows === undefined) block.unread.set(index, [block.rowCount + row]);
      else rows.push(block.rowCount + row);
    }
  }
  if (wanted.keyColumn !== null) {
    const vector = chunk.getColumnVector(at++);
    for (let row = from; row < from + count; row += 1) block.keys?.push(vector.getItem(row) as string | null);
  }
  if (wanted.eventTimeColumn !== null) {
    const vector = chunk.getColumnVector(at++);
    for (let row = from; row < from + count; row += 1)
      block.eventAt?.push(vector.getItem(row) as number | null);
  }
}

/** Rows of a Parquet file, from its end; undefined for a text file, which does not say. */
export async function countRows(
  connection: DuckDBConnection,
  path: string,
  format: Format,
): Promise<number | undefined> {
  if (format !== 'parquet') return undefined;
  const read = await connection.runAndReadAll(
    `SELECT num_rows::DOUBLE FROM parquet_file_metadata(${literal(path)})`,
  );
  return Number(read.getRows()[0]?.[0] ?? 0);
}
