import { z } from 'zod';
import { auditEvent } from '../../platform/event-api.ts';
import { job } from '../../platform/job-api.ts';

export const stationNames = ['start', 'develop', 'deploy', 'monitor', 'maintain'] as const;

export const boardStation = z.object({
  station: z.enum(stationNames),
  /** attention: a person has to act */
  state: z.enum(['todo', 'active', 'done', 'attention']),
  headline: z.string(),
  facts: z.array(z.object({ label: z.string(), value: z.string() })),
  /** the next command to type; null when there is nothing to do */
  next: z.string().nullable(),
});
export type BoardStation = z.infer<typeof boardStation>;

export const boardProject = z.object({
  name: z.string(),
  root: z.string(),
  template: z.string().nullable(),
  stations: z.array(boardStation),
});
export type BoardProject = z.infer<typeof boardProject>;

/** Every project through the five practices, as it stands now. */
export const board = z.object({
  projects: z.array(boardProject),
  /** queued and running, newest first */
  jobs: z.array(job),
  /** the newest twenty lines of the audit log */
  events: z.array(auditEvent),
});
export type Board = z.infer<typeof board>;
