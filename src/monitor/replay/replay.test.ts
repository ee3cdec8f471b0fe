import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileKeyOf } from '../../deploy/registry/served-file.ts';
import { updateVersionRow } from '../../deploy/registry/registry-store.ts';
import { registerVersion } from '../../deploy/registry/versions.ts';
import { hashOf } from '../../deploy/registry/registry.ts';
import { writeRoute } from '../../deploy/endpoints/endpoint-store.ts';
import { startDataPlane } from '../../deploy/serving/data-plane.ts';
import { lateSchema } from '../../deploy/serving/test-control-plane.ts';
import { createLogger } from '../../platform/log.ts';
import { startServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import { dayMs } from '../windows/window.ts';
import { listWindows } from '../performance/performance-store.ts';
import { predictionLog } from '../predictions/predictions.ts';
import { readAnswers } from '../predictions/prediction-log-reader.ts';
import { replay, type ReplayOptions } from './replay.ts';

const monday = Date.UTC(2013, 2, 4);
const rowCount = 1500;
const lastDays = 21;

/** Three weeks of flights; one in ten never arrives, the others are known half an hour to a day later. */
function writeTraffic(path: string): void {
  const lines = Array.from({ length: rowCount }, (_, row) => {
    const at = monday + Math.floor((row * lastDays * dayMs) / rowCount);
    const delay = (row * 37) % 90;
    const known = new Date(at + 1_800_000 + (row % 24) * 3_600_000).toISOString();
    const late = row % 10 === 9 ? ',' : `${delay > 45 ? 1 : 0},${known}`;
    return `f${row},${new Date(at).toISOString()},${delay},${300 + (row % 7) * 100},${row % 2 === 0 ? 'UA' : 'AA'},${late}`;
  });
  writeFileSync(path, ['id,event_at,dep_delay,distance,carrier,late,observed_at', ...lines].join('\n'));
}

async function setUp(context: TestContext) {
  const home = temporaryHome();
  const log = createLogger('test', 'silent');
  const server = await startServer({ home, port: 0, log });
  const { world } = server;
  const graph = readFileSync(new URL('../../../test/fixtures/serving/late-1.onnx', import.meta.url));
  const digest = createHash('sha256').update(graph).digest('hex');
  await world.blobs.put(fileKeyOf('onnx', digest), graph);
  await registerVersion(world, localActor, { model: 'late', source: 's3://bucket/late', createsModel: true });
  await world.database.write(async (tx) => {
    await updateVersionRow(tx, 'late', 1, {
      engine: 'onnx',
      onnx_digest: digest,
      onnx_byte_count: graph.length,
      schema: JSON.stringify(lateSchema),
      schema_hash: hashOf(lateSchema),
    });
    const targets = [{ version: 1, variant: 'champion' as const, weight: 1 }];
    await writeRoute(tx, { name: 'late', model: 'late', targets, isStopped: false, at: 1, by: 'local', reason: 'test' });
  });
  const startPlane = () => startDataPlane({ home, port: 0, server: server.address, plane: 'test', log });
  context.after(async () => {
    await server.close();
    home.remove();
  });
  const file = join(home.root, 'traffic.csv');
  writeTraffic(file);
  const options: ReplayOptions = {
    flags: { server: server.address },
    file,
    endpoint: 'late',
    name: 'traffic',
    columns: { id: 'id', time: 'event_at', label: 'late', labelTime: 'observed_at' },
    batchRows: 64,
    waitsForRetraining: false,
    cursorFile: join(home.root, 'replay', 'traffic.json'),
    patienceMs: 20_000,
  };
  return { world, options, startPlane };
}

test('a replay is predicted, labelled and judged week by week, and goes on where it stopped', async (context) => {
  const { world, options, startPlane } = await setUp(context);
  const plane = await startPlane();
  const first = await replay({ ...options, until: monday + 7 * dayMs });
  assert.deepEqual([first.rows, first.failed, first.windows, first.isDone], [rowCount / 3, 0, 1, false]);
  // a replay that died before it could note its last stretch sends it again
  const cursor = JSON.parse(readFileSync(options.cursorFile, 'utf8')) as Record<string, unknown>;
  writeFileSync(options.cursorFile, JSON.stringify({ ...cursor, place: 64 * 3, at: 0 }));
  const whole = await replay(options);
  assert.deepEqual([whole.failed, whole.isDone, whole.windows], [0, true, 3]);
  await plane.close();

  const log = await predictionLog(world);
  await log.compaction.run();
  const [answers] = await readAnswers(log, 'late', monday, monday + lastDays * dayMs);
  assert.equal(answers?.keys.length, rowCount);
  assert.equal(new Set(answers.keys).size, rowCount, 'each row is in the log once');
  const windows = await listWindows(world.database.read, 'late', { granularity: 'week' });
  assert.deepEqual(
    windows.map((window) => [window.rowCount, window.labelledCount]),
    [
      [500, 450],
      [500, 450],
      [500, 450],
    ],
  );
  assert.deepEqual((await replay(options)).rows, whole.rows, 'a finished replay sends nothing again');
});

test('while the data plane is away the replay waits for it', async (context) => {
  const { options, startPlane } = await setUp(context);
  const replaying = replay(options);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const plane = await startPlane();
  const summary = await replaying;
  await plane.close();
  assert.ok(summary.retried > 0);
  assert.deepEqual([summary.rows, summary.failed], [rowCount, 0]);
});

test('a file without an input of the model is refused before anything is sent', async (context) => {
  const { options, startPlane } = await setUp(context);
  const plane = await startPlane();
  writeFileSync(options.file, 'id,event_at,dep_delay,carrier,late,observed_at\nf1,2013-03-04T00:00:00Z,3,UA,1,2013-03-04T05:00:00Z\n');
  await assert.rejects(replay(options), { code: 'REPLAY_COLUMN_MISSING' });
  await assert.rejects(replay({ ...options, columns: { ...options.columns, id: 'flight' } }), { code: 'REPLAY_COLUMN_MISSING' });
  await plane.close();
});
