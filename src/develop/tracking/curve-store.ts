import { setImmediate } from 'node:timers/promises';
import type { Reader } from '../../platform/database.ts';
import { CurveThinner, StepRanks } from './curve.ts';
import { lengthOf, pointAt, type MetricColumns } from './metric-columns.ts';
import { historyStretches } from './metric-point-store.ts';
import { seriesOf } from './metric-store.ts';
import type { MetricPoint } from './tracking.ts';

/** A shorter history is kept in memory, 24 bytes a point, while it is gone through again. */
const mostKept = 1_500_000;

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
  const survey = await surveyHistory(read, series, steps);
  const { pointCount, isInOrder } = survey;
  if (pointCount === 0) return { pointCount, points: [] };
  const again = (): AsyncIterable<MetricColumns[]> | readonly MetricColumns[][] => survey.kept ?? historyStretches(read, series, undefined);

  if (pointCount <= wanted) {
    const points: MetricPoint[] = [];
    await eachPoint(again(), steps, (columns, index) => points.push(pointAt(columns, index)));
    return { pointCount, points: points.sort(byStep) };
  }
  const thinner = new CurveThinner(pointCount, wanted);
  let ranks: StepRanks | undefined;
  if (!isInOrder) {
    const counted = new StepRanks(survey.fromStep, survey.toStep);
    await eachPoint(again(), steps, (columns, index) => counted.count(columns.steps[index] as number));
    ranks = counted;
  }
  let count = 0;
  await eachPoint(again(), steps, ({ timestamps, steps: at, values }, index) => {
    const rank = ranks === undefined ? count++ : ranks.take(at[index] as number);
    thinner.add(rank, timestamps[index] as number, at[index] as number, values[index] as number);
  });
  return { pointCount, points: isInOrder ? thinner.points() : thinner.points().sort(byStep) };
}

export const byStep = (a: MetricPoint, b: MetricPoint): number => a.step - b.step || a.timestamp - b.timestamp;

interface Survey {
  readonly pointCount: number;
  readonly fromStep: number;
  readonly toStep: number;
  /** whether points that are later have no smaller step */
  readonly isInOrder: boolean;
  /** undefined where there are too many to keep */
  readonly kept: readonly MetricColumns[][] | undefined;
}

async function surveyHistory(read: Reader, series: number, range: StepRange | undefined): Promise<Survey> {
  let kept: MetricColumns[][] | undefined = [];
  let keptCount = 0;
  let pointCount = 0;
  let [fromStep, toStep] = [Infinity, -Infinity];
  let isInOrder = true;
  const seen = async function* () {
    for await (const stretches of historyStretches(read, series, undefined)) {
      keptCount += stretches.reduce((sum, each) => sum + lengthOf(each), 0);
      if (keptCount > mostKept) kept = undefined;
      kept?.push(stretches);
      yield stretches;
    }
  };
  await eachPoint(seen(), range, ({ steps }, index) => {
    const step = steps[index] as number;
    pointCount += 1;
    if (step < fromStep) fromStep = step;
    if (step < toStep) isInOrder = false;
    else toStep = step;
  });
  return { pointCount, fromStep, toStep, isInOrder, kept };
}

/** Others get their turn between the stretches. */
async function eachPoint(
  history: AsyncIterable<MetricColumns[]> | readonly MetricColumns[][],
  range: StepRange | undefined,
  use: (columns: MetricColumns, index: number) => void,
): Promise<void> {
  for await (const stretches of history) {
    for (const columns of stretches) {
      const length = lengthOf(columns);
      for (let index = 0; index < length; index += 1) {
        const step = columns.steps[index] as number;
        if (range === undefined || (step >= range[0] && step <= range[1])) use(columns, index);
      }
    }
    await setImmediate();
  }
}
