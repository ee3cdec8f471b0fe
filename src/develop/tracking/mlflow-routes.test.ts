import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import type { Actor } from '../../platform/actor.ts';
import { addPerson, issueToken } from '../../team/people-store.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { trackingCalls } from './mlflow-routes.ts';

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
  // the shape of a foreign API, read as it comes
  readonly body: Record<string, never>;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${server.address}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

const post = (path: string, body: unknown): Promise<Answer> => call('POST', `/api/2.0/mlflow/${path}`, body);
const get = (path: string): Promise<Answer> => call('GET', `/api/2.0/mlflow/${path}`);
const at = (answer: Answer, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], answer.body);

async function newRun(body: Record<string, unknown> = {}): Promise<string> {
  return at(await post('runs/create', { experiment_id: '0', ...body }), 'run', 'info', 'run_id') as string;
}

test('errors have the code and status that MLflow’s clients branch on', async () => {
  const run = await newRun();
  await post('runs/log-parameter', { run_id: run, key: 'depth', value: '3' });
  await post('experiments/create', { name: 'taken' });
  const cases: readonly [Promise<Answer>, number, string][] = [
    [get('runs/get?run_id=nope'), 404, 'RESOURCE_DOES_NOT_EXIST'],
    [get('experiments/get-by-name?experiment_name=nope'), 404, 'RESOURCE_DOES_NOT_EXIST'],
    [post('experiments/create', { name: 'taken' }), 400, 'RESOURCE_ALREADY_EXISTS'],
    [post('experiments/create', {}), 400, 'INVALID_PARAMETER_VALUE'],
    [post('runs/log-parameter', { run_id: run, key: 'depth', value: '4' }), 400, 'INVALID_PARAMETER_VALUE'],
    [post('runs/log-metric', { run_id: run, key: '../m', value: 1, timestamp: 1 }), 400, 'INVALID_PARAMETER_VALUE'],
    [post('runs/log-metric', `{"run_id":"${run}","key":"m","value":NaN,"timestamp":1}`), 400, 'INVALID_PARAMETER_VALUE'],
    [post('runs/search', { experiment_ids: ['0'], filter: 'metrics.m > 1 OR' }), 400, 'INVALID_PARAMETER_VALUE'],
    [post('runs/search', { experiment_ids: ['0'], page_token: 'made up' }), 400, 'INVALID_PARAMETER_VALUE'],
    [get('no/such/call'), 404, 'ENDPOINT_NOT_FOUND'],
    [call('POST', '/api/3.0/mlflow/scorers/register', {}), 501, 'NOT_IMPLEMENTED'],
  ];
  for (const [answer, status, code] of cases) {
    const { status: seen, body } = await answer;
    assert.deepEqual([seen, body['error_code']], [status, code], JSON.stringify(body));
  }
});

test('messages name the parameter, as clients’ tests expect', async () => {
  const run = await newRun();
  const missing = await post('runs/log-metric', { run_id: run, key: 'm', value: 1 });
  assert.match(String(at(missing, 'message')), /Missing value for required parameter 'timestamp'/);
  const wrong = await post('runs/log-batch', { run_id: run, metrics: [{ key: 'a$', value: 1, timestamp: 1 }] });
  assert.match(String(at(wrong, 'message')), /Invalid value "a\$" for parameter 'metrics\[0\]\.key' supplied/);
  await post('runs/log-parameter', { run_id: run, key: 'p', value: '1' });
  const changed = await post('runs/log-parameter', { run_id: run, key: 'p', value: '2' });
  assert.match(String(at(changed, 'message')), /Changing param values is not allowed/);
});

test('the latest metric is the one of the largest step, then timestamp, then value', async () => {
  const run = await newRun();
  for (const [value, timestamp, step] of [[1, 10, 2], [2, 99, 1], [3, 10, 2], [2.5, 10, 2], [3, 10, 2]]) {
    await post('runs/log-metric', { run_id: run, key: 'm', value, timestamp, step });
  }
  const seen = await get(`runs/get?run_id=${run}`);
  assert.deepEqual(at(seen, 'run', 'data', 'metrics'), [{ key: 'm', value: 3, timestamp: 10, step: 2 }]);
  const history = await get(`metrics/get-history?run_id=${run}&metric_key=m`);
  assert.deepEqual((at(history, 'metrics') as { value: number }[]).map(({ value }) => value), [1, 2.5, 3, 2], 'the point logged twice is there once');
});

test('NaN and infinities come back as they were sent', async () => {
  const run = await newRun();
  const values = ['NaN', 'Infinity', '-Infinity', 0.1, 1e-320, 1.7976931348623157e308];
  await post('runs/log-batch', { run_id: run, metrics: values.map((value, index) => ({ key: `k${index}`, value, timestamp: 1, step: 0 })) });
  const seen = await get(`runs/get?run_id=${run}`);
  assert.deepEqual((at(seen, 'run', 'data', 'metrics') as { value: unknown }[]).map(({ value }) => value), values);
});

test('a batch may have params alone, as the client sends them', async () => {
  const run = await newRun();
  assert.equal((await post('runs/log-batch', { run_id: run, params: [{ key: 'depth', value: '3' }] })).status, 200);
});

test('a page of a history may end at an infinity', async () => {
  const run = await newRun();
  const metrics = ['-Infinity', 1, 'Infinity', 'NaN', 2].map((value, step) => ({ key: 'm', value, timestamp: 7, step }));
  await post('runs/log-batch', { run_id: run, metrics });
  const seen: unknown[] = [];
  for (let token = ''; ; ) {
    const page = await get(`metrics/get-history?run_id=${run}&metric_key=m&max_results=1&page_token=${token}`);
    seen.push(at(page, 'metrics', 0, 'value'));
    token = (at(page, 'next_page_token') as string | undefined) ?? '';
    if (token === '') break;
  }
  assert.deepEqual(seen, ['-Infinity', 1, 'Infinity', 'NaN', 2]);
});

test('a batch is written whole or not at all', async () => {
  const run = await newRun();
  await post('runs/log-parameter', { run_id: run, key: 'p', value: '1' });
  const refused = await post('runs/log-batch', {
    run_id: run,
    metrics: [{ key: 'm', value: 1, timestamp: 1 }],
    params: [{ key: 'q', value: '1' }, { key: 'p', value: 'changed' }],
    tags: [{ key: 't', value: '1' }],
  });
  assert.equal(refused.status, 400);
  const seen = await get(`runs/get?run_id=${run}`);
  assert.deepEqual(at(seen, 'run', 'data', 'params'), [{ key: 'p', value: '1' }]);
  assert.equal(at(seen, 'run', 'data', 'metrics'), undefined);
});

test('metrics order runs by value, then NaN, then missing, in both directions', async () => {
  const experiment = at(await post('experiments/create', { name: 'order' }), 'experiment_id') as string;
  const names: readonly [string, unknown][] = [['low', 1], ['high', 2], ['nan', 'NaN'], ['none', undefined]];
  for (const [name, value] of names) {
    const run = await newRun({ experiment_id: experiment, run_name: name, start_time: 1 });
    if (value !== undefined) await post('runs/log-metric', { run_id: run, key: 'm', value, timestamp: 1 });
  }
  const ordered = async (order: string): Promise<unknown> => {
    const answer = await post('runs/search', { experiment_ids: [experiment], order_by: [order] });
    return (at(answer, 'runs') as { info: { run_name: string } }[]).map((run) => run.info.run_name);
  };
  assert.deepEqual(await ordered('metrics.m ASC'), ['low', 'high', 'nan', 'none']);
  assert.deepEqual(await ordered('metrics.m DESC'), ['high', 'low', 'nan', 'none']);
});

test('pages neither repeat nor lose a run when runs arrive between them', async () => {
  const experiment = at(await post('experiments/create', { name: 'pages' }), 'experiment_id') as string;
  const before = [];
  for (let start = 1; start <= 7; start += 1) before.push(await newRun({ experiment_id: experiment, start_time: start }));
  const seen: string[] = [];
  let token: unknown;
  do {
    const page = await post('runs/search', { experiment_ids: [experiment], max_results: 3, ...(token === undefined ? {} : { page_token: token }) });
    seen.push(...(at(page, 'runs') as { info: { run_id: string } }[]).map((run) => run.info.run_id));
    token = at(page, 'next_page_token');
    await newRun({ experiment_id: experiment, start_time: 100 });
  } while (token !== undefined);
  assert.deepEqual(seen, before.reverse());
});

test('a deleted run refuses writes until it is restored; a deleted experiment takes its runs along', async () => {
  const experiment = at(await post('experiments/create', { name: 'gone' }), 'experiment_id') as string;
  const run = await newRun({ experiment_id: experiment });
  await post('experiments/delete', { experiment_id: experiment });
  assert.equal((await post('runs/set-tag', { run_id: run, key: 'a', value: 'b' })).status, 400);
  assert.equal((await post('experiments/create', { name: 'gone' })).body['error_code'], 'RESOURCE_ALREADY_EXISTS');
  await post('experiments/restore', { experiment_id: experiment });
  assert.equal((await post('runs/set-tag', { run_id: run, key: 'a', value: 'b' })).status, 200);
});

test('every call is below /api and /ajax-api, and refuses who lacks its right', async () => {
  const admin: Actor = { id: 'local', kind: 'local', name: 'local', roles: ['admin'] };
  const person = { id: 'vera', name: 'Vera', email: null, title: 'auditor', roles: ['viewer'], isSimulated: true } as const;
  await addPerson(server.world, admin, { ...person, roles: [...person.roles] });
  const { token } = await issueToken(server.world, admin, 'vera', 1);
  for (const each of trackingCalls) {
    for (const prefix of ['/api', '/ajax-api']) {
      const path = `${prefix}/${each.version ?? '2.0'}/mlflow/${each.path.replaceAll(/\{\w+\}/g, 'x')}`;
      const response = await fetch(`${server.address}${path}`, { method: each.method.toUpperCase(), headers: { authorization: `Bearer ${token}` } });
      const { error_code: code } = (await response.json()) as { error_code?: string };
      if (each.right === 'read') assert.notEqual(code, 'PERMISSION_DENIED', path);
      else assert.deepEqual([response.status, code], [403, 'PERMISSION_DENIED'], `${each.method} ${path}`);
      assert.notEqual(code, 'ENDPOINT_NOT_FOUND', path);
    }
  }
});

test('runs, finished and deleted, stand in the audit log', async () => {
  const run = await newRun();
  await post('runs/update', { run_id: run, status: 'FINISHED', end_time: 5 });
  await post('runs/delete', { run_id: run });
  const events = await server.world.database.read.selectFrom('event').select('verb').where('thing', '=', run).orderBy('seq').execute();
  assert.deepEqual(events.map(({ verb }) => verb), ['run.create', 'run.finish', 'run.delete']);
});

// ---------------------------------------------------------------------------------------------------------------------

/** Sends a path as it stands; fetch would tidy it up first. */
const raw = (method: string, path: string, body = ''): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.address);
    const sent = request({ hostname, port, method, path }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });

const climbing = [
  '../../../etc/passwd',
  '%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%252e%252e%252f%252e%252e%252fetc%252fpasswd',
  '%2fetc%2fpasswd',
  '..%5c..%5cetc%5cpasswd',
  'C:%2fwindows%2fwin.ini',
  '0/run/artifacts/..%2f..%2f..%2f..%2foutside',
];

test('no artifact route leaves the root, by any method or encoding', async () => {
  const root = '/api/2.0/mlflow-artifacts/artifacts/';
  for (const path of climbing) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const status = await raw(method, root + path, 'owned');
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
    }
    const listed = await raw('GET', `/api/2.0/mlflow-artifacts/artifacts?path=${encodeURIComponent(path)}`);
    assert.equal(listed, 400, path);
  }
  const run = await newRun();
  for (const path of climbing) {
    assert.equal(await raw('GET', `/get-artifact?run_id=${run}&path=${encodeURIComponent(path)}`), 400, path);
    assert.equal(await raw('GET', `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${encodeURIComponent(path)}`), 400, path);
  }
  assert.equal(await raw('DELETE', `${root}.`), 400, 'the root itself');
  assert.equal(await raw('DELETE', `${root}0`), 400, 'a whole experiment');
});

test('an uploaded page is a download, in parts where asked', async () => {
  const run = await newRun();
  const url = `${server.address}/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/my%20page.html`;
  await fetch(url, { method: 'PUT', body: '<script>alert(1)</script>', headers: { 'content-type': 'text/html' } });
  const whole = await fetch(url);
  assert.equal(whole.headers.get('content-type'), 'application/octet-stream');
  assert.match(whole.headers.get('content-disposition') ?? '', /^attachment/);
  assert.equal(whole.headers.get('x-content-type-options'), 'nosniff');
  const part = await fetch(url, { headers: { range: 'bytes=1-6' } });
  assert.deepEqual([part.status, await part.text(), part.headers.get('content-range')], [206, 'script', 'bytes 1-6/25']);
  const list = await get(`artifacts/list?run_id=${run}`);
  assert.deepEqual(at(list, 'files'), [{ path: 'my page.html', is_dir: false, file_size: 25 }]);
});

test('a refused token is said in MLflow’s shape', async () => {
  const response = await fetch(`${server.address}/api/2.0/mlflow/runs/get?run_id=x`, { headers: { authorization: 'Bearer made-up' } });
  assert.deepEqual([response.status, ((await response.json()) as { error_code: string }).error_code], [401, 'UNAUTHENTICATED']);
});

test('a run made from a dataset version is joined with it, when it starts or later', async () => {
  const run = await newRun({ tags: [{ key: 'tilth.dataset.flights', value: 'aa' }] });
  await post('runs/set-tag', { run_id: run, key: 'tilth.dataset.weather', value: 'bb' });
  const { edges } = (await call('GET', `/api/v1/lineage?kind=run&id=${run}`)).body as unknown as { edges: { from: { id: string } }[] };
  assert.deepEqual(edges.map((edge) => edge.from.id).toSorted(), ['flights@aa', 'weather@bb']);
});

test('the datasets of experiments are found once, with what they were for', async () => {
  const experiment = at(await post('experiments/create', { name: 'fed' }), 'experiment_id') as string;
  for (const context of ['training', 'training', 'eval']) {
    const run = await newRun({ experiment_id: experiment });
    const dataset = { name: 'jan', digest: 'd1', source_type: 'local', source: '{}' };
    await post('runs/log-inputs', { run_id: run, datasets: [{ dataset, tags: [{ key: 'mlflow.data.context', value: context }] }] });
  }
  const found = await post('experiments/search-datasets', { experiment_ids: [experiment, '999'] });
  const contexts = (at(found, 'dataset_summaries') as { name: string; context: string }[]).map(({ name, context }) => `${name} ${context}`);
  assert.deepEqual(contexts.toSorted(), ['jan eval', 'jan training']);
  assert.equal((await post('experiments/search-datasets', {})).status, 400);
});

test('what random calls beside MLflow’s server brought up stays as it answers', async () => {
  const run = await newRun();
  const model = at(await post('logged-models', { experiment_id: '0', name: 'plain', params: [{ key: 'depth', value: '3' }] }), 'model', 'info', 'model_id') as string;
  const other = await newRun({ run_name: 'other' });
  await post('runs/outputs', { run_id: run, models: [{ model_id: model, step: 1 }] });
  const point = { run_id: run, key: 'm', value: 1, timestamp: 1 };
  const cases: readonly [Promise<Answer>, number][] = [
    [post('experiments/search', { max_results: 5, order_by: ['tags.team'] }), 400],
    [get('experiments/get?experiment_id=abc'), 400],
    [post('experiments/search-datasets', { experiment_ids: ['abc'] }), 400],
    [get('runs/get?run_id=../x'), 404],
    [post('runs/log-batch', { run_id: '../x' }), 400],
    [post('runs/log-metric', { ...point, dataset_digest: 'd1' }), 400],
    [post(`logged-models/${model}/params`, { params: [{ key: 'depth', value: '3' }] }), 200],
    [post(`logged-models/${model}/params`, { params: [{ key: 'depth', value: '4' }] }), 400],
    [post('runs/outputs', { run_id: run, models: [{ model_id: model, step: 1 }] }), 200],
    [post('runs/outputs', { run_id: run, models: [{ model_id: model, step: 2 }] }), 400],
    [post('logged-models/search', {}), 400],
  ];
  for (const [answer, status] of cases) assert.equal((await answer).status, status, JSON.stringify((await answer).body));
  // what a model has not is empty, and so differs from everything
  const found = await post('logged-models/search', { experiment_ids: ['0'], filter: `model_id = '${model}' AND model_type != 'agent' AND source_run_id != '${run}'` });
  assert.deepEqual([at(found, 'models', 0, 'info', 'model_type'), at(found, 'models', 0, 'info', 'source_run_id')], ['', '']);
  await post('runs/log-metric', point);
  const history = await call('GET', `/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=${run}&run_id=${run}&run_id=${other}&metric_key=m`);
  assert.equal((at(history, 'metrics') as unknown[]).length, 1);
});
