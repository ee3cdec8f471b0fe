import { setImmediate } from 'node:timers/promises';
import type { Reader } from '../../platform/database/database.ts';
import { CurveThinner, StepRanks } from './curve.ts';
import { lengthOf, pointAt, type MetricColumns } from './metric-columns.ts';
import { countPoints, historyStretches } from './metric-point-store.ts';
import { seriesOf } from './metric-store.ts';
import type { MetricPoint } from './tracking.ts';

/** The first and the last step of a part of a curve. */
export type StepRange = readonly [from: number, to: number];

/**
 * A metric's points by step, at most about `wanted` of them, with the smallest and largest of each stretch.
 *
 * @param steps of a part of the curve
 * @returns and how many points there are in all
 */
export async function metricCurve(
  read: Reader,
  runId: string,
  key: string,
  wanted: number,
  steps?: StepRange,
): Promise<{ pointCount: number; points: MetricPoint[] }> {
  const series = await seriesOf(read, runId, key);
  if (series === undefined) return { pointCount: 0, points: [] };
  const points = new PointsOfSteps(read, runId, series, steps);
  const pointCount = steps === undefined ? await countPoints(read, runId, [series]) : await points.each(() => undefined);
  if (pointCount <= wanted) {
    const all: MetricPoint[] = [];
    await points.each((columns, index) => all.push(pointAt(columns, index)));
    return { pointCount: all.length, points: all.sort(byStep) };
  }

  const thinner = new CurveThinner(pointCount, wanted);
  let [rank, fromStep, toStep, isInOrder] = [0, Infinity, -Infinity, true];
  await points.each((columns, index) => {
    const step = columns.steps[index] as number;
    if (step < fromStep) fromStep = step;
    if (step < toStep) isInOrder = false;
    else toStep = step;
    if (isInOrder) thinner.add(rank++, columns.timestamps[index] as number, step, columns.values[index] as number);
  });
  return { pointCount, points: isInOrder ? thinner.points() : await thinnedByStep(points, new CurveThinner(pointCount, wanted), new StepRanks(fromStep, toStep)) };
}

/** For points of which later ones have smaller steps: two more times through the history instead of sorting it. */
async function thinnedByStep(points: PointsOfSteps, thinner: CurveThinner, ranks: StepRanks): Promise<MetricPoint[]> {
  await points.each((columns, index) => ranks.count(columns.steps[index] as number));
  await points.each(({ timestamps, steps, values }, index) => {
    const step = steps[index] as number;
    thinner.add(ranks.take(step), timestamps[index] as number, step, values[index] as number);
  });
  return thinner.points().sort(byStep);
}

const byStep = (a: MetricPoint, b: MetricPoint): number => a.step - b.step || a.timestamp - b.timestamp;

/** The points of a series with steps of a range, in the order of histories. */
class PointsOfSteps {
  readonly #read: Reader;
  readonly #runId: string;
  readonly #series: number;
  readonly #range: StepRange | undefined;

  constructor(read: Reader, runId: string, series: number, range: StepRange | undefined) {
    this.#read = read;
    this.#runId = runId;
    this.#series = series;
    this.#range = range;
  }

  /** Others get their turn between the stretches. @returns how many there were */
  async each(use: (columns: MetricColumns, index: number) => void): Promise<number> {
    const [from, to] = this.#range ?? [-Infinity, Infinity];
    let count = 0;
    for await (const stretches of historyStretches(this.#read, this.#runId, this.#series, undefined)) {
      for (const columns of stretches) {
        const length = lengthOf(columns);
        for (let index = 0; index < length; index += 1) {
          const step = columns.steps[index] as number;
          if (step < from || step > to) continue;
          count += 1;
          use(columns, index);
        }
      }
      await setImmediate();
    }
    return count;
  }
}
