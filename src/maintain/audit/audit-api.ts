import { z } from 'zod';

export const verdict = z.object({
  isSound: z.boolean(),
  eventCount: z.number(),
  head: z.string(),
  fault: z.object({ seq: z.number(), reason: z.string() }).nullable(),
});
export type VerdictView = z.infer<typeof verdict>;
