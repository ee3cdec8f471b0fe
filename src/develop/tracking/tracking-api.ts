import { z } from 'zod';
import { modelStatuses, runStatuses } from './tracking.ts';

/** A number that JSON can't write, NaN or an infinity, is null. */
const number = z.number().nullable();

export const experimentView = z.object({
  id: z.string(),
  name: z.string(),
  lifecycleStage: z.enum(['active', 'deleted']),
  createdAt: z.number(),
  updatedAt: z.number(),
  /** runs that are not deleted */
  runCount: z.number(),
  /** start of the newest one */
  lastRunAt: z.number().nullable(),
  tags: z.record(z.string(), z.string()),
});
export type ExperimentView = z.infer<typeof experimentView>;

export const metricView = z.object({ value: number, step: z.number(), timestamp: z.number() });

export const datasetView = z.object({
  name: z.string(),
  digest: z.string(),
  sourceType: z.string(),
  /** what it was for: training, evaluation */
  context: z.string().nullable(),
});

export const runView = z.object({
  id: z.string(),
  name: z.string(),
  experimentId: z.string(),
  status: z.enum(runStatuses),
  lifecycleStage: z.enum(['active', 'deleted']),
  userId: z.string(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  params: z.record(z.string(), z.string()),
  /** the latest value of each */
  metrics: z.record(z.string(), metricView),
  tags: z.record(z.string(), z.string()),
  datasets: z.array(datasetView),
  /** logged models that it made */
  modelIds: z.array(z.string()),
});
export type RunView = z.infer<typeof runView>;

export const runPage = z.object({
  runs: z.array(runView),
  /** where the next page starts; absent on the last one */
  nextCursor: z.string().optional(),
});
export type RunPage = z.infer<typeof runPage>;

/** Which keys a table shows; nothing else of the runs is sent. */
const runColumns = z.object({
  metrics: z.array(z.string()).max(2_000).default([]),
  params: z.array(z.string()).max(2_000).default([]),
  tags: z.array(z.string()).max(2_000).default([]),
});
export type RunColumns = z.output<typeof runColumns>;

export const runTableRequest = z.object({
  /** id or name; all without */
  experiment: z.string().optional(),
  filter: z.string().optional(),
  /** several are separated by commas */
  orderBy: z.string().optional(),
  columns: runColumns.prefault({}),
  limit: z.number().int().min(1).max(1_000).default(200),
  cursor: z.string().optional(),
});
export type RunTableRequest = z.input<typeof runTableRequest>;

export const runRow = z.object({
  id: z.string(),
  name: z.string(),
  experimentId: z.string(),
  userId: z.string(),
  status: z.enum(runStatuses),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  /** the latest value of each key asked for, in that order; null where the run has none, text where JSON has no number: NaN */
  metrics: z.array(z.union([z.number(), z.string(), z.null()])),
  params: z.array(z.string().nullable()),
  tags: z.array(z.string().nullable()),
});
export type RunRow = z.infer<typeof runRow>;

export const runTable = z.object({
  runs: z.array(runRow),
  /** where the next page starts; absent on the last one */
  nextCursor: z.string().optional(),
});
export type RunTable = z.infer<typeof runTable>;

export const runKeys = z.object({ metrics: z.array(z.string()), params: z.array(z.string()), tags: z.array(z.string()) });
export type RunKeys = z.infer<typeof runKeys>;

export const artifactView = z.object({ path: z.string(), isFolder: z.boolean(), byteCount: z.number().optional() });
export type ArtifactView = z.infer<typeof artifactView>;

export const artifactTable = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rowCount: z.number(),
  /** the first ones, as text, long texts cut; of the first 60 columns */
  rows: z.array(z.array(z.string().nullable())),
});
export type ArtifactTable = z.infer<typeof artifactTable>;

export const runNote = z.object({ text: z.string().max(100_000) });

export const loggedModelView = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(modelStatuses),
  modelType: z.string().nullable(),
  createdAt: z.number(),
});

export const runDetail = runView.extend({
  experimentName: z.string(),
  artifactUri: z.string(),
  /** what lies directly below the root */
  artifacts: z.array(artifactView),
  inputModelIds: z.array(z.string()),
  outputModels: z.array(loggedModelView),
});
export type RunDetail = z.infer<typeof runDetail>;

export const metricHistoryView = z.object({
  key: z.string(),
  /** how many were logged; `points` has fewer when it was thinned out */
  pointCount: z.number(),
  /** by step; the smallest and largest of each stretch are kept */
  points: z.array(metricView),
});
export type MetricHistoryView = z.infer<typeof metricHistoryView>;

export const comparedField = z.object({
  kind: z.enum(['param', 'metric', 'tag', 'dataset']),
  key: z.string(),
  /** one per run, in the order asked for; null where a run has none */
  values: z.array(z.union([z.string(), z.number(), z.null()])),
  isDifferent: z.boolean(),
});

export const comparison = z.object({ runs: z.array(runView), fields: z.array(comparedField) });
export type Comparison = z.infer<typeof comparison>;

export const runGroupsRequest = z.object({
  /** id or name; all without */
  experiment: z.string().optional(),
  filter: z.string().optional(),
  /** params, tags and text attributes: `params.candidate`; one group of all runs without */
  groupBy: z.array(z.string()).max(5).default([]),
  /** `max(metrics.auc)`, `mean(metrics.auc - metrics.auc_train)`; also count, min, sum, median, std */
  aggregates: z.array(z.string()).max(20).default([]),
  /** groups by an aggregate or a field: `max(metrics.auc) DESC`; the largest first without */
  orderBy: z.array(z.string()).max(5).default([]),
  /** the first runs of each group in an order of runs */
  top: z.object({ count: z.number().int().min(1).max(20), orderBy: z.array(z.string()).default([]) }).optional(),
  limit: z.number().int().min(1).max(1_000).default(100),
});
export type RunGroupsRequest = z.input<typeof runGroupsRequest>;

export const runGroup = z.object({
  /** the value of each field of `groupBy`; null for runs without it */
  keys: z.array(z.string().nullable()),
  runCount: z.number(),
  /** one per aggregate, over the runs that have a number there; null when none has */
  values: z.array(number),
  runs: z.array(runView).optional(),
});
export type RunGroup = z.infer<typeof runGroup>;

export const runGroups = z.object({
  groupBy: z.array(z.string()),
  aggregates: z.array(z.string()),
  groups: z.array(runGroup),
  /** are there more groups than the limit? */
  hasMore: z.boolean(),
});
export type RunGroups = z.infer<typeof runGroups>;

export const completionOption = z.object({
  /** what to put in the place of the word at the cursor */
  text: z.string(),
  kind: z.enum(['field', 'value', 'word']),
  /** how many of the newest runs have it */
  runCount: z.number().optional(),
});
export type CompletionOption = z.infer<typeof completionOption>;

export const filterCompletion = z.object({
  /** what the options replace, in characters of the filter */
  from: z.number(),
  to: z.number(),
  options: z.array(completionOption),
  /** what fits at the cursor, in words */
  expected: z.array(z.string()),
  /** why the whole filter is none yet, and where; null when it is one */
  problem: z.object({ message: z.string(), hint: z.string().nullable(), at: z.number(), length: z.number() }).nullable(),
});
export type FilterCompletion = z.infer<typeof filterCompletion>;
