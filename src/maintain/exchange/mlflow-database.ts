import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../platform/errors.ts';
import {
  runNameTag,
  runStatuses,
  type KeyValue,
  type LifecycleStage,
  type Metric,
  type ModelStatus,
  type RunStatus,
} from '../../develop/tracking/tracking.ts';
import { tagKeys } from '../../develop/traces/traces.ts';
import { sourceUnreadable } from './exchange-errors.ts';
import { assessmentOfRow, promotedFacts, spanOfRow, traceStateOf } from './mlflow-trace-rows.ts';
import type { TraceRecord } from './trace-records.ts';
import {
  pointsAtOnce,
  type ExperimentRecord,
  type Left,
  type LoggedModelRecord,
  type MlflowSource,
  type RegisteredModelRecord,
  type RunRecord,
  type VersionRecord,
} from './records.ts';

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;

/** The numbers that MLflow's database keeps for the states of a logged model. */
export const modelStatusNumbers: Readonly<Record<ModelStatus, number>> = {
  LOGGED_MODEL_PENDING: 1,
  LOGGED_MODEL_READY: 2,
  LOGGED_MODEL_UPLOAD_FAILED: 3,
};

export const modelStatusOf = (status: Value | undefined): ModelStatus =>
  (Object.entries(modelStatusNumbers).find(
    ([name, number]) => number === Number(status) || name === status,
  )?.[0] ?? 'LOGGED_MODEL_READY') as ModelStatus;

/**
 * The SQLite database of an MLflow server. Its schema grew with the versions, so each table and column is used where
 * it is there; ids of experiments are read as text, since one that came from a file store has 18 digits.
 *
 * @throws IMPORT_SOURCE_UNREADABLE
 */
export function openMlflowDatabase(file: string): MlflowSource {
  const path = resolve(file);
  let db: DatabaseSync;
  let tables: Set<string>;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    tables = new Set(
      db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .all()
        .map((row) => String(row['name'])),
    );
  } catch (cause) {
    throw sourceUnreadable(path, messageOf(cause), cause);
  }
  const missing = ['experiments', 'runs', 'metrics', 'params', 'tags'].filter((name) => !tables.has(name));
  if (missing.length > 0) {
    db.close();
    throw sourceUnreadable(path, `it has no table ${missing.join(', ')}, so it is no database of MLflow`);
  }
  const columns = new Map<string, Set<string>>();
  const has = (table: string, column: string): boolean => {
    let known = columns.get(table);
    if (known === undefined) {
      known = new Set(
        db
          .prepare('SELECT name FROM pragma_table_info(?)')
          .all(table)
          .map((row) => String(row['name'])),
      );
      columns.set(table, known);
    }
    return known.has(column);
  };
  const rows = (sql: string, ...values: Value[]): Row[] => db.prepare(sql).all(...values) as Row[];
  const pairs = (sql: string, ...values: Value[]): KeyValue[] =>
    rows(sql, ...values).map((row) => ({ key: String(row['key']), value: textOf(row['value']) }));
  /** a column, or NULL where this version of the schema has none */
  const column = (table: string, name: string, as = name): string =>
    has(table, name) ? `${name} AS ${as}` : `NULL AS ${as}`;
  const inDefaultWorkspace = (table: string): string =>
    has(table, 'workspace') ? "workspace = 'default'" : '1 = 1';
  const hasInputs = tables.has('inputs') && tables.has('datasets');
  const hasModels = tables.has('logged_models');

  function experimentOf(row: Row): ExperimentRecord {
    const id = textOf(row['id']);
    return {
      id,
      name: textOf(row['name']),
      artifactLocation: textOf(row['artifact_location']),
      lifecycleStage: stageOf(row['lifecycle_stage']),
      createdAt: numberOf(row['creation_time']),
      updatedAt: numberOf(row['last_update_time']),
      tags: tables.has('experiment_tags')
        ? pairs(
            'SELECT key, value FROM experiment_tags WHERE CAST(experiment_id AS TEXT) = ? ORDER BY key',
            id,
          )
        : [],
      datasets: tables.has('datasets')
        ? rows(
            'SELECT * FROM datasets WHERE experiment_id = CAST(? AS INTEGER) ORDER BY name, digest',
            id,
          ).map(datasetOf)
        : [],
    };
  }

  async function historiesOf(run: string): Promise<Metric[]> {
    const isNan = has('metrics', 'is_nan') ? 'is_nan' : '0';
    const step = has('metrics', 'step') ? 'step' : '0';
    const points = db
      .prepare(
        `SELECT key, value, timestamp, ${step} AS step, ${isNan} AS is_nan FROM metrics WHERE run_uuid = ?`,
      )
      .iterate(run) as Iterable<Row>;
    const found: Metric[] = [];
    for (const point of points) {
      if (found.length % pointsAtOnce === pointsAtOnce - 1) await setImmediate();
      found.push({ key: textOf(point['key']), ...pointOf(point) });
    }
    return found;
  }

  async function runOf(row: Row): Promise<RunRecord> {
    const id = textOf(row['run_uuid']);
    const tags = pairs('SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key', id);
    return {
      id,
      name: textOf(row['name']) || (tags.find((tag) => tag.key === runNameTag)?.value ?? ''),
      userId: textOf(row['user_id']),
      status: runStatusOf(row['status']),
      startedAt: numberOf(row['start_time']),
      endedAt: nullableNumber(row['end_time']),
      lifecycleStage: stageOf(row['lifecycle_stage']),
      deletedAt: nullableNumber(row['deleted_time']),
      artifactUri: textOf(row['artifact_uri']),
      params: pairs('SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key', id),
      tags,
      metrics: await historiesOf(id),
      datasets: hasInputs ? datasetsOf(id) : [],
      modelInputs: links(id, 'RUN_INPUT', 'MODEL_INPUT'),
      modelOutputs: links(id, 'RUN_OUTPUT', 'MODEL_OUTPUT'),
    };
  }

  function datasetsOf(run: string): RunRecord['datasets'] {
    const found = rows(
      `SELECT inputs.input_uuid AS input, datasets.* FROM inputs JOIN datasets ON datasets.dataset_uuid = inputs.source_id
       WHERE inputs.destination_type = 'RUN' AND inputs.destination_id = ? AND inputs.source_type = 'DATASET'
       ORDER BY name, digest`,
      run,
    );
    return found.map((row) => ({
      dataset: datasetOf(row),
      tags: pairs(
        'SELECT name AS key, value FROM input_tags WHERE input_uuid = ? ORDER BY name',
        textOf(row['input']),
      ),
    }));
  }

  function links(run: string, from: string, to: string): RunRecord['modelOutputs'] {
    if (!tables.has('inputs')) return [];
    return rows(
      `SELECT destination_id, ${column('inputs', 'step')} FROM inputs
       WHERE source_type = ? AND source_id = ? AND destination_type = ? ORDER BY step, destination_id`,
      from,
      run,
      to,
    ).map((row) => ({ modelId: textOf(row['destination_id']), step: numberOf(row['step']) }));
  }

  function loggedModelOf(row: Row): LoggedModelRecord {
    const id = textOf(row['model_id']);
    return {
      id,
      name: textOf(row['name']),
      status: modelStatusOf(row['status']),
      modelType: nullableText(row['model_type']),
      sourceRunId: nullableText(row['source_run_id']),
      artifactUri: textOf(row['artifact_location']),
      lifecycleStage: stageOf(row['lifecycle_stage']),
      createdAt: numberOf(row['creation_timestamp_ms']),
      updatedAt: numberOf(row['last_updated_timestamp_ms']),
      params: pairs(
        'SELECT param_key AS key, param_value AS value FROM logged_model_params WHERE model_id = ? ORDER BY 1',
        id,
      ),
      tags: pairs(
        'SELECT tag_key AS key, tag_value AS value FROM logged_model_tags WHERE model_id = ? ORDER BY 1',
        id,
      ),
      metrics: rows(
        'SELECT * FROM logged_model_metrics WHERE model_id = ? ORDER BY metric_name, metric_step',
        id,
      ).map((metric) => ({
        key: textOf(metric['metric_name']),
        // this table has no is_nan: a NaN is a NULL here
        value: metric['metric_value'] === null ? Number.NaN : numberOf(metric['metric_value']),
        timestamp: numberOf(metric['metric_timestamp_ms']),
        step: numberOf(metric['metric_step']),
        runId: textOf(metric['run_id']),
        datasetName: nullableText(metric['dataset_name']),
        datasetDigest: nullableText(metric['dataset_digest']),
      })),
    };
  }

  function registeredOf(row: Row): RegisteredModelRecord {
    const name = textOf(row['name']);
    const tagged = (table: string, version?: number): KeyValue[] =>
      tables.has(table)
        ? pairs(
            `SELECT key, value FROM ${table} WHERE name = ? AND ${inDefaultWorkspace(table)}
             ${version === undefined ? '' : `AND version = ${version}`} ORDER BY key`,
            name,
          )
        : [];
    return {
      name,
      description: nullableText(row['description']),
      createdAt: numberOf(row['creation_time']),
      updatedAt: numberOf(row['last_updated_time']),
      tags: tagged('registered_model_tags'),
      aliases: tables.has('registered_model_aliases')
        ? rows(
            `SELECT alias, version FROM registered_model_aliases
             WHERE name = ? AND ${inDefaultWorkspace('registered_model_aliases')} ORDER BY alias`,
            name,
          ).map((alias) => ({ name: textOf(alias['alias']), version: numberOf(alias['version']) }))
        : [],
      versions: rows(
        `SELECT * FROM model_versions WHERE name = ? AND ${inDefaultWorkspace('model_versions')}
         AND current_stage IS NOT 'Deleted_Internal' ORDER BY version`,
        name,
      ).map((version) => versionOf(version, tagged('model_version_tags', numberOf(version['version'])))),
    };
  }

  function traceOf(experimentId: string, row: Row): TraceRecord {
    const id = textOf(row['request_id']);
    const record = (table: string): Record<string, string> =>
      Object.fromEntries(
        pairs(`SELECT key, value FROM ${table} WHERE request_id = ? ORDER BY key`, id).map(
          ({ key, value }) => [key, value],
        ),
      );
    const linked = (type: string): string[] =>
      tables.has('entity_associations')
        ? rows(
            `SELECT destination_id FROM entity_associations
             WHERE source_type = 'trace' AND source_id = ? AND destination_type = ? ORDER BY destination_id`,
            id,
            type,
          ).map((association) => textOf(association['destination_id']))
        : [];
    const facts = promotedFacts(row);
    const tags = { ...record('trace_tags'), ...facts.tags };
    return {
      info: {
        id,
        experimentId,
        requestedAt: numberOf(row['timestamp_ms']),
        durationMs: nullableNumber(row['execution_time_ms']),
        state: traceStateOf(row['status']),
        clientRequestId: nullableText(row['client_request_id']),
        requestPreview: nullableText(row['request_preview']),
        responsePreview: nullableText(row['response_preview']),
        tags,
        metadata: { ...record('trace_request_metadata'), ...facts.metadata },
        assessments: tables.has('assessments')
          ? rows(
              'SELECT * FROM assessments WHERE trace_id = ? ORDER BY created_timestamp, assessment_id',
              id,
            ).map(assessmentOfRow)
          : [],
      },
      spans: tables.has('spans')
        ? rows(
            // as text, since nanoseconds have more digits than a number holds
            `SELECT trace_id, span_id, parent_span_id, status, content, CAST(start_time_unix_nano AS TEXT) AS start_time_unix_nano,
               CAST(end_time_unix_nano AS TEXT) AS end_time_unix_nano
             FROM spans WHERE trace_id = ? ORDER BY parent_span_id IS NOT NULL, start_time_unix_nano, span_id`,
            id,
          ).map(spanOfRow)
        : [],
      runIds: linked('run'),
      prompts: linked('prompt_version'),
      artifactUri: tags[tagKeys.artifacts] ?? '',
    };
  }

  const count = (table: string, where = '1 = 1'): number =>
    tables.has(table) ? numberOf(rows(`SELECT count(*) AS n FROM "${table}" WHERE ${where}`)[0]?.['n']) : 0;

  return {
    format: 'sqlite',
    folder: dirname(path),
    experiments: async () =>
      rows(
        `SELECT CAST(experiment_id AS TEXT) AS id, name, artifact_location, lifecycle_stage,
           ${column('experiments', 'creation_time')}, ${column('experiments', 'last_update_time')}
         FROM experiments WHERE ${inDefaultWorkspace('experiments')} ORDER BY experiment_id`,
      ).map(experimentOf),
    runIds: async (experiment) =>
      rows(
        'SELECT run_uuid FROM runs WHERE experiment_id = CAST(? AS INTEGER) ORDER BY start_time, run_uuid',
        experiment,
      ).map((row) => textOf(row['run_uuid'])),
    async run(_experiment, id) {
      const row = rows(
        `SELECT run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,
           ${column('runs', 'deleted_time')} FROM runs WHERE run_uuid = ?`,
        id,
      )[0];
      if (row === undefined) throw new Error('it went away while it was read');
      return runOf(row);
    },
    loggedModelIds: async (experiment) =>
      hasModels
        ? rows(
            'SELECT model_id FROM logged_models WHERE experiment_id = CAST(? AS INTEGER) ORDER BY creation_timestamp_ms, model_id',
            experiment,
          ).map((row) => textOf(row['model_id']))
        : [],
    async loggedModel(_experiment, id) {
      const row = rows(
        `SELECT model_id, name, status, model_type, source_run_id, artifact_location, lifecycle_stage,
           creation_timestamp_ms, last_updated_timestamp_ms FROM logged_models WHERE model_id = ?`,
        id,
      )[0];
      if (row === undefined) throw new Error('it went away while it was read');
      return loggedModelOf(row);
    },
    traceIds: async (experiment) =>
      tables.has('trace_info')
        ? rows(
            'SELECT request_id FROM trace_info WHERE experiment_id = CAST(? AS INTEGER) ORDER BY timestamp_ms, request_id',
            experiment,
          ).map((row) => textOf(row['request_id']))
        : [],
    async trace(experiment, id) {
      const row = rows('SELECT * FROM trace_info WHERE request_id = ?', id)[0];
      if (row === undefined) throw new Error('it went away while it was read');
      return traceOf(experiment, row);
    },
    registeredModels: async () =>
      tables.has('registered_models')
        ? rows(
            `SELECT * FROM registered_models WHERE ${inDefaultWorkspace('registered_models')} ORDER BY name`,
          ).map(registeredOf)
        : [],
    async left() {
      const left: Left[] = [];
      const add = (kind: string, found: number, reason: string): void => {
        if (found > 0) left.push({ kind, count: found, reason });
      };
      for (const table of ['experiments', 'registered_models'])
        if (has(table, 'workspace'))
          add(
            table.replaceAll('_', ' ').slice(0, -1),
            count(table, "workspace <> 'default'"),
            'it is in another workspace than default',
          );
      for (const table of [...tables].toSorted()) {
        const isKnown =
          knownTables.has(table) ||
          /^(trace_metrics|span_metrics|sql_|alembic_|sqlite_|scheduler_|job)/.test(table);
        if (!isKnown) add(table.replaceAll('_', ' '), count(table), 'an import does not take them over');
      }
      return left;
    },
    close: () => db.close(),
  };
}

/** Read here, or nothing of a team's own. */
const knownTables = new Set([
  'experiments',
  'experiment_tags',
  'runs',
  'params',
  'tags',
  'metrics',
  'latest_metrics',
  'datasets',
  'inputs',
  'input_tags',
  'logged_models',
  'logged_model_params',
  'logged_model_tags',
  'logged_model_metrics',
  'registered_models',
  'registered_model_tags',
  'registered_model_aliases',
  'model_versions',
  'model_version_tags',
  'workspaces',
  'trace_info',
  'trace_tags',
  'trace_request_metadata',
  'spans',
  'assessments',
  'entity_associations',
]);

const versionOf = (row: Row, tags: readonly KeyValue[]): VersionRecord => ({
  version: numberOf(row['version']),
  description: nullableText(row['description']),
  userId: nullableText(row['user_id']),
  stage: textOf(row['current_stage']) || 'None',
  source: textOf(row['source']),
  location: textOf(row['storage_location'] ?? row['source']),
  runId: nullableText(row['run_id']),
  runLink: nullableText(row['run_link']),
  loggedModelId: loggedModelIn(textOf(row['source'])),
  status: textOf(row['status']) || 'READY',
  statusMessage: nullableText(row['status_message']),
  createdAt: numberOf(row['creation_time']),
  updatedAt: numberOf(row['last_updated_time']),
  tags,
});

/** `models:/m-…` names the logged model that a version was made from. */
export const loggedModelIn = (source: string): string | null =>
  /^models:\/(m-[0-9a-f]{32})$/.exec(source)?.[1] ?? null;

const datasetOf = (row: Row): ExperimentRecord['datasets'][number] => ({
  name: textOf(row['name']),
  digest: textOf(row['digest']),
  sourceType: textOf(row['dataset_source_type']),
  source: textOf(row['dataset_source']),
  schema: nullableText(row['dataset_schema']),
  profile: nullableText(row['dataset_profile']),
});

const pointOf = (row: Row): { value: number; timestamp: number; step: number } => ({
  value: row['is_nan'] === 1 ? Number.NaN : numberOf(row['value']),
  timestamp: numberOf(row['timestamp']),
  step: numberOf(row['step']),
});

const textOf = (value: Value | undefined): string =>
  value === null || value === undefined ? '' : String(value);
const nullableText = (value: Value | undefined): string | null =>
  value === null || value === undefined ? null : String(value);
const numberOf = (value: Value | undefined): number => Number(value ?? 0);
const nullableNumber = (value: Value | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);
const stageOf = (value: Value | undefined): LifecycleStage => (value === 'deleted' ? 'deleted' : 'active');
const runStatusOf = (value: Value | undefined): RunStatus =>
  runStatuses.find((status) => status === value) ?? 'RUNNING';
