import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const python = process.env['TILTH_TEST_PYTHON'];

/** Skips, with its reason, on a machine without the Python that a variable names; in CI the test runs and then fails. */
export const needs = (variable: string, what: string): { readonly skip: string | false } => ({
  skip:
    process.env[variable] === undefined && process.env['CI'] === undefined ? `needs ${variable}, a Python with ${what}` : false,
});

export const needsPython = needs('TILTH_TEST_PYTHON', 'dvc and pyarrow');

/** The real dvc with all its remotes. */
export const needsDvc = needs('TILTH_TEST_DVC_PYTHON', 'dvc');

/** Standard output of a Python program that must succeed. */
export function runPython(args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with dvc and pyarrow');
  const { status, stdout, stderr } = spawnSync(python, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // the tests' own folder, so that no state of the person's repositories is read or changed
    env: { ...process.env, DVC_NO_ANALYTICS: '1', DVC_SITE_CACHE_DIR: `${options.cwd ?? process.cwd()}/../dvc-site` },
    ...options,
  });
  assert.equal(status, 0, `python ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/** The real dvc. */
export const dvc = (cwd: string, ...args: string[]): string => runPython(['-m', 'dvc', ...args], { cwd });
