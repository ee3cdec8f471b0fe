import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';

export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

/** Every window of any version, oldest first, each once. */
export function windowsOf(history: PerformanceHistory | undefined): readonly TimeWindow[] {
  const ends = new Map<number, number>();
  for (const series of history?.series ?? []) {
    for (const point of series.points) ends.set(point.windowStart, point.windowEnd);
  }
  return [...ends].sort(([a], [b]) => a - b).map(([from, to]) => ({ from, to }));
}
