import type { Alert } from '../../../src/monitor/alerts/alert-api.ts';
import type { PerformanceHistory } from '../../../src/monitor/performance/performance-api.ts';
import { seriesCount } from '../platform/theme.ts';
import type { Level } from '../parts/line-chart.tsx';
import type { Reign } from './reigns.ts';

/** The series colour of a version, the same on every screen. */
export const colourOf = (version: number): number => ((version - 1) % seriesCount) + 1;

/** What the alert rules compare each version with and when they fire; without one, the first whole window that is known. */
export function levelsOf(
  history: PerformanceHistory,
  alerts: readonly Alert[],
  reigns: readonly Reign[],
): Level[] {
  const ruled = reigns.flatMap((reign): Level[] => {
    const alert = alerts.find((each) => each.metric === history.metric && each.version === reign.version);
    if (alert === undefined) return [];
    const { from, to } = reign;
    return [
      { value: alert.reference, from, to },
      { value: alert.threshold, from, to, tone: 'bad' },
    ];
  });
  if (ruled.length > 0) return ruled;
  const point = history.series
    .find((series) => series.variant !== 'shadow')
    ?.points.find((each) => each.value !== null && !each.isPartial);
  return point === undefined || point.value === null ? [] : [{ value: point.value }];
}

/** Does the whole interval lie beyond what the alert rule of its version allows? */
export function isBad(
  history: PerformanceHistory,
  alerts: readonly Alert[],
  version: number,
  point: { low: number | null; high: number | null; isPartial: boolean } | undefined,
): boolean {
  const threshold = alerts.find(
    (each) => each.metric === history.metric && each.version === version,
  )?.threshold;
  // a window that traffic covers only in part is shown, not judged
  if (threshold === undefined || point === undefined || point.isPartial) return false;
  if (point.low === null || point.high === null) return false;
  return history.betterWhen === 'lower' ? point.low > threshold : point.high < threshold;
}
