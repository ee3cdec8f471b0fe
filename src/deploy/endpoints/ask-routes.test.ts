import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';

describe('a question to an endpoint through the control plane', () => {
  const home = temporaryHome();
  let server: RunningServer;
  let plane: Server;
  const heard: { url: string | undefined; authorization: string | undefined; body: string }[] = [];

  before(async () => {
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    plane = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        heard.push({ url: request.url, authorization: request.headers.authorization, body });
        const isKnown = request.url?.startsWith('/endpoints/late%20flights/') === true;
        response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(isKnown ? { predictions: [1] } : { message: 'No such endpoint.' }));
      });
    });
    await new Promise<void>((resolve) => plane.listen(0, '127.0.0.1', resolve));
  });

  after(async () => {
    plane?.close();
    await server?.close();
    home.remove();
  });

  const post = async (
    path: string,
    body: unknown,
  ): Promise<{
    status: number;
    answer: { predictions?: number[]; error?: { code: string; message: string } };
  }> => {
    const response = await fetch(server.address + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, answer: (await response.json()) as { predictions?: number[] } };
  };

  it('is refused while no data plane is there', async () => {
    const { status, answer } = await post('/api/v1/endpoints/late%20flights/invocations', {
      dataframe_records: [{}],
    });
    assert.equal(status, 503);
    assert.equal(answer.error?.code, 'NO_DATA_PLANE');
  });

  it('reaches the data plane as it was asked and brings its answer back', async () => {
    const address = `http://127.0.0.1:${(plane.address() as AddressInfo).port}`;
    await post('/api/v1/serving/report', {
      plane: 'test',
      address,
      revision: 1,
      startedAt: Date.now(),
      endpoints: [],
    });
    const question = { dataframe_records: [{ hour: 7 }] };
    const { status, answer } = await post('/api/v1/endpoints/late%20flights/invocations', question);
    assert.equal(status, 200);
    assert.deepEqual(answer, { predictions: [1] });
    assert.deepEqual(heard, [
      {
        url: '/endpoints/late%20flights/invocations',
        authorization: undefined,
        body: JSON.stringify(question),
      },
    ]);
  });

  it('says why the data plane refused', async () => {
    const { status, answer } = await post('/api/v1/endpoints/other/invocations', { dataframe_records: [{}] });
    assert.equal(status, 404);
    assert.equal(answer.error?.message, 'The endpoint answered 404: No such endpoint.');
  });
});
