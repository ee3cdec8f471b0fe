import { z } from 'zod';
import { methodNames } from './methods.ts';

export const driftMethods = methodNames;

export const featureDrift = z.object({
  feature: z.string(),
  type: z.enum(['num', 'cat']),
  referenceCount: z.number(),
  currentCount: z.number(),
  missingReference: z.number(),
  missingCurrent: z.number(),
  /** the method that decides, its score and threshold; null when a side has no values */
  default: z
    .object({
      method: z.enum(driftMethods),
      score: z.number().nullable(),
      threshold: z.number(),
      drifted: z.boolean(),
    })
    .nullable(),
  scores: z.record(z.string(), z.object({ value: z.number(), pValue: z.number().nullable() })),
});
export type FeatureDrift = z.infer<typeof featureDrift>;

export const windowDrift = z.object({
  version: z.number(),
  windowStart: z.number(),
  windowEnd: z.number(),
  /** what the window is compared with: the rows the version learned from, or its first window */
  baseline: z.enum(['training', 'reference']),
  features: z.array(featureDrift),
});
export type WindowDrift = z.infer<typeof windowDrift>;

export const driftHistory = z.object({ model: z.string(), windows: z.array(windowDrift) });
export type DriftHistory = z.infer<typeof driftHistory>;
