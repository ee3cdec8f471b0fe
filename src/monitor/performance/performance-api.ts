import { z } from 'zod';

export const calibrationBin = z.object({
  /** bounds of the scores in this bin, 0..1 */
  from: z.number(),
  to: z.number(),
  count: z.number(),
  meanScore: z.number().nullable(),
  /** share of rows of the bin for which the positive class came true, with its interval */
  positiveShare: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type CalibrationBin = z.infer<typeof calibrationBin>;

export const performancePoint = z.object({
  windowStart: z.number(),
  windowEnd: z.number(),
  state: z.enum(['known', 'not yet known']),
  /** its rows cover only a part of the window: shown, but not judged */
  isPartial: z.boolean(),
  /** null while it is not yet known, or where the metric can't be computed */
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  /** rows of the window, and those of them whose truth is known */
  rowCount: z.number(),
  labelledCount: z.number(),
});
export type PerformancePoint = z.infer<typeof performancePoint>;

/** Something that happened to the model, to be drawn on the line. */
export const performanceMark = z.object({
  at: z.number(),
  /** on the time axis of the events: when the window ended that was the newest when it happened */
  eventAt: z.number().nullable(),
  kind: z.enum(['deploy', 'rollback', 'alert', 'retraining', 'promotion', 'refusal']),
  text: z.string(),
  version: z.number().nullable(),
  seq: z.number(),
});
export type PerformanceMark = z.infer<typeof performanceMark>;

export const performanceHistory = z.object({
  model: z.string(),
  metric: z.string(),
  granularity: z.string(),
  betterWhen: z.enum(['higher', 'lower']).nullable(),
  /** how far everything is known to have been seen; null before the first watermark */
  watermark: z.number().nullable(),
  series: z.array(
    z.object({
      version: z.number(),
      variant: z.string(),
      runId: z.string().nullable(),
      points: z.array(performancePoint),
    }),
  ),
  marks: z.array(performanceMark),
});
export type PerformanceHistory = z.infer<typeof performanceHistory>;

/** Every metric of every window: what `tilth monitor history` prints. */
export const windowPerformance = z.object({
  version: z.number(),
  variant: z.string(),
  windowStart: z.number(),
  windowEnd: z.number(),
  state: z.enum(['known', 'not yet known']),
  rowCount: z.number(),
  labelledCount: z.number(),
  /** share of rows whose truth is known, 0..1 */
  coverage: z.number(),
  metrics: z.record(z.string(), z.object({ value: z.number(), low: z.number().nullable(), high: z.number().nullable() })),
  calibration: z.array(calibrationBin),
  computedAt: z.number(),
});
export type WindowPerformance = z.infer<typeof windowPerformance>;

const difference = z.object({
  candidate: z.number(),
  champion: z.number(),
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  standardError: z.number().nullable(),
  pValue: z.number(),
});

export const versionComparison = z.object({
  model: z.string(),
  candidate: z.number(),
  champion: z.number(),
  from: z.number(),
  to: z.number(),
  confidence: z.number(),
  /** rows that both answered and whose truth is known */
  n: z.number(),
  /** candidate minus champion; null when nothing can be compared */
  auc: difference.nullable(),
  brier: difference.nullable(),
  log_loss: difference.nullable(),
});
export type VersionComparison = z.infer<typeof versionComparison>;
