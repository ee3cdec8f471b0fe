import type { AlertRule } from '../../start/project/declaration.ts';
import { betterWhen, metricName } from '../performance/performance.ts';
import type { RecordedPoint } from '../performance/performance-store.ts';
import { reach } from '../statistics/interval.ts';

/** A window whose truth is known, with the interval at the rule's own confidence. */
export interface JudgedWindow {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly rowCount: number;
  /** the whole interval lies beyond the threshold */
  readonly isBad: boolean;
}

export interface Verdict {
  readonly state: 'ok' | 'pending' | 'firing';
  readonly newest: JudgedWindow;
  readonly badCount: number;
}

/** Where bad begins: `drop` below the reference, or above it where less is better. */
export const thresholdOf = (rule: AlertRule, reference: number): number =>
  isLowerBetter(rule) ? reference + rule.drop : reference - rule.drop;

const isLowerBetter = (rule: AlertRule): boolean => betterWhen[metricName(rule.metric)] === 'lower';

/**
 * Holds the last known windows of a version against a rule: it fires when `windows` of the last `of` are bad.
 *
 * @param points known windows of one version, oldest first
 * @returns undefined while no window is known
 */
export function judge(rule: AlertRule, reference: number, points: readonly RecordedPoint[]): Verdict | undefined {
  const considered = points.slice(-Math.max(rule.of, rule.windows)).map((point) => judgeWindow(rule, reference, point));
  const newest = considered.at(-1);
  if (newest === undefined) return undefined;
  const badCount = considered.filter((window) => window.isBad).length;
  // an old bad window alone does not keep an alert that today's numbers don't support
  const state = badCount >= rule.windows ? 'firing' : newest.isBad ? 'pending' : 'ok';
  return { state, newest, badCount };
}

function judgeWindow(rule: AlertRule, reference: number, point: RecordedPoint): JudgedWindow {
  const value = point.value ?? Number.NaN;
  const half = reach(rule.confidence) * (point.standardError ?? 0);
  const [low, high] = [value - half, value + half];
  const threshold = thresholdOf(rule, reference);
  return {
    windowStart: point.windowStart,
    windowEnd: point.windowEnd,
    value,
    low,
    high,
    rowCount: point.labelledCount,
    isBad: isLowerBetter(rule) ? low > threshold : high < threshold,
  };
}

/** Windows that a reference of the first windows is made of. */
export const firstWindowCount = 4;

/** Mean of the first known windows; undefined until there are enough of them and one to judge. */
export function firstWindowsReference(points: readonly RecordedPoint[]): number | undefined {
  if (points.length <= firstWindowCount) return undefined;
  return points.slice(0, firstWindowCount).reduce((sum, point) => sum + (point.value ?? 0), 0) / firstWindowCount;
}
