import type { Histogram } from './profile-api.ts';

/** Counts of two versions in the same bins; the first and last may be open: all that lies beyond. */
export interface AlignedHistograms {
  /** inner edges, ascending; one fewer than bins */
  readonly edges: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly step: number;
}

/**
 * Puts two histograms on common edges, exactly: their steps are powers of two, so each finer bin lies in one coarser.
 * A side that counted values beyond its own ends decides where the open bins begin.
 *
 * @param most bins between the open ones
 */
export function alignHistograms(from: Histogram, to: Histogram, most: number): AlignedHistograms {
  const sides = [from, to];
  let step = Math.max(from.step, to.step);
  let [first, last] = commonEnds(sides, step);
  while (last - first > most) {
    step *= 2;
    [first, last] = commonEnds(sides, step);
  }
  const counts = sides.map((side) => rebin(side, step, first, last));
  const isOpen = (bin: number): boolean => counts.some((each) => (each[bin] ?? 0) > 0);
  const [begin, end] = [isOpen(0) ? 0 : 1, isOpen(last - first + 1) ? last - first + 2 : last - first + 1];
  const edges = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  return {
    edges: edges.slice(begin === 0 ? 0 : 1, end === last - first + 2 ? undefined : -1),
    from: (counts[0] ?? []).slice(begin, end),
    to: (counts[1] ?? []).slice(begin, end),
    step,
  };
}

/** Numbers of the first and last edge, in steps. */
function commonEnds(sides: readonly Histogram[], step: number): [number, number] {
  const begins = sides.map((side) => ({ at: (side.first * side.step) / step, isOpen: side.below > 0 }));
  const ends = sides.map((side) => ({
    at: ((side.first + side.counts.length) * side.step) / step,
    isOpen: side.above > 0,
  }));
  const openBegins = begins.filter(({ isOpen }) => isOpen).map(({ at }) => Math.ceil(at));
  const openEnds = ends.filter(({ isOpen }) => isOpen).map(({ at }) => Math.floor(at));
  const first =
    openBegins.length > 0 ? Math.max(...openBegins) : Math.min(...begins.map(({ at }) => Math.floor(at)));
  const last = openEnds.length > 0 ? Math.min(...openEnds) : Math.max(...ends.map(({ at }) => Math.ceil(at)));
  return [first, Math.max(first, last)];
}

/** Below, the bins, above. */
function rebin(side: Histogram, step: number, first: number, last: number): number[] {
  const counts = Array.from({ length: last - first + 2 }, () => 0);
  const add = (bin: number, count: number): void => {
    const at = bin < first ? 0 : bin >= last ? last - first + 1 : bin - first + 1;
    counts[at] = (counts[at] ?? 0) + count;
  };
  for (const [index, count] of side.counts.entries())
    add(Math.floor(((side.first + index) * side.step) / step), count);
  add(first - 1, side.below);
  add(last, side.above);
  return counts;
}
