import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const python = process.env['TILTH_TEST_PYTHON'];

/** Options of a test that asks the reference implementations: skipped without them, but not in CI. */
export const pythonTest = {
  skip:
    python === undefined && process.env['CI'] === undefined
      ? 'TILTH_TEST_PYTHON names no Python with scipy and scikit-learn'
      : false,
};

/** What a Python program prints as JSON, with `given` as its input. */
export function pythonAnswer<T>(program: string, given: unknown): T {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON is not set');
  const done = spawnSync(python, ['-c', `import json, sys\ngiven = json.load(sys.stdin)\n${program}`], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout) as T;
}
