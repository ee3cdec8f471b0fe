import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { World } from '../../../platform/world.ts';
import { startServer, type RunningServer } from '../../../server/server.ts';
import { temporaryHome } from '../../../server/test-world.ts';
import { localActor } from '../../../team/can.ts';
import { createModel } from '../versions.ts';
import { createWebhook, deleteWebhook, updateWebhook } from './webhook-store.ts';
import { noticesOf, waitBefore, webhookActions } from './webhooks.ts';

const home = temporaryHome();
let receiver: Server;
let url: string;
const heard: { id: string; body: string }[] = [];
let answer = 200;

before(async () => {
  process.env['TILTH_FETCH_HOSTS'] = '127.0.0.1';
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push({ id: String(request.headers['x-mlflow-delivery-id']), body });
      response.writeHead(answer, answer === 302 ? { location: '/other' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
});
after(async () => {
  await server?.close();
  delete process.env['TILTH_FETCH_HOSTS'];
  receiver.closeAllConnections();
  receiver.close();
  home.remove();
});

let server: RunningServer | undefined;
/** On the same home: closes the one before. */
async function start(): Promise<RunningServer> {
  await server?.close();
  server = await startServer({ home, port: 0 });
  return server;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    assert.ok(tries < 400, 'it did not come to pass within 8 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const stateOf = async (world: World): Promise<string[]> =>
  (
    await world.database.read.selectFrom('webhook_delivery').select('state').orderBy('created_at').execute()
  ).map(({ state }) => state);

test('what could not be delivered is delivered after a restart', async () => {
  let { world } = await start();
  const hook = await createWebhook(world, localActor, {
    name: 'a',
    url,
    events: ['registered_model.created'],
  });
  answer = 503;
  await createModel(world, localActor, { name: 'oats' });
  await until(() => heard.length === 1);
  await until(
    async () =>
      (await world.database.read.selectFrom('webhook_delivery').select('attempt').executeTakeFirst())
        ?.attempt === 1,
  );
  answer = 200;
  ({ world } = await start());
  await until(() => heard.length === 2);
  assert.equal(heard[0]?.id, heard[1]?.id);
  assert.equal(heard[0]?.body, heard[1]?.body);
  await until(async () => (await stateOf(world)).join() === 'delivered');

  // told to the audit log while nobody looked: as if the server had broken off between the two
  ({ world } = await start());
  await world.database.write((tx) =>
    tx
      .updateTable('webhook_cursor')
      .set(({ eb }) => ({ seq: eb('seq', '-', 1) }))
      .execute(),
  );
  await createModel(world, localActor, { name: 'rye' });
  await until(() => heard.some(({ body }) => body.includes('rye')));
  await deleteWebhook(world, localActor, hook.id);
});

test('a redirect is not followed, a refusal not repeated, and who is disabled hears nothing', async () => {
  const { world } = await start();
  const hook = await createWebhook(world, localActor, {
    name: 'b',
    url,
    events: ['registered_model.created'],
  });
  for (const [status, name] of [
    [302, 'barley'],
    [404, 'spelt'],
  ] as const) {
    heard.length = 0;
    answer = status;
    await createModel(world, localActor, { name });
    await until(async () => (await stateOf(world)).at(-1) === 'failed' && heard.length === 1);
  }
  answer = 200;
  await updateWebhook(world, localActor, hook.id, { status: 'DISABLED' });
  heard.length = 0;
  await createModel(world, localActor, { name: 'millet' });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(heard, []);
  // an address that was public when it was named, and is not any more
  await updateWebhook(world, localActor, hook.id, { status: 'ACTIVE' });
  delete process.env['TILTH_FETCH_HOSTS'];
  await createModel(world, localActor, { name: 'teff' });
  await until(async () => (await stateOf(world)).at(-1) === 'failed');
  assert.deepEqual(heard, []);
});

test('attempts come further and further apart, later when the receiver says so, and end', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((attempt) => waitBefore(attempt, undefined)),
    [1000, 10_000, 60_000, 600_000, 3_600_000, undefined],
  );
  assert.equal(waitBefore(1, '30'), 30_000);
  assert.equal(waitBefore(4, '30'), 600_000);
  assert.equal(waitBefore(1, '99999999'), 86_400_000);
});

test('the name of a model may hold a slash, and a tag of a model that is no prompt is nobody’s event', () => {
  const change = {
    verb: 'model.register',
    data: { source: 'runs:/x/y' },
    tags: {},
    description: null,
    isPrompt: false,
  };
  const [notice] = noticesOf({ ...change, kind: 'model-version', thing: 'team/wheat/12' });
  assert.deepEqual(notice?.data, {
    name: 'team/wheat',
    version: '12',
    tags: {},
    description: null,
    source: 'runs:/x/y',
    run_id: null,
  });
  const tagged = {
    ...change,
    verb: 'model.describe',
    kind: 'model',
    thing: 'wheat',
    data: { putTags: { a: 'b' } },
  };
  assert.deepEqual(noticesOf(tagged), []);
  assert.deepEqual(noticesOf({ ...tagged, isPrompt: true }), [
    { event: 'prompt_tag.set', data: { name: 'wheat', key: 'a', value: 'b' } },
  ]);
  assert.equal(Object.values(webhookActions).flat().length, 15, 'MLflow 3.17 knows 15 events');
});
