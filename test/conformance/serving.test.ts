import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  endpointOf,
  late1,
  loggedIn,
  startControlPlane,
  startTestPlane,
  weather1,
} from '../../src/deploy/serving/test-control-plane.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe('public clients of the data plane', () => {
  it('tritonclient and mlflow’s scoring client get the answers of scikit-learn', { skip }, async (context) => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with tritonclient[http] and mlflow-skinny');
    const control = await startControlPlane();
    context.after(() => control.stop());
    control.publish([endpointOf('late', 'late'), endpointOf('weather', 'weather')], [late1, weather1]);
    const plane = await startTestPlane(context, control);
    const { stdout } = await promisify(execFile)(python, [
      pathOf('serving_clients.py'),
      plane.address,
      pathOf('../fixtures/serving/expected.json'),
    ]);
    assert.equal((JSON.parse(stdout) as string[]).length, 29);
    await plane.close();
    assert.equal(loggedIn(plane.home).find((record) => record.requestId === 'client-7')?.keys?.[199], '199');
  });
});
