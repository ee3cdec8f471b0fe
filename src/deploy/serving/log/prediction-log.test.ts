import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../../platform/clock.ts';
import { PredictionLog, readSegment, type PredictionLogOptions } from './prediction-log.ts';
import type { PredictionRecord } from './prediction-record.ts';
import { quietLog, until } from '../test-control-plane.ts';

const recordOf = (requestId: string, version = 1): PredictionRecord => ({
  requestId,
  at: 1_700_000_000_000,
  eventAt: null,
  keys: ['flügel ✈'],
  endpoint: 'late',
  model: 'late',
  version,
  runId: null,
  variant: 'champion',
  schemaHash: 'abc',
  rowCount: 1,
  features: { dep_delay: [null], carrier: ['AA'] },
  prediction: [1],
  probabilities: { '0': [0.25], '1': [0.75] },
  latencyUs: 120,
  status: 'ok',
  error: null,
  caller: null,
  traceId: null,
});

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-log-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const open = (folder: string, options: Partial<PredictionLogOptions> = {}): PredictionLog =>
  new PredictionLog({ folder, plane: 'one', clock: systemClock, log: quietLog, ...options });

const filesIn = (folder: string, plane = 'one'): string[] => readdirSync(join(folder, plane)).sort();
const idsIn = (folder: string, plane = 'one'): string[] =>
  filesIn(folder, plane).flatMap((name) =>
    [...readSegment(join(folder, plane, name))].map((entry) => entry.record.requestId),
  );

/** What a process leaves that was killed: an open segment that nobody closes. */
async function leaveOpenSegment(folder: string, ids: readonly string[]): Promise<string> {
  const log = open(folder);
  await Promise.all(ids.map((id) => log.append(recordOf(id))));
  const path = join(folder, 'one', filesIn(folder)[0] ?? '');
  const bytes = readFileSync(path);
  await log.close();
  rmSync(path.replace('.open', '.seg'));
  writeFileSync(path, bytes);
  return path;
}

describe('the prediction log', () => {
  it('gives back what was written, with offsets that name each record', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder);
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((id) => log.append(recordOf(id)))), [
      'logged',
      'logged',
      'logged',
    ]);
    await log.close();
    const [name = ''] = filesIn(folder);
    assert.match(name, /^[0-9A-Z]{26}\.seg$/);
    const entries = [...readSegment(join(folder, 'one', name))];
    assert.deepEqual(
      entries.map((entry) => entry.record),
      ['a', 'b', 'c'].map((id) => recordOf(id)),
    );
    assert.equal(entries[0]?.offset, 8);
    assert.equal(new Set(entries.map((entry) => entry.offset)).size, 3);
  });

  it('has a record on the file before append resolves', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder);
    context.after(() => log.close());
    await log.append(recordOf('a'));
    assert.deepEqual(idsIn(folder), ['a']);
  });

  it('cuts a torn tail wherever the process died, and keeps all records before it', async (context) => {
    const folder = temporaryFolder(context);
    const whole = readFileSync(await leaveOpenSegment(folder, ['a', 'b']));
    const second = [...readSegment(join(folder, 'one', filesIn(folder)[0] ?? ''))][1]?.offset ?? 0;
    for (const length of [
      0,
      5,
      8,
      12,
      second - 1,
      second,
      second + 4,
      second + 9,
      whole.length - 1,
      whole.length,
    ]) {
      rmSync(join(folder, 'one'), { recursive: true });
      mkdirSync(join(folder, 'one'));
      const path = join(folder, 'one', '01HZY0000000000000000000AA.open');
      writeFileSync(path, whole);
      truncateSync(path, length);
      await open(folder).close();
      const survivors = length < second ? [] : length < whole.length ? ['a'] : ['a', 'b'];
      assert.deepEqual(idsIn(folder), survivors, `cut at ${length}`);
      assert.ok(filesIn(folder).every((name) => name.endsWith('.seg')));
    }
  });

  it('does not log a request twice for one version, also after a restart', async (context) => {
    const folder = temporaryFolder(context);
    await leaveOpenSegment(folder, ['a', 'b']);
    const log = open(folder);
    assert.equal(await log.append(recordOf('a')), 'repeat');
    assert.equal(await log.append(recordOf('a', 2)), 'logged');
    assert.equal(await log.append(recordOf('c')), 'logged');
    await log.close();
    assert.deepEqual(idsIn(folder).toSorted(), ['a', 'a', 'b', 'c']);
  });

  it('remembers a bounded number of requests', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder, { rememberedCount: 2 });
    for (const id of ['a', 'b', 'c']) await log.append(recordOf(id));
    assert.equal(await log.append(recordOf('c')), 'repeat');
    assert.equal(await log.append(recordOf('a')), 'logged');
    await log.close();
  });

  it('closes a segment by size and by age', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder, { segmentBytes: 600, segmentAgeMs: 60 });
    context.after(() => log.close());
    for (const id of ['a', 'b', 'c']) await log.append(recordOf(id));
    await until(() => filesIn(folder).length >= 2 && filesIn(folder).every((name) => name.endsWith('.seg')));
    assert.deepEqual(idsIn(folder), ['a', 'b', 'c']);
  });

  it('strict durability syncs before it resolves', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder, { durability: 'strict', segmentBytes: 2000 });
    const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
    for (let start = 0; start < ids.length; start += 5) {
      await Promise.all(ids.slice(start, start + 5).map((id) => log.append(recordOf(id))));
    }
    await log.close();
    assert.deepEqual(idsIn(folder), ids);
    assert.equal(log.counts.recordCount, 50);
  });

  it('takes over what a plane that is gone left open, not what a living one writes', async (context) => {
    const folder = temporaryFolder(context);
    const left = await leaveOpenSegment(folder, ['a']);
    renameSync(join(folder, 'one'), join(folder, 'gone'));
    const living = open(folder, { plane: 'living' });
    await living.append(recordOf('b'));
    const long = new Date(Date.now() - 120_000);
    utimesSync(left.replace('/one/', '/gone/'), long, long);
    const log = open(folder);
    assert.ok(filesIn(folder, 'gone').every((name) => name.endsWith('.seg')));
    assert.ok(filesIn(folder, 'living').every((name) => name.endsWith('.open')));
    await Promise.all([log.close(), living.close()]);
  });

  it('a damaged closed segment is told, after its whole records', async (context) => {
    const folder = temporaryFolder(context);
    const log = open(folder);
    await log.append(recordOf('a'));
    await log.close();
    const path = join(folder, 'one', filesIn(folder)[0] ?? '');
    appendFileSync(path, 'damage');
    const read: string[] = [];
    assert.throws(
      () => {
        for (const { record } of readSegment(path)) read.push(record.requestId);
      },
      { code: 'PREDICTION_SEGMENT_DAMAGED' },
    );
    assert.deepEqual(read, ['a']);
  });
});
