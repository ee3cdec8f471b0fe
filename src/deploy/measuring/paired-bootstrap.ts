import { quantile } from '../../platform/statistics/quantile.ts';
import { seededRandom } from '../../platform/statistics/seeded-random.ts';
import { weighted, type HoldoutMetric, type ScoredRows } from './classification-metrics.ts';

/** How two models did on the same rows. */
export interface PairedDifference {
  readonly candidate: number;
  readonly champion: number;
  /** candidate minus champion */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly resampleCount: number;
}

export const resampleCount = 2000;
/** The same rows give the same interval, whenever and wherever it is computed. */
export const seed = 20_261_124;
export const method = `paired percentile bootstrap over rows, ${resampleCount} resamples, seed ${seed} (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13)`;

/**
 * Difference of a metric between two models on the same rows, with its two-sided interval: rows are drawn with
 * replacement, and each draw is given to both, so that what is hard for both cancels out.
 *
 * @param candidate scores of the same rows, in the same order, as `champion`
 * @returns null where the metric is not defined on these rows
 * @see Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval).
 */
export function pairedDifference(
  metric: HoldoutMetric,
  candidate: ScoredRows,
  champion: ScoredRows,
  confidence: number,
): PairedDifference | null {
  const rowCount = candidate.truth.length;
  const [ofCandidate, ofChampion] = [weighted(metric, candidate), weighted(metric, champion)];
  const counts = new Uint16Array(rowCount).fill(1);
  const [one, other] = [ofCandidate(counts), ofChampion(counts)];
  if (rowCount === 0 || Number.isNaN(one) || Number.isNaN(other)) return null;
  const random = seededRandom(seed);
  const differences = new Float64Array(resampleCount);
  for (let round = 0; round < resampleCount; round++) {
    let difference = Number.NaN;
    // a draw of one class alone says nothing of a ranking
    for (let attempt = 0; Number.isNaN(difference) && attempt < 100; attempt++) {
      counts.fill(0);
      for (let row = 0; row < rowCount; row++) {
        const drawn = Math.floor(random() * rowCount);
        counts[drawn] = (counts[drawn] as number) + 1;
      }
      difference = ofCandidate(counts) - ofChampion(counts);
    }
    if (Number.isNaN(difference)) return null;
    differences[round] = difference;
  }
  differences.sort();
  const tail = (1 - confidence) / 2;
  return {
    candidate: one,
    champion: other,
    difference: one - other,
    low: quantile(differences, tail),
    high: quantile(differences, 1 - tail),
    resampleCount,
  };
}
