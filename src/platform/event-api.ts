import { z } from 'zod';

/** One line of the audit log. */
export const auditEvent = z.object({
  seq: z.number(),
  at: z.number(),
  actor: z.string(),
  verb: z.string(),
  kind: z.string(),
  thing: z.string(),
  data: z.unknown(),
  previous: z.string(),
  hash: z.string(),
});
export type AuditEventView = z.infer<typeof auditEvent>;
