import { z } from 'zod';

/** What a policy said of some data, or of a model made of it. */
export const policyResult = z.object({
  policy: z.string(),
  kind: z.string(),
  verdict: z.enum(['holds', 'warned', 'refused']),
  /** why it does not hold, in words */
  faults: z.array(z.string()),
  model: z.string().nullable(),
  inputs: z.array(z.object({ dataset: z.string(), md5: z.string().nullable() })),
});
export type PolicyResult = z.infer<typeof policyResult>;

/** Results of a project's working tree, for the audit log. */
export const policyReport = z.object({
  project: z.string(),
  /** `pipeline`, or `check` where a person asked */
  moment: z.string(),
  /** the stage that was about to run */
  stage: z.string().nullable().default(null),
  results: z.array(policyResult),
});
export type PolicyReport = z.infer<typeof policyReport>;
export type PolicyReportBody = z.input<typeof policyReport>;
