import { binomialDensity } from '../../platform/statistics/binomial.ts';
import { logGamma } from '../../platform/statistics/special-functions.ts';

/**
 * Chance that the largest gap between an empirical distribution function of n values and the true one reaches `gap`:
 * the law at this very n, not its limit, which is wrong by up to some per cent.
 *
 * @param n whole, 1 or more
 * @see Simard, L'Ecuyer, Computing the Two-Sided Kolmogorov-Smirnov Distribution, 2011: which way is exact enough where.
 */
export function kolmogorovGapTail(n: number, gap: number): number {
  if (gap >= 1) return 0;
  const scaled = n * gap;
  if (scaled <= 0.5) return 1;
  if (scaled <= 1) return 1 - Math.exp(logFactorialOverPower(n) + n * Math.log(2 * scaled - 1));
  if (scaled >= n - 1) return 2 * (1 - gap) ** n;
  const square = scaled * gap;
  if (gap >= 0.5 || square > 4 || (n > 140 && square >= 2.2)) {
    return square >= 370 && gap < 0.5 && n > 140 ? 0 : Math.min(1, 2 * oneSidedGapTail(n, gap));
  }
  const isByMatrix = n <= 140 || (n <= 100_000 && n * gap ** 1.5 <= 1.4);
  return Math.min(1, Math.max(0, 1 - (isByMatrix ? byMatrix(n, scaled) : bySeries(n, gap))));
}

/** ln(n! / n^n) */
const logFactorialOverPower = (n: number): number => logGamma(n + 1) - n * Math.log(n);

/**
 * The same for the gap in one direction: a sum of positive terms only.
 *
 * @see Birnbaum, Tingey, One-sided confidence contours for probability distribution functions, 1951.
 */
export function oneSidedGapTail(n: number, gap: number): number {
  let total = 0;
  let lost = 0;
  for (let j = 0; j < n * (1 - gap); j++) {
    const p = gap + j / n;
    const term = (gap / p) * binomialDensity(j, n, p, 1 - p) - lost;
    const next = total + term;
    lost = next - total - term;
    total = next;
  }
  return total;
}

/**
 * Durbin's matrix, raised to its n-th power by squares; for gaps of few steps.
 *
 * @see Marsaglia, Tsang, Wang, Evaluating Kolmogorov's Distribution, 2003.
 */
function byMatrix(n: number, scaled: number): number {
  const steps = Math.ceil(scaled);
  const over = steps - scaled;
  const size = 2 * steps - 1;
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= Math.min(size - 1, row + 1); column++) matrix[row * size + column] = 1;
  }
  const at = (row: number): number => row * size;
  for (let row = 0; row < size; row++) {
    const cut = over ** (row + 1);
    matrix[at(row)] = (matrix[at(row)] ?? 0) - cut;
    const mirrored = at(size - 1) + (size - 1 - row);
    matrix[mirrored] = (matrix[mirrored] ?? 0) - cut;
  }
  if (2 * over > 1) matrix[at(size - 1)] = (matrix[at(size - 1)] ?? 0) + (2 * over - 1) ** size;
  for (let row = 0; row < size; row++) {
    let factorial = 1;
    for (let column = row; column >= 0; column--) {
      factorial *= row - column + 1;
      matrix[at(row) + column] = (matrix[at(row) + column] ?? 0) / factorial;
    }
  }
  const middle = (steps - 1) * size + steps - 1;
  const { values, exponent } = power(matrix, size, n);
  return Math.exp(Math.log(values[middle] ?? 0) + exponent * Math.LN2 + logFactorialOverPower(n));
}

interface Scaled {
  readonly values: Float64Array;
  /** of 2, taken out so that nothing overflows */
  readonly exponent: number;
}

function power(matrix: Float64Array, size: number, n: number): Scaled {
  let base: Scaled = { values: matrix, exponent: 0 };
  let result: Scaled | undefined;
  for (let left = n; ;) {
    if (left % 2 === 1) result = result === undefined ? base : product(result, base, size);
    left = Math.floor(left / 2);
    if (left === 0) return result ?? base;
    base = product(base, base, size);
  }
}

function product(left: Scaled, right: Scaled, size: number): Scaled {
  const values = new Float64Array(size * size);
  let largest = 0;
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const factor = left.values[row * size + inner] ?? 0;
      if (factor === 0) continue;
      for (let column = 0; column < size; column++) {
        const at = row * size + column;
        values[at] = (values[at] ?? 0) + factor * (right.values[inner * size + column] ?? 0);
      }
    }
  }
  for (const value of values) largest = Math.max(largest, value);
  const shift = largest > 2 ** 400 ? Math.floor(Math.log2(largest)) : 0;
  if (shift > 0) for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) * 2 ** -shift;
  return { values, exponent: left.exponent + right.exponent + shift };
}

/**
 * Pelz and Good's series in 1 / sqrt(n), each coefficient by Jacobi's theta functions.
 *
 * @see Pelz, Good, Approximating the Lower Tail-Areas of the Kolmogorov-Smirnov One-Sample Statistic, 1976.
 */
function bySeries(n: number, gap: number): number {
  const z = Math.sqrt(n) * gap;
  const [z2, z4, z6] = [z ** 2, z ** 4, z ** 6];
  const pi2 = Math.PI ** 2;
  const sums = [0, 0, 0, 0];
  let [extraTwo, extraThree] = [0, 0];
  for (let k = Math.ceil((16 * z) / Math.PI); k >= 1; k--) {
    const half = pi2 * (k - 0.5) ** 2;
    const weight = Math.exp(-half / (2 * z2));
    const terms = [
      1,
      half - z2,
      6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * half + (1 - 2 * z2) * half ** 2,
      -30 * z6 -
        90 * z ** 8 +
        (135 * z4 - 96 * z6) * half +
        (212 * z4 - 60 * z2) * half ** 2 +
        (5 - 30 * z2) * half ** 3,
    ];
    for (const [index, term] of terms.entries()) sums[index] = (sums[index] ?? 0) + term * weight;
    const whole = pi2 * k * k;
    const wholeWeight = Math.exp(-whole / (2 * z2));
    extraTwo += whole * wholeWeight;
    extraThree += (3 * z2 - whole) * whole * wholeWeight;
  }
  const [zero = 0, one = 0, two = 0, three = 0] = sums;
  return (
    Math.sqrt(2 * Math.PI) *
    (zero / z +
      one / (6 * z4) / Math.sqrt(n) +
      (two / (72 * z ** 7) - extraTwo / (36 * z ** 3)) / n +
      (three / (6480 * z ** 10) + extraThree / (216 * z6)) / n ** 1.5)
  );
}
