import { z } from 'zod';

/** A file or folder that a stage read or made; `dataset` when it is a version of a declared one. */
export const stagePath = z.object({
  path: z.string(),
  md5: z.string(),
  dataset: z.string().nullable().default(null),
});
export type StagePath = z.infer<typeof stagePath>;

/** `stopped`: by Ctrl-C or a signal */
export const executionState = z.enum(['running', 'succeeded', 'failed', 'stopped']);
export type ExecutionState = z.infer<typeof executionState>;

/** One run of one stage; sent when it starts and again, under the same id, when it ends. */
export const newExecution = z.object({
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  project: z.string(),
  /** `train`; `sub/dvc.yaml:train` of a pipeline in a subfolder */
  stage: z.string(),
  cmd: z.string(),
  state: executionState,
  /** ms since the epoch */
  startedAt: z.number(),
  finishedAt: z.number().nullable().default(null),
  inputs: z.array(stagePath).default([]),
  outputs: z.array(stagePath).default([]),
  /** stages whose outputs this one depends on */
  needs: z.array(z.string()).default([]),
  commit: z.string().nullable().default(null),
  /** its run in tracking, which holds its output, params and metrics; null where none was started */
  runId: z.string().nullable().default(null),
  /** why it failed, in one line */
  error: z.string().nullable().default(null),
});
export type NewExecution = z.input<typeof newExecution>;

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

/**
 * What the last look at a pipeline found, stage by stage. `changed`: it would run, if somebody ran the pipeline; `waiting`: its
 * turn comes in the run that is on; `restored`: its outputs were brought back from the cache; `skipped`: something it needs failed.
 */
export const stageStatus = z.enum([
  'unchanged',
  'changed',
  'waiting',
  'running',
  'succeeded',
  'restored',
  'failed',
  'stopped',
  'skipped',
  'frozen',
]);
export type StageStatus = z.infer<typeof stageStatus>;

export const pipelineStage = z.object({
  name: z.string(),
  status: stageStatus,
  cmd: z.string(),
  description: z.string().nullable().default(null),
  isFrozen: z.boolean().default(false),
  /** paths relative to the repository */
  inputs: z.array(z.string()).default([]),
  outputs: z.array(z.string()).default([]),
  /** `file: key` */
  params: z.array(z.string()).default([]),
});
export type PipelineStage = z.infer<typeof pipelineStage>;

/** A project's pipeline as `dvc.yaml` has it, sent at the start of a run and whenever a stage's status changes. */
export const newPipeline = z.object({
  stages: z.array(pipelineStage).max(5_000),
  edges: z.array(z.object({ from: z.string(), to: z.string() })),
  isRunning: z.boolean(),
  commit: z.string().nullable().default(null),
});
export type NewPipeline = z.input<typeof newPipeline>;

export const pipelineView = newPipeline.extend({
  project: z.string(),
  /** each with its newest execution, null where it has none that was recorded */
  stages: z.array(pipelineStage.extend({ latest: execution.nullable() })),
  updatedAt: z.number(),
  updatedBy: z.string(),
});
export type PipelineView = z.infer<typeof pipelineView>;

export const pipelineList = z.object({ pipelines: z.array(pipelineView) });
export type PipelineList = z.infer<typeof pipelineList>;

export const logLine = z.object({
  number: z.number().int(),
  at: z.string(),
  stream: z.enum(['out', 'err']),
  text: z.string(),
});

/** Lines of what an execution printed, from `from` on; ask again with `from=next` until it is over. */
export const executionLog = z.object({
  lines: z.array(logLine),
  next: z.number().int(),
  /** nothing more will come */
  isOver: z.boolean(),
});
export type ExecutionLog = z.infer<typeof executionLog>;
