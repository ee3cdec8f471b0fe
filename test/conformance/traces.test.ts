import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TraceDetail, TracePage } from '../../src/develop/traces/traces-api.ts';
import { startServer, type RunningServer } from '../../src/server/server.ts';
import { temporaryHome } from '../../src/server/test-world.ts';

const python = process.env['TILTH_TEST_PYTHON'];
const skip = python === undefined && process.env['CI'] === undefined ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false;
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What MLflow 3.17.2's own server answered to the same scripts; how to ask it again stands in each script. */
const storedSession = file('traces-session.json');
const storedCalls = file('traces-random.jsonl');

/** Where we tell a mistake that MLflow's server lets pass, or tells otherwise. */
const told = { 'error: link to no run': 'RESOURCE_DOES_NOT_EXIST', 'error: missing trace': 'RESOURCE_DOES_NOT_EXIST' };

interface Session {
  readonly seen: Readonly<Record<string, unknown>>;
  readonly ids: Readonly<Record<string, string>>;
  readonly run: string;
  readonly experiment: string;
}

describe('traces of the unmodified mlflow client', { skip }, () => {
  const home = temporaryHome();
  let server: RunningServer;
  let session: Session;
  let calls: string[];

  const run = async (script: string, ...rest: string[]): Promise<string> => {
    assert.ok(python !== undefined, 'TILTH_TEST_PYTHON must name a Python with mlflow-skinny');
    const environment = { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_ENABLE_ASYNC_TRACE_LOGGING: 'false', OMP_NUM_THREADS: '1' };
    const { stdout } = await promisify(execFile)(python, [file(script), server.address, ...rest], { env: environment, maxBuffer: 2 ** 28 });
    return stdout;
  };
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${server.address}${path}`);
    assert.equal(response.status, 200, path);
    return (await response.json()) as T;
  };

  before(async () => {
    server = await startServer({ home, port: 0 });
    const [lines, random] = await Promise.all([run('traces_session.py'), run('traces_random.py', '3', '160')].map(async (output) => (await output).trim().split('\n')));
    assert.ok(lines !== undefined && random !== undefined);
    calls = random;
    session = JSON.parse(lines.find((line) => line.startsWith('{"seen"')) ?? '{}') as Session;
  });
  after(async () => {
    await server.close();
    home.remove();
  });

  it('are seen by it as on MLflow’s own server', async () => {
    const { seen } = JSON.parse(await readFile(storedSession, 'utf8')) as Session;
    for (const [name, value] of Object.entries({ ...seen, ...told })) assert.deepEqual(session.seen[name], value, name);
  });

  it('are answered call by call as by MLflow’s own server', async () => {
    const theirs = (await readFile(storedCalls, 'utf8')).trim().split('\n');
    for (const [index, line] of theirs.entries()) assert.deepEqual(JSON.parse(calls[index] ?? 'null'), JSON.parse(line));
    assert.equal(calls.length, theirs.length);
  });

  it('show on our page with their spans, their run, and what was said of them', async () => {
    const { traces } = await get<TracePage>(`/api/v1/traces?experiment=${session.experiment}&filter=${encodeURIComponent("name = 'answer'")}&orderBy=timestamp`);
    assert.deepEqual(traces.map((trace) => trace.sessionId), ['s-Paris', 's-Rome', 's-Atlantis', 's-Oslo']);
    assert.deepEqual(traces.map((trace) => [trace.state, trace.tokenCount]), [['OK', 15], ['OK', 15], ['ERROR', 15], ['OK', 15]]);
    const trace = await get<TraceDetail>(`/api/v1/traces/${session.ids['Rome']}`);
    assert.deepEqual(trace.spans.map((span) => span.name), ['answer', 'llm', 'look_up']);
    assert.deepEqual(trace.spans[1]?.inputs, { messages: [{ role: 'user', content: 'How many people live in Rome?' }] });
    assert.deepEqual(trace.linkedRunIds, [session.run]);
    assert.deepEqual(trace.assessments.map(({ name, value }) => [name, value]), [['score', 0.75], ['parts', { a: 1, b: [true, 'x'] }], ['expected', 'Rome']]);
    assert.equal((await get<TraceDetail>(`/api/v1/traces/${session.ids['Oslo']}`)).runId, session.run);
  });
});
