import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';

let server: RunningServer;
const home = temporaryHome();
before(async () => {
  server = await startServer({ home, port: 0 });
});
after(async () => {
  await server.close();
  home.remove();
});

interface Answer {
  readonly status: number;
  /** status and code of a refusal */
  readonly refusal: string;
  at(...path: (string | number)[]): unknown;
}

async function call(method: string, path: string, fields: Readonly<Record<string, unknown>>): Promise<Answer> {
  const query = method === 'GET' ? `?${new URLSearchParams(fields as Record<string, string>).toString()}` : '';
  const response = await fetch(`${server.address}/api/2.0/mlflow/${path}${query}`, {
    method,
    ...(method === 'GET' ? {} : { body: JSON.stringify(fields), headers: { 'content-type': 'application/json' } }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  return {
    status: response.status,
    refusal: `${response.status} ${String(body['error_code'])}`,
    at: (...keys) => keys.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], body),
  };
}

const newModel = async (name: string, versionCount: number): Promise<void> => {
  await call('POST', 'registered-models/create', { name });
  for (let count = 0; count < versionCount; count += 1) await call('POST', 'model-versions/create', { name, source: 's3://bucket/model' });
};

test('latest is the newest version wherever an alias is asked for, and an alias that is not set is a wrong parameter', async () => {
  await newModel('aliased', 2);
  assert.equal((await call('GET', 'registered-models/alias', { name: 'aliased', alias: 'latest' })).at('model_version', 'version'), '2');
  assert.equal((await call('GET', 'registered-models/alias', { name: 'aliased', alias: 'champion' })).refusal, '400 INVALID_PARAMETER_VALUE');
  await newModel('empty', 0);
  assert.equal((await call('GET', 'registered-models/alias', { name: 'empty', alias: 'latest' })).refusal, '404 RESOURCE_DOES_NOT_EXIST');
  assert.equal((await call('DELETE', 'registered-models/alias', { name: 'aliased', alias: 'a b' })).refusal, '400 INVALID_PARAMETER_VALUE');
  assert.equal((await call('POST', 'registered-models/alias', { name: 'aliased', alias: 'größe', version: '1' })).status, 200);
});

test('a name that no model can have is told before the model is looked for, a version below 1 is not there', async () => {
  await newModel('named', 1);
  assert.equal((await call('GET', 'registered-models/get', { name: 'a/b' })).refusal, '400 INVALID_PARAMETER_VALUE');
  assert.equal((await call('GET', 'model-versions/get', { name: 'named', version: '0' })).refusal, '404 RESOURCE_DOES_NOT_EXIST');
  assert.equal((await call('GET', 'model-versions/get', { name: 'named', version: '1.5' })).refusal, '400 INVALID_PARAMETER_VALUE');
  assert.equal((await call('POST', 'registered-models/set-tag', { name: 'named', key: '../x', value: '1' })).refusal, '400 INVALID_PARAMETER_VALUE');
});

test('tags and aliases are no update of a version, its description and stage are', async () => {
  await newModel('dated', 2);
  await call('POST', 'model-versions/set-tag', { name: 'dated', version: '1', key: 't', value: '1' });
  await call('POST', 'registered-models/alias', { name: 'dated', alias: 'champion', version: '1' });
  const newest = async (): Promise<unknown> => (await call('GET', 'model-versions/search', { filter: "name = 'dated'" })).at('model_versions', 0, 'version');
  assert.equal(await newest(), '2');
  await new Promise((resolve) => setTimeout(resolve, 2));
  await call('PATCH', 'model-versions/update', { name: 'dated', version: '1', description: 'first' });
  assert.equal(await newest(), '1');
});

test('only a stage that is served archives the versions before', async () => {
  await newModel('staged', 2);
  const move = (stage: string): Promise<Answer> => call('POST', 'model-versions/transition-stage', { name: 'staged', version: '2', stage, archive_existing_versions: true });
  assert.equal((await move('Archived')).refusal, '400 INVALID_PARAMETER_VALUE');
  assert.equal((await move('Staging')).status, 200);
});

test('a model may be renamed to its own name, and has no description until it is given one', async () => {
  await newModel('kept', 1);
  assert.equal((await call('POST', 'registered-models/rename', { name: 'kept', new_name: 'kept' })).status, 200);
  assert.equal((await call('GET', 'registered-models/get', { name: 'kept' })).at('registered_model', 'description'), undefined);
});

test('a version without a run differs from those of every run, and its logged model names it', async () => {
  const created = await call('POST', 'logged-models', { experiment_id: '0', name: 'net' });
  const model_id = created.at('model', 'info', 'model_id') as string;
  await call('POST', 'registered-models/create', { name: 'linked' });
  await call('POST', 'model-versions/create', { name: 'linked', source: `models:/${model_id}`, model_id });
  const found = await call('GET', 'model-versions/search', { filter: `name = 'linked' AND run_id != '${'a'.repeat(32)}'` });
  assert.equal(found.at('model_versions', 0, 'version'), '1');
  const tags = (await call('GET', `logged-models/${model_id}`, {})).at('model', 'info', 'tags');
  assert.deepEqual(tags, [{ key: 'mlflow.modelVersions', value: '[{"name":"linked","version":1}]' }]);
});
