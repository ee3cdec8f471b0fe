import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { homeKey } from '../../platform/home-keys.ts';
import { useTestBucket, type TestBucket } from '../../platform/blobs/test-bucket.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { addPerson, issueToken } from '../../team/people-store.ts';
import { localActor } from '../../team/can.ts';
import { signGrant } from './artifact-links.ts';
import { artifactCalls } from './mlflow-artifact-routes.ts';

let server: RunningServer;
let run: string;
let model: string;
let viewer: string;
const home = temporaryHome();
let bucket: TestBucket | undefined;
before(async () => {
  bucket = await useTestBucket();
  server = await startServer({ home, port: 0 });
  const made = (await post('/api/2.0/mlflow/runs/create', { experiment_id: '0' })) as { run: { info: { run_id: string } } };
  run = made.run.info.run_id;
  const logged = (await post('/api/2.0/mlflow/logged-models', { experiment_id: '0', name: 'm' })) as { model: { info: { model_id: string } } };
  model = logged.model.info.model_id;
  await addPerson(server.world, localActor, { id: 'vera', name: 'Vera', title: 'auditor', roles: ['viewer'] } as never);
  viewer = (await issueToken(server.world, localActor, 'vera', 1)).token;
});
after(async () => {
  await server.close();
  await bucket?.stop();
  home.remove();
});

/** Where keys begin, in the store that the server has. */
async function roots(folder = ''): Promise<string[]> {
  if (bucket === undefined) return readdirSync(join(home.blobs, folder)).toSorted();
  const prefix = folder === '' ? 'team/' : `team/${folder}/`;
  const { CommonPrefixes = [], Contents = [] } = await bucket.s3.listObjectsV2({ Bucket: bucket.name, Prefix: prefix, Delimiter: '/' });
  const { CommonPrefixes: outside = [] } = await bucket.s3.listObjectsV2({ Bucket: bucket.name, Delimiter: '/' });
  assert.deepEqual(outside.map(({ Prefix }) => Prefix), ['team/']);
  return [...CommonPrefixes.map(({ Prefix = '' }) => Prefix.slice(prefix.length, -1)), ...Contents.map(({ Key = '' }) => Key.slice(prefix.length))];
}

async function post(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${server.address}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return response.json();
}

interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends a path as it is: `fetch` would tidy it up. */
const raw = (method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.address);
    const asking = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }));
    });
    asking.on('error', reject);
    asking.end(body);
  });

const artifact = (name: string): string => `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/${name}`;

test('a range is exact, wherever it lies, and holds only for the content it was asked of', async () => {
  const content = randomBytes(1000).toString('base64');
  await raw('PUT', artifact('bytes.bin'), content);
  const size = content.length;
  const whole = await raw('GET', artifact('bytes.bin'));
  const etag = String(whole.headers['etag']);
  assert.equal(whole.body, content);
  const cases: readonly [Record<string, string>, number, string, string?][] = [
    [{ range: 'bytes=0-9' }, 206, content.slice(0, 10), `bytes 0-9/${size}`],
    [{ range: 'bytes=10-' }, 206, content.slice(10), `bytes 10-${size - 1}/${size}`],
    [{ range: 'bytes=-7' }, 206, content.slice(-7), `bytes ${size - 7}-${size - 1}/${size}`],
    [{ range: 'bytes=-99999' }, 206, content, `bytes 0-${size - 1}/${size}`],
    [{ range: `bytes=5-${size * 2}` }, 206, content.slice(5), `bytes 5-${size - 1}/${size}`],
    [{ range: 'bytes=0-9', 'if-range': etag }, 206, content.slice(0, 10), `bytes 0-9/${size}`],
    [{ range: 'bytes=0-9', 'if-range': '"another"' }, 200, content],
    [{ range: 'bytes=9-0' }, 200, content],
    [{ range: 'bytes=0-1,5-6' }, 200, content],
    [{ range: 'lines=0-1' }, 200, content],
    [{ 'if-none-match': etag }, 304, ''],
    [{ 'if-none-match': '"another"' }, 200, content],
  ];
  for (const [headers, status, body, contentRange] of cases) {
    const answer = await raw('GET', artifact('bytes.bin'), undefined, headers);
    assert.deepEqual([answer.status, answer.body, answer.headers['content-range']], [status, body, contentRange], JSON.stringify(headers));
  }
  for (const range of [`bytes=${size}-`, 'bytes=-0']) {
    const outside = await raw('GET', artifact('bytes.bin'), undefined, { range });
    assert.deepEqual([outside.status, outside.headers['content-range']], [416, `bytes */${size}`]);
  }
  const head = await raw('HEAD', artifact('bytes.bin'), undefined, { range: 'bytes=0-1' });
  assert.deepEqual([head.status, head.body, head.headers['content-length'], head.headers['etag']], [200, '', String(size), etag]);
  assert.equal((await raw('HEAD', artifact('nope'))).status, 404);
  await raw('PUT', artifact('bytes.bin'), content.toLowerCase());
  const changed = await raw('GET', artifact('bytes.bin'), undefined, { range: 'bytes=0-9', 'if-range': etag });
  assert.deepEqual([changed.status, changed.body], [200, content.toLowerCase()]);
});

test('what an upload claims to be never decides how it is served', async () => {
  const types: readonly [string, string][] = [
    ['page.html', 'application/octet-stream'],
    ['drawing.svg', 'application/octet-stream'],
    ['feed.xml', 'application/octet-stream'],
    ['script.js', 'application/octet-stream'],
    ['x.constructor', 'application/octet-stream'],
    ['photo.png', 'image/png'],
    ['notes.MD', 'text/plain; charset=utf-8'],
    ['MLmodel', 'text/plain; charset=utf-8'],
  ];
  for (const [name, type] of types) {
    await raw('PUT', artifact(name), '<script>alert(1)</script>', { 'content-type': 'text/html' });
    const { headers } = await raw('GET', artifact(name));
    assert.equal(headers['content-type'], type, name);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(String(headers['content-security-policy']), /default-src 'none'; sandbox/);
    assert.match(String(headers['content-disposition']), /^attachment; filename\*=UTF-8''/);
  }
});

test('a large file goes in and out with little memory', async () => {
  const byteCount = 200_000_000;
  const chunk = Buffer.alloc(1_000_000, 1);
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10);
  const body = new ReadableStream<Uint8Array>({
    start: () => undefined,
    pull: ((sent) => (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (sent === byteCount) controller.close();
      else controller.enqueue(chunk);
      sent += chunk.length;
    })(0),
  });
  const put = await fetch(`${server.address}${artifact('large.bin')}`, { method: 'PUT', body, duplex: 'half' } as RequestInit);
  assert.equal(put.status, 200);
  let seen = 0;
  for await (const part of (await fetch(`${server.address}${artifact('large.bin')}`)).body ?? []) seen += (part as Uint8Array).length;
  clearInterval(watch);
  assert.equal(seen, byteCount);
  assert.ok(peak - before < 170_000_000, `${Math.round((peak - before) / 1e6)} MB more, client included`);
});

test('what is sent in pieces of every size comes back byte for byte', async () => {
  const content = randomBytes(9_000_001);
  const { hostname, port } = new URL(server.address);
  const status = await new Promise((resolve, reject) => {
    const asking = request({ hostname, port, method: 'PUT', path: artifact('pieces.bin') }, (answer) => resolve(answer.resume().statusCode));
    asking.on('error', reject);
    for (let from = 0, size = 1; from < content.length; ) {
      asking.write(content.subarray(from, from + size));
      from += size;
      size = Math.min(size * 3 + 1, 700_000);
    }
    asking.end();
  });
  assert.equal(status, 200);
  const back = Buffer.from(await (await fetch(`${server.address}${artifact('pieces.bin')}`)).arrayBuffer());
  assert.ok(back.equals(content));
});

test('an upload that breaks off leaves what was there', async () => {
  await raw('PUT', artifact('kept.txt'), 'before');
  const { hostname, port } = new URL(server.address);
  await new Promise<void>((resolve) => {
    const asking = request({ hostname, port, method: 'PUT', path: artifact('kept.txt'), headers: { 'content-length': '1000000' } });
    asking.on('error', () => resolve());
    asking.on('close', () => resolve());
    asking.write('x'.repeat(1000), () => setTimeout(() => asking.destroy(), 50));
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await raw('GET', artifact('kept.txt'))).body, 'before');
  assert.deepEqual(await server.world.blobs.uploads.unfinished(), []);
});

test('a link is good for one thing, one file and a while', async () => {
  const key = `artifacts/0/${run}/artifacts/linked.txt`;
  const json = { 'content-type': 'application/json' };
  const ask = async (what: string, body: object): Promise<{ presigned_url: string }> =>
    (await post(`/api/2.0/mlflow/artifacts/presigned-${what}-url`, body)) as { presigned_url: string };
  const { presigned_url: put } = await ask('upload', { run_id: run, path: 'linked.txt' });
  assert.equal((await fetch(put, { method: 'PUT', body: 'by link' })).status, 200);
  assert.equal((await fetch(put)).status, 400, 'what writes does not read');
  const { presigned_url: get } = await ask('download', { run_id: run, path: 'linked.txt', expiration: 60 });
  assert.equal(await (await fetch(get)).text(), 'by link');
  assert.equal((await fetch(get, { headers: { range: 'bytes=3-' } })).status, 206);
  assert.equal((await fetch(get, { method: 'PUT', body: 'x' })).status, 400, 'what reads does not write');
  const { presigned_url: ofModel } = await ask('upload', { model_id: model, path: 'a/b.txt' });
  assert.equal((await fetch(ofModel, { method: 'PUT', body: 'm' })).status, 200);

  const root = `${server.address}/api/2.0/mlflow-artifacts/signed/`;
  const secret = homeKey(home, 'artifact-links');
  assert.equal(statSync(join(home.root, 'keys', 'artifact-links.key')).mode & 0o777, 0o600);
  const soon = Date.now() + 60_000;
  assert.equal((await fetch(root + signGrant(secret, { does: 'get', key, expiresAt: soon }))).status, 200);
  const [body = '', signature = ''] = signGrant(secret, { does: 'get', key, expiresAt: soon }).split('.');
  const elsewhere = Buffer.from(JSON.stringify({ does: 'get', key: 'artifacts/x', expiresAt: soon })).toString('base64url');
  const refused = [
    signGrant(secret, { does: 'get', key, expiresAt: Date.now() - 1 }),
    signGrant(randomBytes(32), { does: 'get', key, expiresAt: soon }),
    `${elsewhere}.${signature}`,
    `${body}.`,
    `${body}.${signature}.x`,
    body,
    'x',
  ];
  for (const token of refused) assert.equal((await fetch(root + token)).status, 403, token);
  for (const input of [{ run_id: run, path: 'x', expiration: 0 }, { run_id: run, path: 'x', expiration: 604_801 }, { path: 'x' }]) {
    const answer = await fetch(`${server.address}/api/2.0/mlflow/artifacts/presigned-download-url`, { method: 'POST', body: JSON.stringify(input), headers: json });
    assert.equal(answer.status, 400, JSON.stringify(input));
  }
});

test('the page’s upload takes 10 MiB and no more', async () => {
  const path = `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=chart%2Fa.json`;
  const octets = { 'content-type': 'application/octet-stream' };
  assert.equal((await raw('POST', path, '{}', octets)).status, 200);
  assert.equal((await raw('GET', `/get-artifact?run_id=${run}&path=chart/a.json`)).body, '{}');
  assert.equal((await raw('POST', path, 'x'.repeat(10 * 1024 ** 2 + 1), octets)).status, 400);
  assert.equal((await raw('POST', path, '', octets)).status, 400);
  assert.equal((await raw('GET', `/get-artifact?run_id=${run}&path=chart/a.json`)).body, '{}');
});

test('who may only look can change no artifact, on no route', async () => {
  for (const { method, paths, right } of artifactCalls) {
    if (right === 'signed link') continue;
    for (const path of paths) {
      const { status } = await raw(method.toUpperCase(), path.replace('*', `0/${run}/x`).replace(':model', model), method === 'get' || method === 'delete' ? undefined : '{}', {
        authorization: `Bearer ${viewer}`,
        'content-type': 'application/json',
      });
      if (right === 'read') assert.notEqual(status, 403, `${method} ${path}`);
      else assert.equal(status, 403, `${method} ${path}`);
    }
  }
});

// ---------------------------------------------------------------------------------------------------------------------
// paths: one payload per class of published holes in artifact servers

const climbing = [
  '../../escape.txt',
  '..%2f..%2f..%2f..%2fescape.txt',
  '%2e%2e/%2e%2e/%2e%2e/escape.txt',
  '%2e%2e%2f%2e%2e%2f%2e%2e%2fescape.txt',
  '%252e%252e%252f%252e%252e%252fescape.txt',
  '%25252e%25252e%25252fescape.txt',
  'a/%2e%2e%2f%2e%2e%2fescape.txt',
  '..%5c..%5cescape.txt',
  '%5c%5chost%5cshare',
  '%2fetc%2fpasswd',
  '%2f%2fetc%2fpasswd',
  'C%3a%5cwindows%5cwin.ini',
  'c:%2fwindows',
  'a%00.txt',
  'a%0a.txt',
  '%c0%ae%c0%ae%2fescape.txt',
  '%ff%fe',
  '%ed%a0%80',
  'a'.repeat(256),
  'a/'.repeat(600),
] as const;

/** Every route that takes a path, with the path in the place where the caller puts it, encoded once. */
const attempts = (encoded: string): readonly [string, string, string?][] => {
  const json = (fields: object): string => JSON.stringify(fields);
  const inPath: [string, string, string?][] = [
    ['GET', `/api/2.0/mlflow-artifacts/artifacts/${encoded}`],
    ['PUT', `/api/2.0/mlflow-artifacts/artifacts/${encoded}`, 'evil'],
    ['PUT', `/ajax-api/2.0/mlflow-artifacts/artifacts/${encoded}`, 'evil'],
    ['DELETE', `/api/2.0/mlflow-artifacts/artifacts/${encoded}`],
    ['GET', `/api/2.0/mlflow-artifacts/presigned/${encoded}`],
    ['POST', `/api/2.0/mlflow-artifacts/mpu/create/${encoded}`, json({ path: 'x', num_parts: 1 })],
    ['POST', `/api/2.0/mlflow-artifacts/mpu/complete/${encoded}`, json({ path: 'x', upload_id: 'x', parts: [] })],
    ['POST', `/api/2.0/mlflow-artifacts/mpu/abort/${encoded}`, json({ path: 'x', upload_id: '../../x' })],
  ];
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    return inPath;
  }
  const query = encodeURIComponent(decoded);
  return [
    ...inPath,
    ['GET', `/api/2.0/mlflow-artifacts/artifacts?path=${query}`],
    ['POST', '/api/2.0/mlflow/artifacts/presigned-upload-url', json({ run_id: run, path: decoded })],
    ['POST', '/api/2.0/mlflow/artifacts/presigned-download-url', json({ run_id: run, path: decoded })],
    ['GET', `/get-artifact?run_id=${run}&path=${query}`],
    ['POST', `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=${query}`, 'evil'],
    ['GET', `/ajax-api/2.0/mlflow/logged-models/${model}/artifacts/files?artifact_file_path=${query}`],
    ['GET', `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${query}`],
    ['GET', `/api/2.0/mlflow/logged-models/${model}/artifacts/directories?artifact_directory_path=${query}`],
    ['GET', `/api/v1/runs/${run}/artifact?path=${query}`],
    ['GET', `/api/v1/runs/${run}/artifacts?path=${query}`],
  ];
};

const typeFor = (body: string | undefined): Record<string, string> =>
  body === undefined ? {} : { 'content-type': body.startsWith('{') ? 'application/json' : 'application/octet-stream' };

/** All that lies in the home, but what the server itself writes beside the artifacts. */
const outside = (): string[] => readdirSync(home.root).filter((name) => !name.startsWith('tilth.db'));

test('no path leaves its root, whatever its encoding, on every route that takes one', async () => {
  const before = outside();
  for (const path of climbing) {
    for (const [method, url, body] of attempts(path)) {
      const { status, body: answer } = await raw(method, url, body, typeFor(body));
      assert.ok(status === 400 || status === 404, `${method} ${url.slice(0, 200)}: ${status} ${answer.slice(0, 200)}`);
      assert.doesNotMatch(answer, /root:|SQLite format/);
    }
  }
  assert.deepEqual(outside(), before);
  assert.deepEqual(await roots(), bucket === undefined ? ['artifacts', 'unfinished'] : ['artifacts']);
});

test('a name is what was meant: # ? ; % and letters of any script stay in it', async () => {
  for (const name of ['a#b', 'a?b', 'a;b', 'a%b', '100%', 'a b', 'ünï', '模型', '..dots..', '．．', 'a:b', "it's", 'x.part', '%zz', 'é']) {
    const url = artifact(`odd/${encodeURIComponent(name)}`);
    assert.equal((await raw('PUT', url, name)).status, 200, name);
    assert.equal((await raw('GET', url)).body, name);
    const list = JSON.parse((await raw('GET', `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=odd`)).body) as { files: { path: string }[] };
    assert.ok(list.files.some(({ path }) => path === `odd/${name}`), name);
    await raw('DELETE', url);
    assert.equal((await raw('GET', url)).status, 404);
  }
});

test('random paths land below their root or nowhere', async () => {
  const pieces = fc.constantFrom('..', '.', '/', '\\', '%2e', '%2f', '%5c', '%252e', '%252f', '%00', '%c0%ae', '%', 'a', 'é', '#', ';', ':', 'C:', ' ', '~', '%0d');
  const before = outside();
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { minLength: 1, maxLength: 9 }), async (parts) => {
      const path = encodeURI(parts.join('')).replaceAll('%25', '%').replaceAll('#', '%23');
      const { status } = await raw('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/fuzz/${path}`, 'x');
      assert.ok([200, 400, 404, 409].includes(status), `${path}: ${status}`);
      const read = await raw('GET', `/get-artifact?run_id=${run}&path=${encodeURIComponent(parts.join(''))}`);
      assert.ok([200, 400, 404].includes(read.status), `${path}: ${read.status}`);
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(outside(), before);
  assert.deepEqual(await roots(), bucket === undefined ? ['artifacts', 'unfinished'] : ['artifacts']);
  assert.deepEqual(await roots('artifacts'), ['0']);
  assert.ok(!existsSync(join(home.root, '..', 'escape.txt')));
});
