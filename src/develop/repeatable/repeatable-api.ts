import { z } from 'zod';

export const repeatSubjects = ['code', 'command', 'data', 'environment', 'seed', 'hardware'] as const;
export type RepeatSubject = (typeof repeatSubjects)[number];

export const repeatCheck = z.object({
  subject: z.enum(repeatSubjects),
  state: z.enum(['known', 'partly', 'missing']),
  /** what is known, or what is not, with its values */
  found: z.string(),
  /** why the result depends on it */
  why: z.string(),
  /** what to do so that the next run has it; null when nothing is missing */
  todo: z.string().nullable(),
});
export type RepeatCheck = z.infer<typeof repeatCheck>;

export const repeatability = z.object({
  verdict: z.enum(['repeatable', 'partly', 'not']),
  /** the verdict in one sentence */
  summary: z.string(),
  checks: z.array(repeatCheck),
  /** what to type, in this order, to do it again by hand */
  steps: z.array(z.string()),
});

export const runRepeatability = repeatability.extend({
  runId: z.string(),
  /** the run that holds what the command left: its output, the changes, the packages; null when no `tilth run` started it */
  firstRunId: z.string().nullable(),
  /** the output of the command, as an artifact of the first run; null when there is none */
  outputPath: z.string().nullable(),
});
export type RunRepeatability = z.infer<typeof runRepeatability>;

const tags = z.record(z.string().min(1).max(250), z.string().max(8_000));

export const newCommandRun = z.object({
  /** name, or number of one that is there; Default without. A name that nobody has yet makes a new one */
  experiment: z.string().optional(),
  name: z.string().max(250).optional(),
  userId: z.string().optional(),
  startedAt: z.number().int(),
  tags,
});
export type NewCommandRun = z.input<typeof newCommandRun>;

export const commandRunView = z.object({ id: z.string(), name: z.string(), experimentId: z.string(), experimentName: z.string() });
export type CommandRunView = z.infer<typeof commandRunView>;

/** Facts that were not known at the start. */
export const moreFacts = z.object({ tags });

export const commandEnd = z.object({
  status: z.enum(['FINISHED', 'FAILED', 'KILLED']),
  endedAt: z.number().int(),
  /** runs that ended at this time or later ended because the command did; ms since the epoch */
  since: z.number().int(),
  /** of the first run only: exit code, last words */
  tags,
});
export type CommandEnd = z.input<typeof commandEnd>;

export const commandEnded = z.object({ runs: z.array(z.object({ id: z.string(), name: z.string(), status: z.string() })) });
export type CommandEnded = z.infer<typeof commandEnded>;

/** Where the first run's artifacts lie now: they move when its script chooses another experiment. */
export const commandFileView = z.object({ artifactUri: z.string() });
