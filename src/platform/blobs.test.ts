import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { folderBlobs } from './folder-blobs.ts';

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

describe('a blob in parts', () => {
  it('is what its parts are in their order, whenever and how often they came', async () => {
    const id = await blobs.uploads.begin('parts/x');
    const late = await blobs.uploads.putPart(id, 2, Buffer.from('two'));
    await blobs.uploads.putPart(id, 1, Readable.from([Buffer.from('broken')]));
    const again = await blobs.uploads.putPart(id, 1, Buffer.from('one '));
    // as after a restart: nothing is known but what is on the disk
    const restarted = folderBlobs(join(folder, 'root'));
    const parts = [{ number: 1, etag: again.etag }, { number: 2, etag: late.etag }];
    assert.deepEqual(await restarted.uploads.complete(id, 'parts/x', parts), { byteCount: 7 });
    assert.equal(await text((await blobs.get('parts/x')).stream), 'one two');
    assert.deepEqual(await restarted.uploads.complete(id, 'parts/x', parts), { byteCount: 7 }, 'asked again, it answers the same');
    await assert.rejects(restarted.uploads.putPart(id, 1, Buffer.from('x')), { code: 'UPLOAD_NOT_FOUND' });
    await restarted.uploads.abort(id, 'parts/x');
    assert.equal(await blobs.size('parts/x'), 7, 'what was completed stays');
    assert.deepEqual(await blobs.uploads.unfinished(), []);
  });

  it('that was aborted, or lacks a part, leaves what was there before', async () => {
    await blobs.put('parts/y', Buffer.from('before'));
    const id = await blobs.uploads.begin('parts/y');
    const { etag } = await blobs.uploads.putPart(id, 1, Buffer.from('after'));
    const wrong = [
      [{ number: 1, etag }, { number: 2, etag }],
      [{ number: 1, etag: '"../../x"' }],
      [{ number: 1, etag }, { number: 1, etag }],
      [],
    ];
    for (const parts of wrong) await assert.rejects(blobs.uploads.complete(id, 'parts/y', parts), { code: 'UPLOAD_PARTS_WRONG' });
    await assert.rejects(blobs.uploads.complete(id, 'parts/z', [{ number: 1, etag }]), { code: 'UPLOAD_NOT_FOUND' });
    assert.deepEqual((await blobs.uploads.unfinished()).map(({ key }) => key), ['parts/y']);
    await blobs.uploads.abort(id, 'parts/y');
    assert.deepEqual(await blobs.uploads.unfinished(), []);
    await assert.rejects(blobs.uploads.complete(id, 'parts/y', [{ number: 1, etag }]), { code: 'UPLOAD_NOT_FOUND' });
    assert.equal(await text((await blobs.get('parts/y')).stream), 'before');
    for (const odd of ['..', '../root', 'a/b', '']) await assert.rejects(blobs.uploads.putPart(odd, 1, Buffer.from('x')), { code: 'UPLOAD_NOT_FOUND' });
  });

  it('is joined once when it is completed twice together', async () => {
    const id = await blobs.uploads.begin('parts/twice');
    const { etag } = await blobs.uploads.putPart(id, 1, Buffer.alloc(3_000_000, 7));
    const complete = () => blobs.uploads.complete(id, 'parts/twice', [{ number: 1, etag }]);
    assert.deepEqual(await Promise.all([complete(), complete()]), [{ byteCount: 3_000_000 }, { byteCount: 3_000_000 }]);
  });
});

it('a name that no file can have is refused, and a folder is not written over', async () => {
  for (const key of ['a'.repeat(256), `${'a/'.repeat(512)}b`, 'a/\ud800', 'é'.repeat(128)])
    await assert.rejects(blobs.put(key, Buffer.from('x')), { code: 'BLOB_KEY_REFUSED' });
  await blobs.put('taken/file', Buffer.from('x'));
  await assert.rejects(blobs.put('taken', Buffer.from('x')), { code: 'BLOB_KEY_TAKEN' });
  await assert.rejects(blobs.put('taken/file/below', Buffer.from('x')), { code: 'BLOB_KEY_TAKEN' });
  await blobs.put('taken/model.part', Buffer.from('x'));
  assert.deepEqual((await blobs.list('taken')).map(({ name }) => name), ['file', 'model.part']);
});
