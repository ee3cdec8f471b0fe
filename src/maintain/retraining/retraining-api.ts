import { z } from 'zod';

export const retrainingState = z.enum(['training', 'shadow', 'judging', 'awaiting-approval', 'promoted', 'refused', 'failed']);

export const retrainingStep = z.object({
  at: z.number(),
  state: retrainingState,
  note: z.string(),
});

export const retraining = z.object({
  id: z.string(),
  model: z.string(),
  state: retrainingState,
  cause: z.object({ kind: z.enum(['alert', 'person', 'schedule']), id: z.string() }),
  requestedBy: z.string(),
  createdAt: z.number(),
  /** event time: data before it was trained on */
  asOf: z.number(),
  /** ISO dates; `to` exclusive */
  trainedFrom: z.string(),
  trainedTo: z.string(),
  shadowFrom: z.number(),
  shadowUntil: z.number(),
  /** event time of the decision; null while there is none */
  decidedAsOf: z.number().nullable(),
  champion: z.number().nullable(),
  candidate: z.number().nullable(),
  jobId: z.string().nullable(),
  /** git branch that holds the data version and the lock of this training */
  branch: z.string().nullable(),
  steps: z.array(retrainingStep),
  /** the gate's report on the candidate, once judged */
  gate: z.unknown().nullable(),
});
export type RetrainingView = z.infer<typeof retraining>;

export const startRetraining = z.object({
  /** event time; now unless given */
  asOf: z.number().optional(),
  reason: z.string().default(''),
});
