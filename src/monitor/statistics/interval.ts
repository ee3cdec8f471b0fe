import { normalQuantile } from '../../platform/statistics/special-functions.ts';

/** A number with what is known of its error. */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** null where the error is not known or not symmetric */
  readonly standardError: number | null;
}

const quantiles = new Map<number, number>();

/** How many standard errors reach to either side at this confidence, 0..1. */
export function reach(confidence: number): number {
  const known = quantiles.get(confidence);
  if (known !== undefined) return known;
  const value = normalQuantile(0.5 + confidence / 2);
  quantiles.set(confidence, value);
  return value;
}

/** Normal interval around an estimate, cut at the limits that its values can't pass. */
export function normalInterval(
  value: number,
  standardError: number,
  confidence: number,
  least = -Infinity,
  most = Infinity,
): Estimate {
  const half = reach(confidence) * standardError;
  return { value, low: Math.max(least, value - half), high: Math.min(most, value + half), standardError };
}

/**
 * A share of yes among n answers.
 *
 * @see Wilson, Probable inference, the law of succession, and statistical inference, 1927.
 */
export function wilsonInterval(yesCount: number, n: number, confidence: number): Estimate {
  if (n === 0) return { value: Number.NaN, low: null, high: null, standardError: null };
  const z = reach(confidence);
  const share = yesCount / n;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return {
    value: share,
    low: yesCount === 0 ? 0 : centre - half,
    high: yesCount === n ? 1 : centre + half,
    standardError: Math.sqrt((share * (1 - share)) / n),
  };
}

export interface Moments {
  readonly mean: number;
  /** of the mean; 0 for a single value */
  readonly standardError: number;
}

/** Mean and its standard error, in two passes. */
export function meanOf(values: Float64Array): Moments {
  const n = values.length;
  const mean = sum(values) / n;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, standardError: n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n) };
}

/** Compensated, so that a million small terms don't drift. */
export function sum(values: Iterable<number>): number {
  let total = 0;
  let lost = 0;
  for (const value of values) {
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}
