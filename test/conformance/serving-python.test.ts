import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { packagePath } from '../../src/platform/package-root.ts';
import type { ServedVersion } from '../../src/deploy/serving/serving-api.ts';
import {
  endpointOf,
  startControlPlane,
  startTestPlane,
  until,
} from '../../src/deploy/serving/test-control-plane.ts';
import {
  makePythonModels,
  needsTestPython,
  servePythonModel,
  testPython,
} from '../../src/deploy/serving/engines/test-python-models.ts';

test(
  'tritonclient and mlflow’s scoring client get the answers of Python from models of their own Python',
  needsTestPython,
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth-python-clients-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const names = ['categorical', 'spline', 'function', 'forest'];
    await makePythonModels(folder, names);
    const versions: ServedVersion[] = [];
    for (const name of names) versions.push(await servePythonModel(folder, name));
    const control = await startControlPlane();
    context.after(() => control.stop());
    const script = packagePath('test', 'conformance', 'python_engine_clients.py');
    for (const some of [names, ['categorical']]) {
      control.publish(
        some.map((name) => endpointOf(name, name)),
        versions.filter(({ model }) => some.includes(model)),
      );
      const plane = await startTestPlane(context, control);
      await until(async () => {
        const { endpoints } = (await (await fetch(`${plane.address}/health`)).json()) as {
          endpoints: string[];
        };
        return endpoints.length === some.length;
      }, 60_000);
      const { stdout } = await promisify(execFile)(testPython, [script, plane.address, folder, ...some]);
      assert.equal(stdout.trim(), 'ok');
      await plane.close();
    }
  },
);
