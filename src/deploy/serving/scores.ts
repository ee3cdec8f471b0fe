import type { Scores } from './engine.ts';

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
