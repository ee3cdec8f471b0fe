import { sql } from 'kysely';
import type { Reader } from '../../platform/database.ts';
import { metricHistory, pointOf } from './metric-store.ts';
import { downsample, type MetricPoint } from './tracking.ts';

/** Up to here all points are read. */
const readWhole = 20_000;

/**
 * A metric's points by step, at most about `wanted` of them, with the smallest and largest of each stretch.
 * A long one is thinned out inside the database: a million points take half a second, not three.
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

/** Undefined where the steps lie so unevenly that stretches of steps say too little. */
async function thinnedOut(read: Reader, { series, step: last }: { series: number; step: number }, wanted: number) {
  const first = await read.selectFrom('metric_point').select('step').where('series', '=', series).orderBy('timestamp').limit(1).executeTakeFirstOrThrow();
  const stretchCount = Math.floor(wanted / 2);
  const width = Math.max(1, Math.ceil((Math.abs(last - first.step) + 1) / stretchCount));
  // the other columns of a row with min() or max() are those of the row where it was found
  const extremes = async (which: 'min' | 'max'): Promise<readonly Stretch[]> => {
    const { rows } = await sql<Stretch>`
      SELECT ${sql.raw(which)}(value) AS value, step, timestamp, is_nan, count(*) AS count FROM metric_point
      WHERE series = ${series} AND is_nan = 0 GROUP BY CAST(step - ${first.step} AS integer) / CAST(${width} AS integer)`.execute(read);
    return rows;
  };
  const least = await extremes('min');
  if (least.length < stretchCount / 10) return undefined;
  const most = await extremes('max');
  const ends = await Promise.all(
    (['asc', 'desc'] as const).map((way) =>
      read.selectFrom('metric_point').select(['value', 'step', 'timestamp', 'is_nan']).where('series', '=', series).orderBy('timestamp', way).orderBy('step', way).limit(1).executeTakeFirstOrThrow(),
    ),
  );
  const kept = new Map([...least, ...most, ...ends].map((row) => [`${row.step}/${row.timestamp}/${row.value}`, pointOf(row)]));
  return { pointCount: least.reduce((sum, row) => sum + row.count, 0), points: [...kept.values()].sort(byStep) };
}
