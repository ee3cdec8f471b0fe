import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { curvePoint, firstTime, madeRun } from './made-runs.ts';

/** Puts made runs into the database of MLflow's server (its own tables, made by its first start) while it does not run. */
export function addRuns(file: string, experiment: string, from: number, to: number): void {
  filling(file, (put) => {
    const run = put(
      'runs',
      'run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id',
    );
    const tag = put('tags', 'run_uuid, key, value');
    const param = put('params', 'run_uuid, key, value');
    const latest = put('latest_metrics', pointColumns);
    const point = put('metrics', pointColumns);
    for (let index = from; index < to; index++) {
      const { id, name, startedAt, endedAt, tags, params, metrics } = madeRun(experiment, index);
      const uri = `mlflow-artifacts:/${experiment}/${id}/artifacts`;
      run.run(
        id,
        name,
        'UNKNOWN',
        '',
        '',
        'ana',
        'FINISHED',
        startedAt,
        endedAt,
        '',
        'active',
        uri,
        Number(experiment),
      );
      for (const [key, value] of tags) tag.run(id, key, value);
      for (const [key, value] of params) param.run(id, key, value);
      for (const [key, value] of metrics) {
        latest.run(id, key, value, startedAt, 0, 0);
        point.run(id, key, value, startedAt, 0, 0);
      }
    }
  });
}

/** Puts a curve `loss` into a run. */
export function addCurve(file: string, run: string, pointCount: number): void {
  filling(file, (put) => {
    const point = put('metrics', pointColumns);
    for (let step = 0; step < pointCount; step++)
      point.run(run, 'loss', curvePoint(step).value, firstTime + step, step, 0);
    const { value, timestamp, step } = curvePoint(pointCount - 1);
    put('latest_metrics', pointColumns).run(run, 'loss', value, timestamp, step, 0);
  });
}

const pointColumns = 'run_uuid, key, value, timestamp, step, is_nan';

function filling(file: string, work: (put: (table: string, columns: string) => StatementSync) => void): void {
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN');
    work((table, columns) =>
      database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.replaceAll(/\w+/g, '?')})`),
    );
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
