import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Actor } from '../../platform/actor.ts';
import { can } from '../../team/can.ts';
import { addPerson, issueToken } from '../../team/people-store.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { traceCalls } from './mlflow-trace-routes.ts';
import type { TraceDetail, TracePage } from './traces-api.ts';

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

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const isRaw = body instanceof Uint8Array;
  const response = await fetch(`${server.address}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isRaw ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, never> };
}

const api = '/api/3.0/mlflow/traces';
const at = (answer: Answer, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], answer.body);

const newExperiment = async (name: string): Promise<string> => at(await call('POST', '/api/2.0/mlflow/experiments/create', { name }), 'experiment_id') as string;

let traceCount = 0;
const newHex = (): string => (traceCount += 1).toString(16).padStart(32, '0');

interface PlainSpan {
  readonly hex: string;
  readonly id?: string;
  readonly parent?: string;
  readonly name?: string;
  readonly error?: string;
  readonly attributes?: Record<string, unknown>;
}

const anyValue = (value: unknown): object =>
  typeof value === 'string' ? { stringValue: value } : typeof value === 'boolean' ? { boolValue: value } : Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };

const otlp = (...spans: readonly PlainSpan[]): object => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [
        {
          spans: spans.map((span) => ({
            traceId: span.hex,
            spanId: span.id ?? '0000000000000001',
            parentSpanId: span.parent ?? '',
            name: span.name ?? 'step',
            startTimeUnixNano: '1767225600000000000',
            endTimeUnixNano: 1767225600250000000,
            status: span.error === undefined ? { code: 1 } : { code: 2, message: span.error },
            attributes: Object.entries(span.attributes ?? {}).map(([key, value]) => ({ key, value: anyValue(value) })),
          })),
        },
      ],
    },
  ],
});

const send = (experiment: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call('POST', '/v1/traces', body, { 'x-mlflow-experiment-id': experiment, 'content-type': 'application/json', ...headers });

async function found(experiment: string, filter: string): Promise<string[]> {
  const answer = await call('GET', `/api/v1/traces?experiment=${experiment}&filter=${encodeURIComponent(filter)}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return (answer.body as unknown as TracePage).traces.map((trace) => trace.tags['n'] ?? '').sort();
}

test('any program that exports OpenTelemetry’s JSON leaves a trace', async () => {
  const experiment = await newExperiment('json');
  const hex = newHex();
  const root = { hex, attributes: { 'mlflow.spanInputs': 'why?', 'user.id': 'u1', 'session.id': 's1', 'mlflow.traceTag.n': '1', ratio: 1.5 } };
  assert.deepEqual(await send(experiment, otlp({ hex, id: '0000000000000002', parent: '0000000000000001', error: 'broke' })), { status: 200, body: {} });
  const early = await call('GET', `/api/v1/traces/tr-${hex}`);
  assert.equal(at(early, 'state'), 'IN_PROGRESS');
  await send(experiment, otlp(root));
  const trace = (await call('GET', `/api/v1/traces/tr-${hex}`)).body as unknown as TraceDetail;
  assert.deepEqual([trace.state, trace.durationMs, trace.user, trace.sessionId, trace.requestPreview], ['OK', 250, 'u1', 's1', '"why?"']);
  assert.equal(trace.tags['service.name'], 'shop');
  assert.equal(trace.name, 'step', 'the root span names what nobody named');
  assert.deepEqual(
    trace.spans.map((span) => [span.id, span.parentId, span.status, span.durationMs]),
    [
      ['0000000000000001', null, 'OK', 250],
      ['0000000000000002', '0000000000000001', 'ERROR', 250],
    ],
  );
  assert.equal(trace.spans[0]?.attributes['ratio'], 1.5);
});

test('a body may be packed, in each way that exporters know', async () => {
  const experiment = await newExperiment('packed');
  for (const [encoding, pack] of [['gzip', gzipSync], ['deflate', deflateSync], ['deflate', deflateRawSync], ['identity', (bytes: Buffer) => bytes]] as const) {
    const hex = newHex();
    const body = pack(Buffer.from(JSON.stringify(otlp({ hex }))));
    assert.equal((await send(experiment, body, { 'content-encoding': encoding })).status, 200, encoding);
    assert.equal((await call('GET', `${api}/tr-${hex}`)).status, 200);
  }
});

test('what is no export request is refused with the reason, and nothing of it is kept', async () => {
  const experiment = await newExperiment('refused');
  const hex = newHex();
  const protobuf = { 'content-type': 'application/x-protobuf' };
  const cases: readonly [string, () => Promise<Answer>, RegExp][] = [
    ['no experiment', () => call('POST', '/v1/traces', otlp({ hex })), /x-mlflow-experiment-id/],
    ['no such experiment', () => send('987654', otlp({ hex })), /experiment 987654/],
    ['another type', () => send(experiment, otlp({ hex }), { 'content-type': 'application/xml' }), /Content-Type/],
    ['another packing', () => send(experiment, otlp({ hex }), { 'content-encoding': 'br' }), /Content-Encoding/],
    ['not gzip', () => send(experiment, otlp({ hex }), { 'content-encoding': 'gzip' }), /not gzip/],
    ['not JSON', () => send(experiment, Buffer.from('{')), /not JSON/],
    ['nothing', () => send(experiment, {}), /no spans/],
    ['no ids', () => send(experiment, otlp({ hex: '' })), /trace_id/],
    ['ids that are too long', () => send(experiment, otlp({ hex: `${hex}00` })), /16 bytes/],
    ['cut off', () => send(experiment, Buffer.from([10, 200]), protobuf), /cut off/],
    ['one good and one bad', () => send(experiment, otlp({ hex }, { hex, id: '' })), /span_id/],
    ['a bomb', () => send(experiment, gzipSync(Buffer.alloc(70 * 1024 * 1024)), { 'content-encoding': 'gzip' }), /more than the 67108864 bytes/],
    ['too large', () => send(experiment, Buffer.alloc(65 * 1024 * 1024)), /68157440 bytes/],
    ['a huge span', () => send(experiment, otlp({ hex, attributes: { text: 'x'.repeat(17 * 1024 * 1024) } })), /The span "step" has 1\d{7} bytes/],
  ];
  for (const [name, answer, reason] of cases) {
    const { status, body } = await answer();
    assert.ok(status >= 400 && status < 500, `${name}: ${status}`);
    assert.match(String(body['message']), reason, name);
  }
  assert.deepEqual((await call('GET', `/api/v1/traces?experiment=${experiment}`)).body, { traces: [] });
});

test('filters may say OR, NOT and parentheses, and a condition on what is not there is unknown', async () => {
  const experiment = await newExperiment('filters');
  const spans: readonly (Record<string, unknown> & { error?: string })[] = [
    { 'mlflow.traceTag.n': 'a', 'mlflow.traceTag.stage': 'prod', 'session.id': 's1', x: 'one' },
    { 'mlflow.traceTag.n': 'b', 'mlflow.traceTag.stage': 'test', x: 2 },
    { 'mlflow.traceTag.n': 'c', x: true },
  ];
  for (const attributes of spans) await send(experiment, otlp({ hex: newHex(), attributes, ...(attributes['x'] === true ? { error: 'e' } : {}) }));
  assert.deepEqual(await found(experiment, "tags.stage = 'prod' OR status = 'ERROR'"), ['a', 'c']);
  assert.deepEqual(await found(experiment, "NOT tags.stage = 'prod'"), ['b']);
  assert.deepEqual(await found(experiment, "NOT (tags.stage = 'prod' OR tags.stage IS NULL)"), ['b']);
  assert.deepEqual(await found(experiment, "tags.stage IN ('prod', 'test') AND metadata.`mlflow.trace.session` IS NULL"), ['b']);
  assert.deepEqual(await found(experiment, "span.attributes.x = 'one' OR span.attributes.x = '2' OR span.attributes.x = 'true'"), ['a', 'b', 'c']);
  assert.deepEqual(await found(experiment, "tags.stage RLIKE '^(prod|test)$' AND NOT span.attributes.x RLIKE '^o'"), ['b']);
  assert.deepEqual(await found(experiment, "tags.`service.name` = 'shop' AND tags.service.name LIKE 's%'"), ['a', 'b', 'c']);
  const cases: readonly [string, RegExp][] = [
    ["tags.stage RLIKE '('", /Invalid regular expression/],
    ["status = 'OK' AND", /at the end/],
    ["(status = 'OK'", /Expected here/],
    ['status = OK', /quoted string/],
    ["nope = 'x'", /Valid keys are/],
    ["span.size = 'x'", /Supported attributes/],
    [`${'('.repeat(60)}status = 'OK'`, /deep/],
    [Array.from({ length: 251 }, () => "status = 'OK'").join(' OR '), /250 conditions/],
  ];
  for (const [filter, reason] of cases) {
    const answer = await call('GET', `/api/v1/traces?filter=${encodeURIComponent(filter)}`);
    assert.equal(answer.status, 400, filter);
    assert.match(String(at(answer, 'error', 'message')), reason);
  }
});

test('a regular expression that would take for ever is given up', async () => {
  const experiment = await newExperiment('patience');
  await send(experiment, otlp({ hex: newHex(), attributes: { 'mlflow.traceTag.n': `${'a'.repeat(40)}!` } }));
  const answer = await call('GET', `/api/v1/traces?experiment=${experiment}&filter=${encodeURIComponent("tags.n RLIKE '^(a+)+$'")}`);
  assert.equal(answer.status, 400);
  assert.match(String(at(answer, 'error', 'message')), /takes too long/);
});

test('pages stay right while traces arrive, in any order', async () => {
  const experiment = await newExperiment('pages');
  const add = (n: number): Promise<Answer> =>
    call('POST', api, {
      trace: {
        trace_info: {
          trace_id: `tr-page-${n}`,
          trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: experiment } },
          request_time: `2026-01-01T00:00:${String(n).padStart(2, '0')}Z`,
          state: 'OK',
          tags: { n: String(n), ...(n % 3 === 0 ? {} : { third: String(n % 3) }) },
        },
      },
    });
  for (let n = 10; n < 30; n += 1) await add(n);
  for (const order of ['', 'timestamp ASC', 'tags.third DESC', 'name, timestamp ASC']) {
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 20; page += 1) {
      const answer = await call('GET', `/api/v1/traces?experiment=${experiment}&limit=3&orderBy=${encodeURIComponent(order)}&cursor=${cursor}`);
      const { traces, nextCursor } = answer.body as unknown as TracePage;
      seen.push(...traces.map((trace) => trace.tags['n'] ?? ''));
      // one that comes before the page
      if (page === 1) await add(order.includes('ASC') ? 1 : 59);
      if (nextCursor === undefined) break;
      cursor = nextCursor;
    }
    const old = seen.filter((n) => Number(n) >= 10 && Number(n) < 30);
    assert.equal(new Set(seen).size, seen.length, `${order}: ${seen.join(' ')}`);
    assert.equal(old.length, 20, order);
  }
  const { nextCursor } = (await call('GET', `/api/v1/traces?experiment=${experiment}&limit=3`)).body as unknown as TracePage;
  assert.equal((await call('GET', `/api/v1/traces?experiment=${experiment}&limit=3&filter=${encodeURIComponent("status = 'OK'")}&cursor=${nextCursor}`)).status, 400);
});

test('a deletion takes the files along, and cannot be led to others', async () => {
  const experiment = await newExperiment('deletion');
  const hex = newHex();
  await send(experiment, otlp({ hex }));
  const artifacts = `/api/2.0/mlflow-artifacts/artifacts/${experiment}`;
  const put = (path: string): Promise<Answer> => call('PUT', `${artifacts}/${path}`, { kept: true });
  await put(`traces/tr-${hex}/artifacts/traces.json`);
  await put(`run/artifacts/model`);
  const led = await call('PATCH', `${api}/tr-${hex}/tags`, { key: 'mlflow.artifactLocation', value: `mlflow-artifacts:/${experiment}/run/artifacts` });
  assert.equal(led.status, 400);
  assert.deepEqual((await call('POST', `${api}/delete-traces`, { experiment_id: experiment, request_ids: [`tr-${hex}`, 'tr-0'] })).body, { traces_deleted: 1 });
  assert.equal((await call('GET', `${artifacts}/traces/tr-${hex}/artifacts/traces.json`)).status, 404);
  assert.equal((await call('GET', `${artifacts}/run/artifacts/model`)).status, 200);
  assert.equal((await call('GET', `${api}/tr-${hex}`)).body['error_code'], 'RESOURCE_DOES_NOT_EXIST');
});

test('clients older than 3.0 start and end a trace, and upload its spans', async () => {
  const experiment = await newExperiment('old');
  const old = '/api/2.0/mlflow/traces';
  const started = await call('POST', old, { experiment_id: experiment, timestamp_ms: '1767225600000', request_metadata: [], tags: [{ key: 'mlflow.traceName', value: 'old' }] });
  assert.equal(at(started, 'trace_info', 'status'), 'IN_PROGRESS');
  const id = at(started, 'trace_info', 'request_id') as string;
  const ended = await call('PATCH', `${old}/${id}`, { timestamp_ms: 1767225600500, status: 'OK', request_metadata: [{ key: 'mlflow.traceInputs', value: '{"q": 1}' }], tags: [] });
  assert.deepEqual([at(ended, 'trace_info', 'execution_time_ms'), at(ended, 'trace_info', 'status')], [500, 'OK']);
  const span = {
    name: 'old span',
    context: { trace_id: `0x${'1'.repeat(32)}`, span_id: '0x00000000000000ab' },
    parent_id: null,
    start_time: 1767225600000000000,
    end_time: 1767225600400000000,
    status_code: 'OK',
    status_message: '',
    attributes: { 'mlflow.traceRequestId': `"${id}"`, 'mlflow.spanType': '"LLM"', 'mlflow.spanInputs': '{"q": 1}' },
    events: [],
  };
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/${experiment}/traces/${id}/artifacts/traces.json`, { spans: [span] });
  const { spans, requestPreview } = (await call('GET', `/api/v1/traces/${id}`)).body as unknown as TraceDetail;
  assert.deepEqual(spans.map((each) => [each.id, each.name, each.type, each.durationMs, each.inputs]), [['00000000000000ab', 'old span', 'LLM', 400, { q: 1 }]]);
  assert.equal(requestPreview, '{"q": 1}');
  assert.equal(at(await call('GET', `${old}/${id}/info`), 'trace_info', 'request_id'), id);
  assert.equal(at(await call('GET', `${old}?experiment_ids=${experiment}&max_results=5`), 'traces', 0, 'request_id'), id);
});

test('whole numbers keep all their digits on the way through', async () => {
  const experiment = await newExperiment('digits');
  const hex = newHex();
  const body = JSON.stringify(otlp({ hex, attributes: { big: 'HERE' } })).replace('{"stringValue":"HERE"}', '{"intValue":"-9223372036854775808"}');
  await send(experiment, Buffer.from(body));
  const text = await (await fetch(`${server.address}${api}/get?trace_id=tr-${hex}`)).text();
  assert.match(text, /"int_value":-9223372036854775808\b/);
  assert.match(text, /"start_time_unix_nano":1767225600000000000\b/);
});

test('a viewer may read traces and nothing else', async () => {
  const boss: Actor = { id: 'local', kind: 'local', name: 'the local user', roles: ['admin', 'contributor', 'maintainer'] };
  await addPerson(server.world, boss, { id: 'vera', name: 'Vera', email: null, title: 'auditor', roles: ['viewer'], isSimulated: true });
  const { token } = await issueToken(server.world, boss, 'vera', 1);
  const as = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => call(method, path, body, { authorization: `Bearer ${token}`, ...headers });
  for (const each of traceCalls) {
    const path = `/api/${each.version ?? '2.0'}/mlflow/${each.path.replaceAll(/\{\w+\}/g, 'x')}`;
    const { status } = await as(each.method.toUpperCase(), path, each.method === 'get' ? undefined : {});
    const mayRead = can({ ...boss, roles: ['viewer'] }, each.right);
    assert.equal(status === 403, !mayRead, `${each.method} ${path}: ${status}`);
    assert.equal(mayRead, each.right === 'read');
  }
  assert.equal((await as('POST', '/v1/traces', otlp({ hex: newHex() }), { 'x-mlflow-experiment-id': '0' })).status, 403);
  assert.equal((await as('GET', '/api/v1/traces')).status, 200);
});

test('what is not there of the tools for language models says so', async () => {
  for (const path of ['traces/metrics', 'traces/calculate-filter-correlation', 'datasets/create', 'scorers/register']) {
    const { status, body } = await call('POST', `/api/3.0/mlflow/${path}`, {});
    assert.deepEqual([status, body['error_code']], [501, 'NOT_IMPLEMENTED'], path);
  }
});
