import { CompiledQuery, sql } from 'kysely';
import type { Reader, Transaction } from '../../platform/database.ts';
import { groupedByIds } from './tracking-store.ts';
import { isLater, latestByKey, type Metric, type MetricPoint } from './tracking.ts';

/**
 * Appends points to a run's histories and moves their latest values. A point that is already there stays once.
 *
 * @param metrics checked keys and values
 */
export async function appendMetrics(tx: Transaction, runId: string, metrics: readonly Metric[]): Promise<void> {
  if (metrics.length === 0) return;
  const series = await moveLatest(tx, runId, latestByKey(metrics));
  const rows = metrics.map((metric) => [series.get(metric.key), metric.timestamp, metric.step, ...stored(metric.value)]);
  // few statement texts, so that each is prepared once: rows in blocks of powers of two
  for (let start = 0, size = largestBlock; start < rows.length; ) {
    while (size > rows.length - start) size /= 2;
    await tx.executeQuery(CompiledQuery.raw(insertText(size), rows.slice(start, start + size).flat()));
    start += size;
  }
}

const largestBlock = 128;

const insertTexts = new Map<number, string>();

function insertText(rowCount: number): string {
  const known = insertTexts.get(rowCount);
  if (known !== undefined) return known;
  const rows = Array.from({ length: rowCount }, () => '(?,?,?,?,?)').join(',');
  const text = `INSERT INTO metric_point (series, timestamp, step, value, is_nan) VALUES ${rows} ON CONFLICT DO NOTHING`;
  insertTexts.set(rowCount, text);
  return text;
}

/** @returns the series of each key */
async function moveLatest(tx: Transaction, runId: string, latest: ReadonlyMap<string, Metric>): Promise<Map<string, number>> {
  const series = new Map<string, number>();
  const known = await knownLatest(tx, runId, [...latest.keys()]);
  for (const metric of latest.values()) {
    const before = known.get(metric.key);
    const [value, isNan] = stored(metric.value);
    if (before === undefined) {
      const inserted = await tx
        .insertInto('latest_metric')
        .values({ run_id: runId, key: metric.key, value, is_nan: isNan, step: metric.step, timestamp: metric.timestamp })
        .returning('series')
        .executeTakeFirstOrThrow();
      series.set(metric.key, inserted.series);
      continue;
    }
    series.set(metric.key, before.series);
    if (!isLater(metric, before)) continue;
    await tx
      .updateTable('latest_metric')
      .set({ value, is_nan: isNan, step: metric.step, timestamp: metric.timestamp })
      .where('series', '=', before.series)
      .execute();
  }
  return series;
}

async function knownLatest(tx: Transaction, runId: string, keys: readonly string[]): Promise<Map<string, Metric & { series: number }>> {
  const query = tx.selectFrom('latest_metric').selectAll().where('run_id', '=', runId);
  const rows = await (keys.length === 1 ? query.where('key', '=', keys[0] as string) : query).execute();
  return new Map(rows.map((row) => [row.key, { ...metricOf(row), series: row.series }]));
}

/** NaN can't be compared or indexed, so a row says it apart. */
export const stored = (value: number): [value: number, isNan: number] => (Number.isNaN(value) ? [0, 1] : [value, 0]);

interface MetricRow {
  readonly key: string;
  readonly value: number;
  readonly is_nan: number;
  readonly step: number;
  readonly timestamp: number;
}

export const pointOf = (row: Omit<MetricRow, 'key'>): MetricPoint => ({
  value: row.is_nan === 1 ? Number.NaN : row.value,
  timestamp: row.timestamp,
  step: row.step,
});

export const metricOf = (row: MetricRow): Metric => ({ key: row.key, ...pointOf(row) });

/** The latest metrics of many runs, by run, by key; of one key only where given. */
export async function latestMetrics(read: Reader, runIds: readonly string[], key?: string): Promise<Map<string, Metric[]>> {
  const rows = await groupedByIds(
    runIds,
    (ids) => {
      const query = read.selectFrom('latest_metric').select(['run_id', 'key', 'value', 'is_nan', 'step', 'timestamp']).where('run_id', 'in', ids);
      return (key === undefined ? query.orderBy('key') : query.where('key', '=', key)).execute();
    },
    (row) => row.run_id,
  );
  return new Map([...rows].map(([id, metrics]) => [id, metrics.map(metricOf)]));
}

/** Where a page of a history ended. */
export type HistoryPosition = readonly [timestamp: number, step: number, value: number, isNan: number];

/** Points of one metric by timestamp, step and value: at most `limit` after a position. */
export async function metricHistory(
  read: Reader,
  runId: string,
  key: string,
  page: { readonly limit?: number | undefined; readonly after?: HistoryPosition | undefined } = {},
): Promise<{ points: MetricPoint[]; next?: HistoryPosition }> {
  const series = await read.selectFrom('latest_metric').select('series').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst();
  if (series === undefined) return { points: [] };
  const after = page.after === undefined ? sql`` : sql`AND (timestamp, step, value, is_nan) > (${sql.join(page.after)})`;
  const limit = page.limit === undefined ? sql`` : sql`LIMIT ${page.limit + 1}`;
  const { rows } = await sql<Omit<MetricRow, 'key'>>`
    SELECT timestamp, step, value, is_nan FROM metric_point WHERE series = ${series.series} ${after}
    ORDER BY timestamp, step, value, is_nan ${limit}`.execute(read);
  if (page.limit === undefined || rows.length <= page.limit) return { points: rows.map(pointOf) };
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return last === undefined
    ? { points: [] }
    : { points: shown.map(pointOf), next: [last.timestamp, last.step, last.value, last.is_nan] };
}
