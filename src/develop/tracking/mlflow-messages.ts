import { message, wireDouble } from './mlflow-wire.ts';
import type { DatasetInput, Experiment, KeyValue, LoggedModel, Metric, ModelMetric, Run, RunInfo } from './tracking.ts';

// Our things as MLflow's JSON messages.

export const experimentMessage = (experiment: Experiment): object =>
  message({
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: experiment.artifactLocation,
    lifecycle_stage: experiment.lifecycleStage,
    last_update_time: experiment.updatedAt,
    creation_time: experiment.createdAt,
    tags: experiment.tags,
  });

export const runInfoMessage = (run: RunInfo): object =>
  message({
    run_uuid: run.id,
    experiment_id: run.experimentId,
    run_name: run.name,
    user_id: run.userId,
    status: run.status,
    start_time: run.startedAt,
    end_time: run.endedAt,
    artifact_uri: run.artifactUri,
    lifecycle_stage: run.lifecycleStage,
    run_id: run.id,
  });

export const metricMessage = (metric: Metric): object => ({
  key: metric.key,
  value: wireDouble(metric.value),
  timestamp: metric.timestamp,
  step: metric.step,
});

/** A run that has made nothing yet: MLflow's answer to its creation has no outputs. */
export const newRunMessage = (run: Run): object => ({
  info: runInfoMessage(run),
  data: message({ metrics: run.metrics.map(metricMessage), params: run.params, tags: run.tags }),
  inputs: message({
    dataset_inputs: run.datasets.map(datasetMessage),
    model_inputs: run.modelInputs.map(({ modelId }) => ({ model_id: modelId })),
  }),
});

export const runMessage = (run: Run): object => ({
  ...newRunMessage(run),
  outputs: message({ model_outputs: run.modelOutputs.map(({ modelId, step }) => ({ model_id: modelId, step })) }),
});

const datasetMessage = ({ dataset, tags }: DatasetInput): object =>
  message({
    tags: tags as KeyValue[],
    dataset: message({
      name: dataset.name,
      digest: dataset.digest,
      source_type: dataset.sourceType,
      source: dataset.source,
      schema: dataset.schema,
      profile: dataset.profile,
    }),
  });

export const loggedModelMessage = (model: LoggedModel): object => ({
  info: message({
    model_id: model.id,
    experiment_id: model.experimentId,
    name: model.name,
    creation_timestamp_ms: model.createdAt,
    last_updated_timestamp_ms: model.updatedAt,
    artifact_uri: model.artifactUri,
    status: model.status,
    model_type: model.modelType ?? '',
    source_run_id: model.sourceRunId ?? '',
    tags: model.tags,
  }),
  data: message({ params: model.params, metrics: model.metrics.map(modelMetricMessage) }),
});

const modelMetricMessage = (metric: ModelMetric): object =>
  message({
    ...metricMessage(metric),
    model_id: metric.modelId,
    run_id: metric.runId,
    dataset_name: metric.datasetName,
    dataset_digest: metric.datasetDigest,
  });
