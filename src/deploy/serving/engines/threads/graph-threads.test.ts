import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { describe, it, type TestContext } from 'node:test';
import { OnnxModel } from '../served-model.ts';
import type { Rows } from '../rows.ts';
import { expected, lateSchema, weatherSchema } from '../../test-control-plane.ts';
import { GraphThreads } from './graph-threads.ts';

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`../../../../../test/fixtures/serving/${name}.onnx`, import.meta.url));
const { rows, label } = expected.weather;

/** The rows of the fixture again and again. */
const weatherRows = (times: number): Rows => ({
  rowCount: rows.length * times,
  columns: weatherSchema.inputs[0]?.columns?.map((_, column) =>
    Float64Array.from({ length: rows.length * times }, (_, row) => rows[row % rows.length]?.[column] ?? 0),
  ) as Float64Array[],
});

async function threadedModel(context: TestContext): Promise<{ model: OnnxModel; threads: GraphThreads }> {
  const threads = new GraphThreads(1);
  const model = await OnnxModel.load(fileOf('weather'), weatherSchema, { threads });
  context.after(async () => {
    model.retire();
    await threads.close();
  });
  return { model, threads };
}

const many = Math.ceil(100_000 / rows.length);

describe('a long run', () => {
  it('goes to a thread, says what scikit-learn says, and lets short ones pass it', async (context) => {
    const { model } = await threadedModel(context);
    // learns what rows cost
    await model.score(weatherRows(many));
    const long = weatherRows(many);
    assert.ok(model.isLong(long.rowCount));
    assert.ok(!model.isLong(1));
    let isOver = false;
    const running = model.score(long).finally(() => (isOver = true));
    assert.ok(model.estimatedWaitMs > 1);
    const short = await model.score(weatherRows(1));
    assert.ok(!isOver, 'the short one came first');
    assert.deepEqual(short.labels, label);
    const { labels, rowCount, classCount, probabilities } = await running;
    assert.deepEqual(labels.slice(-rows.length), label);
    assert.equal(probabilities.length, rowCount * classCount);
    const last = probabilities.subarray(-rows.length * classCount);
    assert.deepEqual(Array.from(last), Array.from(short.probabilities));
    assert.equal(model.estimatedWaitMs, 0);
  });

  it('is not begun for rows that nobody waits for any more', async (context) => {
    const { model } = await threadedModel(context);
    await model.score(weatherRows(many));
    const giveUp = new AbortController();
    const first = model.score(weatherRows(many));
    const second = model.score(weatherRows(many), giveUp.signal);
    giveUp.abort(new Error('too late'));
    await assert.rejects(second, /too late/);
    await first;
    assert.equal(model.queuedRows, 0);
  });

  it('whose thread dies is run again', async (context) => {
    const { model, threads } = await threadedModel(context);
    await model.score(weatherRows(many));
    const running = model.score(weatherRows(many));
    await threads.close();
    assert.deepEqual((await running).labels.slice(0, rows.length), label);
  });

  it('of texts and missing numbers is the same as a short one', async (context) => {
    const threads = new GraphThreads(1);
    const model = await OnnxModel.load(fileOf('late-1'), lateSchema, { threads });
    context.after(() => threads.close());
    const times = 500;
    const repeat = <Value>(values: readonly Value[]): Value[] =>
      Array.from({ length: times }, () => values).flat();
    const { dep_delay, distance, carrier } = expected.rows;
    const all: Rows = {
      rowCount: times * distance.length,
      columns: [repeat(dep_delay), repeat(distance), repeat(carrier)],
    };
    await model.score(all);
    assert.ok(model.isLong(all.rowCount));
    assert.deepEqual((await model.score(all)).labels.slice(-distance.length), expected['late-1'].label);
  });
});
