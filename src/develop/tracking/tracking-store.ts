import type { Generated } from 'kysely';
import type { Migrations } from '../../platform/database/database.ts';
import { createTables } from '../../platform/database/schema.ts';
import type { LifecycleStage, ModelStatus, RunStatus } from './tracking.ts';

interface ExperimentTable {
  id: number;
  name: string;
  artifact_location: string;
  lifecycle_stage: LifecycleStage;
  created_at: number;
  updated_at: number;
}

/** One row: the highest number that an experiment ever had, since none is given twice. */
interface ExperimentNumberTable {
  last: number;
}

interface ExperimentTagTable {
  experiment_id: number;
  key: string;
  value: string;
}

interface RunTable {
  id: string;
  name: string;
  experiment_id: number;
  user_id: string;
  /** who created it here; the client's `user_id` is only a claim */
  created_by: string;
  status: RunStatus;
  started_at: number;
  ended_at: number | null;
  artifact_uri: string;
  lifecycle_stage: LifecycleStage;
  deleted_at: number | null;
}

interface RunKeyValueTable {
  run_id: string;
  key: string;
  value: string;
}

/** One row per run and key: the latest point, the number of the series that is its history, and how far that is packed. */
export interface LatestMetricTable {
  run_id: string;
  key: string;
  series: number;
  value: number;
  is_nan: number;
  step: number;
  timestamp: number;
  /** at most so many points are rows of `metric_point` */
  row_count: number;
  /** points in small blocks that wait to be joined */
  small_count: number;
  /** of the last point in a block; null while there is none */
  packed_timestamp: number | null;
  packed_step: number | null;
  /** points that are still in batches */
  batch_count: number;
}

/** A batch that brought one point to each of many metrics, kept whole until there are enough of them for blocks. */
export interface MetricBatchTable {
  run_id: string;
  /** in the order they came, of the numbers that series have */
  number: number;
  /** by `encodeBatch` */
  data: Uint8Array;
}

/** One row: the highest number that a series ever had. */
export interface MetricSeriesTable {
  last: number;
}

/** One row per point that is in no block. A NaN is value 0 with `is_nan`. */
export interface MetricPointTable {
  series: number;
  timestamp: number;
  step: number;
  value: number;
  is_nan: number;
}

/** One row per block; its key is its first point. */
interface MetricBlockTable extends MetricPointTable {
  /** of the last point */
  to_timestamp: number;
  to_step: number;
  point_count: number;
  data: Uint8Array;
}

interface LoggedDatasetTable {
  id: Generated<number>;
  experiment_id: number;
  name: string;
  digest: string;
  source_type: string;
  source: string;
  schema: string | null;
  profile: string | null;
}

interface RunDatasetTable {
  run_id: string;
  dataset_id: number;
  context: string | null;
  /** JSON list of {key, value} */
  tags: string;
}

interface RunModelTable {
  run_id: string;
  model_id: string;
  direction: 'input' | 'output';
  step: number;
}

interface LoggedModelTable {
  id: string;
  experiment_id: number;
  name: string;
  status: ModelStatus;
  model_type: string | null;
  source_run_id: string | null;
  artifact_uri: string;
  lifecycle_stage: LifecycleStage;
  created_at: number;
  updated_at: number;
}

interface ModelKeyValueTable {
  model_id: string;
  key: string;
  value: string;
}

interface LoggedModelMetricTable {
  model_id: string;
  key: string;
  value: number;
  is_nan: number;
  step: number;
  timestamp: number;
  run_id: string;
  /** '' when measured on no named dataset */
  dataset_name: string;
  dataset_digest: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    experiment: ExperimentTable;
    experiment_number: ExperimentNumberTable;
    experiment_tag: ExperimentTagTable;
    run: RunTable;
    run_param: RunKeyValueTable;
    run_tag: RunKeyValueTable;
    latest_metric: LatestMetricTable;
    metric_series: MetricSeriesTable;
    metric_point: MetricPointTable;
    metric_block: MetricBlockTable;
    metric_batch: MetricBatchTable;
    logged_dataset: LoggedDatasetTable;
    run_dataset: RunDatasetTable;
    run_model: RunModelTable;
    logged_model: LoggedModelTable;
    logged_model_param: ModelKeyValueTable;
    logged_model_tag: ModelKeyValueTable;
    logged_model_metric: LoggedModelMetricTable;
  }
}

export const trackingMigrations: Migrations = {
  'tracking-001-runs': {
    async up(db) {
      await createTables(db, [
        `CREATE TABLE experiment (
          id integer PRIMARY KEY, name text NOT NULL UNIQUE, artifact_location text NOT NULL, lifecycle_stage text NOT NULL,
          created_at integer NOT NULL, updated_at integer NOT NULL)`,
        `CREATE TABLE experiment_tag (
          experiment_id integer NOT NULL REFERENCES experiment(id), key text NOT NULL, value text NOT NULL,
          PRIMARY KEY (experiment_id, key)) WITHOUT ROWID`,
        `CREATE TABLE run (
          id text PRIMARY KEY, name text NOT NULL, experiment_id integer NOT NULL REFERENCES experiment(id),
          user_id text NOT NULL, created_by text NOT NULL, status text NOT NULL, started_at integer NOT NULL, ended_at integer,
          artifact_uri text NOT NULL, lifecycle_stage text NOT NULL, deleted_at integer)`,
        `CREATE INDEX run_of_experiment ON run (experiment_id, lifecycle_stage, started_at DESC, id)`,
        `CREATE TABLE run_param (
          run_id text NOT NULL REFERENCES run(id), key text NOT NULL, value text NOT NULL, PRIMARY KEY (run_id, key)) WITHOUT ROWID`,
        `CREATE INDEX run_param_value ON run_param (key, value)`,
        `CREATE TABLE run_tag (
          run_id text NOT NULL REFERENCES run(id), key text NOT NULL, value text NOT NULL, PRIMARY KEY (run_id, key)) WITHOUT ROWID`,
        `CREATE INDEX run_tag_value ON run_tag (key, value)`,
        `CREATE TABLE latest_metric (
          series integer PRIMARY KEY, run_id text NOT NULL REFERENCES run(id), key text NOT NULL,
          value real NOT NULL, is_nan integer NOT NULL, step integer NOT NULL, timestamp integer NOT NULL, UNIQUE (run_id, key))`,
        `CREATE INDEX latest_metric_value ON latest_metric (key, is_nan, value, run_id)`,
        `CREATE TABLE metric_point (
          series integer NOT NULL, timestamp integer NOT NULL, step integer NOT NULL, value real NOT NULL, is_nan integer NOT NULL,
          PRIMARY KEY (series, timestamp, step, value, is_nan)) WITHOUT ROWID`,
        `CREATE TABLE logged_dataset (
          id integer PRIMARY KEY, experiment_id integer NOT NULL REFERENCES experiment(id), name text NOT NULL, digest text NOT NULL,
          source_type text NOT NULL, source text NOT NULL, schema text, profile text, UNIQUE (experiment_id, name, digest))`,
        `CREATE TABLE run_dataset (
          run_id text NOT NULL REFERENCES run(id), dataset_id integer NOT NULL REFERENCES logged_dataset(id), context text,
          tags text NOT NULL, PRIMARY KEY (run_id, dataset_id)) WITHOUT ROWID`,
        `CREATE TABLE run_model (
          run_id text NOT NULL REFERENCES run(id), model_id text NOT NULL, direction text NOT NULL, step integer NOT NULL,
          PRIMARY KEY (run_id, direction, model_id, step)) WITHOUT ROWID`,
        `CREATE INDEX run_model_of_model ON run_model (model_id)`,
        `CREATE TABLE logged_model (
          id text PRIMARY KEY, experiment_id integer NOT NULL REFERENCES experiment(id), name text NOT NULL, status text NOT NULL,
          model_type text, source_run_id text, artifact_uri text NOT NULL, lifecycle_stage text NOT NULL,
          created_at integer NOT NULL, updated_at integer NOT NULL)`,
        `CREATE INDEX logged_model_of_experiment ON logged_model (experiment_id, created_at DESC, id)`,
        `CREATE INDEX logged_model_of_run ON logged_model (source_run_id)`,
        `CREATE TABLE logged_model_param (
          model_id text NOT NULL REFERENCES logged_model(id), key text NOT NULL, value text NOT NULL, PRIMARY KEY (model_id, key)) WITHOUT ROWID`,
        `CREATE TABLE logged_model_tag (
          model_id text NOT NULL REFERENCES logged_model(id), key text NOT NULL, value text NOT NULL, PRIMARY KEY (model_id, key)) WITHOUT ROWID`,
        `CREATE TABLE logged_model_metric (
          model_id text NOT NULL REFERENCES logged_model(id), key text NOT NULL, value real NOT NULL, is_nan integer NOT NULL,
          step integer NOT NULL, timestamp integer NOT NULL, run_id text NOT NULL, dataset_name text NOT NULL, dataset_digest text NOT NULL,
          PRIMARY KEY (model_id, key, step, timestamp, run_id, dataset_name, dataset_digest, value)) WITHOUT ROWID`,
        // MLflow's clients log to experiment 0 when nobody chose one
        `INSERT INTO experiment VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', ${Date.now()}, ${Date.now()})`,
      ]);
    },
  },
  'tracking-002-experiment-numbers': {
    async up(db) {
      await createTables(db, [
        `CREATE TABLE experiment_number (last integer NOT NULL)`,
        `INSERT INTO experiment_number SELECT max(id) FROM experiment`,
      ]);
    },
  },
  'tracking-003-metric-blocks': {
    async up(db) {
      await createTables(db, [
        `CREATE TABLE metric_block (
          series integer NOT NULL, timestamp integer NOT NULL, step integer NOT NULL, value real NOT NULL, is_nan integer NOT NULL,
          to_timestamp integer NOT NULL, to_step integer NOT NULL, point_count integer NOT NULL, data blob NOT NULL,
          PRIMARY KEY (series, timestamp, step, value, is_nan)) WITHOUT ROWID`,
        `CREATE TABLE metric_series (last integer NOT NULL)`,
        `INSERT INTO metric_series SELECT coalesce(max(series), 0) FROM latest_metric`,
        `CREATE TABLE packed_metric (
          run_id text NOT NULL REFERENCES run(id), key text NOT NULL, series integer NOT NULL,
          value real NOT NULL, is_nan integer NOT NULL, step integer NOT NULL, timestamp integer NOT NULL,
          row_count integer NOT NULL, small_count integer NOT NULL, packed_timestamp integer, packed_step integer,
          PRIMARY KEY (run_id, key)) WITHOUT ROWID`,
        `INSERT INTO packed_metric SELECT run_id, key, series, value, is_nan, step, timestamp,
          (SELECT count(*) FROM metric_point WHERE metric_point.series = latest_metric.series), 0, NULL, NULL FROM latest_metric`,
        `DROP TABLE latest_metric`,
        `ALTER TABLE packed_metric RENAME TO latest_metric`,
        `CREATE INDEX latest_metric_value ON latest_metric (key, is_nan, value, run_id)`,
      ]);
    },
  },
  'tracking-004-metric-batches': {
    async up(db) {
      await createTables(db, [
        `ALTER TABLE latest_metric ADD COLUMN batch_count integer NOT NULL DEFAULT 0`,
        `CREATE TABLE metric_batch (
          run_id text NOT NULL REFERENCES run(id), number integer NOT NULL, data blob NOT NULL, PRIMARY KEY (run_id, number))`,
      ]);
    },
  },
};

/** Few enough to bind in one statement. */
const chunkSize = 500;

/** Rows for many ids, asked in chunks, grouped by id; one statement per chunk instead of one per id. */
export async function groupedByIds<Row>(
  ids: readonly string[],
  ask: (chunk: readonly string[]) => Promise<readonly Row[]>,
  idOf: (row: Row) => string,
): Promise<Map<string, Row[]>> {
  const grouped = new Map<string, Row[]>();
  for (let start = 0; start < ids.length; start += chunkSize) {
    for (const row of await ask(ids.slice(start, start + chunkSize))) {
      const id = idOf(row);
      const known = grouped.get(id);
      if (known === undefined) grouped.set(id, [row]);
      else known.push(row);
    }
  }
  return grouped;
}

