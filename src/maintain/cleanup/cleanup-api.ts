import { z } from 'zod';

export const cleanupRequest = z.object({
  /** how long a thing must have been deleted, ms */
  olderThan: z.number().min(0),
  /** only these runs */
  runs: z.array(z.string()).optional(),
  /** only what belongs to these experiments, by id */
  experiments: z.array(z.string()).optional(),
});
export type CleanupRequest = z.infer<typeof cleanupRequest>;

/**
 * `orphan`: files of a run or logged model that no longer exists, left by an interruption.
 * `upload`: what arrived of a file that never became whole.
 */
const kind = z.enum(['run', 'logged-model', 'experiment', 'orphan', 'upload']);

export const cleanupPlan = z.object({
  remove: z.array(
    z.object({
      kind,
      id: z.string(),
      name: z.string(),
      experimentId: z.string(),
      /** ms since the epoch; null for an orphan; when the last part arrived of an upload */
      deletedAt: z.number().nullable(),
      /** of its artifacts */
      byteCount: z.number(),
      /** of its metrics' histories */
      pointCount: z.number(),
    }),
  ),
  /** deleted long enough ago, and still needed */
  keep: z.array(z.object({ kind, id: z.string(), name: z.string(), reason: z.string() })),
  byteCount: z.number(),
});
export type CleanupPlan = z.infer<typeof cleanupPlan>;
export type Removable = CleanupPlan['remove'][number];

export const cleanupStarted = z.object({ job: z.string() });

export const cleanupDone = z.object({ removed: z.record(kind, z.number()), byteCount: z.number() });
export type CleanupDone = z.infer<typeof cleanupDone>;
