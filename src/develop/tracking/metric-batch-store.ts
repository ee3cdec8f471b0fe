import { sql } from 'kysely';
import type { Transaction } from '../../platform/database/database.ts';
import { Statement } from '../../platform/database/statements.ts';
import { decodeBatch, encodeBatch, type MetricBatch } from './metric-block.ts';
import { columnsOf, pointAt, type MetricColumns } from './metric-columns.ts';
import type { MetricPoint } from './tracking.ts';

/** A point and the number of its metric in its run. */
export interface SeriesPoint extends MetricPoint {
  readonly series: number;
}

const insertBatch = new Statement(([runId, number, data]) => sql`INSERT INTO metric_batch (run_id, number, data) VALUES (${runId}, ${number}, ${data})`);

/** @param points at most one of a series, at least one */
export async function putBatch(tx: Transaction, runId: string, number: number, points: readonly SeriesPoint[]): Promise<void> {
  const sorted = points.toSorted((a, b) => a.series - b.series);
  const batch: MetricBatch = {
    series: Float64Array.from(sorted, (point) => point.series),
    timestamps: Float64Array.from(sorted, (point) => point.timestamp),
    steps: Float64Array.from(sorted, (point) => point.step + 0),
    values: Float64Array.from(sorted, (point) => point.value + 0),
  };
  await insertBatch.run(tx, [runId, number, encodeBatch(batch)]);
}

/** All points of a run's batches, in the order they came; the batches are gone then. */
export async function takeBatches(tx: Transaction, runId: string): Promise<SeriesPoint[]> {
  const rows = await tx.selectFrom('metric_batch').select('data').where('run_id', '=', runId).orderBy('number').execute();
  await removeBatches(tx, runId);
  return rows.flatMap(({ data }) => {
    const batch = decodeBatch(data);
    return Array.from(batch.series, (series, index) => ({ series, ...pointAt(batch, index) }));
  });
}

export async function removeBatches(tx: Transaction, runId: string): Promise<void> {
  await tx.deleteFrom('metric_batch').where('run_id', '=', runId).execute();
}

/** The points of one series, in the order of histories. */
export function pointsInBatches(batches: readonly MetricBatch[], series: number): MetricColumns {
  const points: MetricPoint[] = [];
  for (const batch of batches) {
    const index = indexOfSorted(batch.series, series);
    if (index !== undefined) points.push(pointAt(batch, index));
  }
  return columnsOf(points);
}

function indexOfSorted(sorted: Float64Array, wanted: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted ? low : undefined;
}
