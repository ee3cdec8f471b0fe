import { sql, type RawBuilder } from 'kysely';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { pointsInBatches, removeBatches } from './metric-batch-store.ts';
import { decodeBatch, decodeBlock, encodeBlock } from './metric-block.ts';
import {
  columnsOf,
  countUpTo,
  emptyColumns,
  joinColumns,
  lengthOf,
  mergeColumns,
  positionAt,
  sliceColumns,
  stored,
  type HistoryPosition,
  type MetricColumns,
} from './metric-columns.ts';
import { RowsStatement } from '../../platform/database/statements.ts';
import type { MetricPoint } from './tracking.ts';
import type { MetricPointTable } from './tracking-store.ts';

// Where the points of a series lie: a point is either in one block or a row of its own. The blocks of a series don't
// overlap, a block stands where its first point stands, and rows may lie anywhere between.

/** So that a page of a history is read and decoded without much that it doesn't show. */
export const mostInBlock = 4096;

type PointRow = Omit<MetricPointTable, 'series'>;

export const pointOf = (row: PointRow): MetricPoint => ({
  value: row.is_nan === 1 ? Number.NaN : row.value,
  timestamp: row.timestamp,
  step: row.step,
});

export const rowPosition = (row: PointRow): HistoryPosition => [row.timestamp, row.step, row.value, row.is_nan];

const place = sql.raw('(timestamp, step, value, is_nan)');
const order = sql.raw('timestamp, step, value, is_nan');
const downwards = sql.raw('timestamp DESC, step DESC, value DESC, is_nan DESC');
const summary = sql.raw('timestamp, step, value, is_nan, to_timestamp, to_step, point_count');
const at = (position: HistoryPosition): RawBuilder<unknown> => sql`(${sql.join(position)})`;
const beyond = (position: HistoryPosition | undefined): RawBuilder<unknown> => (position === undefined ? sql`` : sql`AND ${place} > ${at(position)}`);

// ---------------------------------------------------------------------------------------------------------------------
// writing

const insertRows = new RowsStatement('INSERT INTO metric_point (series, timestamp, step, value, is_nan)', 'ON CONFLICT DO NOTHING', 128);

const insertBlocks = new RowsStatement(
  'INSERT INTO metric_block (series, timestamp, step, value, is_nan, to_timestamp, to_step, point_count, data)',
  '',
  64,
);

/** Rows that are there stay once. */
export async function putRows(tx: Transaction, placed: readonly { readonly series: number; readonly points: readonly MetricPoint[] }[]): Promise<void> {
  const rows: unknown[][] = [];
  for (const { series, points } of placed) {
    for (const { timestamp, step, value } of points) rows.push([series, timestamp, step, ...stored(value)]);
  }
  await insertRows.run(tx, rows);
}

/** A stretch of a series that goes into the database. */
export interface PlacedBlock {
  readonly series: number;
  readonly columns: MetricColumns;
}

/** Each becomes one block, or several where it is too long for one. */
export async function putBlocks(tx: Transaction, placed: readonly PlacedBlock[]): Promise<void> {
  if (placed.length === 0) return;
  const rows: unknown[][] = [];
  for (const { series, columns } of placed) {
    for (const part of blockParts(columns)) {
      const last = lengthOf(part) - 1;
      rows.push([series, ...positionAt(part, 0), part.timestamps[last], part.steps[last], last + 1, encodeBlock(part)]);
    }
  }
  await insertBlocks.run(tx, rows);
}

function* blockParts(columns: MetricColumns): Generator<MetricColumns> {
  for (let from = 0; from < lengthOf(columns); from += mostInBlock) {
    yield sliceColumns(columns, from, Math.min(from + mostInBlock, lengthOf(columns)));
  }
}

/** @param from where the first of them stands @param to where the last of them stands; all that follow without it */
export async function removeRows(tx: Transaction, series: number, from: HistoryPosition, to?: HistoryPosition): Promise<void> {
  const end = to === undefined ? sql`` : sql`AND ${place} <= ${at(to)}`;
  await sql`DELETE FROM metric_point WHERE series = ${series} AND ${place} >= ${at(from)} ${end}`.execute(tx);
}

/** @param from where the first of them stands @param to where the last of them stands; all that follow without it */
export async function removeBlocks(tx: Transaction, series: number, from: HistoryPosition, to?: HistoryPosition): Promise<void> {
  const end = to === undefined ? sql`` : sql`AND ${place} <= ${at(to)}`;
  await sql`DELETE FROM metric_block WHERE series = ${series} AND ${place} >= ${at(from)} ${end}`.execute(tx);
}

/** With all points of all metrics of a run; their latest values stay. */
export async function removeHistories(tx: Transaction, runId: string): Promise<void> {
  await removeBatches(tx, runId);
  const series = tx.selectFrom('latest_metric').select('series').where('run_id', '=', runId);
  await tx.deleteFrom('metric_point').where('series', 'in', series).execute();
  await tx.deleteFrom('metric_block').where('series', 'in', series).execute();
}

// ---------------------------------------------------------------------------------------------------------------------
// reading

/** What a block is, without its points. */
export interface BlockSummary {
  readonly first: HistoryPosition;
  readonly toTimestamp: number;
  readonly toStep: number;
  readonly pointCount: number;
}

interface SummaryRow extends PointRow {
  readonly to_timestamp: number;
  readonly to_step: number;
  readonly point_count: number;
}

const summaryOf = (row: SummaryRow): BlockSummary => ({
  first: rowPosition(row),
  toTimestamp: row.to_timestamp,
  toStep: row.to_step,
  pointCount: row.point_count,
});

/** The last blocks of a series, the last one first. */
export async function lastBlocks(read: Reader, series: number, limit: number): Promise<BlockSummary[]> {
  const { rows } = await sql<SummaryRow>`
    SELECT ${summary} FROM metric_block
    WHERE series = ${series} ORDER BY ${downwards} LIMIT ${limit}`.execute(read);
  return rows.map(summaryOf);
}

/** Blocks in their order that may hold points from one position to another, both included; the first block where all lies before it. */
export async function blocksBetween(read: Reader, series: number, from: HistoryPosition, to: HistoryPosition): Promise<BlockSummary[]> {
  const { rows } = await sql<SummaryRow>`
    SELECT * FROM (SELECT ${summary} FROM metric_block WHERE series = ${series} AND ${place} <= ${at(from)} ORDER BY ${downwards} LIMIT 1) AS before
    UNION ALL
    SELECT ${summary} FROM metric_block WHERE series = ${series} AND ${place} > ${at(from)} AND ${place} <= ${at(to)}
    ORDER BY ${order}`.execute(read);
  if (rows.length > 0) return rows.map(summaryOf);
  const first = await sql<SummaryRow>`SELECT ${summary} FROM metric_block WHERE series = ${series} ORDER BY ${order} LIMIT 1`.execute(read);
  return first.rows.map(summaryOf);
}

/** The points of one block. @param first where it stands */
export async function readBlock(read: Reader, series: number, first: HistoryPosition): Promise<MetricColumns> {
  const { rows } = await sql<{ data: Uint8Array }>`SELECT data FROM metric_block WHERE series = ${series} AND ${place} = ${at(first)}`.execute(read);
  return rows[0] === undefined ? emptyColumns(0) : decodeBlock(rows[0].data);
}

/** The points of a block and all that follow it. */
export async function readBlocksFrom(read: Reader, series: number, first: HistoryPosition): Promise<MetricColumns> {
  const { rows } = await sql<{ data: Uint8Array }>`
    SELECT data FROM metric_block WHERE series = ${series} AND ${place} >= ${at(first)} ORDER BY ${order}`.execute(read);
  return joinColumns(rows.map((row) => decodeBlock(row.data)));
}

/** Points that are rows: all, or those with a later timestamp and step than given. */
export async function looseRows(read: Reader, series: number, after?: readonly [timestamp: number, step: number]): Promise<MetricColumns> {
  const later = after === undefined ? sql`` : sql`AND (timestamp, step) > (${after[0]}, ${after[1]})`;
  const { rows } = await sql<PointRow>`SELECT ${order} FROM metric_point WHERE series = ${series} ${later} ORDER BY ${order}`.execute(read);
  return columnsOf(rows.map(pointOf));
}

export async function countPoints(read: Reader, runId: string, series: readonly number[]): Promise<number> {
  if (series.length === 0) return 0;
  const { rows } = await sql<{ count: number }>`
    SELECT (SELECT CAST(coalesce(sum(point_count), 0) AS bigint) FROM metric_block WHERE series IN (${sql.join(series)}))
      + (SELECT count(*) FROM metric_point WHERE series IN (${sql.join(series)}))
      + (SELECT CAST(coalesce(sum(batch_count), 0) AS bigint) FROM latest_metric
        WHERE run_id = ${runId} AND series IN (${sql.join(series)})) AS count`.execute(read);
  return rows[0]?.count ?? 0;
}

/** In the place of `is_nan`: the row is a batch. */
const isBatch = 2;

/** Read and decoded between two turns of the event loop. */
const mostAtOnce = { blocks: 16, rows: 16_384 };

/**
 * The points of a series after a position, in their order, stretch by stretch.
 * Each stretch is read by one statement, so that points which move into a block meanwhile are neither missed nor seen twice.
 *
 * @param runId that the series belongs to
 * @param wanted about how many the caller will take
 */
export async function* historyStretches(
  read: Reader,
  runId: string,
  series: number,
  after: HistoryPosition | undefined,
  wanted = Infinity,
): AsyncGenerator<MetricColumns[], void, void> {
  let position = after;
  for (let left = wanted; left > 0; ) {
    const { stretches, isLast } = await readStretches(read, runId, series, position, left);
    const last = stretches.at(-1);
    if (last === undefined) return;
    yield stretches;
    if (isLast) return;
    left -= stretches.reduce((sum, each) => sum + lengthOf(each), 0);
    position = positionAt(last, lengthOf(last) - 1);
  }
}

async function readStretches(
  read: Reader,
  runId: string,
  series: number,
  after: HistoryPosition | undefined,
  wanted: number,
): Promise<{ stretches: MetricColumns[]; isLast: boolean }> {
  const blockLimit = Math.min(mostAtOnce.blocks, 1 + Math.ceil(wanted / (mostInBlock / 2)));
  const rowLimit = Math.min(mostAtOnce.rows, wanted + 1);
  // the block that a position lies in begins before it
  const around =
    after === undefined
      ? sql``
      : sql`SELECT * FROM (SELECT ${order}, data FROM metric_block WHERE series = ${series} AND ${place} <= ${at(after)} ORDER BY ${downwards} LIMIT 1) AS around
        UNION ALL`;
  const { rows } = await sql<PointRow & { readonly data: Uint8Array | null }>`
    ${around}
    SELECT * FROM (SELECT ${order}, data FROM metric_block WHERE series = ${series} ${beyond(after)} ORDER BY ${order} LIMIT ${blockLimit}) AS packed
    UNION ALL
    SELECT * FROM (SELECT ${order}, (SELECT data FROM metric_block WHERE 1 = 0) AS data
      FROM metric_point WHERE series = ${series} ${beyond(after)} ORDER BY ${order} LIMIT ${rowLimit}) AS loose
    UNION ALL
    SELECT 0, 0, 0, ${isBatch}, data FROM metric_batch WHERE run_id = ${runId}`.execute(read);

  const withData = rows.filter((row): row is PointRow & { data: Uint8Array } => row.data !== null);
  const blocks = withData.filter((row) => row.is_nan !== isBatch);
  const batched = pointsInBatches(withData.filter((row) => row.is_nan === isBatch).map(({ data }) => decodeBatch(data)), series);
  blocks.sort((a, b) => (isBeyond(rowPosition(a), rowPosition(b)) ? 1 : -1));
  const loose = columnsOf(rows.filter((row) => row.data === null).map(pointOf));
  const followingCount = blocks.filter((block) => after === undefined || isBeyond(rowPosition(block), after)).length;

  // what lies behind the last row that was read is not known yet, nor what lies behind the last block
  const rowsEnd = lengthOf(loose) < rowLimit ? undefined : lastOf([loose]);
  const known = rowsEnd === undefined ? blocks : blocks.filter((block) => !isBeyond(rowPosition(block), rowsEnd));
  const packed = known.map((block) => decodeBlock(block.data));
  const blocksEnd = known.length === blocks.length && followingCount === blockLimit ? lastOf(packed) : undefined;
  const end = rowsEnd === undefined || blocksEnd === undefined ? (rowsEnd ?? blocksEnd) : isBeyond(rowsEnd, blocksEnd) ? blocksEnd : rowsEnd;

  const unpacked = mergeColumns(loose, batched);
  let stretches = lengthOf(unpacked) === 0 ? packed : [mergeColumns(joinColumns(packed), unpacked)];
  if (after !== undefined) stretches = stretches.map((each) => sliceColumns(each, countUpTo(each, after, true)));
  if (end !== undefined) stretches = stretches.map((each) => sliceColumns(each, 0, countUpTo(each, end, true)));
  return { stretches: stretches.filter((each) => lengthOf(each) > 0), isLast: end === undefined };
}

function lastOf(stretches: readonly MetricColumns[]): HistoryPosition | undefined {
  const last = stretches.at(-1);
  return last && positionAt(last, lengthOf(last) - 1);
}

function isBeyond(a: HistoryPosition, b: HistoryPosition): boolean {
  for (let index = 0; index < a.length; index += 1) {
    const [left, right] = [a[index] as number, b[index] as number];
    if (left !== right) return left > right;
  }
  return false;
}
