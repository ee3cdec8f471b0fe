import type { MetricPoint } from './tracking.ts';

/**
 * Thins a curve out while its points go by: per slice the first, the smallest and the largest value is kept, and always
 * the last, so that no peak is lost. NaN is neither small nor large.
 */
export class CurveThinner {
  readonly #pointCount: number;
  readonly #sliceCount: number;
  readonly #first: Extremes;
  readonly #least: Extremes;
  readonly #most: Extremes;
  #last: Ranked | undefined;

  /** @param wanted at most about so many points of `pointCount` are kept */
  constructor(pointCount: number, wanted: number) {
    this.#pointCount = pointCount;
    this.#sliceCount = Math.max(1, Math.floor(wanted / 3));
    this.#first = new Extremes(this.#sliceCount);
    this.#least = new Extremes(this.#sliceCount);
    this.#most = new Extremes(this.#sliceCount);
  }

  /** @param rank how many points come before this one on the curve; unique */
  add(rank: number, timestamp: number, step: number, value: number): void {
    // the slice that begins at or before the rank, where slice s begins at floor(s · points / slices)
    const slice = Math.min(this.#sliceCount - 1, Math.floor(((rank + 1) * this.#sliceCount - 1) / this.#pointCount));
    const first = this.#first;
    if (first.isEmpty(slice) || rank < first.rankOf(slice)) first.set(slice, rank, timestamp, step, value);
    const least = this.#least;
    if (least.isEmpty(slice) || value < least.valueOf(slice) || Number.isNaN(least.valueOf(slice))) least.set(slice, rank, timestamp, step, value);
    const most = this.#most;
    if (most.isEmpty(slice) || value > most.valueOf(slice) || Number.isNaN(most.valueOf(slice))) most.set(slice, rank, timestamp, step, value);
    if (this.#last === undefined || rank > this.#last.rank) this.#last = { rank, timestamp, step, value };
  }

  /** What was kept, by rank. */
  points(): MetricPoint[] {
    const kept = [...this.#first.all(), ...this.#least.all(), ...this.#most.all(), ...(this.#last === undefined ? [] : [this.#last])];
    const byRank = new Map(kept.map(({ rank, ...point }) => [rank, point]));
    return [...byRank].sort(([a], [b]) => a - b).map(([, point]) => point);
  }
}

interface Ranked extends MetricPoint {
  readonly rank: number;
}

/** One point per slice, without an object for each that goes by. */
class Extremes {
  readonly #ranks: Float64Array;
  readonly #timestamps: Float64Array;
  readonly #steps: Float64Array;
  readonly #values: Float64Array;

  constructor(sliceCount: number) {
    this.#ranks = new Float64Array(sliceCount).fill(-1);
    this.#timestamps = new Float64Array(sliceCount);
    this.#steps = new Float64Array(sliceCount);
    this.#values = new Float64Array(sliceCount);
  }

  isEmpty = (slice: number): boolean => this.#ranks[slice] === -1;
  rankOf = (slice: number): number => this.#ranks[slice] as number;
  valueOf = (slice: number): number => this.#values[slice] as number;

  set(slice: number, rank: number, timestamp: number, step: number, value: number): void {
    this.#ranks[slice] = rank;
    this.#timestamps[slice] = timestamp;
    this.#steps[slice] = step;
    this.#values[slice] = value;
  }

  *all(): Generator<Ranked> {
    for (const [slice, rank] of this.#ranks.entries()) {
      if (rank === -1) continue;
      yield { rank, timestamp: this.#timestamps[slice] as number, step: this.#steps[slice] as number, value: this.#values[slice] as number };
    }
  }
}

/** At most about `wanted` points of a curve, by step, with what `CurveThinner` keeps. */
export function downsample(points: readonly MetricPoint[], wanted: number): MetricPoint[] {
  if (points.length <= wanted) return [...points];
  const thinner = new CurveThinner(points.length, wanted);
  for (const [rank, { timestamp, step, value }] of points.entries()) thinner.add(rank, timestamp, step, value);
  return thinner.points();
}

const bucketCount = 65_536;

/**
 * The places on a curve of points that come by time but whose steps go back and forth, as when a training was taken up
 * again: by step, those of one step in the order in which they come. Where steps spread wider than there are buckets,
 * neighbouring steps share one. All steps are counted first, then each point asks for its place.
 */
export class StepRanks {
  readonly #from: number;
  readonly #width: number;
  /** how many points each bucket has; from the first `take` on, the place of its next point */
  readonly #places = new Float64Array(bucketCount);
  #isCounted = false;

  constructor(fromStep: number, toStep: number) {
    this.#from = fromStep;
    this.#width = Math.max(1, Math.ceil((toStep - fromStep + 1) / bucketCount));
  }

  count(step: number): void {
    const bucket = this.#bucketOf(step);
    this.#places[bucket] = (this.#places[bucket] as number) + 1;
  }

  take(step: number): number {
    if (!this.#isCounted) this.#sumUp();
    const bucket = this.#bucketOf(step);
    const place = this.#places[bucket] as number;
    this.#places[bucket] = place + 1;
    return place;
  }

  #bucketOf(step: number): number {
    return Math.min(bucketCount - 1, Math.max(0, Math.floor((step - this.#from) / this.#width)));
  }

  #sumUp(): void {
    this.#isCounted = true;
    let before = 0;
    for (const [bucket, count] of this.#places.entries()) {
      this.#places[bucket] = before;
      before += count;
    }
  }
}
