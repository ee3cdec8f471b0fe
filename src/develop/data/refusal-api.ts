import { z } from 'zod';
import { contractReport } from '../contracts/contract-api.ts';

/** Data that was to become a version and broke its contract; the values of classified columns are masked. */
export const newRefusal = z.object({ report: contractReport });

export const refusal = z.object({
  dataset: z.string(),
  report: contractReport,
  /** when it was refused last */
  at: z.number(),
  by: z.string(),
});
export type Refusal = z.infer<typeof refusal>;
