import type { Instant } from '../../platform/clock.ts';

export const runStatuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type RunStatus = (typeof runStatuses)[number];
/** A run in one of these will log nothing more by itself. */
export const isOver = (status: RunStatus): boolean => status === 'FINISHED' || status === 'FAILED' || status === 'KILLED';

export const modelStatuses = ['LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED'] as const;
export type ModelStatus = (typeof modelStatuses)[number];

/** Deletion only marks; the bytes go with `tilth gc`. */
export type LifecycleStage = 'active' | 'deleted';
export type ViewType = 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL';

export const stagesOf = (view: ViewType): readonly LifecycleStage[] =>
  view === 'ALL' ? ['active', 'deleted'] : view === 'DELETED_ONLY' ? ['deleted'] : ['active'];

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface MetricPoint {
  readonly value: number;
  /** ms since the epoch, as the client said */
  readonly timestamp: Instant;
  readonly step: number;
}

export interface Metric extends MetricPoint {
  readonly key: string;
}

/** A metric of a logged model, measured on a dataset by a run. */
export interface ModelMetric extends Metric {
  readonly modelId: string;
  readonly runId: string;
  readonly datasetName: string | null;
  readonly datasetDigest: string | null;
}

export interface Experiment {
  readonly id: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly lifecycleStage: LifecycleStage;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly tags: readonly KeyValue[];
}

/** A dataset as MLflow's `log_input` describes it; `digest` is the client's own short hash. */
export interface LoggedDataset {
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  readonly schema: string | null;
  readonly profile: string | null;
}

export interface DatasetInput {
  readonly dataset: LoggedDataset;
  readonly tags: readonly KeyValue[];
}

/** The tag of a dataset input that says what it was for: training, evaluation. */
export const contextTag = 'mlflow.data.context';

export interface ModelLink {
  readonly modelId: string;
  readonly step: number;
}

export interface RunInfo {
  readonly id: string;
  readonly name: string;
  readonly experimentId: string;
  readonly userId: string;
  readonly status: RunStatus;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  readonly artifactUri: string;
  readonly lifecycleStage: LifecycleStage;
}

export interface Run extends RunInfo {
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
  /** the latest point of each key */
  readonly metrics: readonly Metric[];
  readonly datasets: readonly DatasetInput[];
  readonly modelInputs: readonly ModelLink[];
  readonly modelOutputs: readonly ModelLink[];
}

export interface LoggedModel {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly status: ModelStatus;
  readonly modelType: string | null;
  readonly sourceRunId: string | null;
  readonly artifactUri: string;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly tags: readonly KeyValue[];
  readonly params: readonly KeyValue[];
  readonly metrics: readonly ModelMetric[];
}

export const runNameTag = 'mlflow.runName';
/** `tilth.dataset.<name>` on a run: the dataset version, a `.dvc` md5, that it was made from. */
export const datasetTagPrefix = 'tilth.dataset.';

/** The order that makes a point the latest: step, then timestamp, then value; NaN counts as 0, as in MLflow. */
export function isLater(a: MetricPoint, b: MetricPoint): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return (Number.isNaN(a.value) ? 0 : a.value) > (Number.isNaN(b.value) ? 0 : b.value);
}

/** The latest point of each key. */
export function latestByKey(metrics: Iterable<Metric>): Map<string, Metric> {
  const latest = new Map<string, Metric>();
  for (const metric of metrics) {
    const known = latest.get(metric.key);
    if (known === undefined || isLater(metric, known)) latest.set(metric.key, metric);
  }
  return latest;
}

const qualities = 'amber,brisk,calm,clear,early,fertile,gentle,golden,green,hardy,keen,loamy,mellow,patient,quiet,rich,steady,sunny,tidy,wild'.split(',');
const growers = 'alder,barley,birch,clover,fern,fig,hazel,hop,iris,larch,lentil,maple,millet,oat,olive,poppy,quince,rye,sage,thyme'.split(',');

/** A name for a run that got none. @param random in 0..1 */
export function makeName(random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? '';
  return `${pick(qualities)}-${pick(growers)}-${Math.floor(random() * 1000)}`;
}

/** Why a key can't name a metric, param or tag; undefined when it can. A key may become a file name, so it must not climb. */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'A key name must be provided.';
  if (key.length > 250) return `'${key.slice(0, 40)}…' exceeds the maximum length of 250 characters`;
  if (!/^[\p{L}\p{N}_/.\- :]*$/u.test(key)) {
    return 'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).';
  }
  const isNormal = key !== '.' && !key.startsWith('/') && !key.endsWith('/') && key.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isNormal && !key.startsWith('..') ? undefined : 'Names may be treated as files in certain cases, and must not climb out of their folder.';
}
