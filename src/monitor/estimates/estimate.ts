import { sum } from '../statistics/interval.ts';

export const estimatedMetrics = ['auc', 'accuracy', 'precision', 'recall', 'specificity', 'f1'] as const;
export type EstimatedMetric = (typeof estimatedMetrics)[number];
export type MetricValues = Readonly<Record<EstimatedMetric, number | null>>;

/** Answers of a model: entry i belongs to entry i. */
export interface Answers {
  /** what the model said for the positive class, 0..1: their order is its ranking */
  readonly scores: Float64Array;
  /** 1 where it decided for the positive class, else 0 */
  readonly decisions: Uint8Array;
  /** how likely the positive class is: calibrated where no truth is known, 0 or 1 where it is */
  readonly chances: Float64Array;
}

/**
 * What the metrics are expected to be when each answer is right with its own chance: no truth is needed. With 0 and 1 as chances
 * they are the metrics themselves.
 *
 * @returns null for a metric that has nothing to divide by
 * @see NannyML, Confidence-based Performance Estimation; Garg and others, Leveraging unlabeled data to predict out-of-distribution performance, 2022.
 */
export function expectedMetrics({ scores, decisions, chances }: Answers): MetricValues {
  const total = (decided: 0 | 1, chance: (at: number) => number): number =>
    sum(chances.map((_, row) => (decisions[row] === decided ? chance(chances[row] as number) : 0)));
  const [truePositives, falsePositives] = [total(1, (chance) => chance), total(1, (chance) => 1 - chance)];
  const [falseNegatives, trueNegatives] = [total(0, (chance) => chance), total(0, (chance) => 1 - chance)];
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    auc: expectedArea(scores, chances),
    accuracy: share(truePositives + trueNegatives, chances.length),
    precision: share(truePositives, truePositives + falsePositives),
    recall: share(truePositives, truePositives + falseNegatives),
    specificity: share(trueNegatives, trueNegatives + falsePositives),
    f1: share(truePositives, truePositives + (falsePositives + falseNegatives) / 2),
  };
}

/** Area under the ROC curve of the ranking, with each row a positive by its chance; ties count half. */
function expectedArea(scores: Float64Array, chances: Float64Array): number | null {
  const order = Uint32Array.from(scores.keys()).sort(
    (left, right) => (scores[left] as number) - (scores[right] as number),
  );
  let [area, negatives, positives] = [0, 0, 0];
  for (let from = 0; from < order.length;) {
    const score = scores[order[from] as number];
    let [positivesHere, negativesHere] = [0, 0];
    for (; from < order.length && scores[order[from] as number] === score; from++) {
      positivesHere += chances[order[from] as number] as number;
      negativesHere += 1 - (chances[order[from] as number] as number);
    }
    area += positivesHere * (negatives + negativesHere / 2);
    positives += positivesHere;
    negatives += negativesHere;
  }
  return positives === 0 || negatives === 0 ? null : area / (positives * negatives);
}
