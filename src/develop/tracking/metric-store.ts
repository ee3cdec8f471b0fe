import { sql } from 'kysely';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { lengthOf, pointAt, positionAt, stored, type HistoryPosition } from './metric-columns.ts';
import { putBatch, takeBatches } from './metric-batch-store.ts';
import { isLaterThanBlocks, takeIn, unpacked, type Intake, type Packing } from './metric-packing.ts';
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
  let known = await knownLatest(tx, runId, [...byKey.keys()]);
  const isKept = isKeptWhole(metrics, byKey.size, known);
  if ([...known.values()].some((row) => (isKept ? batchesAreFull(row, metrics.length) : row.batch_count > 0))) {
    await unpackBatches(tx, runId);
    known = await knownLatest(tx, runId, [...byKey.keys()]);
  }
  if (isKept) return keepBatch(tx, runId, metrics, known);
  let next = await reserveSeries(tx, byKey.size - known.size);

  const written = new Written(runId);
  for (const [key, points] of byKey) {
    const before = known.get(key);
    const intake = await takeIn(tx, before?.series, before === undefined ? unpacked : packingOf(before), points);
    const series = before?.series ?? next++;
    const newest = points.reduce((a, b) => (isLater(b, a) ? b : a));
    const shown = before === undefined || isLater(newest, pointOf(before)) ? newest : pointOf(before);
    written.add(key, series, shown, intake);
  }
  await written.put(tx);
}

/** What becomes of the points of several metrics of a run, until all of it goes into the tables. */
class Written {
  readonly #runId: string;
  readonly #latest: unknown[][] = [];
  readonly #blocks: PlacedBlock[] = [];
  readonly #rows: { series: number; points: readonly MetricPoint[] }[] = [];

  constructor(runId: string) {
    this.#runId = runId;
  }

  /** @param shown the latest value from now on */
  add(key: string, series: number, shown: MetricPoint, { blocks, rows, packing }: Intake): void {
    for (const columns of blocks) this.#blocks.push({ series, columns });
    if (rows.length > 0) this.#rows.push({ series, points: rows });
    this.#latest.push(latestRow(this.#runId, key, series, shown, packing, 0));
  }

  async put(tx: Transaction): Promise<void> {
    await putLatest.run(tx, this.#latest);
    await putBlocks(tx, this.#blocks);
    await putRows(tx, this.#rows);
  }
}

// Many metrics that each get one point a step would write to a page of the database each. Such a batch stays as it came,
// in one row, until enough of them are there to become blocks. A point is taken in this way only where it is
// certainly new, and later than all blocks; whatever else comes for a metric has its batches unpacked first.

/** A smaller batch costs less as rows. */
const fewestInBatch = 16;
/** So many points of a metric wait in batches … */
const mostBatched = 64;
/** … and about so many of a run. */
const mostBatchedOfRun = 65_536;

function isKeptWhole(metrics: readonly Metric[], keyCount: number, known: ReadonlyMap<string, LatestMetricTable>): boolean {
  if (metrics.length < fewestInBatch || keyCount < metrics.length) return false;
  return metrics.every((metric) => {
    const before = known.get(metric.key);
    // no point has a later step than the latest one, so a later step is a new point
    return before === undefined || (metric.step > before.step && isLaterThanBlocks(metric, packingOf(before)));
  });
}

const batchesAreFull = (row: LatestMetricTable, added: number): boolean =>
  row.batch_count >= mostBatched || (row.batch_count + 1) * added > mostBatchedOfRun;

async function keepBatch(tx: Transaction, runId: string, metrics: readonly Metric[], known: ReadonlyMap<string, LatestMetricTable>): Promise<void> {
  let next = await reserveSeries(tx, metrics.length - known.size + 1);
  const number = next++;
  const points: (MetricPoint & { readonly series: number })[] = [];
  const latest = metrics.map((metric) => {
    const before = known.get(metric.key);
    const series = before?.series ?? next++;
    const { value, timestamp, step } = metric;
    points.push({ series, value, timestamp, step });
    return latestRow(runId, metric.key, series, metric, before === undefined ? unpacked : packingOf(before), (before?.batch_count ?? 0) + 1);
  });
  await putLatest.run(tx, latest);
  await putBatch(tx, runId, number, points);
}

/** Puts the points of a run's batches where single points are: into blocks where there are enough of a metric. */
async function unpackBatches(tx: Transaction, runId: string): Promise<void> {
  const points = Map.groupBy(await takeBatches(tx, runId), ({ series }) => series);
  const written = new Written(runId);
  for (const row of await latestOfRun.run(tx, [runId])) {
    const added = points.get(row.series);
    if (added === undefined) continue;
    written.add(row.key, row.series, pointOf(row), await takeIn(tx, row.series, packingOf(row), added));
  }
  await written.put(tx);
}

const latestRow = (runId: string, key: string, series: number, shown: MetricPoint, packing: Packing, batchCount: number): unknown[] => {
  const { rowCount, smallCount, packedTo } = packing;
  return [runId, key, series, ...stored(shown.value), shown.step, shown.timestamp, rowCount, smallCount, packedTo?.[0], packedTo?.[1], batchCount];
};

const packingOf = (row: LatestMetricTable): Packing => ({
  rowCount: row.row_count,
  smallCount: row.small_count,
  packedTo: row.packed_timestamp === null || row.packed_step === null ? undefined : [row.packed_timestamp, row.packed_step],
});

const latestColumns = 'run_id, key, series, value, is_nan, step, timestamp, row_count, small_count, packed_timestamp, packed_step, batch_count';
const movedColumns = ['value', 'is_nan', 'step', 'timestamp', 'row_count', 'small_count', 'packed_timestamp', 'packed_step', 'batch_count'];

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
  return countPoints(read, runId, rows.map((row) => row.series));
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
  for await (const stretches of historyStretches(read, runId, series, page.after, limit + 1)) {
    for (const stretch of stretches) {
      const taken = Math.min(lengthOf(stretch), limit - points.length);
      for (let index = 0; index < taken; index += 1) points.push(pointAt(stretch, index));
      if (taken > 0) last = positionAt(stretch, taken - 1);
      if (taken < lengthOf(stretch)) return last === undefined ? { points } : { points, next: last };
    }
  }
  return { points };
}
