import { studentTwoSided } from '../../platform/statistics/student.ts';
import { quantile } from '../../platform/statistics/quantile.ts';
import { sum } from './interval.ts';
import { chiSquareTail } from '../../platform/statistics/special-functions.ts';
import { eigenOfSymmetric } from './symmetric.ts';
import type { TestResult } from './test-result.ts';

const meanOf = (values: Float64Array): number => sum(values) / values.length;

/** Sum of squared distances from the mean. */
function spreadOf(values: Float64Array): number {
  const mean = meanOf(values);
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares;
}

/**
 * Student's test of two means, the variances taken as equal.
 *
 * @returns null when there are too few values or none of them differ
 * @see scipy.stats.ttest_ind
 */
export function studentTest(first: Float64Array, second: Float64Array): TestResult | null {
  const degrees = first.length + second.length - 2;
  const pooled = (spreadOf(first) + spreadOf(second)) / degrees;
  const statistic =
    (meanOf(first) - meanOf(second)) / Math.sqrt(pooled * (1 / first.length + 1 / second.length));
  if (degrees < 1 || Number.isNaN(statistic)) return null;
  return { statistic, pvalue: studentTwoSided(statistic, degrees) };
}

/** Where the characteristic functions are compared, in half interquartile ranges. */
const epsPoints = [0.4, 0.8];

/**
 * Epps and Singleton's test: empirical characteristic functions at two points.
 *
 * @returns null with fewer than five values a side, or where the middle half of all values is one value; infinite for one value a side, another each
 * @see Epps, Singleton, An omnibus test for the two-sample problem using the empirical characteristic function, 1986;
 * scipy.stats.epps_singleton_2samp.
 */
export function eppsSingleton(first: Float64Array, second: Float64Array): TestResult | null {
  const [m, n] = [first.length, second.length];
  if (Math.min(m, n) < 5) return null;
  const pooled = Float64Array.from([...first, ...second]).sort();
  const sigma = (quantile(pooled, 0.75) - quantile(pooled, 0.25)) / 2;
  if (sigma === 0) return null;
  const waves = (values: Float64Array): Float64Array[] => [
    ...epsPoints.map((point) => values.map((value) => Math.cos((point / sigma) * value))),
    ...epsPoints.map((point) => values.map((value) => Math.sin((point / sigma) * value))),
  ];
  const [ofFirst, ofSecond] = [waves(first), waves(second)];
  const all = m + n;
  const spread = ofFirst.map((_, i) =>
    ofFirst.map((__, j) => (all / m) * covariance(ofFirst, i, j) + (all / n) * covariance(ofSecond, i, j)),
  );
  const difference = ofFirst.map((wave, index) => meanOf(wave) - meanOf(ofSecond[index] as Float64Array));
  const { values, vectors } = eigenOfSymmetric(spread);
  const largest = Math.max(...values);
  // waves lie in -1..1: less is the rounding of values that are all the same on each side
  if (largest < 1e-20) return { statistic: Infinity, pvalue: 0 };
  const kept = values.map((value) => value > largest * 4 * Number.EPSILON);
  const statistic =
    all *
    sum(
      values.map((value, index) => {
        if (kept[index] !== true) return 0;
        const along = sum(difference.map((each, row) => each * (vectors[row]?.[index] ?? 0)));
        return along ** 2 / value;
      }),
    );
  const correction = Math.max(m, n) < 25 ? 1 / (1 + all ** -0.45 + 10.1 * (m ** -1.7 + n ** -1.7)) : 1;
  const rank = kept.filter(Boolean).length;
  return { statistic: correction * statistic, pvalue: chiSquareTail(correction * statistic, rank) };
}

function covariance(columns: readonly Float64Array[], i: number, j: number): number {
  const [left = new Float64Array(), right = new Float64Array()] = [columns[i], columns[j]];
  const [meanLeft, meanRight] = [meanOf(left), meanOf(right)];
  let total = 0;
  for (let row = 0; row < left.length; row++)
    total += ((left[row] as number) - meanLeft) * ((right[row] as number) - meanRight);
  return total / left.length;
}
