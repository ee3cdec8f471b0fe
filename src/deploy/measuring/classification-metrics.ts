/** Scores of a binary classifier with what was true; entry i belongs to entry i. */
export interface ScoredRows {
  /** probability of the positive class */
  readonly scores: Float64Array;
  /** 1 where the positive class was true, else 0 */
  readonly truth: Uint8Array;
}

/** Metrics that can be computed from probabilities alone. */
export const holdoutMetrics = ['auc', 'accuracy', 'brier', 'log_loss'] as const;
export type HoldoutMetric = (typeof holdoutMetrics)[number];

export const isHoldoutMetric = (name: string): name is HoldoutMetric =>
  (holdoutMetrics as readonly string[]).includes(name);

/**
 * A metric that can be computed again and again for the same rows, each counted a number of times.
 *
 * @returns NaN where it is not defined, as an AUC of one class
 */
export type Weighted = (counts: Uint16Array) => number;

const precision = Number.EPSILON;

/** Prepares a metric for weights; equal to scikit-learn's of the same name when all counts are 1. */
export function weighted(metric: HoldoutMetric, rows: ScoredRows): Weighted {
  if (metric === 'auc') return weightedArea(rows);
  const { scores, truth } = rows;
  const losses = scores.map((score, row) => {
    const isTrue = truth[row] === 1;
    if (metric === 'accuracy') return score > 0.5 === isTrue ? 1 : 0;
    if (metric === 'brier') return (score - (isTrue ? 1 : 0)) ** 2;
    const clipped = Math.min(Math.max(score, precision), 1 - precision);
    return -Math.log(isTrue ? clipped : 1 - clipped);
  });
  return (counts) => {
    let [sum, count] = [0, 0];
    for (let row = 0; row < losses.length; row++) {
      const times = counts[row] as number;
      sum += times * (losses[row] as number);
      count += times;
    }
    return sum / count;
  };
}

/** Area under the ROC curve, ties half: the rows are ordered once, then every weighting is one pass. */
function weightedArea({ scores, truth }: ScoredRows): Weighted {
  const order = Uint32Array.from(scores.keys()).sort(
    (left, right) => (scores[left] ?? 0) - (scores[right] ?? 0),
  );
  const sorted = Float64Array.from(order, (row) => scores[row] ?? 0);
  const isTrue = Uint8Array.from(order, (row) => truth[row] ?? 0);
  return (counts) => {
    let [area, negativesBelow, positives] = [0, 0, 0];
    for (let from = 0; from < sorted.length;) {
      let [positivesHere, negativesHere, to] = [0, 0, from];
      for (; to < sorted.length && sorted[to] === sorted[from]; to++) {
        const times = counts[order[to] as number] as number;
        if (isTrue[to] === 1) positivesHere += times;
        else negativesHere += times;
      }
      area += positivesHere * (negativesBelow + negativesHere / 2);
      positives += positivesHere;
      negativesBelow += negativesHere;
      from = to;
    }
    return area / (positives * negativesBelow);
  };
}

/** The metric of the rows as they are. */
export const metricOf = (metric: HoldoutMetric, rows: ScoredRows): number =>
  weighted(metric, rows)(new Uint16Array(rows.truth.length).fill(1));

/** 1 where a label means the positive class; labels may be written as number, text or truth value. */
export function positives(labels: readonly unknown[], positive: string | number): Uint8Array {
  const wanted = canonical(positive);
  return Uint8Array.from(labels, (label) => (canonical(label) === wanted ? 1 : 0));
}

function canonical(label: unknown): string {
  if (label === true || label === 'true' || label === 'True') return '1';
  if (label === false || label === 'false' || label === 'False') return '0';
  const text = String(label as string).trim();
  const number = Number(text);
  return text !== '' && Number.isFinite(number) ? String(number) : text;
}
