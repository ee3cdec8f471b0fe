import { z } from 'zod';
import { columnProfile } from '../../develop/data/profile-api.ts';
import { driftMethods } from './drift-api.ts';

export const datasetColumnDrift = z.object({
  name: z.string(),
  kind: columnProfile.shape.kind,
  /** numbers and times are compared by their histograms, the rest by how often each value occurs */
  by: z.enum(['histogram', 'values']),
  method: z.enum(driftMethods),
  score: z.number().nullable(),
  threshold: z.number(),
  drifted: z.boolean(),
  psi: z.number(),
  jensenShannon: z.number(),
  /** inner edges of the bins, one fewer than shares; empty for values */
  edges: z.array(z.number()),
  /** names of the values; empty for bins */
  values: z.array(z.string()),
  /** 0..1, of the rows that have a value */
  from: z.array(z.number()),
  to: z.array(z.number()),
});
export type DatasetColumnDrift = z.infer<typeof datasetColumnDrift>;

export const datasetDrift = z.object({
  dataset: z.string(),
  from: z.string(),
  to: z.string(),
  tables: z.array(
    z.object({
      name: z.string(),
      columns: z.array(datasetColumnDrift),
      /** columns that both versions have and that can't be compared, with the reason */
      notCompared: z.array(z.object({ name: z.string(), reason: z.string() })),
    }),
  ),
});
export type DatasetDrift = z.infer<typeof datasetDrift>;
