import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DataPlaneOptions } from '../../src/deploy/serving/data-plane.ts';
import {
  endpointOf,
  late1,
  minutes1,
  startControlPlane,
  startTestPlane,
  weather1,
  type TestPlane,
} from '../../src/deploy/serving/test-control-plane.ts';
import { needs } from '../../src/develop/dvc-files/test-python.ts';

/** Needs the clients of served models: test/requirements-serving.txt. */
export const needsServingPython = needs(
  'TILTH_TEST_SERVING_PYTHON',
  'tritonclient, kserve, boto3 and mlflow',
);

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A data plane with a model of mixed columns, one of a block of numbers, and a regression. */
export async function startThreeModels(
  context: TestContext,
  options: Partial<DataPlaneOptions> = {},
): Promise<TestPlane> {
  const control = await startControlPlane();
  context.after(() => control.stop());
  control.publish(
    [endpointOf('late', 'late'), endpointOf('weather', 'weather'), endpointOf('minutes', 'minutes')],
    [late1, weather1, minutes1],
  );
  return startTestPlane(context, control, options);
}

/** @returns the names of the checks that held; the first that does not fails the session */
export async function runClients(script: string, ...addresses: readonly string[]): Promise<string[]> {
  const python = process.env['TILTH_TEST_SERVING_PYTHON'];
  assert.ok(
    python !== undefined,
    'TILTH_TEST_SERVING_PYTHON must name a Python with test/requirements-serving.txt',
  );
  const { stdout } = await promisify(execFile)(
    python,
    [pathOf(script), ...addresses, pathOf('../fixtures/serving/expected.json')],
    {
      timeout: 180_000,
    },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '[]') as string[];
}
