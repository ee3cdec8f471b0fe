import { z } from 'zod';
import { servedVersion } from '../serving/serving-api.ts';

/** What a batch asks for: POST /api/v1/batches. */
export const newBatch = z.object({
  model: z.string(),
  /** the version, or else the alias that names it */
  version: z.number().int().optional(),
  alias: z.string().optional(),
  /** of a batch that goes on where it ended before */
  id: z.string().optional(),
  /** an unapproved version may score, and is marked as a test for ever */
  isTest: z.boolean().default(false),
  input: z.string(),
  output: z.string(),
});
export type NewBatch = z.input<typeof newBatch>;

export const batch = z.object({
  id: z.string(),
  model: z.string(),
  version: z.number().int(),
  alias: z.string().nullable(),
  isTest: z.boolean(),
  /** the approval that lets it score for production; null where none is needed, or it is a test */
  approval: z.string().nullable(),
  input: z.string(),
  output: z.string(),
  state: z.enum(['running', 'done']),
  rowCount: z.number().int().nullable(),
  badCount: z.number().int().nullable(),
  requestedBy: z.string(),
  startedAt: z.number(),
  finishedAt: z.number().nullable(),
});
export type Batch = z.infer<typeof batch>;

/** All that a machine needs to score. */
export const startedBatch = z.object({ batch, served: servedVersion });
export type StartedBatch = z.infer<typeof startedBatch>;

export const batchOutcome = z.object({
  rowCount: z.number().int().min(0),
  badCount: z.number().int().min(0),
  partCount: z.number().int().min(0),
});
export type BatchOutcome = z.infer<typeof batchOutcome>;
