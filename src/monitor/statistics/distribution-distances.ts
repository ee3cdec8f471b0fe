import { walkPooled } from './pooled.ts';

export interface DistributionDistances {
  /** Kolmogorov and Smirnov's: the largest distance between the distribution functions, 0..1 */
  readonly largestGap: number;
  /** Wasserstein's, of order 1: the area between them, in the values' unit */
  readonly area: number;
  /** Székely and Rizzo's energy distance, in the square root of the values' unit */
  readonly energy: number;
  readonly distinctCount: number;
}

/**
 * All that one walk over two sorted samples tells.
 *
 * @see scipy.stats.wasserstein_distance and energy_distance, whose values these equal.
 */
export function distributionDistances(first: Float64Array, second: Float64Array): DistributionDistances {
  const [area, squares] = [new Compensated(), new Compensated()];
  let [largestGap, gap, distinctCount, before] = [0, 0, 0, 0];
  walkPooled(first, second, (tie) => {
    if (distinctCount++ > 0) {
      area.add(gap * (tie.value - before));
      squares.add(gap * gap * (tie.value - before));
    }
    const [inFirst, inSecond] = [tie.firstBelow + tie.inFirst, tie.secondBelow + tie.inSecond];
    gap = Math.abs(inFirst / first.length - inSecond / second.length);
    if (gap > largestGap) largestGap = gap;
    before = tie.value;
  });
  return { largestGap, area: area.total, energy: Math.sqrt(2 * squares.total), distinctCount };
}

/** With a million values each term is tiny beside the sum. */
class Compensated {
  total = 0;
  #lost = 0;

  add(value: number): void {
    const term = value - this.#lost;
    const next = this.total + term;
    this.#lost = next - this.total - term;
    this.total = next;
  }
}
