import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs, { cpSync, existsSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { applyUpdate, recoverUpdate } from './apply-update.ts';
import {
  commit,
  createBench,
  git,
  gitStatus,
  publish,
  put,
  read,
  requestFor,
  snapshot,
  start,
  type Bench,
} from './test-template.ts';
import { planUpdate, prepareUpdate } from './plan-update.ts';

let bench: Bench;
let original = '';
let updated: Record<string, string> = {};
let changeCount = 0;

before(async () => {
  bench = createBench();
  const files = (version: string): Record<string, string | null> => ({
    ...Object.fromEntries(
      Array.from({ length: 12 }, (_none, at) => [
        `part-${at % 3}/file-${at}.txt`,
        `${version} ${at}\n${'same\n'.repeat(5)}`,
      ]),
    ),
    'folder/becomes/file.txt': version === '1' ? 'x\n' : null,
    ...(version === '1' ? {} : { folder: 'a file now\n', 'new/deep/file.txt': 'new\n' }),
  });
  publish(bench, files('1'));
  original = await start(bench);
  commit(original, {
    'part-0/file-0.txt': `mine\n${'same\n'.repeat(5)}`,
    'part-1/file-1.txt': `1 1\n${'same\n'.repeat(5)}mine\n`,
  });
  publish(bench, files('2'));
  const whole = copyOf('whole');
  changeCount = updateUntil(whole, 0).count;
  assert.ok(changeCount > 40, `${changeCount} changes of the disk`);
  updated = stateOf(whole);
});
after(() => bench.close());

const copyOf = (name: string): string => {
  const folder = join(bench.folder, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(original, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  git(folder, 'status');
  return folder;
};

/** Work tree and index as git sees them, and whether git is locked. */
function stateOf(folder: string): Record<string, string> {
  const files = Object.fromEntries(
    Object.entries(snapshot(folder)).filter(([name]) => !name.startsWith('.git/')),
  );
  return {
    ...files,
    index: git(folder, 'ls-files', '--stage'),
    lock: String(existsSync(join(folder, '.git', 'index.lock'))),
    rest: String(existsSync(join(folder, '.git', 'tilth-update'))),
  };
}

const watched = [
  'renameSync',
  'linkSync',
  'copyFileSync',
  'writeFileSync',
  'mkdirSync',
  'rmSync',
  'rmdirSync',
  'openSync',
] as const;

/** Updates in a process of its own, whose `at`-th change of the repository's disk is its last. */
function updateUntil(folder: string, at: number): { signal: string | null; count: number } {
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    let count = 0;
    for (const name of ${JSON.stringify(watched)}) {
      const real = fs[name];
      fs[name] = (...given) => {
        if (given.slice(0, 2).some((each) => String(each).includes('.git')) && ++count === ${at}) process.kill(process.pid, 'SIGKILL');
        return real(...given);
      };
    }
    syncBuiltinESMExports();
    const { prepareUpdate } = await import(${JSON.stringify(join(import.meta.dirname, 'plan-update.ts'))});
    const { applyUpdate } = await import(${JSON.stringify(join(import.meta.dirname, 'apply-update.ts'))});
    const config = { ...${JSON.stringify({ ...bench.config, defaults: null })}, defaults: new Map() };
    const prepared = await prepareUpdate({ folder: process.argv[1], config, hooks: 'yes', onLine: () => undefined });
    await applyUpdate(prepared);
    prepared.close();
    console.log(count);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script, folder], {
    encoding: 'utf8',
  });
  return { signal: run.signal, count: Number(run.stdout) };
}

const runs = Number(process.env['TILTH_CRASH_RUNS'] ?? 5);

test('kill -9 at any moment leaves the project as it was, updated, or ready to go on or back', async () => {
  const untouched = stateOf(copyOf('untouched'));
  for (let run = 0; run < runs; run += 1) {
    const at = 1 + Math.floor(((run + Math.random()) * changeCount) / runs);
    const folder = copyOf('killed');
    assert.equal(updateUntil(folder, at).signal, 'SIGKILL', `at ${at}`);
    if (!existsSync(join(folder, '.git', 'tilth-update'))) {
      const state = stateOf(folder);
      assert.deepEqual(
        state,
        state['folder'] === undefined ? untouched : updated,
        `at ${at} of ${changeCount}`,
      );
      continue;
    }
    await assert.rejects(planUpdate(requestFor(bench, folder)), {
      code: 'TEMPLATE_UPDATE_UNFINISHED',
      hint: /--continue.*--abort/,
    });
    const direction = run % 2 === 0 ? 'on' : 'back';
    const recovery = recoverUpdate(join(folder, '.git'), direction);
    const expected = recovery === 'completed' ? updated : untouched;
    assert.deepEqual(stateOf(folder), expected, `${direction} from ${at} of ${changeCount}`);
  }
});

test('a disk that is full at any moment leaves the project as it was', async () => {
  const untouched = stateOf(copyOf('untouched'));
  let doneCount = 0;
  for (let run = 0; run < runs * 2; run += 1) {
    const folder = copyOf('full');
    const prepared = await prepareUpdate(requestFor(bench, folder));
    const at = 1 + Math.floor(((run + Math.random()) * changeCount) / runs / 2);
    const restore = failAt(at);
    try {
      await applyUpdate(prepared);
      doneCount += 1;
    } catch (thrown) {
      restore();
      assert.equal(
        (thrown as { code: string }).code,
        'TEMPLATE_UPDATE_FAILED',
        `at ${at}: ${String(thrown)}`,
      );
    } finally {
      restore();
      prepared.close();
    }
    // what could not be cleaned up is cleaned up the next time
    recoverUpdate(join(folder, '.git'), 'on');
    const state = stateOf(folder);
    assert.deepEqual(
      state,
      state['rest'] === 'false' && state['index'] === updated['index'] ? updated : untouched,
      `at ${at} of ${changeCount}`,
    );
  }
  assert.ok(doneCount < runs, 'most of them fail');
});

/** The `at`-th change of the repository's disk fails, and no other. */
function failAt(at: number): () => void {
  let count = 0;
  const real = Object.fromEntries(watched.map((name) => [name, fs[name]]));
  for (const name of watched) {
    const call = real[name] as (...given: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...given: unknown[]) => {
        if (given.slice(0, 2).some((each) => String(each).includes('.git'))) {
          count += 1;
          if (count === at)
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        }
        return call(...given);
      },
    });
  }
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  };
}

test('a file that was changed after an interrupted update is neither overwritten nor lost', () => {
  const folder = copyOf('touched');
  // the files come last: half of what the repository's disk sees is over before the first of them
  assert.equal(updateUntil(folder, changeCount - 12).signal, 'SIGKILL');
  assert.ok(existsSync(join(folder, '.git', 'tilth-update', 'journal.json')));
  const name =
    Object.keys(updated).find((each) => each.startsWith('part-2/') && read(folder, each).startsWith('1')) ??
    '';
  put(folder, { [name]: 'written since\n' });
  assert.throws(() => recoverUpdate(join(folder, '.git'), 'on'), {
    code: 'TEMPLATE_UPDATE_INTERRUPTED',
    message: new RegExp(name),
  });
  assert.equal(read(folder, name), 'written since\n');
  assert.equal(recoverUpdate(join(folder, '.git'), 'back'), 'taken-back');
  assert.equal(read(folder, name), 'written since\n');
  assert.deepEqual(gitStatus(folder), [` M ${name}`]);
});
