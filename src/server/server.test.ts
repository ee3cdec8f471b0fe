import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createApi } from '../platform/http.ts';
import { createLogger } from '../platform/log.ts';
import type { World } from '../platform/world.ts';
import { mlflowTrackingDirectRoutes, mlflowTrackingRoutes } from '../develop/tracking/mlflow-routes.ts';
import { identify } from '../team/people-routes.ts';
import { startServer, type RunningServer } from './server.ts';
import { temporaryHome } from './test-world.ts';

const home = temporaryHome();
let server: RunningServer;
before(async () => {
  server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
});
after(async () => {
  await server.close();
  home.remove();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `fetch` won't send a foreign Host, so this asks by hand. */
const ask = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(`${server.address}${path}`, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });

describe('the control plane', () => {
  it('says that it is there', async () => {
    assert.deepEqual(await ask('GET', '/health'), { status: 200, body: 'OK' });
  });

  it('refuses a name that is not its own, so that no foreign page can rebind to it', async () => {
    const { status, body } = await ask('GET', '/api/v1/me', { host: 'evil.example' });
    assert.equal(status, 403);
    assert.match(body, /HOST_REFUSED/);
  });

  it('refuses a page of another origin', async () => {
    assert.equal((await ask('GET', '/api/v1/me', { origin: 'http://evil.example' })).status, 403);
  });

  it('refuses a write that a plain form could send', async () => {
    const { status } = await ask(
      'POST',
      '/api/v1/people',
      { 'content-type': 'text/plain' },
      '{"id":"mallory"}',
    );
    assert.equal(status, 415);
  });

  it('answers an unknown route and bad input in its own error shape', async () => {
    assert.match((await ask('GET', '/api/v1/nothing')).body, /"code":"ROUTE_NOT_FOUND"/);
    const bad = await ask('POST', '/api/v1/people', { 'content-type': 'application/json' }, '{"id":"A B"}');
    assert.equal(bad.status, 400);
    assert.match(bad.body, /"code":"BAD_REQUEST"/);
    assert.equal(
      (await ask('POST', '/api/v1/people', { 'content-type': 'application/json' }, '{')).status,
      400,
    );
  });

  it('refuses an unknown token instead of falling back to the local user', async () => {
    assert.equal((await ask('GET', '/api/v1/me', { authorization: 'Bearer tilth_pat_wrong' })).status, 401);
  });

  describe('where a route needs no framework', () => {
    const paths = [...mlflowTrackingDirectRoutes({} as World).keys()].map(
      (route) => route.split(' ') as [string, string],
    );

    it('refuses foreign names, foreign pages, plain forms and unknown tokens as everywhere', async () => {
      assert.ok(paths.length > 60, `${paths.length} routes`);
      for (const [method, path] of paths) {
        const json = { 'content-type': 'application/json' };
        const sent = method === 'GET' ? undefined : '{}';
        assert.match(
          (await ask(method, path, { ...json, host: 'evil.example' }, sent)).body,
          /"PERMISSION_DENIED".*host/,
        );
        assert.equal((await ask(method, path, { ...json, origin: 'http://evil.example' }, sent)).status, 403);
        assert.equal(
          (await ask(method, path, { ...json, authorization: 'Bearer tilth_pat_wrong' }, sent)).status,
          401,
        );
        if (method === 'POST')
          assert.notEqual((await ask(method, path, { 'content-type': 'text/plain' }, '{}')).status, 200);
      }
    });

    it('answers as the framework does, whatever comes in', async () => {
      const { world } = server;
      const framework = mlflowTrackingRoutes(world);
      const throughIt = createApi().use('*', identify(world)).route('/', framework);
      for (const [method, path] of paths) {
        for (const [query, sent] of [
          ['', undefined],
          ['?run_id=%00&key=%zz&max_results=a+b&run_id=2', '{'],
          ['?', '[]'],
          ['?view_type=7', '{"run_id":"x","max_results":-1}'],
          ['', '\u{feff}{}'],
        ] as const) {
          const body = method === 'GET' ? undefined : sent;
          const direct = await ask(method, path + query, { 'content-type': 'application/json' }, body);
          const other = await throughIt.request(`http://127.0.0.1${path}${query}`, {
            method,
            ...(body === undefined ? {} : { body }),
          });
          if (direct.status === 200) continue;
          assert.deepEqual(
            { status: direct.status, body: direct.body },
            { status: other.status, body: await other.text() },
            `${method} ${path}${query} ${sent}`,
          );
        }
      }
    });

    it('takes a body in any pieces, and goes on after a caller who left in the middle', async () => {
      const path = '/api/2.0/mlflow/experiments/create';
      const { port, hostname } = new URL(server.address);
      const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n`;
      const lost = connect(Number(port), hostname);
      lost.write(`${head}Content-Length: 100\r\n\r\n{"name"`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      lost.destroy();
      const body = Buffer.from(JSON.stringify({ name: 'Versuch äöü 試験 🌱' }));
      const pieces = [...body].map((_, index) => body.subarray(index, index + 1));
      const made = await new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname);
        let text = '';
        socket.setEncoding('utf8').on('data', (data: string) => {
          text += data;
          if (text.includes('}')) socket.end();
        });
        socket.on('close', () => resolve(text)).on('error', reject);
        socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
        for (const piece of pieces)
          socket.write(Buffer.concat([Buffer.from('1\r\n'), piece, Buffer.from('\r\n')]));
        socket.write('0\r\n\r\n');
      });
      assert.match(made, /^HTTP\/1.1 200/);
      const found = await ask(
        'GET',
        `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent('Versuch äöü 試験 🌱')}`,
      );
      assert.equal(found.status, 200);
    });
  });

  it('describes its routes as OpenAPI and its state as Prometheus metrics', async () => {
    const openapi = JSON.parse((await ask('GET', '/api/v1/openapi.json')).body) as {
      paths: Record<string, unknown>;
    };
    assert.ok('/api/v1/people' in openapi.paths);
    assert.match((await ask('GET', '/metrics')).body, /process_cpu_seconds_total/);
  });
});
