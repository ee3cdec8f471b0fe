import { kolmogorovGapTail } from './kolmogorov.ts';
import { divisor, roundHalfEven } from './whole-numbers.ts';

/** Up to this many values on the larger side all orders in which two samples can fall are counted. */
const mostCounted = 10_000;

/**
 * Chance that the distribution functions of two samples from one source lie `gap` or more apart somewhere
 * (Kolmogorov and Smirnov, two-sided). Exact up to 10,000 values a side; above that, as the one-sample law at the size that
 * both sides together are worth.
 *
 * @param gap their largest distance, 0..1
 * @see scipy.stats.ks_2samp, whose p-value it equals at every size.
 */
export function twoSampleGapTail(gap: number, size: number, otherSize: number): number {
  const [large, small] = [Math.max(size, otherSize), Math.min(size, otherSize)];
  if (large > mostCounted) return kolmogorovGapTail(roundHalfEven((large * small) / (large + small)), gap);
  const common = divisor(large, small);
  const steps = Math.round(gap * (large / common) * small);
  if (steps === 0) return 1;
  return Math.min(1, large === small ? equalSizes(large, steps) : unequalSizes(large, small, common, steps));
}

/**
 * Paths that leave a band of equal sides, by reflection.
 *
 * @see Gnedenko, Korolyuk, On the maximum discrepancy between two empirical distributions, 1951.
 */
function equalSizes(n: number, steps: number): number {
  let tail = 0;
  for (let reflections = Math.floor(n / steps); reflections >= 1; reflections--) {
    let ratio = 1;
    // the next binomial coefficient over the one before, factor by factor
    for (let j = 0; j < steps; j++)
      ratio *= (n - (reflections - 1) * steps - j) / (n + (reflections - 1) * steps + j + 1);
    tail = ratio * (1 - tail);
  }
  return 2 * tail;
}

/**
 * Share of all paths from corner to corner that leave the band: at each point inside it the mean over the two points
 * before, weighted by how many paths come from each. Sums of positive numbers only, so the smallest share keeps its digits.
 *
 * @see Hodges, The significance probability of the Smirnov two-sample test, 1957.
 */
function unequalSizes(large: number, small: number, common: number, steps: number): number {
  const [across, up] = [small / common, large / common];
  // share of paths to (column, row) that were outside at some time
  const left = new Float64Array(small + 1).fill(1);
  for (let row = 0; row <= small && row * up < steps; row++) left[row] = 0;
  let [from, to] = [0, Math.min(small, Math.ceil(steps / up) - 1)];
  for (let column = 1; column <= large; column++) {
    const lowest = Math.max(0, Math.floor((column * across - steps) / up) + 1);
    const highest = Math.min(small, Math.ceil((column * across + steps) / up) - 1);
    if (lowest > highest) return 1;
    let below = lowest === 0 ? 0 : 1;
    for (let row = lowest; row <= highest; row++) {
      const before = row >= from && row <= to ? (left[row] as number) : 1;
      below = (before * column + below * row) / (column + row);
      left[row] = below;
    }
    [from, to] = [lowest, highest];
  }
  return to === small ? (left[small] as number) : 1;
}
