import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { openDatabase, type Migrations } from '../../src/platform/database.ts';
import { encodeBlock } from '../../src/develop/tracking/metric-block.ts';
import { columnsOf, lengthOf, positionAt, sliceColumns } from '../../src/develop/tracking/metric-columns.ts';
import { mostInBlock } from '../../src/develop/tracking/metric-point-store.ts';
import type { MetricPoint } from '../../src/develop/tracking/tracking.ts';
import { features } from '../../src/server/features.ts';

interface Wanted {
  readonly runCount: number;
  /** different keys of every 500th run and of the newest */
  readonly keyCount: number;
  /** of the one long curve; 0 for none */
  readonly pointCount: number;
}

/**
 * What a team has after years, straight into the tables of a database: the experiment `many runs` with 5 metrics and 5
 * params each, and `long curves` with a curve that has one peak and one dip. The same every time.
 */
export async function fillRuns(file: string, { runCount, keyCount, pointCount }: Wanted): Promise<void> {
  let seed = 1;
  function random(): number {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  }
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const hexId = (): string => Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')).join('');

  const migrations: Migrations = Object.assign({}, ...features.map((each) => each.migrations ?? {}));
  await (await openDatabase(file, migrations)).close();

  const db = new DatabaseSync(file);
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN');
  const put = (table: string, columns: string): StatementSync =>
    db.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.replaceAll(/\w+/g, '?')})`);
  const experiment = put('experiment', 'name, artifact_location, lifecycle_stage, created_at, updated_at');
  const run = put('run', 'id, name, experiment_id, user_id, created_by, status, started_at, ended_at, artifact_uri, lifecycle_stage');
  const param = put('run_param', 'run_id, key, value');
  const tag = put('run_tag', 'run_id, key, value');
  const latest = put('latest_metric', 'run_id, key, series, value, is_nan, step, timestamp, row_count, small_count, packed_timestamp, packed_step');
  const point = put('metric_point', 'series, timestamp, step, value, is_nan');
  const block = put('metric_block', 'series, timestamp, step, value, is_nan, to_timestamp, to_step, point_count, data');
  let series = 0;

  const newExperiment = (name: string): number => {
    const now = Date.UTC(2026, 0, 1);
    const { lastInsertRowid } = experiment.run(name, `mlflow-artifacts:/${name}`, 'active', now, now);
    return Number(lastInsertRowid);
  };

  const stepMs = 60_000;
  const firstStart = Date.UTC(2026, 0, 1) - runCount * stepMs;
  const models = ['trees', 'forest', 'linear', 'boosting', 'network'];

  function addRun(experimentId: number, index: number, name: string): { id: string; at: number } {
    const id = hexId();
    const at = firstStart + index * stepMs;
    const status = random() < 0.93 ? 'FINISHED' : 'FAILED';
    const row: SQLInputValue[] = [id, name, experimentId, 'ana', 'local', status, at, at + Math.floor(random() * 600_000), `mlflow-artifacts:/${experimentId}/${id}/artifacts`, 'active'];
    run.run(...row);
    tag.run(id, 'mlflow.runName', name);
    return { id, at };
  }

  function addMetric(id: string, key: string, value: number, at: number): void {
    series += 1;
    latest.run(id, key, series, value, 0, 0, at, 1, 0, null, null);
    point.run(series, at, 0, value, 0);
  }

  const many = newExperiment('many runs');
  for (let index = 0; index < runCount; index += 1) {
    const model = pick(models);
    const { id, at } = addRun(many, index, `${model}-${index}`);
    const depth = 1 + Math.floor(random() * 20);
    const rate = 10 ** (-4 + random() * 3);
    param.run(id, 'model', model);
    param.run(id, 'max_depth', String(depth));
    param.run(id, 'learning_rate', rate.toPrecision(4));
    param.run(id, 'n_estimators', String(pick([50, 100, 200, 400, 800])));
    param.run(id, 'seed', String(Math.floor(random() * 100)));
    const auc = 0.9 - Math.abs(Math.log10(rate) + 2) * 0.06 - Math.abs(depth - 9) * 0.008 - random() * 0.05;
    addMetric(id, 'val_auc', auc, at);
    addMetric(id, 'train_auc', Math.min(0.999, auc + depth * 0.006), at);
    addMetric(id, 'val_loss', 1 - auc + random() * 0.1, at);
    addMetric(id, 'f1', auc * 0.9 - random() * 0.03, at);
    addMetric(id, 'fit_seconds', depth * 3.1 + random() * 20, at);
    if (index % 500 === 499 || index === runCount - 1) {
      for (let key = 0; key < keyCount; key += 1) {
        const name = String(key).padStart(4, '0');
        if (key % 2 === 0) addMetric(id, `layer_${name}`, random(), at);
        else param.run(id, `option_${name}`, String(Math.floor(random() * 1000)));
      }
    }
  }

  if (pointCount > 0) {
    const long = newExperiment('long curves');
    const [peakAt, dipAt] = [Math.floor(pointCount * 0.654), Math.floor(pointCount * 0.123)];
    for (const [index, name] of ['steady', 'noisy'].entries()) {
      const { id, at } = addRun(long, runCount + index, name);
      const count = name === 'steady' ? pointCount : Math.ceil(pointCount / 10);
      series += 1;
      const points: MetricPoint[] = [];
      for (let step = 0; step < count; step += 1) {
        // one peak and one dip that a thinned curve must still show
        const noise = (random() - 0.5) * (name === 'steady' ? 0.05 : 0.4);
        const value = step === peakAt ? 9 : step === dipAt ? -3 : 0.1 + 4 / (1 + (50 * step) / pointCount) + noise;
        points.push({ value, timestamp: at + step, step });
      }
      const columns = columnsOf(points);
      for (let from = 0; from < count; from += mostInBlock) {
        const part = sliceColumns(columns, from, Math.min(count, from + mostInBlock));
        const [first, last] = [positionAt(part, 0), positionAt(part, lengthOf(part) - 1)];
        block.run(series, ...first, last[0], last[1], lengthOf(part), encodeBlock(part));
      }
      const last = positionAt(columns, count - 1);
      latest.run(id, 'loss', series, last[2], 0, last[1], last[0], 0, 0, last[0], last[1]);
    }
  }
  db.prepare('UPDATE metric_series SET last = ?').run(series);
  db.exec('UPDATE experiment_number SET last = (SELECT max(id) FROM experiment); COMMIT');
  db.close();
}
