/** The predicted label; a classifier of true and false says so, as it does in Python. */
export type Label = number | string | boolean;

/** What a model says of some rows. */
export interface Scores {
  readonly rowCount: number;
  /** the predicted label, or the value of a regression, per row */
  readonly labels: readonly Label[];
  /** row-major, `rowCount` × `classCount` */
  readonly probabilities: Float32Array | Float64Array;
  readonly classCount: number;
}

/** What was said of `rowCount` rows from `from` on. */
export function sliceScores(scores: Scores, from: number, rowCount: number): Scores {
  const { classCount } = scores;
  return {
    rowCount,
    labels: scores.labels.slice(from, from + rowCount),
    probabilities: scores.probabilities.subarray(from * classCount, (from + rowCount) * classCount),
    classCount,
  };
}
