import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createAssessment } from '../../develop/traces/assessment-store.ts';
import { deleteTraces, setTraceTag } from '../../develop/traces/traces-store.ts';
import type { Actor } from '../../platform/actor.ts';
import { packagePath } from '../../platform/package-root.ts';
import type { World } from '../../platform/world.ts';
import { createTestWorld } from '../../server/test-world.ts';
import type { ImportReport } from './exchange-api.ts';
import { exportMlflow } from './export.ts';
import { importMlflow } from './import.ts';
import { openMlflowDatabase } from './mlflow-database.ts';
import { ownTrace } from './own-records.ts';
import { traceDigest, type TraceRecord } from './trace-records.ts';

const ana: Actor = { id: 'ana', kind: 'person', name: 'Ana', roles: ['contributor', 'maintainer'] };
const quiet = {
  progress: () => Promise.resolve(),
  log: () => undefined,
  signal: new AbortController().signal,
};

describe('traces of a database that MLflow 3.17 wrote', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth traces '));
  const source = join(folder, 'mlflow.db');
  const there = new Map<string, TraceRecord>();
  const open: (World & { close(): Promise<void> })[] = [];
  let world: World;

  before(async () => {
    writeFileSync(
      source,
      gunzipSync(
        readFileSync(packagePath('test', 'fixtures', 'mlflow-stores', 'mlflow-3.17-traces', 'mlflow.db.gz')),
      ),
    );
    const read = openMlflowDatabase(source);
    for (const { id } of await read.experiments())
      for (const trace of await read.traceIds(id)) there.set(trace, await read.trace(id, trace));
    read.close();
  });
  beforeEach(async () => {
    world = await newWorld();
  });
  after(async () => {
    for (const each of open) await each.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function newWorld(): Promise<World> {
    const made = await createTestWorld();
    open.push(made);
    return made;
  }

  const bring = (from = source, into = world): Promise<ImportReport> =>
    importMlflow(into, ana, { source: from, isDryRun: false, renames: false }, quiet);

  async function here(into = world): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const id of there.keys()) {
      const record = await ownTrace(into.database.read, id);
      if (record !== undefined) found.set(id, traceDigest(record));
    }
    return found;
  }

  const digests = (): Map<string, string> =>
    new Map([...there].map(([id, record]) => [id, traceDigest(record)]));

  it('come in with all that was kept of them', async () => {
    const report = await bring();
    assert.deepEqual(report.taken['trace'], { new: 3, changed: 0, same: 0 });
    assert.deepEqual(
      report.left.filter(({ kind }) => /trace|span|assessment|association/.test(kind)),
      [],
    );
    assert.deepEqual(await here(), digests());
    const [first] = there.values();
    assert.ok(first !== undefined);
    const { info, spans, runIds } = first;
    assert.equal(
      info.metadata['mlflow.trace.tokenUsage'],
      '{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}',
    );
    assert.deepEqual(
      [
        info.tags['mlflow.traceName'],
        info.metadata['mlflow.trace.session'],
        info.clientRequestId,
        runIds.length,
      ],
      ['answer', 's1', 'req-1', 1],
    );
    assert.deepEqual(
      info.assessments.map(({ name, isValid, says }) => [name, isValid, says.value]),
      [
        ['helpful', false, true],
        ['helpful', true, false],
        ['score', true, 0.25],
      ],
    );
    const attributes = new Map(
      spans.find(({ name }) => name === 'look_up')?.attributes.map(({ key, value }) => [key, value]),
    );
    assert.deepEqual(attributes.get('big'), { int_value: String(2n ** 62n) });
    assert.deepEqual(attributes.get('one'), { double_value: 1 });
    assert.deepEqual(attributes.get('nan'), { double_value: 'NaN' });
  });

  it('come in once', async () => {
    await bring();
    const again = await bring();
    assert.deepEqual(again.taken['trace'], { new: 0, changed: 0, same: 3 });
    assert.deepEqual(await here(), digests());
  });

  it('go out again as they came', async () => {
    await bring();
    const target = join(folder, 'out.db');
    const report = await exportMlflow(world, ana, { target }, quiet);
    assert.equal(report.written['trace'], 3);
    assert.deepEqual(report.left, []);
    const other = await newWorld();
    await bring(target, other);
    assert.deepEqual(await here(other), digests());
  });

  it('go out into a folder too, and come back without the links to runs, which are told', async () => {
    await bring();
    const target = join(folder, 'out');
    const report = await exportMlflow(world, ana, { target }, quiet);
    assert.deepEqual(
      report.left.map(({ kind, id }) => [kind, id]),
      [...there.values()].flatMap(({ info, runIds }) => runIds.map((run) => ['link of a trace', `${info.id} ${run}`])),
    );
    const other = await newWorld();
    await bring(target, other);
    const unlinked = [...there].map(([id, record]) => [id, traceDigest({ ...record, runIds: [] })] as const);
    assert.deepEqual(await here(other), new Map(unlinked));
  });

  it('get what is new there, and keep what was changed here', async () => {
    await bring();
    const [id = ''] = there.keys();
    await setTraceTag(world, id, 'stage', 'changed here');
    const newer = join(folder, 'newer.db');
    const elsewhere = await newWorld();
    await bring(source, elsewhere);
    const said = {
      name: 'later',
      spanId: null,
      sourceType: 'HUMAN',
      sourceId: 'ben',
      createdAt: 5,
      updatedAt: 5,
      rationale: null,
      metadata: {},
      overrides: null,
      isValid: true,
    };
    for (const trace of there.keys())
      await createAssessment(elsewhere, {
        ...said,
        id: `a-${trace}`,
        traceId: trace,
        says: { kind: 'feedback', value: 1, error: null },
      });
    await exportMlflow(elsewhere, ana, { target: newer }, quiet);
    const report = await bring(newer);
    assert.deepEqual(report.taken['trace'], { new: 0, changed: 3, same: 0 });
    assert.match(report.left.find(({ kind }) => kind === 'trace')?.reason ?? '', /changed here/);
    for (const trace of there.keys()) {
      const record = await ownTrace(world.database.read, trace);
      assert.ok(
        record?.info.assessments.some(({ name }) => name === 'later'),
        trace,
      );
    }
    assert.equal((await ownTrace(world.database.read, id))?.info.tags['stage'], 'changed here');
  });

  it('do not come back when they were deleted here', async () => {
    await bring();
    const [id = ''] = there.keys();
    const record = await ownTrace(world.database.read, id);
    await deleteTraces(world, ana, record?.info.experimentId ?? '', { traceIds: [id] });
    const report = await bring();
    assert.deepEqual(report.taken['trace'], { new: 0, changed: 0, same: 2 });
    assert.match(report.left.find(({ kind }) => kind === 'trace')?.reason ?? '', /removed here/);
  });
});
