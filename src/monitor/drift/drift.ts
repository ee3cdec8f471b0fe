import { sum } from '../statistics/interval.ts';
import { chiSquareTail, kolmogorovTail, normalTwoSided } from '../statistics/special-functions.ts';

export type NumericMethod = 'ks' | 'wasserstein' | 'psi' | 'jensenshannon';
export type CategoricalMethod = 'chisquare' | 'z' | 'psi' | 'jensenshannon' | 'unseen';
export type DriftMethod = NumericMethod | CategoricalMethod;

export type Score = { readonly value: number } | { readonly statistic: number; readonly pvalue: number; readonly approximation?: 'asymptotic' };

/** A column of one side, ready to be compared: sorted finite numbers, or how often each category occurs. */
export type Column =
  | { readonly kind: 'num'; readonly sorted: Float64Array; readonly missingCount: number }
  | { readonly kind: 'cat'; readonly counts: ReadonlyMap<string, number>; readonly count: number; readonly missingCount: number };

export interface ColumnDrift {
  readonly type: 'num' | 'cat';
  readonly n_ref: number;
  readonly n_cur: number;
  readonly missing_ref: number;
  readonly missing_cur: number;
  /** share of current rows whose category the reference never had, 0..1 */
  readonly unseen?: number | null;
  readonly default: { readonly method: DriftMethod; readonly score: number | null; readonly threshold: number; readonly drifted: boolean } | null;
  readonly scores: Readonly<Partial<Record<DriftMethod, Score | null>>>;
}

/** What we call drift: a p-value at or below, or a distance at or above (Evidently's defaults). */
export const thresholds: Readonly<Record<DriftMethod, number>> = {
  ks: 0.05,
  chisquare: 0.05,
  z: 0.05,
  wasserstein: 0.1,
  psi: 0.1,
  jensenshannon: 0.1,
  unseen: 0.01,
};

/** Numbers without NaN and infinities, sorted once for all statistics. */
export function numericColumn(values: readonly unknown[]): Column {
  const finite = new Float64Array(values.length);
  let count = 0;
  for (const value of values) {
    if (typeof value === 'number' && Number.isFinite(value)) finite[count++] = value;
  }
  return { kind: 'num', sorted: finite.subarray(0, count).sort(), missingCount: values.length - count };
}

export function categoricalColumn(values: readonly (string | number | boolean | null)[]): Column {
  const counts = new Map<string, number>();
  let missingCount = 0;
  for (const value of values) {
    if (value === null || (typeof value === 'number' && !Number.isFinite(value))) {
      missingCount++;
      continue;
    }
    const text = String(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return { kind: 'cat', counts, count: values.length - missingCount, missingCount };
}

/**
 * All statistics of one column, and the one that decides.
 *
 * @returns scores null when a side is empty or the sides are not of one kind
 */
export function compareColumns(reference: Column, current: Column): ColumnDrift {
  const sides = {
    n_ref: sizeOf(reference),
    n_cur: sizeOf(current),
    missing_ref: reference.missingCount,
    missing_cur: current.missingCount,
  };
  const unseen = reference.kind === 'cat' ? { unseen: null } : {};
  if (sides.n_ref === 0 || sides.n_cur === 0 || reference.kind !== current.kind) {
    return { type: reference.kind, ...sides, ...unseen, default: null, scores: {} };
  }
  if (reference.kind === 'num' && current.kind === 'num') return { type: 'num', ...sides, ...numericDrift(reference.sorted, current.sorted) };
  if (reference.kind === 'cat' && current.kind === 'cat') return { type: 'cat', ...sides, ...categoricalDrift(reference, current) };
  throw new Error('columns of two kinds were let through');
}

const sizeOf = (column: Column): number => (column.kind === 'num' ? column.sorted.length : column.count);

/** Above this many reference rows a distance decides, since with many rows every p-value is small. */
const fewRows = 1000;

function numericDrift(reference: Float64Array, current: Float64Array): Pick<ColumnDrift, 'default' | 'scores'> {
  const walk = walkTogether(reference, current);
  const { inReference, inCurrent } = sharesOf(reference, current);
  const effective = (reference.length * current.length) / (reference.length + current.length);
  const scores = {
    ks: { statistic: walk.largestGap, pvalue: kolmogorovTail(Math.sqrt(effective) * walk.largestGap), approximation: 'asymptotic' },
    wasserstein: { value: walk.areaBetween / Math.max(standardDeviation(reference), 0.001) },
    psi: { value: populationStability(inReference, inCurrent) },
    jensenshannon: { value: jensenShannon(inReference, inCurrent) },
  } as const;
  const isFew = reference.length <= fewRows;
  const isDiscrete = walk.distinctCount <= 5;
  const method = isDiscrete ? 'jensenshannon' : isFew ? 'ks' : 'wasserstein';
  return { default: judge(method, scores[method]), scores };
}

function categoricalDrift(
  reference: { counts: ReadonlyMap<string, number>; count: number },
  current: { counts: ReadonlyMap<string, number>; count: number },
): Pick<ColumnDrift, 'default' | 'scores' | 'unseen'> {
  const values = [...new Set([...reference.counts.keys(), ...current.counts.keys()])];
  const share = (side: { counts: ReadonlyMap<string, number>; count: number }): Float64Array =>
    Float64Array.from(values, (value) => (side.counts.get(value) ?? 0) / side.count);
  const [inReference, inCurrent] = [share(reference), share(current)];
  const unseen = sum(values.map((value, index) => (reference.counts.has(value) ? 0 : (inCurrent[index] ?? 0))));
  const chisquare = chiSquare(values, reference, current);
  const scores: Partial<Record<DriftMethod, Score | null>> = {
    chisquare,
    psi: { value: populationStability(inReference, inCurrent) },
    jensenshannon: { value: jensenShannon(inReference, inCurrent) },
    unseen: { value: unseen },
  };
  if (values.length <= 2) scores.z = proportions(inReference[0] ?? 0, reference.count, inCurrent[0] ?? 0, current.count, values.length);
  const method = reference.count > fewRows ? 'jensenshannon' : values.length > 2 ? 'chisquare' : 'z';
  return { unseen, default: judge(method, scores[method] ?? null), scores };
}

function judge(method: DriftMethod, score: Score | null): ColumnDrift['default'] {
  const threshold = thresholds[method];
  if (score === null) return { method, score: null, threshold, drifted: false };
  if ('value' in score) return { method, score: score.value, threshold, drifted: score.value >= threshold };
  const isBelow = method === 'ks' ? score.pvalue <= threshold : score.pvalue < threshold;
  return { method, score: score.pvalue, threshold, drifted: isBelow };
}

/** One walk over both sorted sides: Kolmogorov and Smirnov's gap, and the area between the two distribution functions. */
function walkTogether(reference: Float64Array, current: Float64Array): { largestGap: number; areaBetween: number; distinctCount: number } {
  let [atReference, atCurrent, distinctCount] = [0, 0, 0];
  let largestGap = 0;
  let gap = 0;
  let before: number | undefined;
  let area = 0;
  let lost = 0;
  while (atReference < reference.length || atCurrent < current.length) {
    const value = Math.min(reference[atReference] ?? Infinity, current[atCurrent] ?? Infinity);
    if (before !== undefined) {
      // compensated: with a million rows the terms are tiny beside the sum
      const term = gap * (value - before) - lost;
      const next = area + term;
      lost = next - area - term;
      area = next;
    }
    while (reference[atReference] === value) atReference++;
    while (current[atCurrent] === value) atCurrent++;
    gap = Math.abs(atReference / reference.length - atCurrent / current.length);
    largestGap = Math.max(largestGap, gap);
    before = value;
    distinctCount++;
  }
  return { largestGap, areaBetween: area, distinctCount };
}

function standardDeviation(values: Float64Array): number {
  const mean = sum(values) / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

/** More distinct reference values than this are put into bins. */
const mostValuesUnbinned = 20;

/** Shares per bin of both sides: Sturges' bins over the pooled range, or one bin per value where there are few. */
function sharesOf(reference: Float64Array, current: Float64Array): { inReference: Float64Array; inCurrent: Float64Array } {
  const few = distinctUpTo(reference, mostValuesUnbinned);
  if (few !== null) {
    const values = [...new Set([...few, ...current].map((value) => value + 0))].sort((left, right) => left - right);
    const share = (side: Float64Array): Float64Array =>
      Float64Array.from(values, (value) => (upperBound(side, value) - lowerBound(side, value)) / side.length);
    return { inReference: share(reference), inCurrent: share(current) };
  }
  const edges = sturgesEdges(reference, current);
  const share = (side: Float64Array): Float64Array =>
    Float64Array.from({ length: edges.length - 1 }, (_, bin) => {
      const isLast = bin === edges.length - 2;
      const to = isLast ? upperBound(side, edges[bin + 1] ?? 0) : lowerBound(side, edges[bin + 1] ?? 0);
      return (to - lowerBound(side, edges[bin] ?? 0)) / side.length;
    });
  return { inReference: share(reference), inCurrent: share(current) };
}

/** @see numpy.histogram_bin_edges(reference + current, "sturges") */
function sturgesEdges(reference: Float64Array, current: Float64Array): Float64Array {
  const low = Math.min(reference[0] ?? 0, current[0] ?? 0);
  const high = Math.max(reference.at(-1) ?? 0, current.at(-1) ?? 0);
  const width = (high - low) / (Math.log2(reference.length + current.length) + 1);
  const binCount = Math.ceil((high - low) / width);
  const step = (high - low) / binCount;
  return Float64Array.from({ length: binCount + 1 }, (_, edge) => (edge === binCount ? high : edge * step + low));
}

/** Distinct values of a sorted column, or null when there are more than `most`. */
function distinctUpTo(sorted: Float64Array, most: number): number[] | null {
  const values: number[] = [];
  for (let at = 0; at < sorted.length; at = upperBound(sorted, sorted[at] ?? 0)) {
    values.push(sorted[at] ?? 0);
    if (values.length > most) return null;
  }
  return values;
}

/** How many values of a sorted column are below `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function upperBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Population stability index; empty bins get a small share first, as Evidently fills them.
 *
 * @returns 0 when the shapes agree; above 0.25 is read as a real shift
 * @see Siddiqi, Credit Risk Scorecards, 2006.
 */
export function populationStability(reference: Float64Array, current: Float64Array): number {
  const [before, after] = [fillEmpty(reference), fillEmpty(current)];
  return sum(before.map((share, bin) => (share - (after[bin] ?? 0)) * Math.log(share / (after[bin] ?? 0))));
}

function fillEmpty(shares: Float64Array): Float64Array {
  let smallest = Infinity;
  for (const share of shares) if (share !== 0) smallest = Math.min(smallest, share);
  const fill = smallest <= 0.0001 ? smallest / 1e6 : 0.0001;
  return shares.map((share) => (share === 0 ? fill : share));
}

/**
 * Jensen and Shannon's distance: the square root, natural logarithm.
 *
 * @see scipy.spatial.distance.jensenshannon
 */
export function jensenShannon(reference: Float64Array, current: Float64Array): number {
  const [p, q] = [normalised(reference), normalised(current)];
  const halves = [p, q].map((side) =>
    sum(
      side.map((share, bin) => {
        const middle = ((p[bin] ?? 0) + (q[bin] ?? 0)) / 2;
        return share === 0 ? 0 : share * Math.log(share / middle);
      }),
    ),
  );
  return Math.sqrt(Math.max(0, ((halves[0] ?? 0) + (halves[1] ?? 0)) / 2));
}

function normalised(shares: Float64Array): Float64Array {
  const total = sum(shares);
  return shares.map((share) => share / total);
}

/** Current counts against what the reference's shares would give; a category that the reference never had makes p 0. */
function chiSquare(
  values: readonly string[],
  reference: { counts: ReadonlyMap<string, number>; count: number },
  current: { counts: ReadonlyMap<string, number>; count: number },
): Score | null {
  if (values.length < 2) return null;
  const scale = current.count / reference.count;
  const statistic = sum(
    values.map((value) => {
      const expected = (reference.counts.get(value) ?? 0) * scale;
      return expected === 0 ? Infinity : ((current.counts.get(value) ?? 0) - expected) ** 2 / expected;
    }),
  );
  return Number.isFinite(statistic) ? { statistic, pvalue: chiSquareTail(statistic, values.length - 1) } : { statistic: Infinity, pvalue: 0 };
}

/** Pooled test of two proportions. */
function proportions(before: number, beforeCount: number, after: number, afterCount: number, valueCount: number): Score {
  if (valueCount < 2) return { statistic: 0, pvalue: 1 };
  const pooled = (before * beforeCount + after * afterCount) / (beforeCount + afterCount);
  const statistic = (before - after) / Math.sqrt(pooled * (1 - pooled) * (1 / beforeCount + 1 / afterCount));
  return { statistic, pvalue: normalTwoSided(statistic) };
}

export interface DatasetDrift {
  readonly columns: number;
  readonly drifted: number;
  readonly share: number;
  readonly drift_share: number;
  readonly dataset_drift: boolean;
}

/** A data set has drifted when this share of its columns has. */
const driftShare = 0.5;

export function datasetDrift(columns: readonly ColumnDrift[]): DatasetDrift {
  const drifted = columns.filter((column) => column.default?.drifted === true).length;
  const share = columns.length === 0 ? 0 : drifted / columns.length;
  return { columns: columns.length, drifted, share, drift_share: driftShare, dataset_drift: share >= driftShare };
}
