import { z } from 'zod';

export const outcomeSide = z.object({
  version: z.number().int(),
  count: z.number().int(),
  /** of its outcomes; null of none */
  mean: z.number().nullable(),
});

/** Two versions by what came of their answers. */
export const comparison = z.object({
  endpoint: z.string(),
  /** `accuracy`, `brier`, or the name of outcomes that were told of */
  metric: z.string(),
  source: z.enum(['ground truth', 'outcomes']),
  isHigherBetter: z.boolean(),
  candidate: outcomeSide,
  champion: outcomeSide,
  /** mean of the candidate less that of the champion, within times of the same split; null while too little is known */
  effect: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  /** holds whenever it is read */
  pValue: z.number().nullable(),
  confidence: z.number(),
  /** the smallest difference that matters */
  smallestEffect: z.number(),
  /** times of one split each that were compared */
  stratumCount: z.number().int(),
  verdict: z.enum(['not yet', 'better', 'worse', 'no difference that matters']),
  summary: z.string(),
  /** what the numbers take for granted */
  assumptions: z.array(z.string()),
});
export type Comparison = z.infer<typeof comparison>;

export const newOutcome = z.object({
  /** as the answer told it: x-tilth-request-id */
  requestId: z.string().min(1).max(200),
  /** as the answer told it: x-tilth-version */
  version: z.number().int().positive(),
  metric: z.string().min(1).max(64),
  value: z.number(),
  /** who it is about, where one person or thing has several: they count as one, by their mean */
  unit: z.string().max(200).optional(),
  /** when it was asked, ms since the epoch; the time in our request ids, else now, unless given */
  at: z.number().optional(),
});
export type NewOutcome = z.infer<typeof newOutcome>;

export const newOutcomes = z.object({ outcomes: z.array(newOutcome).min(1).max(10_000) });
export const outcomesAnswer = z.object({ received: z.number().int(), added: z.number().int() });
export type OutcomesAnswer = z.infer<typeof outcomesAnswer>;
