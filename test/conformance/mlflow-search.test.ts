import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { insertRuns, type PlainRun } from '../../src/develop/tracking/test-runs.ts';
import type { Migrations } from '../../src/platform/database/database.ts';
import { openDatabase } from '../../src/platform/database/open-database.ts';
import { features } from '../../src/server/features.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

interface Case<Id> {
  readonly filter: string;
  readonly order_by?: readonly string[];
  /** of runs and models their place in the list of them */
  readonly found?: readonly Id[];
  readonly error?: string;
}

interface Answers {
  readonly mlflow: string;
  readonly scope: readonly string[];
  readonly experiments: readonly { id: string; name: string; tags: Record<string, string> }[];
  readonly runs: readonly (Omit<PlainRun, 'metrics'> & { metrics: Record<string, number | 'NaN'> })[];
  readonly models: readonly {
    id: string;
    name: string;
    type: string | null;
    run: string;
    params: Record<string, string>;
    tags: Record<string, string>;
    metrics: readonly [key: string, value: number, step: number][];
  }[];
  readonly run_searches: readonly Case<number>[];
  readonly experiment_searches: readonly Case<string>[];
  readonly model_searches: readonly Case<number>[];
}

/** What MLflow refuses and we answer: OR, NOT, parentheses, arithmetic, lists and IS NULL of every field, one attribute more. */
const ours = new Set([
  "metrics.a > 1 OR params.x = 'y'",
  "tags.t = '1' or tags.t = '2'",
  'NOT metrics.a > 1',
  'metrics.a > 1 AND NOT metrics.b > 2',
  '(metrics.a > 1)',
  'metrics.a > (1)',
  'metrics.a - metrics.b > 0.1',
  'metrics.a > metrics.b',
  'metrics.a * 2 > 1',
  'metrics.a > +1',
  '1 < metrics.a',
  'metrics.a BETWEEN 1 AND 2',
  'metrics.a IS NULL',
  'attribute.start_time IS NULL',
  "params.x in ('x')",
  "params.x NOT IN ('a')",
  "status IN ('FINISHED')",
  "tags.t NOT LIKE 'y'",
  "experiment_id = '1'",
]);

/** What MLflow lets pass and we refuse, since it can only be a slip: words that join nothing, lists without commas. */
const slips = new Set([
  'metrics.a > 1 AND',
  'AND metrics.a > 1',
  'metrics.a > 1 AND AND metrics.b > 1',
  'metrics.a > 1 metrics.b > 2',
  "run_id IN ('a' 'b')",
]);

describe('searches answered by a real MLflow store', () => {
  const home = temporaryHome();
  let server: RunningServer;
  let answers: Answers;

  before(async () => {
    answers = await askMlflow();
    const migrations: Migrations = Object.assign({}, ...features.map((each) => each.migrations ?? {}));
    const database = await openDatabase(home.database, migrations);
    await database.write(async (tx) => {
      for (const { id, name, tags } of answers.experiments) {
        const times = { created_at: 1, updated_at: 1 };
        await tx.insertInto('experiment').values({ id: Number(id), name, artifact_location: '', lifecycle_stage: 'active', ...times }).execute();
        for (const [key, value] of Object.entries(tags)) await tx.insertInto('experiment_tag').values({ experiment_id: Number(id), key, value }).execute();
      }
    });
    await insertRuns(
      database,
      answers.runs.map((run) => ({ ...run, metrics: Object.fromEntries(Object.entries(run.metrics).map(([key, value]) => [key, Number(value)])) })),
    );
    await database.write(async (tx) => {
      for (const model of answers.models) {
        const row = { id: model.id, name: model.name, model_type: model.type, source_run_id: model.run, experiment_id: Number(answers.experiments[0]?.id) };
        const rest = { status: 'LOGGED_MODEL_READY' as const, artifact_uri: '', lifecycle_stage: 'active' as const, created_at: 1, updated_at: 1 };
        await tx.insertInto('logged_model').values({ ...row, ...rest }).execute();
        for (const [key, value] of Object.entries(model.params)) await tx.insertInto('logged_model_param').values({ model_id: model.id, key, value }).execute();
        for (const [key, value] of Object.entries(model.tags)) await tx.insertInto('logged_model_tag').values({ model_id: model.id, key, value }).execute();
        for (const [key, value, step] of model.metrics) {
          const point = { key, value, step, is_nan: 0, timestamp: 0, run_id: model.run, dataset_name: '', dataset_digest: '' };
          await tx.insertInto('logged_model_metric').values({ model_id: model.id, ...point }).execute();
        }
      }
    });
    await database.close();
    server = await startServer({ home, port: 0 });
  });
  after(async () => {
    await server.close();
    home.remove();
  });

  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${server.address}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, ...((await response.json()) as object) };
  };

  it('finds the same runs in the same order, and refuses the same filters with the same code', async () => {
    const seen = { ours: 0, slips: 0 };
    for (const { filter, order_by, found, error } of answers.run_searches) {
      const answer = await post('runs/search', { experiment_ids: answers.scope, filter, order_by, max_results: 1000 });
      if (ours.has(filter) || slips.has(filter)) {
        seen[ours.has(filter) ? 'ours' : 'slips'] += 1;
        assert.equal(error === undefined, slips.has(filter), filter);
        assert.equal(answer['error_code'], slips.has(filter) ? 'INVALID_PARAMETER_VALUE' : undefined, filter);
        continue;
      }
      if (error !== undefined) {
        assert.deepEqual([answer['status'], answer['error_code']], [400, error], filter);
        continue;
      }
      const runs = (answer['runs'] ?? []) as { info: { run_id: string } }[];
      assert.deepEqual(
        [answer['error_code'], runs.map((run) => run.info.run_id)],
        [undefined, found?.map((index) => answers.runs[index]?.id)],
        `${filter} by ${order_by?.join()}`,
      );
    }
    assert.deepEqual(seen, { ours: ours.size, slips: slips.size });
  });

  it('finds the same experiments in the same order', async () => {
    for (const { filter, order_by, found } of answers.experiment_searches) {
      const answer = await post('experiments/search', { filter, order_by, max_results: 1000 });
      const experiments = (answer['experiments'] ?? []) as { experiment_id: string }[];
      assert.deepEqual([answer['error_code'], experiments.map((each) => each.experiment_id)], [undefined, found], filter);
    }
  });

  it('finds the same logged models in the same order', async () => {
    for (const { filter, found } of answers.model_searches) {
      const answer = await post('logged-models/search', {
        experiment_ids: [answers.experiments[0]?.id],
        filter,
        order_by: [{ field_name: 'name' }, { field_name: 'model_id' }],
        max_results: 1000,
      });
      const models = (answer['models'] ?? []) as { info: { model_id: string } }[];
      assert.deepEqual([answer['error_code'], models.map((each) => each.info.model_id)], [undefined, found?.map((index) => answers.models[index]?.id)], filter);
    }
  });
});

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;

it('the unmodified client asks with OR, NOT and arithmetic, and sees refusals as its own', { skip }, async () => {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny and pandas');
  const home = temporaryHome();
  const server = await startServer({ home, port: 0 });
  try {
    const script = fileURLToPath(new URL('mlflow_client_search.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, server.address], { env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } });
    assert.match(stdout, /searched/);
  } finally {
    await server.close();
    home.remove();
  }
});

/** What mlflow said when the file was made; with TILTH_MLFLOW_PYTHON, what it says now to other questions. */
async function askMlflow(): Promise<Answers> {
  const python = process.env['TILTH_MLFLOW_PYTHON'];
  if (python === undefined) return JSON.parse(await readFile(new URL('mlflow-search.json', import.meta.url), 'utf8')) as Answers;
  const script = fileURLToPath(new URL('mlflow_search.py', import.meta.url));
  const asked = [script, process.env['TILTH_SEED'] ?? '6', process.env['TILTH_FILTERS'] ?? '2000'];
  const { stdout } = await promisify(execFile)(python, asked, { maxBuffer: 1e9, env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } });
  return JSON.parse(stdout) as Answers;
}
