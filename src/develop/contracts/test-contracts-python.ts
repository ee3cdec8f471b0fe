import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { needs } from '../dvc-files/test-python.ts';

const python = process.env['TILTH_TEST_CONTRACTS_PYTHON'];

/** Skips, with its reason, on a machine without the Python packages; in CI the test runs and then fails. */
export const needsContractsPython = needs(
  'TILTH_TEST_CONTRACTS_PYTHON',
  'what others make of contracts',
);

/** Standard output of a Python program that must succeed. */
export async function runContractsPython(
  program: string,
  args: readonly string[] = [],
  cwd?: string,
): Promise<string> {
  assert.ok(python !== undefined, 'TILTH_TEST_CONTRACTS_PYTHON must name a Python');
  const options = {
    maxBuffer: 1 << 28,
    env: { ...process.env, GX_ANALYTICS_ENABLED: 'False', OMP_NUM_THREADS: '1' },
    ...(cwd === undefined ? {} : { cwd }),
  };
  const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', '-c', program, ...args], options);
  return stdout;
}
