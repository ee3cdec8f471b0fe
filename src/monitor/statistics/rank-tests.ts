import { besselK } from './bessel.ts';
import { walkPooled, type Tie } from './pooled.ts';
import { logGamma, normalUpper } from '../../platform/statistics/special-functions.ts';
import type { TestResult } from './test-result.ts';
import { divisor } from './whole-numbers.ts';

/** Mean rank of a tie's values in the pooled sample, from 1. */
const midRank = (tie: Tie): number => tie.firstBelow + tie.secondBelow + (tie.inFirst + tie.inSecond + 1) / 2;

/** Up to this many values on the smaller side, and without ties, the distribution is counted. */
const fewRanks = 8;

/**
 * Mann and Whitney's U of the first sample.
 *
 * @param isOneSided asks only whether the first sample's values are smaller
 * @see scipy.stats.mannwhitneyu
 */
export function mannWhitney(first: Float64Array, second: Float64Array, isOneSided = false): TestResult {
  const [m, n] = [first.length, second.length];
  const all = m + n;
  let [ranks, tieTerm] = [0, 0];
  walkPooled(first, second, (tie) => {
    ranks += tie.inFirst * midRank(tie);
    const count = tie.inFirst + tie.inSecond;
    tieTerm += count ** 3 - count;
  });
  const statistic = ranks - (m * (m + 1)) / 2;
  // the larger U is as unlikely as the smaller one
  const extreme = isOneSided ? m * n - statistic : Math.max(statistic, m * n - statistic);
  const sides = isOneSided ? 1 : 2;
  const isCounted = tieTerm === 0 && Math.min(m, n) <= fewRanks;
  if (isCounted) return { statistic, pvalue: Math.min(1, sides * countedTail(m, n, extreme)) };
  const spread = Math.sqrt(((m * n) / 12) * (all + 1 - tieTerm / (all * (all - 1))));
  // half a step towards the middle, as the counts are whole
  const z = (extreme - (m * n) / 2 - 0.5) / spread;
  return { statistic, pvalue: Number.isNaN(z) ? 1 : Math.min(1, Math.max(0, sides * normalUpper(z))) };
}

/** Chance that U reaches `atLeast`: coefficients of the Gaussian binomial over their sum. */
function countedTail(m: number, n: number, atLeast: number): number {
  const [few, many] = [Math.min(m, n), Math.max(m, n)];
  const half = Math.floor((m * n) / 2);
  const counts = new Float64Array(half + 1);
  counts[0] = 1;
  for (let k = 1; k <= few; k++) {
    for (let u = half; u >= many + k; u--)
      counts[u] = (counts[u] as number) - (counts[u - many - k] as number);
    for (let u = k; u <= half; u++) counts[u] = (counts[u] as number) + (counts[u - k] as number);
  }
  const total = Math.exp(logGamma(m + n + 1) - logGamma(m + 1) - logGamma(n + 1));
  // by symmetry what is above is what is below
  const atMost = m * n - Math.ceil(atLeast);
  const below = (top: number): number => {
    let sum = 0;
    for (let u = 0; u <= top; u++) sum += counts[u] as number;
    return sum;
  };
  return atMost <= half ? below(atMost) / total : 1 - below(m * n - atMost - 1) / total;
}

/** Up to this many values on either side the distribution is counted. */
const fewForCramer = 20;

/**
 * Cramér and von Mises' distance of two samples, squared gaps summed over all ranks.
 *
 * @see Anderson, On the Distribution of the Two-Sample Cramér-von Mises Criterion, 1962; scipy.stats.cramervonmises_2samp.
 */
export function cramerVonMises(first: Float64Array, second: Float64Array): TestResult {
  const [m, n] = [first.length, second.length];
  const all = m + n;
  let [sumFirst, sumSecond] = [0, 0];
  walkPooled(first, second, (tie) => {
    const rank = midRank(tie);
    for (let i = 1; i <= tie.inFirst; i++) sumFirst += (rank - tie.firstBelow - i) ** 2;
    for (let i = 1; i <= tie.inSecond; i++) sumSecond += (rank - tie.secondBelow - i) ** 2;
  });
  const ranks = m * sumFirst + n * sumSecond;
  const pairs = m * n;
  const statistic = ranks / (pairs * all) - (4 * pairs - 1) / (6 * all);
  if (Math.max(m, n) <= fewForCramer) return { statistic, pvalue: countedCramer(ranks, m, n) };
  const mean = (1 + 1 / all) / 6;
  const variance =
    ((all + 1) * (4 * pairs * all - 3 * (m * m + n * n) - 2 * pairs)) / (45 * all * all * 4 * pairs);
  const scaled = 1 / 6 + (statistic - mean) / Math.sqrt(45 * variance);
  return { statistic, pvalue: scaled < 0.003 ? 1 : Math.max(0, 1 - cramerLimit(scaled)) };
}

/** Counts paths from corner to corner by the squares that they gather (Xiao, Gordon, Yakovlev, 2006). */
function countedCramer(ranks: number, m: number, n: number): number {
  const common = (m * n) / divisor(m, n);
  const pairs = m * n;
  const least = Math.floor(
    (common ** 2 * (m + n) * (6 * ranks - pairs * (4 * pairs - 1))) / (6 * pairs ** 2),
  );
  const [stepFirst, stepSecond] = [common / m, common / n];
  let row: Map<number, number>[] = [];
  for (let j = 0; j <= n; j++) {
    const next: Map<number, number>[] = [];
    for (let i = 0; i <= m; i++) {
      const here = new Map<number, number>();
      const square = (stepFirst * i - stepSecond * j) ** 2;
      if (i === 0 && j === 0) here.set(0, 1);
      for (const before of [next[i - 1], row[i]]) {
        for (const [gathered, count] of before ?? [])
          here.set(gathered + square, (here.get(gathered + square) ?? 0) + count);
      }
      next.push(here);
    }
    row = next;
  }
  let [reached, all] = [0, 0];
  for (const [gathered, count] of row[m] ?? []) {
    all += count;
    if (gathered >= least) reached += count;
  }
  return reached / all;
}

/** Limit of the distribution (Csörgő, Faraway, The Exact and Asymptotic Distributions of Cramér-von Mises Statistics, 1996, 1.3). */
function cramerLimit(x: number): number {
  let total = 0;
  for (let k = 0; ; k++) {
    const y = 4 * k + 1;
    const q = (y * y) / (16 * x);
    const factor = Math.exp(logGamma(k + 0.5) - logGamma(k + 1)) / (Math.PI ** 1.5 * Math.sqrt(x));
    const term = factor * Math.sqrt(y) * Math.exp(-q) * besselK(0.25, q);
    total += term;
    // no further than scipy goes: its p-values are as the next term is large
    if (term < 1e-7) return total;
  }
}

/** What the table of Scholz and Stephens gives for two samples: chance and statistic at that chance. */
const andersonTable: readonly (readonly [number, number])[] = [
  [0.25, 0.675 - 0.245 - 0.105],
  [0.1, 1.281 + 0.25 - 0.305],
  [0.05, 1.645 + 0.678 - 0.362],
  [0.025, 1.96 + 1.149 - 0.391],
  [0.01, 2.326 + 1.822 - 0.396],
  [0.005, 2.573 + 2.364 - 0.345],
  [0.001, 3.085 + 3.615 - 0.154],
];

/**
 * Anderson and Darling's test of two samples, with ties at their middle rank. The p-value is read from a table and never
 * leaves it: 0.25 stands for that and more, 0.001 for that and less.
 *
 * @see Scholz, Stephens, K-Sample Anderson-Darling Tests, 1987, formula 7; scipy.stats.anderson_ksamp.
 */
export function andersonDarling(first: Float64Array, second: Float64Array): TestResult {
  const [m, n] = [first.length, second.length];
  const all = m + n;
  const sums = [0, 0];
  walkPooled(first, second, (tie) => {
    const count = tie.inFirst + tie.inSecond;
    const below = tie.firstBelow + tie.secondBelow + count / 2;
    const weight = count / all / (below * (all - below) - (all * count) / 4);
    if (!Number.isFinite(weight)) return;
    for (const [side, mine, size] of [
      [0, tie.firstBelow + tie.inFirst / 2, m],
      [1, tie.secondBelow + tie.inSecond / 2, n],
    ] as const) {
      sums[side] = (sums[side] ?? 0) + weight * (all * mine - below * size) ** 2;
    }
  });
  const raw = ((all - 1) / all) * ((sums[0] ?? 0) / m + (sums[1] ?? 0) / n);
  const statistic = (raw - 1) / Math.sqrt(andersonVariance(m, n));
  return { statistic, pvalue: andersonChance(statistic) };
}

function andersonVariance(m: number, n: number): number {
  const all = m + n;
  const reciprocal = 1 / m + 1 / n;
  let [harmonic, g] = [0, 0];
  for (let i = all - 1; i > 1; i--) {
    harmonic += 1 / i;
    g += harmonic / (all - i + 1);
  }
  const h = harmonic + 1;
  const a = 4 * g - 6 + (10 - 6 * g) * reciprocal;
  const b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * reciprocal - 8 * h + 4 * g - 6;
  const c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * reciprocal + 4 * h;
  const d = (2 * h + 6) * 4 - 8 * h;
  return (a * all ** 3 + b * all ** 2 + c * all + d) / ((all - 1) * (all - 2) * (all - 3));
}

/** Between the table's points a parabola through the logarithms, by least squares. */
function andersonChance(statistic: number): number {
  const [first = [0.25, 0], last = [0.001, 0]] = [andersonTable[0], andersonTable.at(-1)];
  if (!(statistic >= first[1])) return first[0];
  if (statistic > last[1]) return last[0];
  const [constant, linear, square] = parabola(andersonTable.map(([chance, at]) => [at, Math.log(chance)]));
  return Math.exp(constant + linear * statistic + square * statistic ** 2);
}

/** Least squares on the powers 0, 1 and 2, around the mean, where the equations are well conditioned. */
function parabola(points: readonly (readonly [number, number])[]): [number, number, number] {
  const mean = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const moment = (power: number, by: (y: number) => number): number =>
    points.reduce((sum, [x, y]) => sum + (x - mean) ** power * by(y), 0);
  const [s0, s1, s2, s3, s4] = [0, 1, 2, 3, 4].map((power) => moment(power, () => 1)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [t0, t1, t2] = [0, 1, 2].map((power) => moment(power, (y) => y)) as [number, number, number];
  const determinant = (m: readonly number[]): number => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = m;
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  };
  const whole = determinant([s0, s1, s2, s1, s2, s3, s2, s3, s4]);
  const p = determinant([t0, s1, s2, t1, s2, s3, t2, s3, s4]) / whole;
  const q = determinant([s0, t0, s2, s1, t1, s3, s2, t2, s4]) / whole;
  const r = determinant([s0, s1, t0, s1, s2, t1, s2, s3, t2]) / whole;
  return [p - q * mean + r * mean * mean, q - 2 * r * mean, r];
}
