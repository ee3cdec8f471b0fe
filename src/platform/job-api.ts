import { z } from 'zod';

export const job = z.object({
  id: z.string(),
  kind: z.string(),
  key: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  input: z.unknown(),
  output: z.unknown(),
  error: z.string().nullable(),
  progress: z.string().nullable(),
  attempt: z.number(),
  requestedBy: z.string(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
});
export type JobView = z.infer<typeof job>;
