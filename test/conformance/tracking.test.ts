import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Comparison, MetricHistoryView, RunDetail, RunPage } from '../../src/develop/tracking/tracking-api.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Session {
  readonly run: string;
  readonly child: string;
  readonly experiment: string;
  readonly model: string;
}

describe('the unmodified mlflow client', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let session: Session;

  before(async () => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny, scikit-learn and pandas');
    server = await startServer({ home, port: 0 });
    const script = fileURLToPath(new URL('tracking_session.py', import.meta.url));
    const environment = { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', OMP_NUM_THREADS: '1' };
    const { stdout } = await promisify(execFile)(python, [script, server.address], { env: environment });
    session = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Session;
  });
  after(async () => {
    await server.close();
    home.remove();
  });

  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${server.address}${path}`);
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };

  it('logs, searches, loads and deletes as with its own server', () => {
    assert.match(session.run, /^[0-9a-f]{32}$/);
  });

  it('shows up in our own list of runs', async () => {
    const { runs } = await get<RunPage>(`/api/v1/runs?experiment=flights&orderBy=${encodeURIComponent('metrics.auc DESC')}`);
    assert.deepEqual(runs.map((run) => run.name), ['child', 'parent', 'auto']);
    const filtered = await get<RunPage>(`/api/v1/runs?filter=${encodeURIComponent("params.a = '1'")}`);
    assert.deepEqual(filtered.runs.map((run) => run.id), [session.run]);
  });

  it('leaves a run with artifacts, dataset and model', async () => {
    const run = await get<RunDetail>(`/api/v1/runs/${session.run}`);
    assert.equal(run.experimentName, 'flights');
    assert.equal(run.status, 'FAILED');
    assert.deepEqual(run.artifacts.map((artifact) => artifact.path), ['conf', 't', 'tab.json']);
    assert.deepEqual(run.datasets.map(({ name, context }) => [name, context]), [['jan', 'training']]);
    assert.deepEqual(run.modelIds, [session.model]);
  });

  it('leaves curves that are thinned out without losing their ends', async () => {
    const history = await get<MetricHistoryView>(`/api/v1/runs/${session.run}/metrics/many?points=50`);
    assert.equal(history.pointCount, 1000);
    assert.ok(history.points.length <= 60, String(history.points.length));
    assert.equal(history.points[0]?.value, 0);
    assert.equal(history.points.at(-1)?.value, 999 / 7);
  });

  it('leaves runs that can be compared', async () => {
    const { fields } = await get<Comparison>(`/api/v1/runs/compare?ids=${session.run},${session.child}`);
    const loss = fields.find((field) => field.kind === 'metric' && field.key === 'loss');
    assert.deepEqual([loss?.values, loss?.isDifferent], [[0.25, null], true]);
  });

  it('logs from a command with its commit and command line, and passes on its exit code', async () => {
    const script = "import mlflow, sys\nwith mlflow.start_run() as run: mlflow.log_metric('auc', 0.5)\nprint(run.info.run_id)\nsys.exit(7)";
    const words = [main, 'run', '--server', server.address, '--experiment', 'by command', '--', python ?? '', '-c', script];
    const failed = await promisify(execFile)(process.execPath, words, { env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' } }).catch(
      (thrown: { code: number; stdout: string }) => thrown,
    );
    assert.equal('code' in failed ? failed.code : 0, 7);
    const id = failed.stdout.split('\n').find((line) => /^[0-9a-f]{32}$/.test(line)) ?? '';
    const run = await get<RunDetail>(`/api/v1/runs/${id}`);
    assert.equal(run.experimentName, 'by command');
    assert.match(run.tags['tilth.command'] ?? '', /^.*python.* -c 'import mlflow/);
    assert.match(run.tags['mlflow.source.git.commit'] ?? '', /^[0-9a-f]{40}$/);
  });

  it('is listed, shown and compared from the command line', async () => {
    const tilth = async (...words: string[]): Promise<string> =>
      (await promisify(execFile)(process.execPath, [main, 'run', ...words, '--server', server.address])).stdout;
    const { runs } = JSON.parse(await tilth('list', '--experiment', 'flights', '--filter', 'metrics.auc > 0.8', '--json')) as RunPage;
    assert.deepEqual(runs.map((run) => run.name), ['child', 'parent']);
    assert.match(await tilth('show', session.run), /loss +0\.25 {2}\(step 2\)/);
    assert.match(await tilth('compare', session.run, session.child), /metric +loss +0\.25 +–/);
  });
});
