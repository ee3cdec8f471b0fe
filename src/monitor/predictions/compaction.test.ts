import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { PredictionLog } from '../../deploy/serving/log/prediction-log.ts';
import type { NewRecord, RecordValue, RecordValues } from '../../deploy/serving/log/prediction-record.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { parquetFiles } from '../windows/analytics.ts';
import { labelMigrations } from './label-store.ts';
import { listParts, predictionMigrations } from './prediction-store.ts';
import { closePredictions, predictionLog } from './predictions.ts';

const noon = Date.UTC(2013, 2, 4, 12);

async function setUp(context: TestContext) {
  const world = await createTestWorld({ migrations: { ...predictionMigrations, ...labelMigrations } });
  const segments = new PredictionLog({ folder: join(world.home.predictions, 'segments'), plane: 'plane-1', clock: world.clock, log: world.log });
  context.after(async () => {
    await segments.close();
    await closePredictions(world);
    await world.close();
  });
  const log = await predictionLog(world);
  const paths = async (model: string) => (await listParts(world.database.read, { model })).map((part) => log.compaction.pathOf(part));
  return { world, segments, log, paths };
}

const recordOf = (requestId: string, model: string, rowCount: number, change: Partial<NewRecord>): NewRecord => ({
  requestId,
  at: noon,
  eventAt: null,
  keys: null,
  endpoint: 'e',
  model,
  version: 1,
  runId: null,
  variant: 'champion',
  schemaHash: 'a',
  rowCount,
  features: {},
  prediction: Array.from({ length: rowCount }, (_, row) => row),
  probabilities: {},
  latencyUs: 7,
  status: 'ok',
  error: null,
  caller: null,
  traceId: null,
  ...change,
});

const listsOf = <Value>(rowCount: number, value: fc.Arbitrary<Value>) => fc.array(value, { minLength: rowCount, maxLength: rowCount });

const batch = fc.integer({ min: 1, max: 40 }).chain((rowCount) =>
  fc.record({
    rowCount: fc.constant(rowCount),
    eventAt: fc.option(listsOf(rowCount, fc.option(fc.integer({ min: -40, max: 40 }).map((hours) => noon + hours * 3_600_000)))),
    keys: fc.option(listsOf(rowCount, fc.string({ unit: 'grapheme' }))),
    number: fc.oneof<fc.Arbitrary<RecordValues>[]>(
      listsOf(rowCount, fc.option(fc.double({ noDefaultInfinity: true }))),
      listsOf(rowCount, fc.float({ noDefaultInfinity: true })).map((values) => Float32Array.from(values)),
      listsOf(rowCount, fc.double({ noNaN: true })).map((values) => Float64Array.from(values)),
      listsOf(rowCount, fc.integer()),
    ),
    text: fc.oneof(
      listsOf(rowCount, fc.option(fc.string({ unit: 'grapheme' }))),
      listsOf(rowCount, fc.option(fc.constantFrom('UA', 'ü', ''))),
      listsOf(rowCount, fc.constantFrom('UA', 'AA')),
    ),
    boolean: listsOf(rowCount, fc.option(fc.boolean())),
  }),
);

const plain = (values: RecordValues): RecordValue[] =>
  Array.from(values as ArrayLike<RecordValue>, (value) => (Number.isNaN(value) ? null : Object.is(value, -0) ? 0 : value));

test('DuckDB reads from the parts what was logged, whatever it was', async (context) => {
  const { segments, log, paths } = await setUp(context);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async (batches) => {
      const model = `model ${run++}`;
      const expected = new Map<string, unknown[]>();
      for (const [index, { rowCount, eventAt, keys, number, text, boolean }] of batches.entries()) {
        // the first record settles the types: it has a value of each
        const features = index === 0 ? { number: [1], text: ['a'], boolean: [true] } : { number, text, boolean };
        const rows = index === 0 ? 1 : rowCount;
        const change = index === 0 ? {} : { eventAt, keys };
        const record = recordOf(`${model}/${index}`, model, rows, { features, ...change });
        await segments.append(record);
        for (let row = 0; row < rows; row++) {
          const values = Object.values(features).map((column) => plain(column)[row]);
          expected.set(`${index}/${row}`, [change.eventAt?.[row] ?? null, change.keys?.[row] ?? null, ...values, row]);
        }
      }
      assert.equal(await log.compaction.run(), expected.size);
      const found = await log.analytics.rows(`
        SELECT split_part(request_id, '/', 2) || '/' || row, epoch_ms(event_ts)::DOUBLE, key, feature_number, feature_text, feature_boolean, prediction
        FROM ${parquetFiles(await paths(model))}`);
      const foundRows = new Map(found.map(([name, ...values]) => [String(name), values.map((value) => (Object.is(value, -0) ? 0 : value))]));
      assert.deepEqual(foundRows, new Map([...foundRows.keys()].map((name) => [name, expected.get(name)])));
      assert.equal(foundRows.size, expected.size);
    }),
    { numRuns: 40 },
  );
});

test('rows lie in the parts of the days on which they happened, and the manifest knows from when to when', async (context) => {
  const { world, segments, log } = await setUp(context);
  const day = 86_400_000;
  const eventAt = [noon, noon + 1, noon + day, null, noon - day, noon + 0.5];
  await segments.append(recordOf('one', 'm', 6, { at: noon + 3 * day, eventAt }));
  assert.equal(await log.compaction.run(), 6);
  const parts = await listParts(world.database.read, { model: 'm' });
  assert.deepEqual(
    parts.map((part) => [part.day, part.rowCount, part.firstEventAt - noon, part.lastEventAt - noon]),
    [
      ['2013-03-03', 1, -day, -day],
      ['2013-03-04', 3, 0, 1],
      ['2013-03-05', 1, day, day],
      ['2013-03-07', 1, 3 * day, 3 * day],
    ],
  );
});

test('a value of another type than its column had before becomes that type, or is missing', async (context) => {
  const { segments, log, paths } = await setUp(context);
  await segments.append(recordOf('one', 'm', 2, { features: { a: [1, 2], b: ['x', 'y'] } }));
  await log.compaction.run();
  await segments.append(recordOf('two', 'm', 3, { features: { a: ['7', 'no', null], b: [1.5, null, 2] } }));
  await segments.append(recordOf('three', 'm', 2, { features: { a: Int32Array.of(8, 9), b: [true, false] } }));
  await log.compaction.run();
  const rows = await log.analytics.rows(`SELECT feature_a, feature_b FROM ${parquetFiles(await paths('m'))} ORDER BY request_id, row`);
  assert.deepEqual(rows, [[1, 'x'], [2, 'y'], [8, 'true'], [9, 'false'], [7, '1.5'], [null, null], [null, '2']]);
});
