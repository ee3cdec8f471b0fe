import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import type { BlobStore } from './blobs.ts';
import { folderBlobs } from './folder-blobs.ts';
import { s3Blobs } from './s3-blobs.ts';
import { parseS3Place } from './s3-place.ts';
import { skipBucket, startTestBucket, type TestBucket } from './test-bucket.ts';

const folder = mkdtempSync(join(tmpdir(), 'tilth blobs '));
after(() => rmSync(folder, { recursive: true, force: true }));

const MiB = 1_048_576;

/** What holds of every store. `open` answers one that knows nothing but what is kept, as after a restart. */
function holds(open: () => BlobStore): void {
  let blobs: BlobStore;
  before(() => {
    blobs = open();
  });
  const names = async (key: string): Promise<string[]> => (await blobs.list(key)).map(({ name }) => name);

  it('gives back what was put', async () => {
    const stored = await blobs.put('a/b c/é.txt', Buffer.from('soil'));
    assert.deepEqual(stored, { byteCount: 4, sha256: 'e93d59a02163f846fecf6bb6bd7135d093d8e40b46b1e5c2dda57cd74e655e1e' });
    const { stream, byteCount, etag, modifiedAt } = await blobs.get('a/b c/é.txt');
    assert.equal(await text(stream), 'soil');
    assert.equal(byteCount, 4);
    assert.match(etag, /^"[^"]+"$/);
    assert.ok(Math.abs(Date.now() - modifiedAt) < 60_000);
    assert.deepEqual(await blobs.facts('a/b c/é.txt'), { byteCount, etag, modifiedAt });
    assert.equal(await blobs.size('a/b c/é.txt'), 4);
    assert.deepEqual(await blobs.list('a'), [{ name: 'b c', isFolder: true, byteCount: 0 }]);
    assert.deepEqual(await blobs.list('a/b c'), [{ name: 'é.txt', isFolder: false, byteCount: 4 }]);
    await blobs.put('a/b c/é.txt', Buffer.from('clay'));
    assert.notEqual((await blobs.facts('a/b c/é.txt'))?.etag, etag);
  });

  it('says what is not there', async () => {
    await assert.rejects(blobs.get('no/thing'), { code: 'BLOB_NOT_FOUND' });
    await assert.rejects(blobs.get('a'), { code: 'BLOB_NOT_FOUND' }, 'a folder is no file');
    await assert.rejects(blobs.localFile('no/thing'), { code: 'BLOB_NOT_FOUND' });
    assert.deepEqual([await blobs.facts('no/thing'), await blobs.size('a'), await blobs.list('no')], [undefined, undefined, []]);
    await blobs.remove('no/thing');
  });

  it('takes contents of every length, of which it is not told', async () => {
    for (const byteCount of [0, 1, 8 * MiB - 1, 8 * MiB, 8 * MiB + 1, 21 * MiB + 7]) {
      const content = Buffer.alloc(byteCount, 'tilth');
      const chunks = Array.from({ length: Math.ceil(byteCount / 700_001) }, (_, index) => content.subarray(index * 700_001, (index + 1) * 700_001));
      const stored = await blobs.put('lengths/x', Readable.from(chunks, { objectMode: false }));
      assert.equal(stored.byteCount, byteCount);
      assert.ok((await buffer((await blobs.get('lengths/x')).stream)).equals(content), `${byteCount} bytes`);
      assert.deepEqual((await blobs.put('lengths/y', content)).sha256, stored.sha256);
    }
    assert.deepEqual(await blobs.uploads.unfinished(), []);
  });

  it('gives a range, exactly', async () => {
    await blobs.put('range', Buffer.from('0123456789'));
    for (const [start, end, expected] of [[0, 0, '0'], [3, 5, '345'], [9, 9, '9'], [5, 99, '56789'], [10, 12, '']] as const) {
      const { stream, byteCount } = await blobs.get('range', { start, end });
      assert.deepEqual([await text(stream), byteCount], [expected, 10], `${start} to ${end}`);
    }
    await blobs.put('range', new Uint8Array());
    assert.equal(await text((await blobs.get('range', { start: 0, end: 0 })).stream), '');
  });

  it('leaves neither a content nor a part of it when that breaks off half way', async () => {
    for (const byteCount of [4, 20 * MiB]) {
      const broken = Readable.from(
        (function* () {
          yield Buffer.alloc(byteCount);
          throw new Error('connection lost');
        })(),
      );
      await assert.rejects(blobs.put('broken/x', broken), /connection lost/);
      assert.equal(await blobs.size('broken/x'), undefined);
      assert.deepEqual(await blobs.list('broken'), []);
      assert.deepEqual(await blobs.uploads.unfinished(), []);
    }
  });

  it('removes a key with all below it, and nothing beside it', async () => {
    for (const key of ['rm/x/a', 'rm/x/b/c', 'rm/xy', 'rm/y']) await blobs.put(key, Buffer.from(key));
    await blobs.remove('rm/x');
    assert.deepEqual(await names('rm'), ['xy', 'y']);
    await blobs.remove('rm/xy');
    assert.deepEqual(await names('rm'), ['y']);
    for (const key of ['', '.', '/', '//']) await assert.rejects(blobs.remove(key), { code: 'BLOB_KEY_REFUSED' }, 'not everything');
    assert.deepEqual(await names('rm'), ['y']);
  });

  it('keeps names as they are', async () => {
    const odd = [' ', ' a', 'a ', 'a  b', '+', 'a+b', '%', '%2e%2e', '%2F', '&amp;', '<a>', '"', "'", '*', '?', '#', '~', '..a', 'a..', '...', '模型', '𝒳', 'é', 'e\u0301', '\u00a0', '\u2028', 'a=b&c', 'a:b'];
    for (const name of odd) await blobs.put(`odd/${name}`, Buffer.from(name));
    assert.deepEqual(await names('odd'), odd.toSorted());
    for (const name of odd) assert.equal(await text((await blobs.get(`odd/${name}`)).stream), name, JSON.stringify(name));
    for (const name of odd) await blobs.remove(`odd/${name}`);
    assert.deepEqual(await names('odd'), []);
  });

  for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a\\..\\x', 'C:/x', 'a/\u0000b', '..', 'a/b\n', 'a'.repeat(256), `${'a/'.repeat(512)}b`, 'a/\ud800', 'é'.repeat(128)]) {
    it(`never leaves its root: ${JSON.stringify(key.slice(0, 20))}`, async () => {
      const { uploads } = blobs;
      const calls = [
        () => blobs.put(key, Buffer.from('x')),
        () => blobs.get(key),
        () => blobs.facts(key),
        () => blobs.list(key),
        () => blobs.remove(key),
        () => blobs.localFile(key),
        () => uploads.begin(key),
      ];
      for (const call of calls) await assert.rejects(async () => call(), { code: 'BLOB_KEY_REFUSED' });
      assert.equal(existsSync(join(folder, 'x')), false);
    });
  }

  it('gives a program a file of its own', async () => {
    await blobs.put('local/x.parquet', Buffer.from('one'));
    const [first, second] = await Promise.all([blobs.localFile('local/x.parquet'), blobs.localFile('local/x.parquet')]);
    assert.equal(await readFile(first.path, 'utf8'), 'one');
    assert.equal(second.path, first.path);
    first.release();
    second.release();
    await blobs.put('local/x.parquet', Buffer.from('two'));
    const again = await blobs.localFile('local/x.parquet');
    assert.equal(await readFile(again.path, 'utf8'), 'two');
    again.release();
  });

  const part = (letter: string): Buffer => Buffer.alloc(5 * MiB, letter);

  it('makes of parts what they are in their order, whenever and how often they came', async () => {
    const id = await blobs.uploads.begin('parts/x');
    const late = await blobs.uploads.putPart(id, 2, Buffer.from('two'));
    await blobs.uploads.putPart(id, 1, Readable.from([Buffer.from('broken')]));
    const again = await blobs.uploads.putPart(id, 1, part('1'));
    const restarted = open();
    const parts = [{ number: 1, etag: again.etag }, { number: 2, etag: late.etag }];
    const byteCount = 5 * MiB + 3;
    assert.deepEqual(await restarted.uploads.complete(id, 'parts/x', parts), { byteCount });
    assert.ok((await buffer((await blobs.get('parts/x')).stream)).equals(Buffer.concat([part('1'), Buffer.from('two')])));
    assert.deepEqual(await restarted.uploads.complete(id, 'parts/x', parts), { byteCount }, 'asked again, it answers the same');
    await assert.rejects(restarted.uploads.putPart(id, 1, Buffer.from('x')), { code: 'UPLOAD_NOT_FOUND' });
    await restarted.uploads.abort(id, 'parts/x');
    assert.equal(await blobs.size('parts/x'), byteCount, 'what was completed stays');
    assert.deepEqual(await blobs.uploads.unfinished(), []);
  });

  it('keeps what was there before when parts are given up, or one is missing', async () => {
    await blobs.put('parts/y', Buffer.from('before'));
    const id = await blobs.uploads.begin('parts/y');
    const { etag } = await blobs.uploads.putPart(id, 1, Buffer.from('after'));
    const wrong = [
      [{ number: 1, etag }, { number: 2, etag }],
      [{ number: 1, etag: '"../../x"' }],
      [{ number: 1, etag }, { number: 1, etag }],
      [{ number: 0, etag }],
      [],
    ];
    for (const parts of wrong) await assert.rejects(blobs.uploads.complete(id, 'parts/y', parts), { code: 'UPLOAD_PARTS_WRONG' });
    await assert.rejects(blobs.uploads.complete(id, 'parts/z', [{ number: 1, etag }]), { code: 'UPLOAD_NOT_FOUND' });
    await assert.rejects(blobs.uploads.abort(id, 'parts/z'), { code: 'UPLOAD_NOT_FOUND' });
    const [unfinished, ...others] = await blobs.uploads.unfinished();
    assert.deepEqual([unfinished?.key, others], ['parts/y', []]);
    assert.ok((unfinished?.byteCount ?? 0) >= 5 && Math.abs(Date.now() - (unfinished?.touchedAt ?? 0)) < 60_000);
    await blobs.uploads.abort(id, 'parts/y');
    assert.deepEqual(await blobs.uploads.unfinished(), []);
    await assert.rejects(blobs.uploads.complete(id, 'parts/y', [{ number: 1, etag }]), { code: 'UPLOAD_NOT_FOUND' });
    await assert.rejects(blobs.uploads.abort(id, 'parts/y'), { code: 'UPLOAD_NOT_FOUND' });
    assert.equal(await text((await blobs.get('parts/y')).stream), 'before');
    for (const odd of ['..', '../root', 'a/b', '', 'a.b.c', '!.!.!']) await assert.rejects(blobs.uploads.putPart(odd, 1, Buffer.from('x')), { code: 'UPLOAD_NOT_FOUND' });
    for (const number of [0, 10_001, 1.5, Number.NaN]) await assert.rejects(blobs.uploads.putPart(id, number, Buffer.from('x')), { code: 'UPLOAD_PARTS_WRONG' });
  });

  it('joins parts once when that is asked twice together', async () => {
    const id = await blobs.uploads.begin('parts/twice');
    const { etag } = await blobs.uploads.putPart(id, 1, Buffer.alloc(3_000_000, 7));
    const complete = () => blobs.uploads.complete(id, 'parts/twice', [{ number: 1, etag }]);
    assert.deepEqual(await Promise.all([complete(), complete()]), [{ byteCount: 3_000_000 }, { byteCount: 3_000_000 }]);
  });

  it('forgets an upload that nobody goes on with', async () => {
    await blobs.uploads.begin('parts/left');
    for (const { id } of await blobs.uploads.unfinished()) await blobs.uploads.discard(id);
    assert.deepEqual(await blobs.uploads.unfinished(), []);
  });
}

describe('a folder of blobs', () => {
  const open = () => folderBlobs(join(folder, 'root'));
  holds(open);

  it('holds a file or a folder at a key, never both', async () => {
    const blobs = open();
    await blobs.put('taken/file', Buffer.from('x'));
    await assert.rejects(blobs.put('taken', Buffer.from('x')), { code: 'BLOB_KEY_TAKEN' });
    await assert.rejects(blobs.put('taken/file/below', Buffer.from('x')), { code: 'BLOB_KEY_TAKEN' });
    await blobs.put('taken/model.part', Buffer.from('x'));
    assert.deepEqual((await blobs.list('taken')).map(({ name }) => name), ['file', 'model.part']);
  });
});

describe('a bucket of blobs', { skip: skipBucket }, () => {
  let bucket: TestBucket;
  const open = (parameters = '') => s3Blobs(parseS3Place(bucket.url + parameters), join(folder, 'copies'));
  before(async () => {
    bucket = await startTestBucket();
  });
  after(() => bucket.stop());
  holds(() => open());

  it('keeps everything below its prefix', async () => {
    const { Contents = [] } = await bucket.s3.listObjectsV2({ Bucket: bucket.name });
    assert.ok(Contents.length > 5);
    assert.deepEqual(Contents.filter(({ Key }) => Key?.startsWith('team/') !== true), []);
  });

  // versitygw and others keep a bucket as files in folders, and refuse what no folder can have
  const skip = process.env['TILTH_TEST_S3'] === undefined ? false : 'another server than moto';

  it('knows no folders: a key and keys below it stand side by side', { skip }, async () => {
    const blobs = open();
    await blobs.put('both', Buffer.from('file'));
    await blobs.put('both/below', Buffer.from('below'));
    const found = (await blobs.list('')).filter(({ name }) => name === 'both');
    assert.deepEqual(new Set(found.map(({ isFolder }) => isFolder)), new Set([false, true]));
    await blobs.remove('both');
    assert.deepEqual((await blobs.list('')).filter(({ name }) => name === 'both'), []);
  });

  it('lists and removes more than a page', async () => {
    const blobs = open();
    const keys = Array.from({ length: 1_203 }, (_, index) => `many/${String(index).padStart(4, '0')}/x`);
    for (let from = 0; from < keys.length; from += 50) await Promise.all(keys.slice(from, from + 50).map((key) => blobs.put(key, new Uint8Array())));
    assert.equal((await blobs.list('many')).length, 1_203);
    await blobs.remove('many');
    assert.deepEqual(await blobs.list('many'), []);
  });

  it('lists no name that others put there to lead elsewhere', { skip }, async () => {
    const blobs = open();
    for (const name of ['', '..', '../up', '/x', 'a\\b', './x', 'good'])
      await bucket.s3.putObject({ Bucket: bucket.name, Key: `team/strange/${name}`, Body: 'x' });
    assert.deepEqual(await blobs.list('strange'), [{ name: 'good', isFolder: false, byteCount: 1 }]);
  });

  it('signs links that do one thing with one key', async () => {
    const { links, uploads, ...blobs } = open('&direct_links=true');
    assert.ok(links !== undefined);
    assert.equal(open().links, undefined, 'a bucket with its own endpoint may be out of reach for others');
    const put = await links.put('linked/é 1.html', 60);
    assert.equal((await fetch(put, { method: 'PUT', body: 'by link' })).status, 200);
    assert.equal(await text((await blobs.get('linked/é 1.html')).stream), 'by link');
    const get = await links.get('linked/é 1.html', 60, { type: 'application/octet-stream', disposition: 'attachment' });
    const answer = await fetch(get, { headers: { range: 'bytes=3-' } });
    assert.deepEqual([answer.status, await answer.text()], [206, 'link']);
    assert.deepEqual([answer.headers.get('content-type'), answer.headers.get('content-disposition')], ['application/octet-stream', 'attachment']);
    const id = await uploads.begin('linked/parts');
    const parts = [];
    for (const [index, body] of [Buffer.alloc(5 * MiB), Buffer.from('end')].entries()) {
      const sent = await fetch(await links.putPart(id, index + 1, 60), { method: 'PUT', body });
      parts.push({ number: index + 1, etag: sent.headers.get('etag') ?? '' });
    }
    assert.deepEqual(await uploads.complete(id, 'linked/parts', parts), { byteCount: 5 * MiB + 3 });
  });
});
