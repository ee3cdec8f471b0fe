import {
  rangeOf,
  sharesInBins,
  sharesOfPooledBins,
  sharesOfReferenceBins,
  sturgesEdges,
  upperBound,
} from '../statistics/bins.ts';
import { distributionDistances } from '../statistics/distribution-distances.ts';
import { sum } from '../statistics/interval.ts';
import { eppsSingleton, studentTest } from '../statistics/moment-tests.ts';
import { meanDiscrepancy, totalVariationTest } from '../statistics/permutation.ts';
import { andersonDarling, cramerVonMises, mannWhitney } from '../statistics/rank-tests.ts';
import {
  hellinger,
  hellingerOfRoots,
  jensenShannon,
  kullbackLeibler,
  largestShift,
  populationStability,
  type Shares,
} from '../statistics/shares.ts';
import {
  fisherExact,
  goodnessOfFit,
  homogeneity,
  likelihoodRatio,
  likelihoodRatioOfEqualSums,
  twoProportions,
  type Counts,
} from '../statistics/table-tests.ts';
import type { TestResult } from '../statistics/test-result.ts';
import { twoSampleGapTail } from '../statistics/two-sample-gap.ts';
import { unseenShare, type CategoricalColumn, type NumericColumn } from './column.ts';

/** A distance, or a test's statistic and p-value; null where the method can't be asked of these values. */
export type Score = { readonly value: number } | TestResult;

/** Two columns of numbers; what several methods need is worked out once. */
export class NumericPair {
  readonly reference: Float64Array;
  readonly current: Float64Array;
  #distances: ReturnType<typeof distributionDistances> | undefined;
  #pooledBins: Shares | undefined;
  #referenceBins: Shares | undefined;
  #asCategories: CategoricalPair | undefined;

  constructor(reference: NumericColumn, current: NumericColumn) {
    this.reference = reference.sorted;
    this.current = current.sorted;
  }

  get distances(): ReturnType<typeof distributionDistances> {
    return (this.#distances ??= distributionDistances(this.reference, this.current));
  }

  get pooledBins(): Shares {
    return (this.#pooledBins ??= sharesOfPooledBins(this.reference, this.current));
  }

  get referenceBins(): Shares {
    return (this.#referenceBins ??= sharesOfReferenceBins(this.reference, this.current));
  }

  /** Each number a category of its own; for columns with few of them. */
  get asCategories(): CategoricalPair {
    return (this.#asCategories ??= new CategoricalPair(counted(this.reference), counted(this.current)));
  }
}

function counted(sorted: Float64Array): CategoricalColumn {
  const counts = new Map<string, number>();
  for (let at = 0; at < sorted.length;) {
    const next = upperBound(sorted, sorted[at] as number);
    counts.set(String(sorted[at]), next - at);
    at = next;
  }
  return { kind: 'cat', counts, count: sorted.length, missingCount: 0 };
}

/** Two columns of categories, as counts in one order. */
export class CategoricalPair {
  readonly values: readonly string[];
  readonly counts: Counts;
  readonly shares: Shares;
  readonly unseen: number;

  constructor(reference: CategoricalColumn, current: CategoricalColumn) {
    this.values = [...new Set([...reference.counts.keys(), ...current.counts.keys()])];
    const of = (side: CategoricalColumn): Float64Array =>
      Float64Array.from(this.values, (value) => side.counts.get(value) ?? 0);
    this.counts = { reference: of(reference), current: of(current) };
    this.shares = {
      reference: this.counts.reference.map((count) => count / reference.count),
      current: this.counts.current.map((count) => count / current.count),
    };
    this.unseen = unseenShare(reference, current);
  }
}

export interface Method {
  readonly title: string;
  /** what is compared with the threshold */
  readonly by: 'distance' | 'pvalue';
  /** drift at or above this distance, or below this p-value */
  readonly threshold: number;
  /** where the peer's rule takes the threshold itself the other way */
  readonly strictness?: 'above only' | 'at or below';
  readonly num?: (pair: NumericPair) => Score | null;
  readonly cat?: (pair: CategoricalPair) => Score | null;
}

const distance = (value: number): Score => ({ value });

/**
 * All methods by their names. A name is the peer's where the definition is: Evidently's, or NannyML's with `nml_` before it.
 * Thresholds are the peers' too, NannyML's constant ones.
 */
export const methods = {
  ks: {
    title: 'Kolmogorov–Smirnov',
    by: 'pvalue',
    threshold: 0.05,
    strictness: 'at or below',
    num: ({ distances, reference, current }) => ({
      statistic: distances.largestGap,
      pvalue: twoSampleGapTail(distances.largestGap, reference.length, current.length),
    }),
  },
  wasserstein: {
    title: 'Wasserstein, in standard deviations of the reference',
    by: 'distance',
    threshold: 0.1,
    num: ({ distances, reference }) =>
      distance(distances.area / Math.max(standardDeviation(reference), 0.001)),
  },
  ed: {
    title: 'energy distance',
    by: 'distance',
    threshold: 0.1,
    strictness: 'above only',
    num: ({ distances }) => distance(distances.energy),
  },
  psi: {
    title: 'population stability index',
    by: 'distance',
    threshold: 0.1,
    num: ({ pooledBins }) => distance(populationStability(pooledBins)),
    cat: ({ shares }) => distance(populationStability(shares)),
  },
  kl_div: {
    title: 'Kullback–Leibler',
    by: 'distance',
    threshold: 0.1,
    num: ({ pooledBins }) => distance(kullbackLeibler(pooledBins)),
    cat: ({ shares }) => distance(kullbackLeibler(shares)),
  },
  jensenshannon: {
    title: 'Jensen–Shannon',
    by: 'distance',
    threshold: 0.1,
    num: ({ pooledBins }) => distance(jensenShannon(pooledBins)),
    cat: ({ shares }) => distance(jensenShannon(shares)),
  },
  hellinger: {
    title: 'Hellinger',
    by: 'distance',
    threshold: 0.1,
    num: ({ reference, current }) => distance(hellinger(sharesOfDistinctBins(reference, current))),
    cat: ({ shares }) => distance(hellinger(shares)),
  },
  anderson: {
    title: 'Anderson–Darling',
    by: 'pvalue',
    threshold: 0.1,
    num: ({ reference, current }) => andersonDarling(reference, current),
  },
  cramer_von_mises: {
    title: 'Cramér–von Mises',
    by: 'pvalue',
    threshold: 0.1,
    strictness: 'at or below',
    num: ({ reference, current }) => cramerVonMises(reference, current),
  },
  es: {
    title: 'Epps–Singleton',
    by: 'pvalue',
    threshold: 0.05,
    num: ({ reference, current }) => eppsSingleton(reference, current),
  },
  t_test: {
    title: 'Student',
    by: 'pvalue',
    threshold: 0.05,
    num: ({ reference, current }) => studentTest(reference, current),
  },
  mannw: {
    title: 'Mann–Whitney, one-sided: has the reference smaller values?',
    by: 'pvalue',
    threshold: 0.05,
    num: ({ reference, current }) => mannWhitney(reference, current, true),
  },
  mann_whitney: {
    title: 'Mann–Whitney',
    by: 'pvalue',
    threshold: 0.05,
    num: ({ reference, current }) => mannWhitney(reference, current),
  },
  empirical_mmd: {
    title: 'maximum mean discrepancy',
    by: 'pvalue',
    threshold: 0.1,
    num: ({ reference, current }) => meanDiscrepancy(reference, current),
  },
  chisquare: {
    title: 'chi-square, against the shares of the reference',
    by: 'pvalue',
    threshold: 0.05,
    cat: ({ counts }) => goodnessOfFit(counts),
  },
  homogeneity: {
    title: 'chi-square of both sides',
    by: 'pvalue',
    threshold: 0.05,
    cat: ({ counts }) => homogeneity(counts),
  },
  z: { title: 'two proportions', by: 'pvalue', threshold: 0.05, cat: ({ counts }) => twoProportions(counts) },
  g_test: {
    title: 'likelihood ratio, against the counts of the reference',
    by: 'pvalue',
    threshold: 0.1,
    cat: ({ counts }) => likelihoodRatioOfEqualSums(counts),
  },
  likelihood_ratio: {
    title: 'likelihood ratio of both sides',
    by: 'pvalue',
    threshold: 0.05,
    cat: ({ counts }) => likelihoodRatio(counts),
  },
  fisher_exact: {
    title: 'Fisher, exact',
    by: 'pvalue',
    threshold: 0.1,
    cat: ({ counts }) => fisherExact(counts),
  },
  tvd: {
    title: 'total variation, by permutation',
    by: 'pvalue',
    threshold: 0.1,
    cat: ({ counts }) => totalVariationTest(counts),
  },
  unseen: {
    title: 'share of categories that the reference never had',
    by: 'distance',
    threshold: 0.01,
    cat: ({ unseen }) => distance(unseen),
  },
  l_infinity: {
    title: 'largest shift of one category',
    by: 'distance',
    threshold: 0.1,
    strictness: 'above only',
    cat: ({ shares }) => distance(largestShift(shares)),
  },
  nml_jensen_shannon: {
    title: 'Jensen–Shannon, base 2, bins of the reference',
    by: 'distance',
    threshold: 0.1,
    strictness: 'above only',
    num: ({ referenceBins }) => distance(jensenShannon(referenceBins, 2)),
    cat: ({ shares }) => distance(jensenShannon(shares, 2)),
  },
  nml_hellinger: {
    title: 'Hellinger, bins of the reference',
    by: 'distance',
    threshold: 0.1,
    strictness: 'above only',
    num: ({ referenceBins }) => distance(hellingerOfRoots(referenceBins)),
    cat: ({ shares }) => distance(hellingerOfRoots(shares)),
  },
  nml_wasserstein: {
    title: 'Wasserstein, in the values’ unit',
    by: 'distance',
    threshold: 0.1,
    strictness: 'above only',
    num: ({ distances }) => distance(distances.area),
  },
  nml_chi2: {
    title: 'chi-square of both sides, corrected by Yates',
    by: 'pvalue',
    threshold: 0.05,
    cat: ({ counts }) => homogeneity(counts, true),
  },
} as const satisfies Record<string, Method>;

export type DriftMethod = keyof typeof methods;
export const methodNames = Object.keys(methods) as [DriftMethod, ...DriftMethod[]];
export const methodOf = (name: DriftMethod): Method => methods[name];

/** Is this score drift, by the method's own rule? */
export function isDrifted(name: DriftMethod, score: Score, threshold = methodOf(name).threshold): boolean {
  const { strictness } = methodOf(name);
  if ('value' in score)
    return strictness === 'above only' ? score.value > threshold : score.value >= threshold;
  return strictness === 'at or below' ? score.pvalue <= threshold : score.pvalue < threshold;
}

function standardDeviation(values: Float64Array): number {
  const mean = sum(values) / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

/** Sturges' bins by how many distinct values there are, not how many values. */
function sharesOfDistinctBins(reference: Float64Array, current: Float64Array): Shares {
  const [low, high] = rangeOf(reference, current);
  const edges = sturgesEdges(low, high, new Set([...reference, ...current].map((value) => value + 0)).size);
  return { reference: sharesInBins(reference, edges), current: sharesInBins(current, edges) };
}
