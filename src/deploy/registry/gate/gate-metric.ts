import type { RunMetric } from './gate-facts.ts';

/** Metrics where less is better; all others are read as more is better. */
const lowerIsBetter =
  /^(brier|log_?loss|loss|rmse|mae|mse|mape|error|ece|.*_(loss|error|brier|rmse|mae|mse))$/i;
export const isLowerBetter = (metric: string): boolean => lowerIsBetter.test(metric);

/** Positive when `a` is better than `b`. */
export const gainOf = (metric: string, a: number, b: number): number =>
  isLowerBetter(metric) ? b - a : a - b;

/** The better of two runs' metrics. */
export const betterOf = (metric: string, a: RunMetric | undefined, b: RunMetric): RunMetric =>
  a === undefined || gainOf(metric, b.value, a.value) > 0 ? b : a;
