import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { registryFileCalls } from '../../src/deploy/registry/mlflow-registry-files.ts';
import { registryCalls } from '../../src/deploy/registry/mlflow-registry-routes.ts';
import { webhookCalls } from '../../src/deploy/registry/webhooks/mlflow-webhook-routes.ts';
import { artifactCalls } from '../../src/develop/tracking/mlflow-artifact-routes.ts';
import { trackingCalls } from '../../src/develop/tracking/mlflow-routes.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';
import { bundles, can, localActor, type Verb } from '../../src/team/can.ts';
import { addPerson, issueToken } from '../../src/team/people-store.ts';

type Call = readonly [method: string, path: string];

/** As `mlflow_calls.py` reads them off MLflow 3.17.2. */
const described = JSON.parse(readFileSync(new URL('mlflow-calls.json', import.meta.url), 'utf8')) as readonly Call[];

/** What MLflow's descriptions leave out: calls of its page, and those beside the API. */
const beside: readonly Call[] = [
  ['GET', '/2.0/mlflow/metrics/get-history-bulk'],
  ['GET', '/2.0/mlflow/get-artifact'],
  ['POST', '/2.0/mlflow/upload-artifact'],
  ['GET', '/2.0/mlflow/model-versions/get-artifact'],
  ['GET', '/2.0/mlflow/logged-models/{model_id}/artifacts/files'],
  ['GET', '/3.0/mlflow/server-info'],
];
const outside = ['/health', '/version', '/get-artifact?run_id=x&path=y', '/model-versions/get-artifact?name=x&version=1&path=y'];

/** The tools for language models, and the workspaces; traces are ours. */
const notHere =
  /\/mlflow\/(datasets|scorers|issues|label-schemas|review-queues|prompt-optimization|gateway|workspaces|unified-traces|get-online-trace-details)(\/|$)/;
const traces = /\/mlflow\/traces(\/|$)/;

describe('the calls that MLflow describes', () => {
  const home = temporaryHome();
  let server: RunningServer;
  const calls = [...described, ...beside];

  before(async () => {
    server = await startServer({ home, port: 0 });
  });
  after(async () => {
    await server.close();
    home.remove();
  });

  const ask = async ([method, path]: Call, prefix: string): Promise<{ status: number; code: string | undefined; text: string }> => {
    const filled = path.replace(/<path:\w+>/, '0/x/y').replaceAll(/\{[\w.]+\}/g, 'nothing');
    const response = await fetch(`${server.address}${prefix}${filled}`, {
      method,
      ...(method === 'GET' ? {} : { body: '{}', headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    const { error_code: code } = (text.startsWith('{') ? JSON.parse(text) : {}) as { error_code?: string };
    return { status: response.status, code, text };
  };

  it('are answered below /api and /ajax-api, each in MLflow’s shape', async () => {
    const here = calls.filter(([, path]) => !notHere.test(path) && !traces.test(path));
    assert.ok(here.length >= 75, `${here.length} calls`);
    for (const call of here) {
      for (const prefix of ['/api', '/ajax-api']) {
        const { status, code, text } = await ask(call, prefix);
        const answer = `${prefix} ${call.join(' ')}: ${status} ${text.slice(0, 200)}`;
        assert.ok(status < 500 && code !== 'ENDPOINT_NOT_FOUND', answer);
        assert.ok(status === 200 || code !== undefined, answer);
      }
    }
  });

  it('that are tools for language models say with 501 that they are not here', async () => {
    const others = calls.filter(([, path]) => notHere.test(path));
    assert.ok(others.length >= 80, `${others.length} calls`);
    for (const call of others) {
      for (const prefix of ['/api', '/ajax-api']) {
        const { status, code } = await ask(call, prefix);
        assert.deepEqual([status, code], [501, 'NOT_IMPLEMENTED'], `${prefix} ${call.join(' ')}`);
      }
    }
  });

  it('take the right that their table names, whatever the prefix', async () => {
    const table: (readonly [method: string, path: string, right: Verb])[] = [...trackingCalls, ...registryCalls, ...webhookCalls].flatMap(
      ({ method, path, version, right }) =>
        ['/api', '/ajax-api'].map((prefix) => [method, `${prefix}/${version ?? '2.0'}/mlflow/${path}`, right] as const),
    );
    for (const { method, paths, right } of [...artifactCalls, ...registryFileCalls]) {
      if (right !== 'signed link') table.push(...paths.map((path) => [method, path.replace('*', '0/x/y'), right] as const));
    }
    assert.ok(table.length >= 150, `${table.length} routes`);
    let refusedCount = 0;
    for (const role of [...bundles, 'reviewer'] as const) {
      await addPerson(server.world, localActor, { id: role, name: role, title: 'auditor', roles: [role] } as never);
      const { token } = await issueToken(server.world, localActor, role, 1);
      for (const [method, path, right] of table) {
        if (can({ ...localActor, roles: [role] }, right)) continue;
        const response = await fetch(server.address + path.replaceAll(/\{\w+\}/g, 'nothing').replace(':model', 'nothing'), {
          method: method.toUpperCase(),
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(method === 'get' ? {} : { body: '{}' }),
        });
        const { error_code: code } = (await response.json()) as { error_code: string };
        assert.deepEqual([response.status, code], [403, 'PERMISSION_DENIED'], `${role}: ${method} ${path}`);
        refusedCount += 1;
      }
    }
    assert.ok(refusedCount > 300, String(refusedCount));
  });

  it('are answered beside the API as well', async () => {
    for (const path of outside) {
      const response = await fetch(`${server.address}${path}`);
      const text = await response.text();
      assert.ok(response.status === 200 || /"error_code":"RESOURCE_DOES_NOT_EXIST"/.test(text), `${path}: ${response.status} ${text.slice(0, 200)}`);
    }
  });
});
