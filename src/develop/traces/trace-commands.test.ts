import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { packagePath } from '../../platform/package-root.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { createExperiment } from '../tracking/experiment-store.ts';
import { localActor } from '../../team/can.ts';
import { createAssessment } from './assessment-store.ts';
import { logSpans } from './traces-store.ts';
import type { TraceDetail, TracePage } from './traces-api.ts';
import { spanKeys, type Span } from './traces.ts';

const home = temporaryHome();
let server: RunningServer;

/** 2026-01-02 03:04:05 in nanoseconds. */
const start = BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n;

function span(trace: number, id: number, more: Partial<Span> & { type?: string; fromMs: number; tookMs: number | null; parent?: number }): Span {
  const { type, fromMs, tookMs, parent, ...rest } = more;
  const startNanos = start + BigInt(trace) * 1_000_000_000n + BigInt(Math.round(fromMs * 1e6));
  return {
    traceId: trace.toString(16).padStart(32, '0'),
    id: id.toString(16).padStart(16, '0'),
    parentId: parent === undefined ? null : parent.toString(16).padStart(16, '0'),
    name: 'step',
    startNanos: String(startNanos),
    endNanos: tookMs === null ? '0' : String(startNanos + BigInt(Math.round(tookMs * 1e6))),
    status: 'OK',
    statusMessage: '',
    attributes: type === undefined ? [] : [{ key: spanKeys.type, value: { string_value: type } }],
    events: [],
    links: [],
    ...rest,
  };
}

const idOf = (trace: number): string => `tr-${trace.toString(16).padStart(32, '0')}`;

before(async () => {
  server = await startServer({ home, port: 0 });
  const experiment = await createExperiment(server.world, localActor, { name: 'shop', tags: [] });
  const question = { key: spanKeys.inputs, value: { string_value: 'where is\nmy parcel?' } };
  const answered = [
    span(1, 1, { name: 'answer', type: 'CHAIN', fromMs: 0, tookMs: 1_500, attributes: [{ key: spanKeys.type, value: { string_value: 'CHAIN' } }, question] }),
    span(1, 2, { name: 'look up', type: 'TOOL', fromMs: 0.25, tookMs: 20, parent: 1, status: 'ERROR', statusMessage: 'no such parcel' }),
    span(1, 3, { name: 'query', fromMs: 1, tookMs: 12.5, parent: 2 }),
    span(1, 4, { name: 'chat', type: 'LLM', fromMs: 30, tookMs: null, parent: 1, status: 'UNSET' }),
  ];
  const failed = [span(2, 1, { name: 'answer', fromMs: 0, tookMs: 7, status: 'ERROR', statusMessage: 'refused' })];
  const more = Array.from({ length: 3 }, (_, index) => span(3 + index, 1, { name: 'ping', fromMs: 0, tookMs: 1 }));
  await logSpans(server.world, experiment, [{ resource: [], spans: [...answered, ...failed, ...more] }]);
  await createAssessment(server.world, {
    id: 'a-1',
    traceId: idOf(1),
    name: 'helpful',
    spanId: null,
    sourceType: 'HUMAN',
    sourceId: 'ana',
    createdAt: 1,
    updatedAt: 1,
    rationale: 'it said where',
    metadata: {},
    overrides: null,
    isValid: true,
    says: { kind: 'feedback', value: true, error: null },
  });
});
after(async () => {
  await server.close();
  home.remove();
});

interface Said {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

const tilth = (...words: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [packagePath('src', 'cli', 'main.ts'), 'trace', ...words], { env: { ...process.env, TILTH_URL: server.address, NO_COLOR: '1' } }, (_, out, err) =>
      resolve({ out, err, code: child.exitCode ?? -1 }),
    );
    child.stdin?.end('n\n');
  });

const cells = (line: string): string[] => line.split(/ {2,}/);

describe('tilth trace', () => {
  it('lists the traces that a filter finds, newest first', async () => {
    const { out } = await tilth('list', '--experiment', 'shop', '--filter', "span.type = 'TOOL' OR status = 'ERROR'");
    assert.deepEqual(out.trimEnd().split('\n').map(cells), [
      ['trace', 'name', 'state', 'at', 'took', 'tokens', 'request'],
      [idOf(2), 'answer', 'error', '2026-01-02 03:04:07', '7 ms'],
      [idOf(1), 'answer', 'ok', '2026-01-02 03:04:06', '1.50 s', '"where is\\nmy parcel?"'],
    ]);
  });

  it('lists as many as wanted, and says when there are more', async () => {
    const { out } = await tilth('list', '--limit', '2');
    assert.match(out, /\n… there are more: raise --limit/);
    const { traces, nextCursor } = JSON.parse((await tilth('list', '--limit', '10', '--json', '--order-by', 'execution_time DESC')).out) as TracePage;
    assert.deepEqual([traces.length, traces[0]?.id, nextCursor], [5, idOf(1), undefined]);
    assert.equal((await tilth('list', '--filter', "name = 'nothing'")).out, 'No trace fits this filter.\n');
  });

  it('refuses a filter that is none, with the place', async () => {
    const { err, code } = await tilth('list', '--filter', 'status >');
    assert.equal(code, 1);
    assert.match(err, /INVALID_PARAMETER_VALUE/);
  });

  it('shows a trace as a tree of its spans with their times', async () => {
    const { out } = await tilth('show', idOf(1));
    assert.equal(
      out,
      `answer  ok  in shop, at 2026-01-02 03:04:06, took 1.50 s
  request     "where is\\nmy parcel?"

span         type     from      took     status
answer       chain    +0 ms     1.50 s   ok
├─ look up   tool     +0.25 ms  20 ms    error
│  ✗ no such parcel
│  └─ query  unknown  +1 ms     12.5 ms  ok
└─ chat      llm      +30 ms    runs

said of it
helpful     true by human ana, it said where
`,
    );
    const detail = JSON.parse((await tilth('show', idOf(1), '--json')).out) as TraceDetail;
    assert.deepEqual(detail.spans.map(({ name }) => name), ['answer', 'look up', 'query', 'chat']);
  });

  it('deletes nothing without a yes, nor when one of the traces is not there', async () => {
    const refused = await tilth('delete', idOf(3));
    assert.deepEqual([refused.code, refused.out], [2, '']);
    const missing = await tilth('delete', '--yes', idOf(3), 'tr-none');
    assert.match(missing.err, /TRACE_NOT_FOUND/);
    assert.equal((await tilth('show', idOf(3))).code, 0);
  });

  it('deletes traces for good', async () => {
    assert.equal((await tilth('delete', '--yes', idOf(3), idOf(4))).out, 'Deleted 2 traces.\n');
    assert.match((await tilth('show', idOf(4))).err, /TRACE_NOT_FOUND/);
    assert.equal((await tilth('show', idOf(5))).code, 0);
  });
});
