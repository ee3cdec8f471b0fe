/**
 * Latencies counted by size: four buckets to each doubling, from 32 µs on. A quantile read from them is off by a tenth
 * at most, and the counts of several data planes add up, which their percentiles do not.
 */
const firstUs = 32;
const perDoubling = 4;
/** the last one is open: above 4 minutes */
const bucketCount = 92;

export const newHistogram = (): number[] => Array.from({ length: bucketCount }, () => 0);

/** Index of the bucket of a latency in microseconds. */
export const bucketOf = (latencyUs: number): number =>
  latencyUs <= firstUs
    ? 0
    : Math.min(bucketCount - 1, 1 + Math.floor(perDoubling * Math.log2(latencyUs / firstUs)));

/** Least latency in microseconds of a bucket. */
export const lowerEdgeOf = (bucket: number): number =>
  bucket === 0 ? 0 : firstUs * 2 ** ((bucket - 1) / perDoubling);

/** The counts without the empty end. */
export const trimmed = (counts: readonly number[]): number[] =>
  counts.slice(0, counts.findLastIndex((count) => count > 0) + 1);

/**
 * Latency in microseconds below which a share of the requests stayed; evenly spread within a bucket.
 *
 * @param share 0..1
 * @returns null of no requests
 */
export function quantileOf(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = share * total;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && left <= count)
      return lowerEdgeOf(bucket) + (left / count) * (lowerEdgeOf(bucket + 1) - lowerEdgeOf(bucket));
    left -= count;
  }
  return lowerEdgeOf(counts.length);
}

/** What came since an earlier look, or both together with `factor` 1. */
export const added = (counts: readonly number[], others: readonly number[], factor: 1 | -1): number[] =>
  Array.from(
    { length: Math.max(counts.length, others.length) },
    (_, bucket) => (counts[bucket] ?? 0) + factor * (others[bucket] ?? 0),
  );

/** Middle of a bucket in microseconds: what its requests took, right to a tenth. */
export const middleOf = (bucket: number): number => (lowerEdgeOf(bucket) + lowerEdgeOf(bucket + 1)) / 2;
