// DVC's own tests, held against tilth: `node test/conformance/dvc/own-tests.ts CHECKOUT [cli|repo] [pytest words…]`; words replace the
// files of the pass.
// CHECKOUT is a folder with the sources of dvc 3.67.1 as its public repository has them; TILTH_TEST_DVC_PYTHON a Python
// with that dvc installed. A table of what came out goes to standard output, why tests failed to `own-tests-*.json`.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { launcher } from './people.ts';

interface Outcome {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
}

const filesOfPass: Readonly<Record<string, readonly string[]>> = {
  // all files in which tests call `main([…])`
  cli: [
    'test_add', 'test_analytics', 'test_check_ignore', 'test_checkout', 'test_config', 'test_data_cloud', 'test_gc', 'test_get', 'test_import_url',
    'test_init', 'test_lock', 'test_move', 'test_odb', 'test_remote', 'test_remove', 'test_root', 'test_run', 'test_status', 'test_version',
    'repro/test_repro', 'metrics/test_show', 'metrics/test_diff', 'utils/test_strict_yaml',
  ],
  repo: [
    'test_add', 'test_checkout', 'test_commit', 'test_data_cloud', 'test_data_status', 'test_diff', 'test_gc', 'test_ignore', 'test_lockfile',
    'test_move', 'test_remove', 'test_run_cache', 'test_status', 'repro', 'metrics', 'params',
  ],
}; // prettier-ignore

/** By pass and test: the reason. */
const notApplicable = JSON.parse(
  readFileSync(join(import.meta.dirname, 'own-tests-not-applicable.json'), 'utf8'),
) as Record<string, Record<string, string>>;

const [checkout, wantedPass, ...more] = process.argv.slice(2);
const python = process.env['TILTH_TEST_DVC_PYTHON'];
if (checkout === undefined || python === undefined) {
  console.error(
    'Usage: TILTH_TEST_DVC_PYTHON=… node test/conformance/dvc/own-tests.ts CHECKOUT [cli|repo] [pytest words…]',
  );
  process.exit(2);
}

/** Which of the tests fail when the real dvc is spawned in the same way: they say nothing about another program. */
const isDvcItself = process.env['TILTH_TEST_ONLY_DVC'] === '1';

const folder = mkdtempSync(join(tmpdir(), 'tilth-own-tests-'));
// only its tests: the dvc that they import is the installed one
for (const part of ['tests', 'pyproject.toml'])
  cpSync(join(checkout, part), join(folder, part), { recursive: true });
console.log('| pass | file | passed | failed | not applicable |\n|---|---|---|---|---|');
for (const pass of wantedPass === undefined ? Object.keys(filesOfPass) : [wantedPass]) runPass(pass);
rmSync(folder, { recursive: true, force: true });

function runPass(pass: string): void {
  const results = join(folder, 'results.json');
  const files =
    more.length > 0
      ? []
      : (filesOfPass[pass] ?? []).map((name) => `tests/func/${/\/|^test/.test(name) ? `${name}.py` : name}`);
  const { stdout, stderr } = spawnSync(
    python ?? '',
    ['-m', 'pytest', '-o', 'addopts=', '-p', 'own_tests_plugin', '-q', '--tb=short', '-p', 'no:cacheprovider', ...files, ...more],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: {
        ...process.env,
        // stages of the tests call `python`
        PATH: `${dirname(python ?? '')}:${process.env['PATH']}`,
        HOME: join(folder, 'home'),
        PYTHONPATH: import.meta.dirname,
        DVC_SITE_CACHE_DIR: join(folder, 'site'),
        TILTH_URL: 'http://127.0.0.1:9',
        TILTH_OWN_TESTS_COMMAND: JSON.stringify(isDvcItself ? [python, '-m', 'dvc'] : [process.execPath, launcher, 'dvc']),
        TILTH_OWN_TESTS_PASS: pass,
        TILTH_OWN_TESTS_RESULTS: results,
        TILTH_OWN_TESTS_FOLDER: join(folder, 'tests'),
      },
    },
  ); // prettier-ignore
  const outcomes = readOutcomes(results, stdout + stderr);
  const table = new Map<string, Record<'passed' | 'failed' | 'skipped', number>>();
  const why: Record<string, Record<string, string>> = { failed: {}, skipped: {} };
  for (const [test, { outcome, detail }] of Object.entries(outcomes)) {
    const reason = reasonOf(pass, test, outcome, detail);
    const counted = outcome === 'failed' && reason !== undefined ? 'skipped' : outcome;
    const file = test.split('::', 1)[0]?.replace('tests/func/', '') ?? '';
    const row = table.get(file) ?? { passed: 0, failed: 0, skipped: 0 };
    row[counted] += 1;
    table.set(file, row);
    if (counted !== 'passed') (why[counted] ??= {})[test] = reason ?? detail;
  }
  writeFileSync(`own-tests-${pass}.json`, `${JSON.stringify(why, null, 1)}\n`);
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [file, row] of table) {
    console.log(`| ${pass} | ${file} | ${row.passed} | ${row.failed} | ${row.skipped} |`);
    for (const key of ['passed', 'failed', 'skipped'] as const) sum[key] += row[key];
  }
  console.log(`| ${pass} | **all** | ${sum.passed} | ${sum.failed} | ${sum.skipped} |`);
}

function readOutcomes(path: string, stdout: string): Record<string, Outcome> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, Outcome>;
  } catch {
    console.error(stdout.slice(-5000));
    return process.exit(1);
  }
}

/** @returns why the test says nothing about another program; undefined when it does, and a failure is ours to explain */
function reasonOf(
  pass: string,
  test: string,
  outcome: Outcome['outcome'],
  detail: string,
): string | undefined {
  if (outcome === 'passed') return undefined;
  if (outcome === 'skipped') return detail;
  return notApplicable[pass]?.[test.replace('tests/func/', '')];
}
