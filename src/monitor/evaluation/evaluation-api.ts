import { z } from 'zod';
import { alert } from '../alerts/alert-api.ts';

/** Everything that happened before `at` has been seen, labels included. */
export const newWatermark = z.object({ at: z.union([z.number(), z.iso.datetime({ offset: true })]) });
export type NewWatermark = z.infer<typeof newWatermark>;

export const evaluatedWindow = z.object({
  start: z.number(),
  end: z.number(),
  /** false when it was known before and something came late */
  isNew: z.boolean(),
  series: z.array(
    z.object({
      version: z.number(),
      variant: z.string(),
      state: z.enum(['known', 'not yet known']),
      rowCount: z.number(),
      labelledCount: z.number(),
      auc: z.number().nullable(),
      brier: z.number().nullable(),
    }),
  ),
});
export type EvaluatedWindow = z.infer<typeof evaluatedWindow>;

export const watermarkAnswer = z.object({
  model: z.string(),
  watermark: z.number(),
  windows: z.array(evaluatedWindow),
  /** alerts that began to fire */
  alerts: z.array(alert),
});
export type WatermarkAnswer = z.infer<typeof watermarkAnswer>;
