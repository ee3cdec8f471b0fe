import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { programEntry } from '../../platform/package-root.ts';
import { useTestBucket, type TestBucket } from '../../platform/blobs/test-bucket.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import type { CleanupDone, CleanupPlan } from './cleanup-api.ts';
import { milliseconds } from './cleanup-commands.ts';

let server: RunningServer;
let bucket: TestBucket | undefined;
let aheadMs = 0;
const home = temporaryHome();
before(async () => {
  bucket = await useTestBucket();
  server = await startServer({ home, port: 0, clock: { now: () => Date.now() + aheadMs } });
});
after(async () => {
  await server.close();
  await bucket?.stop();
  home.remove();
});

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  const isFile = typeof body === 'string';
  const response = await fetch(`${server.address}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          body: isFile ? body : JSON.stringify(body),
          headers: { 'content-type': isFile ? 'application/octet-stream' : 'application/json' },
        }),
  });
  assert.ok(response.ok, `${path}: ${await response.clone().text()}`);
  return response.json();
}
const post = (path: string, body: unknown): Promise<unknown> => call('POST', `/api/2.0/mlflow/${path}`, body);

interface LoggedRun {
  readonly id: string;
  readonly model: string;
}

/** A run with a history, a file and a logged model of one file. */
async function logRun(experimentId: string): Promise<LoggedRun> {
  const { run } = (await post('runs/create', { experiment_id: experimentId })) as {
    run: { info: { run_id: string } };
  };
  const id = run.info.run_id;
  const metrics = Array.from({ length: 50 }, (_, step) => ({
    key: 'loss',
    value: 1 / (step + 1),
    timestamp: 1000 + step,
    step,
  }));
  await post('runs/log-batch', {
    run_id: id,
    metrics,
    params: [{ key: 'depth', value: '3' }],
    tags: [{ key: 'a', value: 'b' }],
  });
  await call(
    'PUT',
    `/api/2.0/mlflow-artifacts/artifacts/${experimentId}/${id}/artifacts/notes.txt`,
    'x'.repeat(1000),
  );
  const { model } = (await post('logged-models', {
    experiment_id: experimentId,
    name: 'model',
    source_run_id: id,
  })) as { model: { info: { model_id: string } } };
  const modelId = model.info.model_id;
  await post('runs/outputs', { run_id: id, models: [{ model_id: modelId, step: 0 }] });
  await call(
    'PUT',
    `/api/2.0/mlflow-artifacts/artifacts/${experimentId}/models/${modelId}/artifacts/model.bin`,
    'y'.repeat(2000),
  );
  return { id, model: modelId };
}

async function newExperiment(name: string): Promise<string> {
  return ((await post('experiments/create', { name })) as { experiment_id: string }).experiment_id;
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const tilth = (...words: string[]): Promise<Ended> =>
  new Promise((done) => {
    const child = execFile(
      process.execPath,
      [programEntry, ...words, '--server', server.address],
      { encoding: 'utf8' },
      (_error, stdout, stderr) => done({ status: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end();
  });

async function gc<T>(...flags: string[]): Promise<T> {
  const { status, stdout, stderr } = await tilth('gc', '--json', ...flags);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as T;
}

/** Names of all files of an experiment, wherever below it. */
async function filesOf(experimentId: string, below = ''): Promise<string[]> {
  const entries = await server.world.blobs.list(`artifacts/${experimentId}${below}`);
  const found = entries.map(async ({ name, isFolder }) => (isFolder ? filesOf(experimentId, `${below}/${name}`) : [name]));
  return (await Promise.all(found)).flat().sort();
}

test('a run that was deleted long enough ago goes with its history, its model and its files, and nothing else does', async () => {
  const experiment = await newExperiment('a run goes');
  const [gone, stays] = [await logRun(experiment), await logRun(experiment)];
  await post('runs/delete', { run_id: gone.id });
  assert.deepEqual((await gc<CleanupPlan>('--dry-run')).remove, [], 'thirty days are the default');
  const plan = await gc<CleanupPlan>('--older-than', '0s', '--dry-run');
  assert.deepEqual(
    plan.remove.map(({ kind, id, byteCount, pointCount }) => [kind, id, byteCount, pointCount]),
    [
      ['run', gone.id, 1000, 50],
      ['logged-model', gone.model, 2000, 0],
    ],
  );
  assert.equal((await filesOf(experiment)).length, 4, 'a plan removes nothing');

  const done = await gc<CleanupDone>('--older-than', '0s', '--yes');
  assert.deepEqual(done, { removed: { run: 1, 'logged-model': 1 }, byteCount: 3000 });
  assert.deepEqual(await filesOf(experiment), ['model.bin', 'notes.txt']);
  const kept = (await call('GET', `/api/2.0/mlflow/runs/get?run_id=${stays.id}`)) as {
    run: { data: { metrics: unknown[] } };
  };
  assert.equal(kept.run.data.metrics.length, 1);
  const answer = await fetch(`${server.address}/api/2.0/mlflow/runs/get?run_id=${gone.id}`);
  assert.equal(answer.status, 404);
  const history = (await call(
    'GET',
    `/api/2.0/mlflow/metrics/get-history?run_id=${stays.id}&metric_key=loss`,
  )) as { metrics: unknown[] };
  assert.equal(history.metrics.length, 50);
});

test('what a model version was made from stays, and says why', async () => {
  const experiment = await newExperiment('a version needs it');
  const { id, model } = await logRun(experiment);
  await post('registered-models/create', { name: 'needed' });
  await post('model-versions/create', {
    name: 'needed',
    source: `models:/${model}`,
    run_id: id,
    model_id: model,
  });
  await post('experiments/delete', { experiment_id: experiment });
  const plan = await gc<CleanupPlan>('--older-than', '0s', '--experiment', experiment, '--dry-run');
  assert.deepEqual(plan.remove, []);
  assert.deepEqual(
    new Set(plan.keep.map((thing) => `${thing.kind}: ${thing.reason}`)),
    new Set([
      'run: version 1 of needed was made from it',
      'logged-model: version 1 of needed was made from it',
      'experiment: something in it is kept',
    ]),
  );
});

test('an experiment goes whole, and its name is free again', async () => {
  const experiment = await newExperiment('goes whole');
  await logRun(experiment);
  await post('experiments/delete', { experiment_id: experiment });
  const done = await gc<CleanupDone>('--older-than', '0s', '--experiment', experiment, '--yes');
  assert.deepEqual(done.removed, { run: 1, 'logged-model': 1, experiment: 1 });
  assert.notEqual(await newExperiment('goes whole'), experiment);
});

test('files whose run is gone are found as orphans', async () => {
  const experiment = await newExperiment('orphans');
  const id = 'f'.repeat(32);
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/lost.txt`, 'lost');
  const plan = await gc<CleanupPlan>('--dry-run');
  assert.deepEqual(
    plan.remove.map(({ kind, id: thing, byteCount }) => [kind, thing, byteCount]),
    [['orphan', `${experiment}/${id}`, 4]],
  );
  assert.deepEqual((await gc<CleanupDone>('--yes')).removed, { orphan: 1 });
  assert.deepEqual((await gc<CleanupPlan>('--dry-run')).remove, []);
});

test('without a terminal and without --yes nothing is removed', async () => {
  const experiment = await newExperiment('asks');
  const { id } = await logRun(experiment);
  await post('runs/delete', { run_id: id });
  const asked = await tilth('gc', '--older-than', '0s', '--run', id);
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /removes 2 things for good[\s\S]*--yes/);
  assert.equal((await gc<CleanupPlan>('--older-than', '0s', '--run', id, '--dry-run')).remove.length, 2);
});

test('a length of time is written as for mlflow gc', () => {
  assert.equal(milliseconds('1d2h3m4s'), 93_784_000);
  assert.throws(() => milliseconds('30'), /not a length of time/);
  assert.throws(() => milliseconds('1d x'), /not a length of time/);
});

test('an upload that nobody finished goes after a day, one under way stays', async () => {
  const begin = (name: string) =>
    call('POST', '/api/2.0/mlflow-artifacts/mpu/create/0/run/artifacts', {
      path: name,
      num_parts: 1,
    }) as Promise<{ upload_id: string; credentials: [{ url: string }] }>;
  const { credentials } = await begin('old.bin');
  assert.ok((await fetch(credentials[0].url, { method: 'PUT', body: 'z'.repeat(500) })).ok);
  const plan = async (): Promise<CleanupPlan['remove']> => {
    const { remove } = (await call('POST', '/api/v1/cleanup/plan', { olderThan: 0 })) as CleanupPlan;
    return remove.filter(({ kind }) => kind === 'upload');
  };
  assert.deepEqual(await plan(), []);
  aheadMs = 25 * 3_600_000;
  const [upload, ...others] = await plan();
  assert.deepEqual([upload?.name, upload?.experimentId, others], ['0/run/artifacts/old.bin', '0', []]);
  assert.ok((upload?.byteCount ?? 0) >= 500);
  const { job } = (await call('POST', '/api/v1/cleanup', { olderThan: 0 })) as { job: string };
  await call('GET', `/api/v1/jobs/${job}?wait=true`);
  assert.deepEqual(await server.world.blobs.uploads.unfinished(), []);
});
