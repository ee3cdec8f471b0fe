import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
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
  await assert.rejects(withRepositoryLock(repository, () => Promise.reject(new Error('broke'))), /broke/);
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
