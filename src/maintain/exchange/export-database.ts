import { randomUUID } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { latestByKey, type LoggedDataset } from '../../develop/tracking/tracking.ts';
import { stored } from '../../develop/tracking/metric-columns.ts';
import type { MlflowTarget } from './mlflow-target.ts';
import { modelStatusNumbers } from './mlflow-database.ts';
import { rowsOfTrace, traceSchema, traceSchemaRevision } from './mlflow-trace-rows.ts';
import type { Left } from './records.ts';

/**
 * The schema of MLflow 3.0. Every later MLflow brings a database of it to its own when it opens it, since it finds
 * tables missing; the names of the constraints matter to those steps.
 */
const schemaRevision = '6953534de441';

const pair = (table: string, value: string, constraint: string): string =>
  `CREATE TABLE ${table} (key VARCHAR(250) NOT NULL, value ${value}, run_uuid VARCHAR(32) NOT NULL,
   CONSTRAINT ${constraint} PRIMARY KEY (key, run_uuid), FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid))`;

const modelPair = (name: 'param' | 'tag'): string =>
  `CREATE TABLE logged_model_${name}s (
   model_id VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, ${name}_key VARCHAR(255) NOT NULL, ${name}_value TEXT NOT NULL,
   CONSTRAINT logged_model_${name}s_pk PRIMARY KEY (model_id, ${name}_key),
   CONSTRAINT fk_logged_model_${name}s_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id),
   CONSTRAINT fk_logged_model_${name}s_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE)`;

const tracePair = (table: string, constraint: string): string =>
  `CREATE TABLE ${table} (key VARCHAR(250) NOT NULL, value VARCHAR(8000), request_id VARCHAR(50) NOT NULL,
   CONSTRAINT ${constraint} PRIMARY KEY (key, request_id),
   CONSTRAINT fk_${table}_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE)`;

const schema: readonly string[] = [
  `CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))`,
  `CREATE TABLE experiments (
   experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32),
   creation_time BIGINT, last_update_time BIGINT, CONSTRAINT experiment_pk PRIMARY KEY (experiment_id),
   CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), UNIQUE (name))`,
  `CREATE TABLE experiment_tags (
   key VARCHAR(250) NOT NULL, value VARCHAR(5000), experiment_id INTEGER NOT NULL,
   CONSTRAINT experiment_tag_pk PRIMARY KEY (key, experiment_id), FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id))`,
  `CREATE TABLE runs (
   run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500), entry_point_name VARCHAR(50),
   user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT, source_version VARCHAR(50), lifecycle_stage VARCHAR(20),
   artifact_uri VARCHAR(200), experiment_id INTEGER, deleted_time BIGINT, CONSTRAINT run_pk PRIMARY KEY (run_uuid),
   CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')),
   CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')),
   FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id),
   CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED')))`,
  pair('params', 'VARCHAR(8000) NOT NULL', 'param_pk'),
  pair('tags', 'VARCHAR(8000)', 'tag_pk'),
  `CREATE TABLE metrics (
   key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32) NOT NULL,
   step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
   CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan),
   FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), CHECK (is_nan IN (0, 1)))`,
  `CREATE TABLE latest_metrics (
   key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT, step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL,
   run_uuid VARCHAR(32) NOT NULL, CONSTRAINT latest_metric_pk PRIMARY KEY (key, run_uuid),
   FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), CHECK (is_nan IN (0, 1)))`,
  `CREATE TABLE datasets (
   dataset_uuid VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, name VARCHAR(500) NOT NULL, digest VARCHAR(36) NOT NULL,
   dataset_source_type VARCHAR(36) NOT NULL, dataset_source TEXT NOT NULL, dataset_schema TEXT, dataset_profile TEXT,
   CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest),
   CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE)`,
  `CREATE TABLE inputs (
   input_uuid VARCHAR(36) NOT NULL, source_type VARCHAR(36) NOT NULL, source_id VARCHAR(36) NOT NULL,
   destination_type VARCHAR(36) NOT NULL, destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL,
   CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id))`,
  `CREATE TABLE input_tags (
   input_uuid VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, value VARCHAR(500) NOT NULL,
   CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name))`,
  `CREATE TABLE logged_models (
   model_id VARCHAR(36) NOT NULL, experiment_id INTEGER NOT NULL, name VARCHAR(500) NOT NULL, artifact_location VARCHAR(1000) NOT NULL,
   creation_timestamp_ms BIGINT NOT NULL, last_updated_timestamp_ms BIGINT NOT NULL, status INTEGER NOT NULL,
   lifecycle_stage VARCHAR(32), model_type VARCHAR(500), source_run_id VARCHAR(32), status_message VARCHAR(1000),
   CONSTRAINT logged_models_pk PRIMARY KEY (model_id),
   CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')),
   CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE)`,
  `CREATE TABLE logged_model_metrics (
   model_id VARCHAR(36) NOT NULL, metric_name VARCHAR(500) NOT NULL, metric_timestamp_ms BIGINT NOT NULL, metric_step BIGINT NOT NULL,
   metric_value FLOAT, experiment_id INTEGER NOT NULL, run_id VARCHAR(32) NOT NULL, dataset_uuid VARCHAR(36),
   dataset_name VARCHAR(500), dataset_digest VARCHAR(36),
   CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id),
   CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id),
   CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE,
   CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE)`,
  modelPair('param'),
  modelPair('tag'),
  `CREATE TABLE registered_models (
   name VARCHAR(256) NOT NULL, creation_time BIGINT, last_updated_time BIGINT, description VARCHAR(5000),
   CONSTRAINT registered_model_pk PRIMARY KEY (name), UNIQUE (name))`,
  `CREATE TABLE registered_model_tags (
   key VARCHAR(250) NOT NULL, value VARCHAR(5000), name VARCHAR(256) NOT NULL, CONSTRAINT registered_model_tag_pk PRIMARY KEY (key, name),
   FOREIGN KEY(name) REFERENCES registered_models (name) ON UPDATE cascade)`,
  `CREATE TABLE registered_model_aliases (
   alias VARCHAR(256) NOT NULL, version INTEGER NOT NULL, name VARCHAR(256) NOT NULL,
   CONSTRAINT registered_model_alias_pk PRIMARY KEY (name, alias),
   CONSTRAINT registered_model_alias_name_fkey FOREIGN KEY(name) REFERENCES registered_models (name) ON DELETE cascade ON UPDATE cascade)`,
  `CREATE TABLE model_versions (
   name VARCHAR(256) NOT NULL, version INTEGER NOT NULL, creation_time BIGINT, last_updated_time BIGINT, description VARCHAR(5000),
   user_id VARCHAR(256), current_stage VARCHAR(20), source VARCHAR(500), run_id VARCHAR(32), status VARCHAR(20),
   status_message VARCHAR(500), run_link VARCHAR(500), storage_location VARCHAR(500),
   CONSTRAINT model_version_pk PRIMARY KEY (name, version),
   FOREIGN KEY(name) REFERENCES registered_models (name) ON UPDATE CASCADE)`,
  `CREATE TABLE model_version_tags (
   key VARCHAR(250) NOT NULL, value VARCHAR(5000), name VARCHAR(256) NOT NULL, version INTEGER NOT NULL,
   CONSTRAINT model_version_tag_pk PRIMARY KEY (key, name, version),
   FOREIGN KEY(name, version) REFERENCES model_versions (name, version) ON UPDATE cascade)`,
  `CREATE TABLE trace_info (
   request_id VARCHAR(50) NOT NULL, experiment_id INTEGER NOT NULL, timestamp_ms BIGINT NOT NULL, execution_time_ms BIGINT,
   status VARCHAR(50) NOT NULL, CONSTRAINT trace_info_pk PRIMARY KEY (request_id),
   CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id))`,
  tracePair('trace_request_metadata', 'trace_request_metadata_pk'),
  tracePair('trace_tags', 'trace_tag_pk'),
  ...Object.entries({
    index_datasets_dataset_uuid: 'datasets (dataset_uuid)',
    index_datasets_experiment_id_dataset_source_type: 'datasets (experiment_id, dataset_source_type)',
    index_inputs_destination_type_destination_id_source_type:
      'inputs (destination_type, destination_id, source_type)',
    index_inputs_input_uuid: 'inputs (input_uuid)',
    index_latest_metrics_run_uuid: 'latest_metrics (run_uuid)',
    index_logged_model_metrics_model_id: 'logged_model_metrics (model_id)',
    index_metrics_run_uuid: 'metrics (run_uuid)',
    index_params_run_uuid: 'params (run_uuid)',
    index_tags_run_uuid: 'tags (run_uuid)',
    index_trace_info_experiment_id_timestamp_ms: 'trace_info (experiment_id, timestamp_ms)',
    index_trace_request_metadata_request_id: 'trace_request_metadata (request_id)',
    index_trace_tags_request_id: 'trace_tags (request_id)',
  }).map(([name, on]) => `CREATE INDEX ${name} ON ${on}`),
];

type Value = string | number | bigint | null;

/** Writes a SQLite database that MLflow from 3.0 on opens. @param file is not there yet */
export async function createMlflowDatabase(file: string, leave: (left: Left) => void): Promise<MlflowTarget> {
  const db = new DatabaseSync(file);
  // the file gets its name only when it is whole, so nothing is to be recovered
  db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN');
  for (const statement of schema) db.exec(statement);
  const prepared = new Map<string, StatementSync>();
  /** @returns whether it was not there yet */
  const put = (table: string, values: Readonly<Record<string, Value>>): boolean => {
    const key = `${table} ${Object.keys(values).join()}`;
    let statement = prepared.get(key);
    if (statement === undefined) {
      const columns = Object.keys(values);
      statement = db.prepare(
        `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
      prepared.set(key, statement);
    }
    return statement.run(...Object.values(values)).changes === 1;
  };
  put('alembic_version', { version_num: schemaRevision });
  let hasTraces = false;
  const datasetIds = new Map<string, string>();
  const putDataset = (experiment: string, dataset: LoggedDataset): string => {
    const key = `${experiment}\n${dataset.name}\n${dataset.digest}`;
    const known = datasetIds.get(key);
    if (known !== undefined) return known;
    const id = randomUUID().replaceAll('-', '');
    datasetIds.set(key, id);
    put('datasets', {
      dataset_uuid: id,
      experiment_id: BigInt(experiment),
      name: dataset.name,
      digest: dataset.digest,
      dataset_source_type: dataset.sourceType,
      dataset_source: dataset.source,
      dataset_schema: dataset.schema,
      dataset_profile: dataset.profile,
    });
    return id;
  };
  const link = (
    from: string,
    source: string,
    to: string,
    destination: string,
    step: number,
  ): string | undefined => {
    const id = randomUUID().replaceAll('-', '');
    const facts = { source_type: from, source_id: source, destination_type: to, destination_id: destination };
    return put('inputs', { input_uuid: id, ...facts, step }) ? id : undefined;
  };

  return {
    async experiment(record, artifactLocation) {
      const id = BigInt(record.id);
      put('experiments', {
        experiment_id: id,
        name: record.name,
        artifact_location: artifactLocation,
        lifecycle_stage: record.lifecycleStage,
        creation_time: record.createdAt,
        last_update_time: record.updatedAt,
      });
      for (const { key, value } of record.tags) put('experiment_tags', { key, value, experiment_id: id });
      for (const dataset of record.datasets) putDataset(record.id, dataset);
    },
    async run(experiment, record, artifactUri) {
      const run_uuid = record.id;
      put('runs', {
        run_uuid,
        name: record.name,
        source_type: 'UNKNOWN',
        source_name: '',
        entry_point_name: '',
        user_id: record.userId,
        status: record.status,
        start_time: record.startedAt,
        end_time: record.endedAt,
        source_version: '',
        lifecycle_stage: record.lifecycleStage,
        artifact_uri: artifactUri,
        experiment_id: BigInt(experiment),
        deleted_time: record.deletedAt,
      });
      for (const { key, value } of record.params) put('params', { key, value, run_uuid });
      for (const { key, value } of record.tags) put('tags', { key, value, run_uuid });
      const point = (metric: { value: number; timestamp: number; step: number }): Record<string, Value> => {
        const [value, is_nan] = stored(metric.value);
        return { value, timestamp: metric.timestamp, step: metric.step, is_nan, run_uuid };
      };
      for (const metric of record.metrics) put('metrics', { key: metric.key, ...point(metric) });
      for (const [key, metric] of latestByKey(record.metrics))
        put('latest_metrics', { key, ...point(metric) });
      for (const { dataset, tags } of record.datasets) {
        const input = link('DATASET', putDataset(experiment, dataset), 'RUN', run_uuid, 0);
        if (input !== undefined)
          for (const { key, value } of tags) put('input_tags', { input_uuid: input, name: key, value });
      }
      for (const { modelId, step } of record.modelInputs)
        link('RUN_INPUT', run_uuid, 'MODEL_INPUT', modelId, step);
      for (const { modelId, step } of record.modelOutputs)
        if (link('RUN_OUTPUT', run_uuid, 'MODEL_OUTPUT', modelId, step) === undefined)
          leave({
            kind: 'output of a run',
            id: `${record.id} ${modelId}`,
            count: 1,
            reason: 'MLflow keeps one step per model',
          });
    },
    async loggedModel(experiment, record, artifactUri) {
      const head = { model_id: record.id, experiment_id: BigInt(experiment) };
      put('logged_models', {
        ...head,
        name: record.name,
        artifact_location: artifactUri,
        creation_timestamp_ms: record.createdAt,
        last_updated_timestamp_ms: record.updatedAt,
        status: modelStatusNumbers[record.status],
        lifecycle_stage: record.lifecycleStage,
        model_type: record.modelType,
        source_run_id: record.sourceRunId,
        status_message: null,
      });
      for (const { key, value } of record.params)
        put('logged_model_params', { ...head, param_key: key, param_value: value });
      for (const { key, value } of record.tags)
        put('logged_model_tags', { ...head, tag_key: key, tag_value: value });
      for (const metric of record.metrics) {
        if (Number.isNaN(metric.value)) {
          leave({
            kind: 'metric of a logged model',
            id: `${record.id} ${metric.key}`,
            count: 1,
            reason: 'a database of MLflow holds no NaN for logged models; an mlruns folder does',
          });
          continue;
        }
        const isNew = put('logged_model_metrics', {
          ...head,
          metric_name: metric.key,
          metric_timestamp_ms: metric.timestamp,
          metric_step: metric.step,
          metric_value: metric.value,
          run_id: metric.runId,
          dataset_uuid:
            datasetIds.get(`${experiment}\n${metric.datasetName ?? ''}\n${metric.datasetDigest ?? ''}`) ??
            null,
          dataset_name: metric.datasetName,
          dataset_digest: metric.datasetDigest,
        });
        if (!isNew)
          leave({
            kind: 'metric of a logged model',
            id: `${record.id} ${metric.key}`,
            count: 1,
            reason: 'MLflow keeps one value per step and time, whatever the dataset',
          });
      }
    },
    async trace(experiment, record, artifactUri) {
      if (!hasTraces) {
        // a database without traces stays readable from MLflow 3.0 on
        for (const statement of traceSchema) db.exec(statement);
        db.prepare('UPDATE alembic_version SET version_num = ?').run(traceSchemaRevision);
        hasTraces = true;
      }
      const newId = (): string => randomUUID().replaceAll('-', '');
      for (const [table, values] of rowsOfTrace(BigInt(experiment), record, artifactUri, newId))
        put(table, values);
    },
    async registeredModel({ name, ...record }) {
      put('registered_models', {
        name,
        creation_time: record.createdAt,
        last_updated_time: record.updatedAt,
        description: record.description,
      });
      for (const { key, value } of record.tags) put('registered_model_tags', { key, value, name });
      for (const alias of record.aliases)
        put('registered_model_aliases', { alias: alias.name, version: alias.version, name });
      for (const version of record.versions) {
        put('model_versions', {
          name,
          version: version.version,
          creation_time: version.createdAt,
          last_updated_time: version.updatedAt,
          description: version.description,
          user_id: version.userId,
          current_stage: version.stage,
          source: version.source,
          run_id: version.runId,
          status: version.status,
          status_message: version.statusMessage,
          run_link: version.runLink,
          storage_location: version.location,
        });
        for (const { key, value } of version.tags)
          put('model_version_tags', { key, value, name, version: version.version });
      }
    },
    async close() {
      db.exec('COMMIT; PRAGMA journal_mode = DELETE');
      db.close();
    },
  };
}
