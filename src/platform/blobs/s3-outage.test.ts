import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import type { BlobStore } from './blobs.ts';
import { openBlobs } from './open-blobs.ts';
import { resolveHome } from '../home.ts';
import { createLogger } from '../log.ts';
import { patiently } from '../patience.ts';
import { s3Blobs } from './s3-blobs.ts';
import { parseS3Place } from './s3-place.ts';

process.env['AWS_ACCESS_KEY_ID'] ??= 'testing';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'testing';

const modified = 'Mon, 01 Jun 2026 00:00:00 GMT';
const fault = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the server says</Message></Error>`;

/** The address of a server that answers so, for the time of a test. */
async function addressOf(context: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const bucketAt = async (context: TestContext, answer: RequestListener): Promise<BlobStore> =>
  s3Blobs(parseS3Place(`s3://models?endpoint_url=${await addressOf(context, answer)}`, {}), '/nowhere');

test('who waits for an answer is told soon that the bucket is away; a job waits until it is back', async (context) => {
  const backAt = Date.now() + 6_000;
  const blobs = await bucketAt(context, (request, response) => {
    const length = request.method === 'HEAD' ? '4' : '0';
    if (Date.now() < backAt) response.writeHead(503).end(fault('ServiceUnavailable'));
    else response.writeHead(200, { 'content-length': length, etag: '"x"', 'last-modified': modified }).end();
  });
  const job = patiently(() => blobs.facts('a'));
  const put = patiently(() => blobs.put('b', Buffer.from('soil')));
  await assert.rejects(blobs.get('a'), { code: 'BLOBS_UNAVAILABLE', status: 503, message: /^s3:\/\/models at http:.* does not answer: ServiceUnavailable/, hint: /Try again/ });
  assert.ok(Date.now() < backAt, 'told soon');
  assert.equal((await job)?.byteCount, 4);
  assert.equal((await put).byteCount, 4);
});

test('a server that is not there is an outage too', async () => {
  const blobs = s3Blobs(parseS3Place('s3://models?endpoint_url=http://127.0.0.1:9', {}), '/nowhere');
  await assert.rejects(blobs.facts('a'), { code: 'BLOBS_UNAVAILABLE', message: /ECONNREFUSED/ });
});

test('a content that breaks off is read on from there, of the same version', async (context) => {
  const ranges: unknown[] = [];
  const blobs = await bucketAt(context, (request, response) => {
    ranges.push([request.headers.range, request.headers['if-match']]);
    const start = Number(/bytes=(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = '0123456789'.slice(start);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': String(rest.length),
      etag: '"v1"',
      'last-modified': modified,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-9/10` }),
    });
    if (start >= 8) response.end(rest);
    else response.write(rest.slice(0, 4), () => setTimeout(() => response.destroy(), 20));
  });
  assert.equal(await text((await blobs.get('a')).stream), '0123456789');
  assert.deepEqual(ranges, [[undefined, undefined], ['bytes=4-9', '"v1"'], ['bytes=8-9', '"v1"']]);
});

test('what the bucket refuses is told with what to do', async (context) => {
  const cases = [
    [403, 'SignatureDoesNotMatch', 'BLOBS_ACCESS_REFUSED', /The secret is wrong/],
    [403, 'InvalidAccessKeyId', 'BLOBS_ACCESS_REFUSED', /AWS_ACCESS_KEY_ID/],
    [400, 'ExpiredToken', 'BLOBS_ACCESS_REFUSED', /have expired/],
    [403, 'AccessDenied', 'BLOBS_ACCESS_REFUSED', /may list the bucket/],
    [403, 'RequestTimeTooSkewed', 'BLOBS_ACCESS_REFUSED', /clock/],
    [404, 'NoSuchBucket', 'BLOBS_BUCKET_MISSING', /aws s3 mb s3:\/\/models/],
    [404, 'NoSuchKey', 'BLOB_NOT_FOUND', undefined],
  ] as const;
  for (const [status, code, ours, hint] of cases) {
    const blobs = await bucketAt(context, (_, response) => void response.writeHead(status).end(fault(code)));
    await assert.rejects(blobs.get('a'), (error: Error & { code?: string; hint?: string }) => {
      assert.deepEqual([error.code, hint === undefined || hint.test(error.hint ?? '')], [ours, true], `${code}: ${error.message} ${error.hint}`);
      return true;
    });
  }
});

test('a server starts while its bucket is away, and not with a wrong secret', async (context) => {
  const home = resolveHome('/nowhere');
  const log = createLogger('test', 'silent');
  const open = async (status: number, code: string): Promise<BlobStore> =>
    openBlobs(home, log, { TILTH_BLOBS_URL: `s3://models?endpoint_url=${await addressOf(context, (_, response) => void response.writeHead(status).end(fault(code)))}` });
  await open(503, 'ServiceUnavailable');
  await assert.rejects(open(403, 'SignatureDoesNotMatch'), { code: 'BLOBS_ACCESS_REFUSED' });
  await assert.rejects(open(404, 'NoSuchBucket'), { code: 'BLOBS_BUCKET_MISSING' });
});
