import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Actor } from '../../platform/actor.ts';
import type { World } from '../../platform/world.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { metricCurve } from './curve-store.ts';
import { createRun, deleteRun, logBatch } from './run-store.ts';
import { runKeys, runRows } from './run-table-store.ts';

const actor: Actor = { id: 'ana', kind: 'local', name: 'Ana', roles: ['contributor'] };

describe('what the page asks of runs', () => {
  let world: World & { close(): Promise<void> };
  before(async () => {
    world = await createTestWorld();
  });
  after(() => world.close());
  const newRun = async (name: string): Promise<string> => (await createRun(world, actor, { experimentId: '0', name, tags: [] })).id;

  it('a row has the keys asked for in their order, null for what a run lacks, a word for what JSON has no number for', async () => {
    const [a, b] = [await newRun('a'), await newRun('b')];
    const metric = (key: string, value: number) => ({ key, value, step: 0, timestamp: 1 });
    await logBatch(world, a, { metrics: [metric('auc', 0.5), metric('bad', Number.NaN), metric('huge', Infinity)], params: [{ key: 'depth', value: '3' }] });
    await logBatch(world, b, { tags: [{ key: 'kept', value: 'yes' }] });
    for (const more of [[], Array.from({ length: 60 }, (_, index) => `none_${index}`)]) {
      const columns = { metrics: ['huge', 'auc', 'bad', ...more], params: ['depth'], tags: ['kept'] };
      const rows = await runRows(world.database.read, [b, 'unknown', a], columns);
      assert.deepEqual(rows.map((row) => row.name), ['b', 'a']);
      assert.deepEqual(rows[1]?.metrics, ['Infinity', 0.5, 'NaN', ...more.map(() => null)]);
      assert.deepEqual([rows[1]?.params, rows[1]?.tags, rows[0]?.params, rows[0]?.tags], [['3'], [null], [null], ['yes']]);
    }
  });

  it('the keys are those of runs that are not deleted', async () => {
    const gone = await newRun('gone');
    await logBatch(world, gone, { params: [{ key: 'only_there', value: '1' }] });
    assert.ok((await runKeys(world.database.read, ['0'])).params.includes('only_there'));
    await deleteRun(world, actor, gone);
    assert.ok(!(await runKeys(world.database.read, ['0'])).params.includes('only_there'));
    assert.deepEqual(await runKeys(world.database.read, []), { metrics: [], params: [], tags: [] });
  });

  for (const [when, timestamp] of [
    ['one after the other', (step: number) => 1_000 + step],
    ['all at one moment', () => 1_000],
    ['with a pause of a year', (step: number) => (step < 20_000 ? step : 31_557_600_000 + step)],
  ] as const) {
    it(`a curve of 30,000 points that came ${when} keeps its peak, its pit and its ends`, async () => {
      const id = await newRun('long');
      const value = (step: number): number => (step === 21_234 ? 9 : step === 7_777 ? -3 : Math.sin(step / 900));
      const metrics = Array.from({ length: 30_000 }, (_, step) => ({ key: 'loss', value: value(step), step, timestamp: timestamp(step) }));
      await logBatch(world, id, { metrics });
      const { pointCount, points } = await metricCurve(world.database.read, id, 'loss', 1_000);
      assert.equal(pointCount, 30_000);
      assert.ok(points.length > 500 && points.length <= 1_002, String(points.length));
      assert.deepEqual(points.find((point) => point.value === 9)?.step, 21_234);
      assert.deepEqual(points.find((point) => point.value === -3)?.step, 7_777);
      assert.deepEqual([points[0]?.step, points.at(-1)?.step], [0, 29_999]);
      for (const point of points) assert.equal(point.value, value(point.step));
    });
  }
});
