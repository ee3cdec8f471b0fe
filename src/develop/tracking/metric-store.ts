import { sql } from 'kysely';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { lengthOf, pointAt, positionAt, stored, type HistoryPosition } from './metric-columns.ts';
import { takeIn, unpacked, type Packing } from './metric-packing.ts';
import { countPoints, historyStretches, pointOf, putBlocks, putRows, type PlacedBlock } from './metric-point-store.ts';
import { RowsStatement, Statement } from '../../platform/database/statements.ts';
import { groupedByIds, type LatestMetricTable, type MetricSeriesTable } from './tracking-store.ts';
import { isLater, type Metric, type MetricPoint } from './tracking.ts';

interface MetricRow {
  readonly key: string;
  readonly value: number;
  readonly is_nan: number;
  readonly step: number;
  readonly timestamp: number;
}

export const metricOf = (row: MetricRow): Metric => ({ key: row.key, ...pointOf(row) });

// ---------------------------------------------------------------------------------------------------------------------
// appending

/**
 * Appends points to a run's histories and moves their latest values. A point that is already there stays once.
 *
 * @param metrics checked keys and values
 */
export async function appendMetrics(tx: Transaction, runId: string, metrics: readonly Metric[]): Promise<void> {
  if (metrics.length === 0) return;
  const byKey = Map.groupBy(metrics, (metric) => metric.key);
  const known = await knownLatest(tx, runId, [...byKey.keys()]);
  let next = await reserveSeries(tx, byKey.size - known.size);

  const blocks: PlacedBlock[] = [];
  const rows: { series: number; points: readonly MetricPoint[] }[] = [];
  const latest: unknown[][] = [];
  for (const [key, points] of byKey) {
    const before = known.get(key);
    const intake = await takeIn(tx, before?.series, before === undefined ? unpacked : packingOf(before), points);
    const series = before?.series ?? next++;
    for (const columns of intake.blocks) blocks.push({ series, columns });
    if (intake.rows.length > 0) rows.push({ series, points: intake.rows });
    const newest = points.reduce((a, b) => (isLater(b, a) ? b : a));
    const shown = before === undefined || isLater(newest, pointOf(before)) ? newest : pointOf(before);
    const { rowCount, smallCount, packedTo } = intake.packing;
    latest.push([runId, key, series, ...stored(shown.value), shown.step, shown.timestamp, rowCount, smallCount, packedTo?.[0], packedTo?.[1]]);
  }
  await putLatest.run(tx, latest);
  await putBlocks(tx, blocks);
  await putRows(tx, rows);
}

const packingOf = (row: LatestMetricTable): Packing => ({
  rowCount: row.row_count,
  smallCount: row.small_count,
  packedTo: row.packed_timestamp === null || row.packed_step === null ? undefined : [row.packed_timestamp, row.packed_step],
});

const latestColumns = 'run_id, key, series, value, is_nan, step, timestamp, row_count, small_count, packed_timestamp, packed_step';
const movedColumns = ['value', 'is_nan', 'step', 'timestamp', 'row_count', 'small_count', 'packed_timestamp', 'packed_step'];

const putLatest = new RowsStatement(
  `INSERT INTO latest_metric (${latestColumns})`,
  `ON CONFLICT (run_id, key) DO UPDATE SET ${movedColumns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
  64,
);

const latestOfKeys = [1, 2, 4, 8, 16, 32].map((keyCount) => ({
  keyCount,
  statement: new Statement<LatestMetricTable>(
    ([runId, ...keys]) => sql`SELECT ${sql.raw(latestColumns)} FROM latest_metric WHERE run_id = ${runId} AND key IN (${sql.join(keys)})`,
  ),
}));
const latestOfRun = new Statement<LatestMetricTable>(([runId]) => sql`SELECT ${sql.raw(latestColumns)} FROM latest_metric WHERE run_id = ${runId}`);

async function knownLatest(tx: Transaction, runId: string, keys: readonly string[]): Promise<Map<string, LatestMetricTable>> {
  const ofKeys = latestOfKeys.find(({ keyCount }) => keys.length <= keyCount);
  if (ofKeys !== undefined) {
    const asked = Array.from({ length: ofKeys.keyCount }, (_, index) => keys[index] ?? keys[0]);
    return new Map((await ofKeys.statement.run(tx, [runId, ...asked])).map((row) => [row.key, row]));
  }
  const wanted = new Set(keys);
  const rows = await latestOfRun.run(tx, [runId]);
  return new Map(rows.filter((row) => wanted.has(row.key)).map((row) => [row.key, row]));
}

const reserve = new Statement<MetricSeriesTable>(([count]) => sql`UPDATE metric_series SET last = last + ${count} RETURNING last`);

/** @returns the first of so many numbers that no series has */
async function reserveSeries(tx: Transaction, count: number): Promise<number> {
  if (count === 0) return 0;
  const [reserved] = await reserve.run(tx, [count]);
  return (reserved?.last ?? 0) - count + 1;
}

// ---------------------------------------------------------------------------------------------------------------------
// reading

/** The latest metrics of many runs, by run, by key; of one key only where given. */
export async function latestMetrics(read: Reader, runIds: readonly string[], key?: string): Promise<Map<string, Metric[]>> {
  const rows = await groupedByIds(
    runIds,
    (ids) => {
      const query = read.selectFrom('latest_metric').select(['run_id', 'key', 'value', 'is_nan', 'step', 'timestamp']).where('run_id', 'in', ids);
      return (key === undefined ? query.orderBy('run_id').orderBy('key') : query.where('key', '=', key)).execute();
    },
    (row) => row.run_id,
  );
  return new Map([...rows].map(([id, metrics]) => [id, metrics.map(metricOf)]));
}

/** The series of a run's metric; undefined when there is none. */
export async function seriesOf(read: Reader, runId: string, key: string): Promise<number | undefined> {
  const row = await read.selectFrom('latest_metric').select('series').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst();
  return row?.series;
}

/** How many points a run's histories have. */
export async function pointCountOfRun(read: Reader, runId: string): Promise<number> {
  const rows = await read.selectFrom('latest_metric').select('series').where('run_id', '=', runId).execute();
  return countPoints(read, rows.map((row) => row.series));
}

/** Points of one metric by timestamp, step and value: at most `limit` after a position. */
export async function metricHistory(
  read: Reader,
  runId: string,
  key: string,
  page: { readonly limit?: number | undefined; readonly after?: HistoryPosition | undefined } = {},
): Promise<{ points: MetricPoint[]; next?: HistoryPosition }> {
  const series = await seriesOf(read, runId, key);
  if (series === undefined) return { points: [] };
  const limit = page.limit ?? Infinity;
  const points: MetricPoint[] = [];
  let last: HistoryPosition | undefined;
  for await (const stretches of historyStretches(read, series, page.after, limit + 1)) {
    for (const stretch of stretches) {
      const taken = Math.min(lengthOf(stretch), limit - points.length);
      for (let index = 0; index < taken; index += 1) points.push(pointAt(stretch, index));
      if (taken > 0) last = positionAt(stretch, taken - 1);
      if (taken < lengthOf(stretch)) return last === undefined ? { points } : { points, next: last };
    }
  }
  return { points };
}
