import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findLock } from '../repeatable/gather-environment.ts';
import { builders, pipfileRequirements } from './build-environment.ts';
import { StepFailed } from './reproduce-errors.ts';
import { makeWheel, needsPython, python, write } from './test-project.ts';

test('what Pipenv locked is written as pip takes it, and what no index has is named', () => {
  const { lines, left } = pipfileRequirements({
    numpy: { version: '==2.1.0', hashes: ['sha256:00', 'sha256:11'], markers: "python_version >= '3.10'" },
    uvicorn: { version: '==0.30', extras: ['standard', 'http'] },
    ours: {},
  });
  assert.deepEqual(lines, [
    "numpy==2.1.0 ; python_version >= '3.10' --hash=sha256:00 --hash=sha256:11",
    'uvicorn[standard,http]==0.30',
  ]);
  assert.deepEqual(left, ['ours']);
});

test(
  'an environment is built from Pipfile.lock, and one that can not be built says which package is missing',
  needsPython,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tilth pipfile '));
    const before = { ...process.env };
    try {
      const wheels = join(folder, 'wheels');
      await makeWheel(wheels, '1.0');
      Object.assign(process.env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: pathToFileURL(wheels).href });
      const build = async (version: string): Promise<string[]> => {
        write(folder, {
          'Pipfile.lock': JSON.stringify({ default: { tinynumber: { version: `==${version}` } } }),
        });
        const lock = findLock(folder, folder);
        assert.deepEqual([lock?.name, lock?.versions.get('tinynumber')], ['Pipfile.lock', version]);
        const wish = { home: folder, tags: { 'tilth.python.path': python }, onLine: () => undefined };
        return lock === undefined ? [] : ((await builders[lock.name]?.(wish, lock)) ?? []);
      };
      assert.deepEqual(await build('1.0'), []);
      const said = execFileSync(
        join(folder, '.venv/bin/python'),
        ['-c', 'import tinynumber; print(tinynumber.value)'],
        { encoding: 'utf8' },
      );
      assert.equal(said.trim(), '1.0');
      rmSync(join(folder, '.venv'), { recursive: true });
      await assert.rejects(build('7.0'), (thrown) => {
        assert.ok(thrown instanceof StepFailed);
        assert.equal(thrown.failure.step, 'environment');
        assert.match(thrown.failure.output, /tinynumber==7\.0/);
        return true;
      });
    } finally {
      process.env = before;
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
