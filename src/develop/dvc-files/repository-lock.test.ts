import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimPaths, refuseBusyPaths } from './path-locks.ts';
import { withRepositoryLock } from './repository-lock.ts';
import { initRepository } from './repository.ts';
import { dvc, needsPython } from './test-python.ts';

const outer = mkdtempSync(join(tmpdir(), 'tilth lock '));
after(() => rmSync(outer, { recursive: true, force: true }));

const isFree = (file: string): boolean => spawnSync('flock', ['-n', '-x', file, 'true']).status === 0;

test('two writers take turns, and the lock is let go also after a failure', async () => {
  const repository = initRepository(join(outer, 'one'));
  const order: string[] = [];
  const write = (name: string): Promise<void> =>
    withRepositoryLock(repository, async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push(`${name} ends`);
    });
  await Promise.all([write('a'), write('b')]);
  assert.equal(order[0]?.replace('begins', 'ends'), order[1]);
  assert.equal(order[2]?.replace('begins', 'ends'), order[3]);
  await assert.rejects(
    withRepositoryLock(repository, () => Promise.reject(new Error('broke'))),
    /broke/,
  );
  assert.deepEqual(await withRepositoryLock(repository, () => Promise.resolve('again')), 'again');
});

test('dvc waits for us: it is the lock that dvc itself takes', needsPython, async () => {
  const repository = initRepository(join(outer, 'two'));
  spawnSync('git', ['init', '-q', repository.root]);
  await withRepositoryLock(repository, (kind) => {
    assert.equal(kind, 'flock');
    assert.ok(!isFree(repository.lock));
    assert.throws(() => dvc(repository.root, 'status'), /Unable to acquire lock/);
  });
  assert.ok(isFree(repository.lock));
});

test('a machine without flock still keeps two tilths apart', async () => {
  const repository = initRepository(join(outer, 'three'));
  const path = process.env['PATH'];
  process.env['PATH'] = outer;
  try {
    assert.equal(await withRepositoryLock(repository, (kind) => kind), 'exclusive-file');
  } finally {
    process.env['PATH'] = path;
  }
});

test('one that waits is told so, on standard error', async (context) => {
  const repository = initRepository(join(outer, 'four'));
  const holder = spawn('flock', ['-x', repository.lock, 'sleep', '1.5'], { stdio: 'ignore' });
  while (isFree(repository.lock)) await new Promise((resolve) => setTimeout(resolve, 10));
  const write = context.mock.method(process.stderr, 'write', () => true);
  await withRepositoryLock(repository, () => undefined);
  const said = write.mock.calls.map(({ arguments: [text] }) => String(text)).join('');
  write.mock.restore();
  assert.match(said, /^Waiting .* for another dvc or tilth/);
  await new Promise((resolve) =>
    holder.exitCode === null ? holder.once('close', resolve) : resolve(undefined),
  );
});

test('paths that a running stage of dvc uses are left alone, and dvc leaves ours alone', needsPython, () => {
  const repository = initRepository(join(outer, 'five'), false);
  const { root } = repository;
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'data', 'a'), 'a');
  const file = join(root, '.dvc', 'tmp', 'rwlock');
  const other = { pid: process.ppid, cmd: 'dvc repro' };
  writeFileSync(
    file,
    JSON.stringify({ write: { [join(root, 'data')]: other }, read: { [join(root, 'in')]: [other] } }),
  );
  const use = (reads: string[], writes: string[]) => ({
    reads: reads.map((path) => join(root, path)),
    writes: writes.map((path) => join(root, path)),
  });
  const busy = { code: 'DVC_PATH_BUSY', message: /dvc repro/ };
  assert.throws(() => refuseBusyPaths(repository, use([], ['data/a'])), busy);
  assert.throws(() => refuseBusyPaths(repository, use(['data'], [])), busy);
  assert.throws(() => refuseBusyPaths(repository, use([], ['in'])), busy);
  refuseBusyPaths(repository, use(['in'], ['data2']));
  // nobody runs with this number: Linux gives out none above 2 ** 22
  writeFileSync(
    file,
    JSON.stringify({ write: { [join(root, 'data')]: { pid: 2 ** 22 + 1, cmd: 'killed' } } }),
  );
  const release = claimPaths(repository, 'tilth pipeline run', use(['in'], ['data']));
  assert.throws(() => dvc(root, 'add', 'data'), /is busy, it is being blocked by/);
  release();
  dvc(root, 'add', 'data');
});
