import { logGamma } from '../../platform/statistics/special-functions.ts';

/** Bounds that hold at every moment at once, however often somebody looks. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/**
 * Confidence sequence of a share: with probability 1 - alpha the true share lies within the bounds at all times, exactly,
 * for independent draws with one share. The mixture of likelihood ratios over a Beta(1/2, 1/2) prior is a martingale at the
 * true share; by Ville's inequality it passes 1/alpha with probability alpha at most.
 *
 * @param yesCount of `count` draws
 * @see Robbins, Statistical methods related to the law of the iterated logarithm, 1970;
 *   Howard, Ramdas, McAuliffe, Sekhon, Time-uniform, nonparametric, nonasymptotic confidence sequences, 2021.
 */
export function shareBounds(yesCount: number, count: number, alpha: number): Bounds {
  if (count === 0) return { low: 0, high: 1 };
  const noCount = count - yesCount;
  const share = yesCount / count;
  const limit = Math.log(1 / alpha);
  const outside = (p: number): boolean => logMixture(yesCount, noCount, p) > limit;
  return {
    low: yesCount === 0 ? 0 : border(share, 0, outside),
    high: noCount === 0 ? 1 : border(share, 1, outside),
  };
}

/** Logarithm of the mixture's likelihood ratio against the share p. */
export const logMixture = (yesCount: number, noCount: number, p: number): number =>
  logBeta(yesCount + 0.5, noCount + 0.5) -
  logBeta(0.5, 0.5) -
  (yesCount === 0 ? 0 : yesCount * Math.log(p)) -
  (noCount === 0 ? 0 : noCount * Math.log1p(-p));

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** Where `outside` begins on the way from a point that is inside to an end that is not; the likelihood falls all the way. */
function border(inside: number, end: number, outside: (p: number) => boolean): number {
  let [near, far] = [inside, end];
  for (let step = 0; step < 60; step++) {
    const middle = (near + far) / 2;
    if (outside(middle)) far = middle;
    else near = middle;
  }
  return (near + far) / 2;
}

/** What is known of the outcomes of one version in one stretch of time with one split of the traffic. */
export interface Outcomes {
  readonly count: number;
  readonly sum: number;
  readonly sumSquares: number;
}

/** Both versions under the same split: only what was drawn at the same time is compared. */
export interface Stratum {
  readonly candidate: Outcomes;
  readonly champion: Outcomes;
}

export interface SequentialTest {
  /** mean of the candidate's outcomes less that of the champion's, over the strata */
  readonly effect: number;
  readonly low: number;
  readonly high: number;
  /** always valid: at most alpha under no effect at whatever moment it is read */
  readonly pValue: number;
  readonly standardError: number;
  readonly candidateCount: number;
  readonly championCount: number;
}

/**
 * Mixture sequential probability ratio test of two means, and the confidence sequence that belongs to it.
 *
 * The estimate is the difference of means within each stratum, weighted by how much the stratum can tell, so that a share of the
 * traffic that grows while the world changes biases nothing. Its likelihood ratio against "no effect" is mixed over
 * effects drawn from N(0, scale²). Valid at every look for normal outcomes of known variance; asymptotically (from some hundred
 * outcomes on) for independent outcomes of any distribution with a finite variance, shares among them.
 *
 * @param scale size of the effect that matters, in units of the outcome; fixed before the first look
 * @returns undefined while either side has fewer than two outcomes, or both have no variance
 * @see Johari, Koomen, Pekelis, Walsh, Always valid inference: continuous monitoring of A/B tests, Operations Research 70(3), 2022;
 *   Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Time-uniform central limit theory and asymptotic confidence sequences, 2024.
 */
export function sequentialTest(
  strata: readonly Stratum[],
  alpha: number,
  scale: number,
): SequentialTest | undefined {
  const both = strata.filter(({ candidate, champion }) => candidate.count > 0 && champion.count > 0);
  const variances = [
    pooledVariance(both.map((each) => each.candidate)),
    pooledVariance(both.map((each) => each.champion)),
  ];
  const [candidateVariance, championVariance] = variances;
  if (candidateVariance === undefined || championVariance === undefined) return undefined;
  let [effect, variance, total] = [0, 0, 0];
  for (const { candidate, champion } of both) {
    const weight = (candidate.count * champion.count) / (candidate.count + champion.count);
    effect += weight * (candidate.sum / candidate.count - champion.sum / champion.count);
    variance += weight ** 2 * (candidateVariance / candidate.count + championVariance / champion.count);
    total += weight;
  }
  effect /= total;
  variance /= total ** 2;
  if (!(variance > 0)) return undefined;
  const reach = Math.sqrt(
    ((variance * (variance + scale ** 2)) / scale ** 2) *
      Math.log((variance + scale ** 2) / (variance * alpha ** 2)),
  );
  return {
    effect,
    low: effect - reach,
    high: effect + reach,
    pValue: Math.min(1, 1 / likelihoodRatio(effect, variance, scale)),
    standardError: Math.sqrt(variance),
    candidateCount: both.reduce((sum, each) => sum + each.candidate.count, 0),
    championCount: both.reduce((sum, each) => sum + each.champion.count, 0),
  };
}

/** Of an estimate with this variance: effects drawn from N(0, scale²) against no effect. */
export const likelihoodRatio = (effect: number, variance: number, scale: number): number =>
  Math.sqrt(variance / (variance + scale ** 2)) *
  Math.exp((scale ** 2 * effect ** 2) / (2 * variance * (variance + scale ** 2)));

/** Variance of single outcomes around the mean of their own stratum; undefined where there are too few. */
function pooledVariance(samples: readonly Outcomes[]): number | undefined {
  let [squares, freedom] = [0, 0];
  for (const { count, sum, sumSquares } of samples) {
    squares += Math.max(0, sumSquares - sum ** 2 / count);
    freedom += count - 1;
  }
  return freedom < 1 ? undefined : squares / freedom;
}

export type Verdict = 'not yet' | 'better' | 'worse' | 'no difference that matters';

/** Enough that the central limit theorem may speak; below it nothing is decided. */
export const fewestOutcomes = 100;

/**
 * What the test allows to say.
 *
 * @param scale the smallest difference that matters: an interval within it says that there is none
 * @param isHigherBetter false for errors and losses
 */
export function verdictOf(test: SequentialTest | undefined, scale: number, isHigherBetter: boolean): Verdict {
  if (test === undefined || Math.min(test.candidateCount, test.championCount) < fewestOutcomes)
    return 'not yet';
  if (test.low > 0) return isHigherBetter ? 'better' : 'worse';
  if (test.high < 0) return isHigherBetter ? 'worse' : 'better';
  return test.low > -scale && test.high < scale ? 'no difference that matters' : 'not yet';
}
