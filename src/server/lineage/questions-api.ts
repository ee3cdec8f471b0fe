import { z } from 'zod';

/** A model version that answers now, and the versions of the dataset that it learned from. */
export const liveModel = z.object({
  model: z.string(),
  version: z.number(),
  endpoint: z.string(),
  variant: z.string(),
  /** share of requests, 0..1 */
  weight: z.number(),
  dataVersions: z.array(z.string()),
});
export type LiveModel = z.infer<typeof liveModel>;

/** All that a model version, and so each of its predictions, came from. */
export const provenance = z.object({
  model: z.string(),
  version: z.number(),
  /** when a prediction was asked about */
  prediction: z.object({ requestId: z.string(), variant: z.string() }).nullable(),
  runs: z.array(z.object({ id: z.string(), name: z.string(), commit: z.string().nullable() })),
  data: z.array(
    z.object({
      dataset: z.string(),
      md5: z.string(),
      contractState: z.string().nullable(),
      commit: z.string().nullable(),
      owner: z.string().nullable(),
      licence: z.string().nullable(),
    }),
  ),
  stages: z.array(
    z.object({ id: z.string(), project: z.string(), stage: z.string(), commit: z.string().nullable() }),
  ),
  approvals: z.array(
    z.object({
      alias: z.string(),
      state: z.string(),
      requestedBy: z.string(),
      decidedBy: z.string().nullable(),
      decidedAt: z.number().nullable(),
    }),
  ),
  /** what other programs told of (OpenLineage) */
  external: z.array(z.object({ kind: z.string(), id: z.string() })),
});
export type Provenance = z.infer<typeof provenance>;
