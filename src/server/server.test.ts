import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../platform/log.ts';
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
const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> =>
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
    const { status } = await ask('POST', '/api/v1/people', { 'content-type': 'text/plain' }, '{"id":"mallory"}');
    assert.equal(status, 415);
  });

  it('answers an unknown route and bad input in its own error shape', async () => {
    assert.match((await ask('GET', '/api/v1/nothing')).body, /"code":"ROUTE_NOT_FOUND"/);
    const bad = await ask('POST', '/api/v1/people', { 'content-type': 'application/json' }, '{"id":"A B"}');
    assert.equal(bad.status, 400);
    assert.match(bad.body, /"code":"BAD_REQUEST"/);
    assert.equal((await ask('POST', '/api/v1/people', { 'content-type': 'application/json' }, '{')).status, 400);
  });

  it('refuses an unknown token instead of falling back to the local user', async () => {
    assert.equal((await ask('GET', '/api/v1/me', { authorization: 'Bearer tilth_pat_wrong' })).status, 401);
  });

  it('describes its routes as OpenAPI and its state as Prometheus metrics', async () => {
    const openapi = JSON.parse((await ask('GET', '/api/v1/openapi.json')).body) as { paths: Record<string, unknown> };
    assert.ok('/api/v1/people' in openapi.paths);
    assert.match((await ask('GET', '/metrics')).body, /process_cpu_seconds_total/);
  });
});
