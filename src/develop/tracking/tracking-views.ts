import type { Comparison, RunView } from './tracking-api.ts';
import { contextTag, type KeyValue, type MetricPoint, type Run } from './tracking.ts';

// Runs as our own page and commands see them.

export const recordOf = (pairs: readonly KeyValue[]): Record<string, string> => Object.fromEntries(pairs.map(({ key, value }) => [key, value]));

export const pointView = ({ value, step, timestamp }: MetricPoint): { value: number | null; step: number; timestamp: number } => ({
  value: Number.isFinite(value) ? value : null,
  step,
  timestamp,
});

export const viewOf = (run: Run): RunView => ({
  id: run.id,
  name: run.name,
  experimentId: run.experimentId,
  status: run.status,
  lifecycleStage: run.lifecycleStage,
  userId: run.userId,
  startedAt: run.startedAt,
  endedAt: run.endedAt,
  params: recordOf(run.params),
  metrics: Object.fromEntries(run.metrics.map((metric) => [metric.key, pointView(metric)])),
  tags: recordOf(run.tags),
  datasets: run.datasets.map(({ dataset, tags }) => ({
    name: dataset.name,
    digest: dataset.digest,
    sourceType: dataset.sourceType,
    context: tags.find((tag) => tag.key === contextTag)?.value ?? null,
  })),
  modelIds: run.modelOutputs.map((model) => model.modelId),
});

/** All params, metrics, datasets and tags of some runs side by side; MLflow's own tags would only add noise. */
export function compareRuns(runs: readonly RunView[]): Comparison['fields'] {
  const metricValues = runs.map((run) => mapValues(run.metrics, (metric) => metric.value));
  const datasets = runs.map((run) => Object.fromEntries(run.datasets.map((dataset) => [dataset.context ?? dataset.name, `${dataset.name} ${dataset.digest}`])));
  const tags = runs.map((run) => Object.fromEntries(Object.entries(run.tags).filter(([key]) => !key.startsWith('mlflow.'))));
  return [
    ...fieldsOf('param', runs.map((run) => run.params)),
    ...fieldsOf('metric', metricValues),
    ...fieldsOf('dataset', datasets),
    ...fieldsOf('tag', tags),
  ];
}

function fieldsOf(kind: Comparison['fields'][number]['kind'], records: readonly Readonly<Record<string, string | number | null>>[]): Comparison['fields'] {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))].sort();
  return keys.map((key) => {
    const values = records.map((record) => record[key] ?? null);
    return { kind, key, values, isDifferent: new Set(values).size > 1 };
  });
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
