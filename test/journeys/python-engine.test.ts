import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { resolveHome } from '../../src/platform/home.ts';
import { packagePath } from '../../src/platform/package-root.ts';
import { startDataPlane } from '../../src/deploy/serving/data-plane.ts';
import { post, quietLog, until } from '../../src/deploy/serving/test-control-plane.ts';
import { needsTestPython, saidInPython, testPython } from '../../src/deploy/serving/engines/test-python-models.ts';
import { startServer } from '../../src/server/server.ts';
import { program } from './processes.ts';

const run = promisify(execFile);
const models = ['categorical', 'spline', 'function', 'moody'];

test(
  'models without a faithful graph go from their registration to an answer in their own Python, by the same way as any other',
  { ...needsTestPython, timeout: 300_000 },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-python-engine-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const before = process.env['TILTH_PYTHON'];
    process.env['TILTH_PYTHON'] = testPython;
    context.after(() =>
      before === undefined ? delete process.env['TILTH_PYTHON'] : (process.env['TILTH_PYTHON'] = before),
    );
    const server = await startServer({ home: resolveHome(join(folder, 'home')), port: 0, log: quietLog });
    context.after(() => server.close());
    const say = async (...args: string[]): Promise<Record<string, unknown>> =>
      JSON.parse(
        (await run(process.execPath, [program, ...args, '--server', server.address, '--json'])).stdout,
      ) as Record<string, unknown>;

    // a scientist logs and registers with the unchanged client
    await run(
      testPython,
      [packagePath('test', 'fixtures', 'serving', 'make_python_models.py'), folder, ...models],
      {
        env: { ...process.env, MLFLOW_TRACKING_URI: server.address },
      },
    );
    for (const model of models) {
      const version = await say('model', 'show', model, '1', '--wait');
      assert.equal(version['engine'], 'python', `${model}: ${String(version['reason'])}`);
      assert.notEqual(version['reason'], null);
      assert.match(String(version['bundleDigest']), /^[0-9a-f]{64}$/);
      const { path, packages } = version['python'] as { path: string; packages: Record<string, string> };
      assert.equal(path, testPython);
      assert.ok('numpy' in packages);
      await say('model', 'gate', model, '1');
      await say('model', 'request', model, '1');
      await say('model', 'approve', model, '1', '--reason', 'a test has one person');
      await say('endpoint', 'create', model, '--model', model);
    }

    const plane = await startDataPlane({
      port: 0,
      server: server.address,
      log: quietLog,
      home: resolveHome(join(folder, 'plane')),
    });
    context.after(() => plane.close());
    const endpoints = async (): Promise<string[]> =>
      ((await (await fetch(`${plane.address}/health`)).json()) as { endpoints: string[] }).endpoints;
    await until(async () => (await endpoints()).length === models.length, 60_000);
    for (const model of models.slice(0, 3)) {
      const { columns, data, predict, predict_proba: probabilities } = saidInPython(folder, model);
      const answer = await post(`${plane.address}/endpoints/${model}/invocations`, {
        dataframe_split: { columns, data },
      });
      assert.equal(answer.headers.get('x-tilth-version'), '1');
      if (model === 'spline') {
        const values = answer.body['predictions'] as number[];
        assert.ok(
          values.every(
            (value, row) =>
              Math.abs(value - (predict[row] as number)) <= 1e-12 * Math.max(1, Math.abs(value)),
          ),
        );
      } else assert.deepEqual(answer.body, { predictions: predict }, model);
      if (probabilities === null) continue;
      const metadata = (await (await fetch(`${plane.address}/v2/models/${model}`)).json()) as {
        inputs: { name: string; datatype: string }[];
      };
      const inputs = metadata.inputs.map(({ name, datatype }) => {
        const at = columns.indexOf(name);
        return { name, datatype, shape: [data.length, 1], data: data.map((row) => row[at]) };
      });
      const inferred = await post(`${plane.address}/v2/models/${model}/infer`, { inputs });
      const [labels, scores] = inferred.body['outputs'] as { data: unknown[] }[];
      assert.deepEqual(labels?.data, predict, model);
      for (const [at, value] of probabilities.flat().entries()) {
        assert.ok(Math.abs((scores?.data[at] as number) - value) <= 1e-12, model);
      }
    }
  },
);
