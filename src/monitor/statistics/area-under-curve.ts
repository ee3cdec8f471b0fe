import { normalInterval, type Estimate } from './interval.ts';
import { normalTwoSided } from '../../platform/statistics/special-functions.ts';

/** Scores with what turned out to be true; entry i belongs to entry i. */
export interface ScoredTruth {
  readonly scores: Float64Array;
  /** 1 where the positive class came true, else 0 */
  readonly truth: Uint8Array;
}

/** What each row adds to the area, by class; the means of both are the area. */
interface Placements {
  /** for each positive: share of negatives that it outranks, ties half */
  readonly positive: Float64Array;
  /** for each negative: share of positives that outrank it, ties half */
  readonly negative: Float64Array;
  readonly area: number;
}

/**
 * Area under the ROC curve, exact with ties, with DeLong's interval.
 *
 * @returns null when one of the classes is missing: then there is no ranking to judge
 * @see DeLong, DeLong, Clarke-Pearson, 1988; computed as Sun and Xu, Fast implementation of DeLong's algorithm, 2014.
 */
export function areaUnderCurve(rows: ScoredTruth, confidence: number): Estimate | null {
  const placements = place(rows);
  if (placements === null) return null;
  const { positive, negative, area } = placements;
  const variance =
    covariance(positive, positive, area, area) / positive.length +
    covariance(negative, negative, area, area) / negative.length;
  return normalInterval(area, Math.sqrt(variance), confidence, 0, 1);
}

export interface PairedDifference extends Estimate {
  readonly candidate: number;
  readonly champion: number;
  /** chance of a difference this large if both were equally good, two-sided */
  readonly pValue: number;
}

/**
 * Difference of two areas on the same rows (candidate minus champion); that both saw the same rows narrows its interval.
 *
 * @param candidate scores of the same rows, in the same order, as `champion`
 */
export function compareAreas(
  candidate: ScoredTruth,
  champion: ScoredTruth,
  confidence: number,
): PairedDifference | null {
  const [one, other] = [place(candidate), place(champion)];
  if (one === null || other === null) return null;
  const variance = (kind: 'positive' | 'negative'): number =>
    (covariance(one[kind], one[kind], one.area, one.area) +
      covariance(other[kind], other[kind], other.area, other.area) -
      2 * covariance(one[kind], other[kind], one.area, other.area)) /
    one[kind].length;
  const standardError = Math.sqrt(Math.max(0, variance('positive') + variance('negative')));
  const difference = one.area - other.area;
  return {
    ...normalInterval(difference, standardError, confidence, -1, 1),
    candidate: one.area,
    champion: other.area,
    pValue: standardError === 0 ? (difference === 0 ? 1 : 0) : normalTwoSided(difference / standardError),
  };
}

function place({ scores, truth }: ScoredTruth): Placements | null {
  const order = Uint32Array.from(scores.keys()).sort(
    (left, right) => (scores[left] ?? 0) - (scores[right] ?? 0),
  );
  let positiveCount = 0;
  for (const label of truth) positiveCount += label;
  const negativeCount = truth.length - positiveCount;
  if (positiveCount === 0 || negativeCount === 0) return null;
  const share = new Float64Array(scores.length);
  let positivesBelow = 0;
  let negativesBelow = 0;
  for (let from = 0; from < order.length;) {
    const score = scores[order[from] ?? 0];
    let to = from;
    let positivesHere = 0;
    while (to < order.length && scores[order[to] ?? 0] === score)
      positivesHere += truth[order[to++] ?? 0] ?? 0;
    const negativesHere = to - from - positivesHere;
    for (; from < to; from++) {
      const row = order[from] ?? 0;
      share[row] =
        truth[row] === 1
          ? (negativesBelow + negativesHere / 2) / negativeCount
          : (positiveCount - positivesBelow - positivesHere / 2) / positiveCount;
    }
    positivesBelow += positivesHere;
    negativesBelow += negativesHere;
  }
  const positive = new Float64Array(positiveCount);
  const negative = new Float64Array(negativeCount);
  let [atPositive, atNegative] = [0, 0];
  for (let row = 0; row < truth.length; row++) {
    if (truth[row] === 1) positive[atPositive++] = share[row] ?? 0;
    else negative[atNegative++] = share[row] ?? 0;
  }
  return { positive, negative, area: positive.reduce((sum, each) => sum + each, 0) / positiveCount };
}

/** Sample covariance; 0 for a single pair. */
function covariance(left: Float64Array, right: Float64Array, leftMean: number, rightMean: number): number {
  if (left.length < 2) return 0;
  let sum = 0;
  for (let index = 0; index < left.length; index++)
    sum += ((left[index] ?? 0) - leftMean) * ((right[index] ?? 0) - rightMean);
  return sum / (left.length - 1);
}
