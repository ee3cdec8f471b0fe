import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Database } from '../../platform/database/database.ts';
import { PredictionLog } from '../../deploy/serving/log/prediction-log.ts';
import type { PredictionRecord } from '../../deploy/serving/log/prediction-record.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { Compaction } from './compaction.ts';
import { addLabels, labelMigrations, labelsFor } from './label-store.ts';
import { daysOfLabels, readAnswers, readFeatures, readPage } from './prediction-log-reader.ts';
import { listParts, predictionMigrations, seriesOf, summarize } from './prediction-store.ts';
import { closePredictions, predictionLog } from './predictions.ts';

const march = Date.UTC(2013, 2, 4);
const hourMs = 3_600_000;

function recordOf(requestId: string, rowCount: number, change: Partial<PredictionRecord> = {}): PredictionRecord {
  const rows = Array.from({ length: rowCount }, (_, row) => row);
  return {
    requestId,
    at: Date.UTC(2026, 0, 1),
    eventAt: rows.map((row) => march + row * hourMs),
    keys: rows.map((row) => `${requestId}/${row}`),
    endpoint: 'flights',
    model: 'late flights',
    version: 1,
    runId: 'run-1',
    variant: 'champion',
    schemaHash: 'a'.repeat(64),
    rowCount,
    features: { distance: rows.map((row) => (row === 1 ? null : 100 + row)), carrier: rows.map((row) => ['UA', "O'Hare", 'Ü'][row % 3] ?? null) },
    prediction: rows.map((row) => row % 2),
    probabilities: { 0: rows.map((row) => 1 - row / 100), 1: rows.map((row) => row / 100) },
    latencyUs: 120,
    status: 'ok',
    error: null,
    caller: null,
    traceId: null,
    ...change,
  };
}

async function setUp(context: TestContext) {
  const world = await createTestWorld({ migrations: { ...predictionMigrations, ...labelMigrations } });
  const segments = new PredictionLog({ folder: join(world.home.predictions, 'segments'), plane: 'plane-1', clock: world.clock, log: world.log });
  context.after(async () => {
    await segments.close();
    await closePredictions(world);
    await world.close();
  });
  return { world, segments, log: await predictionLog(world) };
}

test('each prediction is in the log exactly once, also when a request is repeated', async (context) => {
  const { world, segments, log } = await setUp(context);
  await segments.append(recordOf('one', 30));
  await segments.append(recordOf('two', 5, { version: 2, variant: 'shadow' }));
  assert.equal(await log.compaction.run(), 35);
  assert.equal(await log.compaction.run(), 0);
  await segments.close();
  const another = new PredictionLog({ folder: join(world.home.predictions, 'segments'), plane: 'plane-2', clock: world.clock, log: world.log, rememberedCount: 0 });
  await another.append(recordOf('one', 30));
  await another.append(recordOf('one', 30, { version: 2, variant: 'shadow' }));
  assert.equal(await log.compaction.run(), 30);
  await another.close();
  const summary = await summarize(world.database.read, 'late flights', 0);
  assert.equal(summary.rowCount, 65);
  assert.equal(summary.repeatedCount, 1);
  const [champion] = await readAnswers(log, 'late flights', march, march + 100 * hourMs);
  assert.deepEqual(champion?.keys, Array.from({ length: 30 }, (_, row) => `one/${row}`));
  assert.equal(champion?.scores[7], 0.07);
  const features = await readFeatures(log, 'late flights', march, march + 3 * hourMs);
  assert.deepEqual(features.get(1), [
    { name: 'distance', values: [100, null, 102] },
    { name: 'carrier', values: ['UA', "O'Hare", 'Ü'] },
  ]);
});

test('a crash between the file and its entry in the manifest loses nothing and doubles nothing', async (context) => {
  const { world, segments, log } = await setUp(context);
  await segments.append(recordOf('one', 30));
  const broken: Database = { ...world.database, write: () => Promise.reject(new Error('killed')) };
  const dying = new Compaction({ database: broken, analytics: log.analytics, log: world.log, folder: world.home.predictions });
  await assert.rejects(dying.run(), /killed/);
  await writeFile(join(world.home.predictions, 'parquet', 'part-half.parquet.writing'), 'half');
  const parquetFiles = async () =>
    (await readdir(join(world.home.predictions, 'parquet'), { recursive: true })).filter((name) => name.includes('part-'));
  assert.equal((await parquetFiles()).length, 3);
  await log.compaction.recover();
  assert.deepEqual(await parquetFiles(), []);
  assert.equal(await log.compaction.run(), 30);
  assert.deepEqual(
    (await seriesOf(world.database.read, 'late flights')).map((series) => series.rowCount),
    [30],
  );
});

test('many small parts of a day become one with the same rows', async (context) => {
  const { world, segments, log } = await setUp(context);
  for (let batch = 0; batch < 9; batch++) {
    await segments.append(recordOf(`batch-${batch}`, 3));
    await log.compaction.run();
  }
  const parts = await listParts(world.database.read, { model: 'late flights' });
  assert.deepEqual(
    parts.map((part) => part.rowCount).sort((left, right) => left - right),
    [3, 24],
  );
  const [answers] = await readAnswers(log, 'late flights', march, march + 3 * hourMs);
  assert.equal(new Set(answers?.keys).size, 27);
  const seen: string[] = [];
  for (let before: string | null | undefined; before !== null; ) {
    const page = await readPage(log, 'late flights', { limit: 10, before, showsFeatures: true });
    seen.push(...page.predictions.map((each) => `${each.key}`));
    before = page.next;
  }
  assert.equal(seen.length, 27);
  assert.equal(new Set(seen).size, 27);
});

test('the label observed last wins, in whatever order labels come', async (context) => {
  const { world, segments, log } = await setUp(context);
  await segments.append(recordOf('one', 3));
  await log.compaction.run();
  const { read } = world.database;
  const add = (...labels: Parameters<typeof addLabels>[3]) => addLabels(world, localActor, 'late flights', labels);
  await add({ key: 'one/0', label: 1, observedAt: march + 9 });
  assert.deepEqual(await add({ key: 'one/0', label: 0, observedAt: march + 5 }, { key: 'one/1', label: true, observedAt: march }), {
    received: 2,
    added: 2,
  });
  assert.equal((await add({ key: 'one/0', label: 1, observedAt: march + 9 })).added, 0);
  await add({ requestId: 'one', row: 2, label: 'late', observedAt: march });
  const subjects = [0, 1, 2, 3].map((row) => ({ key: `one/${row}`, requestId: 'one', row }));
  assert.deepEqual(await labelsFor(read, 'late flights', subjects), ['1', 'true', 'late', null]);
  assert.deepEqual(await daysOfLabels(log, 'late flights', ['k:one/0', 'r:2:one', 'k:nobody']), {
    days: ['2013-03-04'],
    unmatchedCount: 1,
  });
});
