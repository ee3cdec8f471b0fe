import { sum } from './interval.ts';
import type { Shares } from './shares.ts';

/** How many values of a sorted column are below `value`. */
export function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many are not above it. */
export function upperBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Distinct values of a sorted column, or null when there are more than `most`. */
export function distinctUpTo(sorted: Float64Array, most: number): number[] | null {
  const values: number[] = [];
  for (let at = 0; at < sorted.length; at = upperBound(sorted, sorted[at] ?? 0)) {
    values.push((sorted[at] ?? 0) + 0);
    if (values.length > most) return null;
  }
  return values;
}

/** Edges of equal bins from `low` to `high`, as numpy.linspace lays them. */
function edgesOf(low: number, high: number, width: number): Float64Array {
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const binCount = width > 0 ? Math.max(1, Math.ceil((high - low) / width)) : 1;
  const step = (high - low) / binCount;
  return Float64Array.from({ length: binCount + 1 }, (_, edge) =>
    edge === binCount ? high : edge * step + low,
  );
}

/** @see numpy.histogram_bin_edges(bins='sturges') of `size` values between `low` and `high` */
export const sturgesEdges = (low: number, high: number, size: number): Float64Array =>
  edgesOf(low, high, (high - low) / (Math.log2(size) + 1));

/**
 * Sturges' rule with more bins where the values lean to one side.
 *
 * @see Doane, Aesthetic frequency classifications, 1976; numpy.histogram_bin_edges(bins='doane')
 */
export function doaneEdges(sorted: Float64Array): Float64Array {
  const n = sorted.length;
  const [low, high] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  if (n <= 2) return edgesOf(low, high, 0);
  const mean = sum(sorted) / n;
  const deviation = Math.sqrt(sum(sorted.map((value) => (value - mean) ** 2)) / n);
  if (deviation === 0) return edgesOf(low, high, 0);
  const skewness = sum(sorted.map((value) => ((value - mean) / deviation) ** 3)) / n;
  const spread = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  return edgesOf(low, high, (high - low) / (1 + Math.log2(n) + Math.log2(1 + Math.abs(skewness) / spread)));
}

/** Share of a sorted column's values in each bin; the last bin holds its right edge too. */
export function sharesInBins(sorted: Float64Array, edges: Float64Array): Float64Array {
  return Float64Array.from({ length: edges.length - 1 }, (_, bin) => {
    const right = edges[bin + 1] as number;
    const to = bin === edges.length - 2 ? upperBound(sorted, right) : lowerBound(sorted, right);
    return (to - lowerBound(sorted, edges[bin] as number)) / sorted.length;
  });
}

/** More distinct reference values than this are put into bins. */
const mostValuesUnbinned = 20;

/** Evidently's bins: Sturges' over the range of both sides, or one per value where the reference has few. */
export function sharesOfPooledBins(reference: Float64Array, current: Float64Array): Shares {
  const few = distinctUpTo(reference, mostValuesUnbinned);
  if (few !== null) {
    const values = Float64Array.from(new Set([...few, ...current].map((value) => value + 0))).sort();
    const share = (side: Float64Array): Float64Array =>
      values.map((value) => (upperBound(side, value) - lowerBound(side, value)) / side.length);
    return { reference: share(reference), current: share(current) };
  }
  const [low, high] = rangeOf(reference, current);
  const edges = sturgesEdges(low, high, reference.length + current.length);
  return { reference: sharesInBins(reference, edges), current: sharesInBins(current, edges) };
}

/** Smallest and largest value of both sides. */
export const rangeOf = (reference: Float64Array, current: Float64Array): [number, number] => [
  Math.min(reference[0] ?? 0, current[0] ?? 0),
  Math.max(reference.at(-1) ?? 0, current.at(-1) ?? 0),
];

/** NannyML's bins: Doane's over the reference's range, and one more for what now lies outside. */
export function sharesOfReferenceBins(reference: Float64Array, current: Float64Array): Shares {
  const edges = doaneEdges(reference);
  const [before, now] = [sharesInBins(reference, edges), sharesInBins(current, edges)];
  const outside = 1 - sum(now);
  if (outside <= 0) return { reference: before, current: now };
  return { reference: Float64Array.of(...before, 0), current: Float64Array.of(...now, outside) };
}
