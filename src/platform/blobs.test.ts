import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { folderBlobs } from './blobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth blobs '));
after(() => rmSync(folder, { recursive: true, force: true }));
const blobs = folderBlobs(join(folder, 'root'));

describe('a blob', () => {
  it('comes back as it was put', async () => {
    const stored = await blobs.put('a/b c/é.txt', Buffer.from('soil'));
    assert.deepEqual(stored, { byteCount: 4, sha256: 'e93d59a02163f846fecf6bb6bd7135d093d8e40b46b1e5c2dda57cd74e655e1e' });
    const { stream, byteCount } = await blobs.get('a/b c/é.txt');
    assert.equal(await text(stream), 'soil');
    assert.equal(byteCount, 4);
    assert.deepEqual(await blobs.list('a'), [{ name: 'b c', isFolder: true, byteCount: 0 }]);
  });

  it('that breaks off half way leaves neither itself nor a part', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('connection lost');
      })(),
    );
    await assert.rejects(blobs.put('broken/x', broken), /connection lost/);
    assert.equal(await blobs.size('broken/x'), undefined);
    assert.deepEqual(await blobs.list('broken'), []);
  });

  for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a\\..\\x', 'C:/x', 'a/\u0000b', '..']) {
    it(`never leaves its root: ${JSON.stringify(key)}`, async () => {
      await assert.rejects(blobs.put(key, Buffer.from('x')), { code: 'BLOB_KEY_REFUSED' });
      await assert.rejects(blobs.get(key), { code: 'BLOB_KEY_REFUSED' });
      await assert.rejects(blobs.remove(key), { code: 'BLOB_KEY_REFUSED' });
      assert.equal(existsSync(join(folder, 'x')), false);
    });
  }
});
