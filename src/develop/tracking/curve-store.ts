import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Reader } from '../../platform/database.ts';
import { metricHistory, pointOf } from './metric-store.ts';
import { downsample, type MetricPoint } from './tracking.ts';

/** Up to here all points are read. */
const readWhole = 20_000;

/**
 * A metric's points by step, at most about `wanted` of them, with the smallest and largest of each stretch.
 * A long one is thinned out inside the database: of a million points in 0.5 s, where to read them all takes 3 s.
 */
export async function metricCurve(read: Reader, runId: string, key: string, wanted: number): Promise<{ pointCount: number; points: MetricPoint[] }> {
  const latest = await read.selectFrom('latest_metric').select(['series', 'step']).where('run_id', '=', runId).where('key', '=', key).executeTakeFirst();
  if (latest === undefined) return { pointCount: 0, points: [] };
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM (SELECT 1 FROM metric_point WHERE series = ${latest.series} LIMIT ${readWhole + 1}) AS some`.execute(read);
  const isLong = (rows[0]?.count ?? 0) > Math.max(readWhole, wanted);
  const thinned = isLong ? await thinnedOut(read, latest, wanted) : undefined;
  if (thinned !== undefined) return thinned;
  const { points } = await metricHistory(read, runId, key);
  points.sort(byStep);
  return { pointCount: points.length, points: downsample(points, wanted) };
}

const byStep = (a: MetricPoint, b: MetricPoint): number => a.step - b.step || a.timestamp - b.timestamp;

interface Stretch {
  readonly value: number;
  readonly step: number;
  readonly timestamp: number;
  readonly is_nan: number;
  readonly count: number;
}

interface Series {
  readonly series: number;
  /** of the latest point */
  readonly step: number;
}

/** Undefined where the points lie so unevenly that neither stretches of time nor of steps say enough. */
async function thinnedOut(read: Reader, { series, step }: Series, wanted: number) {
  const [first, last] = await Promise.all(
    (['asc', 'desc'] as const).map((way) =>
      read.selectFrom('metric_point').select(['value', 'step', 'timestamp', 'is_nan']).where('series', '=', series).orderBy('timestamp', way).orderBy('step', way).limit(1).executeTakeFirstOrThrow(),
    ),
  );
  if (first === undefined || last === undefined) return undefined;
  const count = Math.floor(wanted / 2);
  const isEnough = (stretches: readonly Stretch[]): boolean => stretches.length > count;
  let extremes = await extremesByTime(read, series, [first.timestamp, last.timestamp], count);
  if (!isEnough(extremes)) extremes = await extremesByStep(read, series, [first.step, step], count);
  if (!isEnough(extremes)) return undefined;
  const kept = new Map([...extremes, first, last].map((row) => [`${row.step}/${row.timestamp}/${row.value}`, pointOf(row)]));
  // each stretch is there twice, with its smallest and with its largest
  return { pointCount: extremes.reduce((sum, row) => sum + row.count, 0) / 2, points: [...kept.values()].sort(byStep) };
}

/** Stretches that are looked at before others get their turn. */
const turn = 50;

// Beside a min() or max() the other columns are those of the row where it was found.

/** Along the index, so that nothing is sorted. */
async function extremesByTime(read: Reader, series: number, [from, to]: readonly [number, number], count: number): Promise<Stretch[]> {
  const width = Math.max(1, Math.ceil((to - from + 1) / count));
  const found: Stretch[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % turn === turn - 1) await setImmediate();
    const start = from + index * width;
    for (const which of ['min', 'max']) {
      const { rows } = await sql<Stretch>`
        SELECT ${sql.raw(which)}(value) AS value, step, timestamp, is_nan, count(*) AS count FROM metric_point
        WHERE series = ${series} AND timestamp >= ${start} AND timestamp < ${start + width} AND is_nan = 0`.execute(read);
      found.push(...rows.filter((row) => row.count > 0));
    }
  }
  return found;
}

/** For points that came all at once, or with long pauses. */
async function extremesByStep(read: Reader, series: number, [from, to]: readonly [number, number], count: number): Promise<Stretch[]> {
  const width = Math.max(1, Math.ceil((Math.abs(to - from) + 1) / count));
  const found: Stretch[] = [];
  for (const which of ['min', 'max']) {
    const { rows } = await sql<Stretch>`
      SELECT ${sql.raw(which)}(value) AS value, step, timestamp, is_nan, count(*) AS count FROM metric_point
      WHERE series = ${series} AND is_nan = 0 GROUP BY CAST(step - ${from} AS integer) / CAST(${width} AS integer)`.execute(read);
    found.push(...rows);
  }
  return found;
}
