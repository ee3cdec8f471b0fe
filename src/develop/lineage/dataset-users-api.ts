import { z } from 'zod';

/** Who uses a dataset: what came, over any number of steps, from one of its versions. */
export const datasetUsers = z.object({
  dataset: z.string(),
  runCount: z.number(),
  executionCount: z.number(),
  models: z.array(z.object({ id: z.string(), versions: z.array(z.string()) })),
  endpoints: z.array(z.object({ id: z.string(), versions: z.array(z.string()) })),
  /** newest first, at most 20; only when one dataset was asked about */
  runs: z.array(z.object({ id: z.string(), version: z.string(), at: z.number() })),
});
export type DatasetUsers = z.infer<typeof datasetUsers>;
