import { binomialDensity } from './binomial.ts';

/**
 * Regularised incomplete beta function I_x(a, b).
 *
 * @param y 1 - x, given apart so that nothing is lost where x is close to 1
 * @see Abramowitz and Stegun, 26.5.8 (continued fraction).
 */
function incompleteBeta(a: number, b: number, x: number, y = 1 - x): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(b, a, y, x);
  // x^a y^b / B(a, b), by the density that keeps its digits
  const body = ((a * b) / (a + b)) * binomialDensity(a, a + b, x, y);
  return (body / a) * fraction(a, b, x);
}

/** Lentz's way through the continued fraction. */
function fraction(a: number, b: number, x: number): number {
  const tiny = 1e-300;
  const kept = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    const step = d * c;
    value *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return value;
}

/** Chance that Student's variable is further from 0 than t. */
export function studentTwoSided(t: number, degrees: number): number {
  const square = t * t;
  return incompleteBeta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square));
}

/** Share of Student's distribution below `t`. @param degrees of freedom, above 0 */
export function studentBelow(t: number, degrees: number): number {
  const tail = studentTwoSided(t, degrees) / 2;
  return t >= 0 ? 1 - tail : tail;
}

/** The `t` below which a share of Student's distribution lies. @param share above 0.5 and below 1 */
export function studentQuantile(share: number, degrees: number): number {
  let [low, high] = [0, 1];
  while (studentBelow(high, degrees) < share) high *= 2;
  for (let step = 0; step < 200 && high - low > 1e-13 * high; step++) {
    const middle = (low + high) / 2;
    if (studentBelow(middle, degrees) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
