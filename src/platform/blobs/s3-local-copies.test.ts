import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { localCopies } from './s3-local-copies.ts';

const root = mkdtempSync(join(tmpdir(), 'tilth copies '));
after(() => rmSync(root, { recursive: true, force: true }));

function* breaking(): Generator<Buffer> {
  yield Buffer.from('b');
  throw new Error('connection lost');
}

/** A store whose contents are their keys, and that counts how often it was read. */
function copiesOf(folder: string, limit: number) {
  const read: string[] = [];
  const store = {
    facts: (key: string) => Promise.resolve(key === 'none' ? undefined : { byteCount: key.length, etag: '"1"', modifiedAt: 0 }),
    get: (key: string) => {
      read.push(key);
      const stream = Readable.from(key === 'bad' ? breaking() : [Buffer.from(key)]);
      return Promise.resolve({ byteCount: key.length, etag: '"1"', modifiedAt: 0, stream });
    },
  };
  return { localFile: localCopies(join(root, folder), store, limit), read, names: () => readdirSync(join(root, folder)) };
}

test('a content is copied once for all who ask for it, and those that were used longest ago make room', async () => {
  const { localFile, read, names } = copiesOf('room', 10);
  const [first, again] = await Promise.all([localFile('aaaa'), localFile('aaaa')]);
  assert.deepEqual([read, first.path, await readFile(first.path, 'utf8')], [['aaaa'], again.path, 'aaaa']);
  first.release();
  again.release();
  const second = await localFile('bbbb');
  second.release();
  await new Promise((resolve) => setTimeout(resolve, 20));
  (await localFile('aaaa')).release();
  assert.deepEqual(read, ['aaaa', 'bbbb'], 'it was still there');
  (await localFile('cccc')).release();
  assert.deepEqual([existsSync(first.path), existsSync(second.path), names().length], [true, false, 2]);
});

test('a copy that is in use stays, however little room there is', async () => {
  const { localFile } = copiesOf('use', 5);
  const held = await localFile('aaaa');
  const other = await localFile('bbbb');
  assert.ok(existsSync(held.path) && existsSync(other.path));
  held.release();
  other.release();
  (await localFile('cccc')).release();
  assert.ok(!existsSync(held.path) && !existsSync(other.path));
});

test('what is not there, too large, or breaks off leaves no copy', async () => {
  const { localFile, names } = copiesOf('none', 10);
  await assert.rejects(localFile('none'), { code: 'BLOB_NOT_FOUND' });
  await assert.rejects(localFile('x'.repeat(11)), { code: 'BLOB_TOO_LARGE_TO_COPY', status: 413 });
  await assert.rejects(localFile('bad'), /connection lost/);
  assert.deepEqual(names(), []);
});

test('what a crash left half way is removed when room is made', async () => {
  const { localFile, names } = copiesOf('crash', 10);
  (await localFile('aaaa')).release();
  writeFileSync(join(root, 'crash', 'left.part'), 'x'.repeat(8));
  (await localFile('bbbb')).release();
  assert.equal(names().length, 1);
  assert.ok(!names().includes('left.part'));
});
