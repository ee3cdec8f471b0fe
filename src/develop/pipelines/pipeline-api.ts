import { z } from 'zod';

/** A file or folder that a stage read or made; `dataset` when it is a version of a declared one. */
export const stagePath = z.object({ path: z.string(), md5: z.string(), dataset: z.string().nullable().default(null) });
export type StagePath = z.infer<typeof stagePath>;

export const executionState = z.enum(['running', 'succeeded', 'failed']);
export type ExecutionState = z.infer<typeof executionState>;

/** One run of one stage; sent when it starts and again, under the same id, when it ends. */
export const newExecution = z.object({
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  project: z.string(),
  stage: z.string(),
  cmd: z.string(),
  state: executionState,
  startedAt: z.number(),
  finishedAt: z.number().nullable().default(null),
  inputs: z.array(stagePath).default([]),
  outputs: z.array(stagePath).default([]),
  /** stages whose outputs this one depends on */
  needs: z.array(z.string()).default([]),
  commit: z.string().nullable().default(null),
});
export type NewExecution = z.infer<typeof newExecution>;

export const execution = newExecution.extend({ createdBy: z.string() });
export type Execution = z.infer<typeof execution>;

export const stageNode = z.object({ name: z.string(), project: z.string(), latest: execution });

/** Executions, newest first, and the stages as their latest executions knew them. */
export const executionList = z.object({
  executions: z.array(execution),
  dag: z.object({
    stages: z.array(stageNode),
    edges: z.array(z.object({ project: z.string(), from: z.string(), to: z.string() })),
  }),
});
export type ExecutionList = z.infer<typeof executionList>;
