import { z } from 'zod';
import { updatePlan } from '../update/update-api.ts';

/** What is known of a project's template, and when that was found out. */
export const templateUpdate = z.object({
  project: z.string(),
  template: z.string().nullable(),
  /** the commit that the project is at; read from the project now */
  commit: z.string().nullable(),
  /** the server has the project's folder */
  hasFolder: z.boolean(),
  /** ms since the epoch; null when the template was never looked at */
  checkedAt: z.number().nullable(),
  checkedBy: z.string().nullable(),
  /** undefined in a check that failed; null before the first */
  plan: updatePlan.nullable(),
  /** why the last check told nothing */
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  /** the project or its template moved on since the check */
  isStale: z.boolean(),
  /** a check or an update that is under way */
  jobId: z.string().nullable(),
  /** the last branch that the page made */
  branch: z
    .object({ name: z.string(), commit: z.string().nullable(), conflictCount: z.number(), at: z.number() })
    .nullable(),
});
export type TemplateUpdate = z.infer<typeof templateUpdate>;

export const branchRequest = z.object({
  /** name of the new branch */
  branch: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^[\w][\w./-]*$/, 'a branch is letters, digits, dots, dashes and slashes'),
  /** commits the conflict markers, to be resolved on the branch; without it an update with conflicts makes no branch */
  withConflicts: z.boolean().default(false),
});
export type BranchRequest = z.infer<typeof branchRequest>;
