import { z } from 'zod';

/** What turned out to be true for one prediction: named by the caller's key, or by request and row. */
export const newLabel = z.union([
  z.object({ key: z.string(), label: z.union([z.string(), z.number(), z.boolean()]), observedAt: z.number() }),
  z.object({
    requestId: z.string(),
    row: z.number().int().nonnegative().default(0),
    label: z.union([z.string(), z.number(), z.boolean()]),
    observedAt: z.number(),
  }),
]);
export type NewLabel = z.infer<typeof newLabel>;

export const mostLabels = 50_000;
export const newLabels = z.array(newLabel).max(mostLabels);

export const labelAnswer = z.object({
  /** labels that were not there before; the same label sent again is not counted */
  added: z.number(),
  received: z.number(),
});
export type LabelAnswer = z.infer<typeof labelAnswer>;

export const predictionView = z.object({
  requestId: z.string(),
  row: z.number(),
  /** ms since the epoch, when it was answered */
  at: z.number(),
  eventAt: z.number().nullable(),
  key: z.string().nullable(),
  endpoint: z.string(),
  version: z.number(),
  variant: z.string(),
  prediction: z.union([z.string(), z.number(), z.boolean()]).nullable(),
  probabilities: z.record(z.string(), z.number().nullable()),
  /** null for someone without the right to see raw inputs */
  features: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullable()).nullable(),
  label: z.string().nullable(),
  latencyUs: z.number(),
  status: z.string(),
  error: z.string().nullable(),
  caller: z.string().nullable(),
  traceId: z.string().nullable(),
});
export type PredictionView = z.infer<typeof predictionView>;

export const predictionPage = z.object({
  predictions: z.array(predictionView),
  /** pass it as `before` for older ones; null at the end */
  next: z.string().nullable(),
});
export type PredictionPage = z.infer<typeof predictionPage>;

export const predictionSummary = z.object({
  model: z.string(),
  /** rows in the log: each (request, row, version, variant) once */
  rowCount: z.number(),
  /** repeated records that the log held and that were not kept twice */
  repeatedCount: z.number(),
  /** distinct things that ground truth is known for */
  labelCount: z.number(),
  partCount: z.number(),
  byteCount: z.number(),
  firstEventAt: z.number().nullable(),
  lastEventAt: z.number().nullable(),
  series: z.array(
    z.object({ version: z.number(), variant: z.string(), rowCount: z.number(), errorCount: z.number() }),
  ),
});
export type PredictionSummary = z.infer<typeof predictionSummary>;
