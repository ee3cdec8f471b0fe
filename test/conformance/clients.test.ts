import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const newest = process.env['TILTH_TEST_PYTHON'];
/** one Python for each older client */
const older = (process.env['TILTH_TEST_MLFLOW_PYTHONS'] ?? '').split(delimiter).filter((path) => path !== '');
const skip = (newest === undefined || older.length === 0) && process.env['CI'] === undefined ? 'TILTH_TEST_MLFLOW_PYTHONS is not set: npm test sets it up' : false;

/** What `clients_session.py` prints last. */
interface Left {
  readonly version: string;
  readonly experiment: string;
  readonly run: string;
  readonly parent: string;
  readonly boosted: readonly string[];
  readonly predictions: readonly number[];
  readonly model: string;
  readonly rows: { readonly columns: readonly string[]; readonly data: readonly (readonly number[])[] };
}

describe('the unmodified clients 3.17, 3.7 and 2.9', { skip }, () => {
  const home = temporaryHome();
  const folder = mkdtempSync(join(tmpdir(), 'tilth clients '));
  let server: RunningServer;
  const sessions = new Map<string, Promise<Left>>();

  const environment = (python: string): NodeJS.ProcessEnv => ({
    ...process.env,
    PATH: `${dirname(python)}${delimiter}${process.env['PATH']}`,
    MLFLOW_TRACKING_URI: server.address,
    MLFLOW_DISABLE_TELEMETRY: 'true',
    GIT_PYTHON_REFRESH: 'quiet',
    OMP_NUM_THREADS: '1',
  });

  before(async () => {
    assert.ok(newest !== undefined && older.length === 2, 'TILTH_TEST_PYTHON and TILTH_TEST_MLFLOW_PYTHONS must name the Pythons with the clients');
    server = await startServer({ home, port: 0 });
    const script = fileURLToPath(new URL('clients_session.py', import.meta.url));
    for (const [index, python] of [newest, ...older].entries()) {
      const session = promisify(execFile)(python, [script, join(folder, String(index))], { env: environment(python), maxBuffer: 1e8 }).then(
        ({ stdout }) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Left,
      );
      // told by the test of this client
      session.catch(() => undefined);
      sessions.set(python, session);
    }
  });
  after(async () => {
    await Promise.allSettled(sessions.values());
    await server.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [python, version] of [
    [newest, /^3\.17\./],
    [older[0], /^3\.7\./],
    [older[1], /^2\.9\./],
  ] as const) {
    it(`of version ${version.source.replaceAll(/[\\^]|\.$/g, '')} log, load, search, page, register and refuse as with their own server`, async () => {
      const left = await sessions.get(python ?? '');
      assert.match(left?.version ?? '', version);
      const response = await fetch(`${server.address}/api/2.0/mlflow/runs/get?run_id=${left?.parent}`);
      const { run } = (await response.json()) as { run: { info: { status: string; experiment_id: string } } };
      assert.deepEqual([run.info.status, run.info.experiment_id], ['FINISHED', left?.experiment]);
    });
  }

  it('autolog gradient boosting and load it again', async () => {
    assert.deepEqual((await sessions.get(newest ?? ''))?.boosted, ['xgboost', 'lightgbm']);
  });

  it('serve a model of ours with mlflow models serve, which predicts as it does in Python', async () => {
    assert.ok(newest !== undefined);
    const { model, rows, predictions } = (await sessions.get(newest)) as Left;
    const port = await freePort();
    const mlflow = join(dirname(newest), 'mlflow');
    assert.ok(existsSync(mlflow), mlflow);
    const words = ['models', 'serve', '--model-uri', model, '--env-manager', 'local', '--port', String(port), '--workers', '1'];
    const serving = spawn(mlflow, words, { env: environment(newest), stdio: 'ignore', detached: true });
    try {
      await answering(`http://127.0.0.1:${port}/ping`, serving);
      const response = await fetch(`http://127.0.0.1:${port}/invocations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ dataframe_split: { columns: rows.columns, data: rows.data } }),
      });
      assert.deepEqual(await response.json(), { predictions });
    } finally {
      // with the server that it starts
      if (serving.pid !== undefined && serving.exitCode === null) process.kill(-serving.pid);
    }
  });
});

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 240; tries += 1) {
    assert.equal(server.exitCode, null, 'mlflow models serve has ended');
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok === true) return;
    await wait(250);
  }
  assert.fail(`${url} does not answer`);
}
