import type { Counts } from './table-tests.ts';
import { drawFirst, seededRandom, shuffle } from '../../platform/statistics/seeded-random.ts';
import { sum } from './interval.ts';
import { roundHalfEven } from './whole-numbers.ts';
import type { TestResult } from './test-result.ts';
import { totalVariation } from './shares.ts';

const tableRounds = 1000;

/**
 * How often rows that change sides by chance lie as far apart as these; the same answer each time, by a fixed seed.
 *
 * @see Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005.
 */
export function totalVariationTest({ reference, current }: Counts): TestResult {
  const [before, now] = [sum(reference), sum(current)];
  const share = (counts: Float64Array, size: number): Float64Array => counts.map((count) => count / size);
  const distance = (counts: Float64Array, rest: Float64Array): number =>
    totalVariation({ reference: share(counts, before), current: share(rest, now) });
  const statistic = distance(reference, current);
  const pooled = reference.map((count, at) => count + (current[at] as number));
  const rows = new Uint32Array(before + now);
  let filled = 0;
  for (const [at, count] of pooled.entries()) rows.fill(at, filled, (filled += count));
  const random = seededRandom(0);
  // only the smaller side has to be drawn; the other is what is left
  const drawn = Math.min(before, now);
  let reached = 0;
  for (let round = 0; round < tableRounds; round++) {
    const counts = new Float64Array(pooled.length);
    drawFirst(rows, drawn, random);
    for (const taken of rows.subarray(0, drawn)) counts[taken] = (counts[taken] as number) + 1;
    const rest = pooled.map((count, at) => count - (counts[at] as number));
    if (distance(drawn === before ? counts : rest, drawn === before ? rest : counts) >= statistic - 1e-12)
      reached++;
  }
  return { statistic, pvalue: reached / tableRounds };
}

const discrepancyRounds = 100;
/** Rows of a side that are compared with each other; their pairs fill the memory. */
const discrepancyRows = 1000;

/**
 * Empirical maximum mean discrepancy with a Gaussian kernel of the reference's median distance. From a larger side evenly
 * spaced values of the sorted column stand for it.
 *
 * @see Gretton and others, A Kernel Two-Sample Test, 2012, lemma 6 (unbiased, but for the mean over pairs of both sides).
 */
export function meanDiscrepancy(reference: Float64Array, current: Float64Array): TestResult | null {
  const [x, y] = [thinned(reference), thinned(current)];
  if (Math.min(x.length, y.length) < 2) return null;
  const values = Float64Array.of(...x, ...y);
  const gamma = 1 / (2 * medianSquare(x));
  const size = values.length;
  const kernel = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const near = Math.exp(-gamma * ((values[i] as number) - (values[j] as number)) ** 2);
      kernel[i * size + j] = near;
      kernel[j * size + i] = near;
    }
  }
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  const discrepancy = (): number => {
    let [inX, inY, across] = [0, 0, 0];
    for (let i = 0; i < size; i++) {
      const row = (order[i] as number) * size;
      const split = i < x.length;
      for (let j = 0; j < i; j++) {
        const near = kernel[row + (order[j] as number)] as number;
        if (!split && j < x.length) across += near;
        else if (split) inX += near;
        else inY += near;
      }
    }
    const [m, n] = [x.length, y.length];
    return (2 * inX) / (m * (m - 1)) + (2 * inY) / (n * (n - 1)) - (2 * across) / (m * n);
  };
  const statistic = discrepancy();
  const random = seededRandom(0);
  let reached = 0;
  for (let round = 0; round < discrepancyRounds; round++) {
    shuffle(order, random);
    if (statistic <= discrepancy()) reached++;
  }
  return { statistic, pvalue: reached / discrepancyRounds };
}

function thinned(sorted: Float64Array): Float64Array {
  if (sorted.length <= discrepancyRows) return sorted;
  const step = (sorted.length - 1) / (discrepancyRows - 1);
  return Float64Array.from(
    { length: discrepancyRows },
    (_, index) => sorted[Math.round(index * step)] as number,
  );
}

/** Half the median of all squared distances, each pair twice and each value with itself. */
function medianSquare(values: Float64Array): number {
  const squares = new Float64Array(values.length ** 2);
  let at = 0;
  for (const left of values) for (const right of values) squares[at++] = (left - right) ** 2;
  squares.sort();
  const median = (squares[roundHalfEven((squares.length - 1) / 2)] as number) / 2;
  return median === 0 ? 0.5 : median;
}
