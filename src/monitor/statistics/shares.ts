import { sum } from './interval.ts';

/** Shares of a reference and of now over the same bins or categories; each sums to 1, but for what lies outside fixed bins. */
export interface Shares {
  readonly reference: Float64Array;
  readonly current: Float64Array;
}

/**
 * Population stability index; empty bins get a small share first, as Evidently fills them.
 *
 * @returns 0 when the shapes agree; above 0.25 is read as a real shift
 * @see Siddiqi, Credit Risk Scorecards, 2006.
 */
export function populationStability({ reference, current }: Shares): number {
  const [before, after] = [fillEmpty(reference), fillEmpty(current)];
  return sum(before.map((share, bin) => (share - (after[bin] ?? 0)) * Math.log(share / (after[bin] ?? 0))));
}

/** Kullback and Leibler's divergence of the reference from now, in nats; empty bins filled as above, then brought to 1. */
export function kullbackLeibler({ reference, current }: Shares): number {
  const [p, q] = [normalised(fillEmpty(reference)), normalised(fillEmpty(current))];
  return sum(p.map((share, bin) => share * Math.log(share / (q[bin] ?? 0))));
}

function fillEmpty(shares: Float64Array): Float64Array {
  let smallest = Infinity;
  for (const share of shares) if (share !== 0) smallest = Math.min(smallest, share);
  const fill = smallest <= 0.0001 ? smallest / 1e6 : 0.0001;
  return shares.map((share) => (share === 0 ? fill : share));
}

/**
 * Jensen and Shannon's distance: the square root of the divergence.
 *
 * @param base of the logarithm: Evidently and scipy take e, NannyML 2
 * @see scipy.spatial.distance.jensenshannon
 */
export function jensenShannon({ reference, current }: Shares, base = Math.E): number {
  const [p, q] = [normalised(reference), normalised(current)];
  const half = (side: Float64Array): number =>
    sum(
      side.map((share, bin) => {
        const middle = ((p[bin] ?? 0) + (q[bin] ?? 0)) / 2;
        return share === 0 ? 0 : share * Math.log(share / middle);
      }),
    );
  const divergence = (half(p) + half(q)) / 2;
  return Math.sqrt(Math.max(0, base === Math.E ? divergence : divergence / Math.log(base)));
}

function normalised(shares: Float64Array): Float64Array {
  const total = sum(shares);
  return shares.map((share) => share / total);
}

/** Hellinger's distance by the overlap, 0..1. */
export function hellinger({ reference, current }: Shares): number {
  const overlap = sum(reference.map((share, bin) => Math.sqrt(share * (current[bin] ?? 0))));
  return Math.sqrt(1 - Math.min(1, overlap));
}

/** The same by the distance of the roots: what lies outside fixed bins counts too. */
export const hellingerOfRoots = ({ reference, current }: Shares): number =>
  Math.sqrt(sum(reference.map((share, bin) => (Math.sqrt(share) - Math.sqrt(current[bin] ?? 0)) ** 2)) / 2);

/** Half of what the shares differ by in all, 0..1. */
export const totalVariation = ({ reference, current }: Shares): number =>
  sum(reference.map((share, bin) => Math.abs(share - (current[bin] ?? 0)))) / 2;

/** What the one category differs by whose share moved most, 0..1. */
export function largestShift({ reference, current }: Shares): number {
  let largest = 0;
  for (const [bin, share] of reference.entries())
    largest = Math.max(largest, Math.abs(share - (current[bin] ?? 0)));
  return largest;
}
