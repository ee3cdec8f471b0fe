import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type {
  DatasetInput,
  KeyValue,
  LifecycleStage,
  LoggedDataset,
  Metric,
  ModelLink,
  ModelMetric,
  ModelStatus,
  RunStatus,
} from '../../develop/tracking/tracking.ts';
import type { TraceRecord } from './trace-records.ts';

/** What MLflow's stores and ours have in common, so that one kind of store can be read into another. */
export interface ExperimentRecord {
  /** digits; a file store's have 18 of them, more than a number holds */
  readonly id: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly lifecycleStage: LifecycleStage;
  /** ms since the epoch; 0 where an old MLflow did not keep it */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: readonly KeyValue[];
  readonly datasets: readonly LoggedDataset[];
}

export interface RunRecord {
  readonly id: string;
  readonly name: string;
  readonly userId: string;
  readonly status: RunStatus;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly lifecycleStage: LifecycleStage;
  readonly deletedAt: number | null;
  readonly artifactUri: string;
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
  /** every point of every history */
  readonly metrics: readonly Metric[];
  readonly datasets: readonly DatasetInput[];
  readonly modelInputs: readonly ModelLink[];
  readonly modelOutputs: readonly ModelLink[];
}

export interface LoggedModelRecord {
  readonly id: string;
  readonly name: string;
  readonly status: ModelStatus;
  readonly modelType: string | null;
  readonly sourceRunId: string | null;
  readonly artifactUri: string;
  readonly lifecycleStage: LifecycleStage;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
  readonly metrics: readonly Omit<ModelMetric, 'modelId'>[];
}

export interface RegisteredModelRecord {
  readonly name: string;
  readonly description: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: readonly KeyValue[];
  readonly aliases: readonly { readonly name: string; readonly version: number }[];
  readonly versions: readonly VersionRecord[];
}

export interface VersionRecord {
  readonly version: number;
  readonly description: string | null;
  readonly userId: string | null;
  readonly stage: string;
  /** as the client said it: `runs:/…`, `models:/m-…` or a place */
  readonly source: string;
  /** where the files are */
  readonly location: string;
  readonly runId: string | null;
  readonly runLink: string | null;
  readonly loggedModelId: string | null;
  readonly status: string;
  readonly statusMessage: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: readonly KeyValue[];
}

/** Something that stays where it is, and why. */
export interface Left {
  readonly kind: string;
  /** undefined when many are counted */
  readonly id?: string | undefined;
  readonly count: number;
  readonly reason: string;
}

/** A store of MLflow, read one thing at a time. */
export interface MlflowSource {
  readonly format: 'sqlite' | 'mlruns';
  /** the folder that the store lies in; local artifacts below it may be copied */
  readonly folder: string;
  experiments(): Promise<ExperimentRecord[]>;
  runIds(experimentId: string): Promise<string[]>;
  run(experimentId: string, id: string): Promise<RunRecord>;
  loggedModelIds(experimentId: string): Promise<string[]>;
  loggedModel(experimentId: string, id: string): Promise<LoggedModelRecord>;
  traceIds(experimentId: string): Promise<string[]>;
  trace(experimentId: string, id: string): Promise<TraceRecord>;
  registeredModels(): Promise<RegisteredModelRecord[]>;
  /** what the source holds and tilth has no place for */
  left(): Promise<Left[]>;
  close(): void;
}

/** Tags that say what an import could not keep as it was; an export puts that back and leaves the tag out. */
export const importedTagPrefix = 'tilth.imported.';
export const originalIdTag = `${importedTagPrefix}experiment_id`;
export const originalUserTag = `${importedTagPrefix}user_id`;

/** An MLflow prompt is a registered model with this tag. */
export const promptTag = 'mlflow.prompt.is_prompt';

const byKey = <T extends { readonly key: string }>(list: readonly T[]): T[] =>
  list.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

const pairs = (list: readonly KeyValue[]): unknown =>
  byKey(list)
    .filter(({ key }) => !key.startsWith(importedTagPrefix))
    .map(({ key, value }) => [key, value]);

/** Points between two turns of the event loop, so that the server goes on answering. */
export const pointsAtOnce = 5000;

/** Equal for runs that say the same, wherever their files lie and in whatever order they were read. */
export async function runDigest(run: RunRecord): Promise<string> {
  const head = [
    run.id,
    run.name,
    run.userId,
    run.status,
    run.startedAt,
    run.endedAt,
    run.lifecycleStage,
    pairs(run.params),
    pairs(run.tags),
    run.datasets.map(({ dataset, tags }) => JSON.stringify([datasetFacts(dataset), pairs(tags)])).toSorted(),
    run.modelInputs.map(({ modelId }) => modelId).toSorted(),
    run.modelOutputs.map(({ modelId, step }) => `${modelId} ${step}`).toSorted(),
  ];
  const hash = createHash('sha256').update(JSON.stringify(head));
  let before = '';
  for (const [index, metric] of run.metrics.toSorted(byPoint).entries()) {
    if (index % pointsAtOnce === pointsAtOnce - 1) await setImmediate();
    const line = pointText(metric);
    if (line !== before) hash.update(line);
    before = line;
  }
  return hash.digest('hex');
}

/** NaN after every number, as nothing is equal to it. */
const byPoint = (a: Metric, b: Metric): number =>
  a.key < b.key
    ? -1
    : a.key > b.key
      ? 1
      : a.timestamp - b.timestamp ||
        a.step - b.step ||
        Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value)) ||
        (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);

const pointText = (metric: Metric): string =>
  `\n${JSON.stringify(metric.key)} ${metric.timestamp} ${metric.step} ${Object.is(metric.value, -0) ? 0 : metric.value}`;

const datasetFacts = (dataset: LoggedDataset): unknown => [
  dataset.name,
  dataset.digest,
  dataset.sourceType,
  dataset.source,
  dataset.schema,
  dataset.profile,
];

export function loggedModelDigest(model: LoggedModelRecord): string {
  const metrics = model.metrics.map((metric) =>
    JSON.stringify([pointText(metric), metric.runId, metric.datasetName, metric.datasetDigest]),
  );
  return digestOf([
    model.id,
    model.name,
    model.status,
    model.modelType,
    model.sourceRunId,
    model.lifecycleStage,
    pairs(model.params),
    pairs(model.tags),
    [...new Set(metrics)].toSorted(),
  ]);
}

export const experimentDigest = (experiment: ExperimentRecord): string =>
  digestOf([experiment.name, experiment.lifecycleStage, pairs(experiment.tags)]);

export const versionDigest = (version: VersionRecord): string =>
  digestOf([
    version.version,
    version.description,
    version.stage,
    version.source,
    version.status,
    pairs(version.tags),
  ]);

export const modelDigest = (model: RegisteredModelRecord): string =>
  digestOf([model.name, model.description, pairs(model.tags)]);

const digestOf = (facts: unknown): string => createHash('sha256').update(JSON.stringify(facts)).digest('hex');
