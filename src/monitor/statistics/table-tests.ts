import { binomialDensity } from '../../platform/statistics/binomial.ts';
import { sum } from './interval.ts';
import { chiSquareTail, normalTwoSided } from '../../platform/statistics/special-functions.ts';
import type { TestResult } from './test-result.ts';

/** How often each category occurs in a reference and now, in the same order. */
export interface Counts {
  readonly reference: Float64Array;
  readonly current: Float64Array;
}

/**
 * Current counts against what the reference's shares let expect. It takes the reference for the truth itself: a category
 * that the reference never had makes the chance 0.
 *
 * @returns null with fewer than two categories
 * @see scipy.stats.chisquare
 */
export function goodnessOfFit({ reference, current }: Counts): TestResult | null {
  if (reference.length < 2) return null;
  const scale = sum(current) / sum(reference);
  const statistic = sum(
    reference.map((count, at) => {
      const expected = count * scale;
      return expected === 0 ? Infinity : ((current[at] as number) - expected) ** 2 / expected;
    }),
  );
  if (!Number.isFinite(statistic)) return { statistic: Infinity, pvalue: 0 };
  return { statistic, pvalue: chiSquareTail(statistic, reference.length - 1) };
}

/**
 * Do both sides come from one source? Pearson's test of the table of both, which knows that the reference is a sample too.
 *
 * @param isCorrected Yates' half a step towards the expected counts, for two categories
 * @returns null with fewer than two categories
 * @see scipy.stats.chi2_contingency
 */
export function homogeneity(counts: Counts, isCorrected = false): TestResult | null {
  const half = isCorrected && counts.reference.length === 2 ? 0.5 : 0;
  return overTable(counts, (observed, expected) => {
    const distance = Math.abs(observed - expected);
    return (distance - Math.min(half, distance)) ** 2 / expected;
  });
}

/** The same by the likelihood ratio (G). */
export const likelihoodRatio = (counts: Counts): TestResult | null =>
  overTable(counts, (observed, expected) =>
    observed === 0 ? 0 : 2 * observed * Math.log(observed / expected),
  );

function overTable(
  { reference, current }: Counts,
  term: (observed: number, expected: number) => number,
): TestResult | null {
  if (reference.length < 2) return null;
  const [before, now] = [sum(reference), sum(current)];
  const statistic = sum(
    [...reference].flatMap((count, at) => {
      const both = count + (current[at] as number);
      return [
        term(count, (both * before) / (before + now)),
        term(current[at] as number, (both * now) / (before + now)),
      ];
    }),
  );
  return { statistic, pvalue: chiSquareTail(statistic, reference.length - 1) };
}

/**
 * Current counts against the reference's counts as they are; only where both sides have as many rows.
 *
 * @returns null where they have not
 * @see scipy.stats.power_divergence(lambda_='log-likelihood'), which refuses the same
 */
export function likelihoodRatioOfEqualSums({ reference, current }: Counts): TestResult | null {
  if (reference.length < 2 || sum(reference) !== sum(current)) return null;
  const statistic = sum(
    reference.map((expected, at) => {
      const observed = current[at] as number;
      return observed === 0 ? 0 : 2 * observed * Math.log(observed / expected);
    }),
  );
  if (!Number.isFinite(statistic)) return { statistic: Infinity, pvalue: 0 };
  return { statistic, pvalue: chiSquareTail(statistic, reference.length - 1) };
}

/**
 * Pooled test of the share of the first category.
 *
 * @returns null with more than two categories
 */
export function twoProportions({ reference, current }: Counts): TestResult | null {
  if (reference.length > 2) return null;
  if (reference.length < 2) return { statistic: 0, pvalue: 1 };
  const [before, now] = [sum(reference), sum(current)];
  const [ofBefore, ofNow] = [reference[0] as number, current[0] as number];
  const pooled = (ofBefore + ofNow) / (before + now);
  const statistic =
    (ofBefore / before - ofNow / now) / Math.sqrt(pooled * (1 - pooled) * (1 / before + 1 / now));
  return { statistic, pvalue: normalTwoSided(statistic) };
}

/** Tables whose chance differs by less than this share count as equally likely. */
const alike = 1 + 1e-14;

/**
 * Fisher's exact test of two categories, two-sided: all tables as unlikely as this one or more. The statistic is the odds ratio.
 *
 * @returns null with more or fewer categories
 * @see scipy.stats.fisher_exact
 */
export function fisherExact({ reference, current }: Counts): TestResult | null {
  if (reference.length !== 2) return null;
  const [a, b, c, d] = [current[0], current[1], reference[0], reference[1]] as [
    number,
    number,
    number,
    number,
  ];
  const [now, before, first] = [a + b, c + d, a + c];
  const all = now + before;
  const share = first / all;
  if (share === 0 || share === 1) return { statistic: Number.NaN, pvalue: 1 };
  const whole = binomialDensity(first, all, share, 1 - share);
  // a hypergeometric chance is a ratio of binomial ones at any share (Loader, section 6)
  const chance = (x: number): number =>
    (binomialDensity(x, now, share, 1 - share) * binomialDensity(first - x, before, share, 1 - share)) /
    whole;
  const limit = chance(a) * alike;
  const chances: number[] = [];
  for (let x = Math.max(0, first - before); x <= Math.min(now, first); x++) {
    const each = chance(x);
    if (each <= limit) chances.push(each);
  }
  return { statistic: (a * d) / (b * c), pvalue: Math.min(1, sum(chances)) };
}
