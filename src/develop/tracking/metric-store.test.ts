import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sql } from 'kysely';
import type { Database } from '../../platform/database/database.ts';
import { openDatabase } from '../../platform/database/open-database.ts';
import { isTestedOnPostgres } from '../../platform/database/test-database.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { metricCurve } from './curve-store.ts';
import { downsample } from './curve.ts';
import { removeHistories } from './metric-point-store.ts';
import { appendMetrics, latestMetrics, metricHistory, pointCountOfRun } from './metric-store.ts';
import { insertRuns } from './test-runs.ts';
import { trackingMigrations } from './tracking-store.ts';
import { isLater, type Metric, type MetricPoint } from './tracking.ts';

/** A database with one run, that can be closed and opened again. */
async function withRun(work: (of: { readonly database: () => Database; readonly reopen: () => Promise<void> }) => Promise<void>): Promise<void> {
  const home = temporaryHome();
  let database = await openDatabase(home.database, trackingMigrations);
  try {
    const nothing = { metrics: {}, params: {}, tags: {}, datasets: [] };
    await insertRuns(database, [{ id: 'r', name: 'r', experiment: 1, status: 'RUNNING', startedAt: 0, endedAt: null, ...nothing }]);
    await work({
      database: () => database,
      reopen: async () => {
        await database.close();
        database = await openDatabase(home.database, trackingMigrations);
      },
    });
  } finally {
    await database.close();
    home.remove();
  }
}

const log = (database: Database, metrics: readonly Metric[]): Promise<void> => database.write((tx) => appendMetrics(tx, 'r', metrics));

const textOf = ({ timestamp, step, value }: MetricPoint): string => `${timestamp}/${step}/${value + 0}`;
const valueOrder = (a: number, b: number): number => (a || 0) - (b || 0) || Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || 0;
const byPlace = (a: MetricPoint, b: MetricPoint): number => a.timestamp - b.timestamp || a.step - b.step || (a.value === b.value ? 0 : valueOrder(a.value, b.value));

/** What a history is, told in the plainest way: every point once, in order. */
function plainHistory(metrics: readonly Metric[], key: string): string[] {
  const points = metrics.filter((metric) => metric.key === key);
  return [...new Map(points.toSorted(byPlace).map((point) => [textOf(point), point])).keys()];
}

/** The shapes in which points come: one, some or very many; later, at the same time, long before, or again. */
const append = fc.record({
  key: fc.constantFrom('a', 'b', 'w3'),
  count: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }) }, { weight: 2, arbitrary: fc.integer({ min: 13, max: 400 }) }, fc.integer({ min: 900, max: 5_000 })),
  start: fc.oneof({ weight: 4, arbitrary: fc.constant('later' as const) }, fc.constant('same' as const), fc.nat(20_000), fc.constant('again' as const)),
  pace: fc.constantFrom(0, 1, 3, 1_000),
  stride: fc.constantFrom(0, 1, -2),
  seed: fc.nat(1_000),
  isShuffled: fc.boolean(),
  shape: fc.constantFrom('of one metric', 'mixed', 'wide', 'wide'),
});
type Append = typeof append extends fc.Arbitrary<infer T> ? T : never;

const valueOf = (seed: number): number => [Number.NaN, 0, -0, Number.MAX_VALUE, -Number.MAX_VALUE, Infinity, 0.1 * seed, seed, Math.fround(seed / 3)][seed % 9] ?? 0;

function metricsOf(wanted: Append, before: readonly Metric[], latestTime: number): Metric[] {
  const again = before.slice(-wanted.count);
  if (wanted.start === 'again' && again.length > 0) return again;
  const from = typeof wanted.start === 'number' ? wanted.start : wanted.start === 'later' ? latestTime + 1 : latestTime;
  const isWide = wanted.shape === 'wide';
  const metrics = Array.from({ length: isWide ? wanted.count % 50 : wanted.count }, (_, index) => ({
    key: isWide ? `w${index % 40}` : wanted.shape === 'mixed' && index % 3 === 0 ? 'mixed' : wanted.key,
    timestamp: from + wanted.pace * index,
    // one step of many metrics, at one of three paces of the clock
    step: isWide ? Math.floor(from / 3) + (wanted.seed % 2) : wanted.stride * (index + wanted.seed) + 0,
    value: valueOf(wanted.seed + index),
  }));
  return wanted.isShuffled ? metrics.toSorted((a, b) => ((a.step * 7_919 + a.timestamp * 31) % 101) - ((b.step * 7_919 + b.timestamp * 31) % 101)) : metrics;
}

describe('metric histories', () => {
  it('hold each point once and in order, however points come, and across a restart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(append, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 3_000 }), async (appends, pageSize) => {
        await withRun(async ({ database, reopen }) => {
          const all: Metric[] = [];
          let latestTime = 0;
          for (const [index, wanted] of appends.entries()) {
            const metrics = metricsOf(wanted, all, latestTime);
            await log(database(), metrics);
            all.push(...metrics);
            latestTime = all.reduce((most, metric) => Math.max(most, metric.timestamp), 0);
            if (index % 5 === 4) await reopen();
          }
          const keys = [...new Set(all.map((metric) => metric.key))].sort();
          let count = 0;
          for (const key of keys) {
            const plain = plainHistory(all, key);
            count += plain.length;
            assert.deepEqual((await metricHistory(database().read, 'r', key)).points.map(textOf), plain);
            const paged: string[] = [];
            for (let after: Parameters<typeof metricHistory>[3] = {}; ; ) {
              const { points, next } = await metricHistory(database().read, 'r', key, { ...after, limit: Math.max(pageSize, Math.floor(plain.length / 20)) });
              paged.push(...points.map(textOf));
              if (next === undefined) break;
              after = { after: next };
            }
            assert.deepEqual(paged, plain);
            assert.equal((await metricCurve(database().read, 'r', key, 100)).pointCount, plain.length);
          }
          assert.equal(await pointCountOfRun(database().read, 'r'), count);
          const latest = keys.map((key) => all.filter((metric) => metric.key === key).reduce((a, b) => (isLater(b, a) ? b : a)));
          const shown = (await latestMetrics(database().read, ['r'])).get('r') ?? [];
          assert.deepEqual(shown.map((metric) => [metric.key, metric.step, metric.timestamp, metric.value || 0]), latest.map((metric) => [metric.key, metric.step, metric.timestamp, metric.value || 0]));
          await overlapFree(database());
        });
      }),
      { numRuns: isTestedOnPostgres ? 15 : 60 },
    );
  });

  it('are bytes of about 8 for each value, and few blocks, when points came one by one', async () => {
    await withRun(async ({ database }) => {
      for (let start = 0; start < 9_000; start += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_, index) => log(database(), [{ key: 'loss', step: start + index, timestamp: 1_790_000_000_000 + 7 * (start + index), value: Math.sin(start + index) }])),
        );
      }
      const { rows } = await sql<{ blocks: number; bytes: number; points: number; rows: number }>`
        SELECT count(*) AS blocks, sum(length(data)) AS bytes, sum(point_count) AS points, (SELECT count(*) FROM metric_point) AS rows FROM metric_block`.execute(database().read);
      const { blocks, bytes, points, rows: loose } = rows[0] ?? assert.fail();
      assert.equal(points + loose, 9_000);
      assert.ok(loose < 1_024, String(loose));
      assert.ok(blocks <= 4, String(blocks));
      assert.ok(bytes < 8.1 * points, String(bytes / points));
    });
  });

  it('that came in any order still are mostly blocks, none longer than 4,096 points', async () => {
    await withRun(async ({ database }) => {
      const times = Array.from({ length: 30_000 }, (_, index) => (index * 7_919) % 30_000);
      for (let start = 0; start < times.length; start += 1_000) {
        await log(database(), times.slice(start, start + 1_000).map((timestamp) => ({ key: 'a', timestamp, step: 0, value: timestamp })));
      }
      const { points } = await metricHistory(database().read, 'r', 'a');
      assert.deepEqual(points.map((point) => point.timestamp), Array.from({ length: 30_000 }, (_, index) => index));
      const { rows } = await sql<{ most: number; rows: number }>`SELECT max(point_count) AS most, (SELECT count(*) FROM metric_point) AS rows FROM metric_block`.execute(database().read);
      assert.ok((rows[0]?.most ?? 0) <= 4_096);
      assert.ok((rows[0]?.rows ?? 0) < 16_384, String(rows[0]?.rows));
      await overlapFree(database());
    });
  });

  it('are thinned out as if they were sorted by step, also where a training was taken up again', async () => {
    await withRun(async ({ database }) => {
      const metrics = Array.from({ length: 30_000 }, (_, index): Metric => ({ key: 'a', timestamp: index, step: index < 20_000 ? index : index - 8_000, value: Math.sin(index / 700) + (index === 21_234 ? 9 : 0) }));
      await log(database(), metrics);
      const sorted = metrics.toSorted((a, b) => a.step - b.step || a.timestamp - b.timestamp);
      const { pointCount, points } = await metricCurve(database().read, 'r', 'a', 1_000);
      assert.equal(pointCount, 30_000);
      assert.deepEqual(points.map(textOf), downsample(sorted, 1_000).map(textOf));
      const part = await metricCurve(database().read, 'r', 'a', 500, [11_000, 14_000]);
      assert.deepEqual(part.points.map(textOf), downsample(sorted.filter(({ step }) => step >= 11_000 && step <= 14_000), 500).map(textOf));
    });
  });

  it('of a home from before there were blocks stay as they were, and grow on', async () => {
    const home = temporaryHome();
    try {
      const old = await openDatabase(home.database, Object.fromEntries(Object.entries(trackingMigrations).filter(([name]) => name < 'tracking-003')));
      await old.write(async (tx) => {
        await sql`INSERT INTO run (id, name, experiment_id, user_id, created_by, status, started_at, artifact_uri, lifecycle_stage)
          VALUES ('r', 'r', 0, 'ana', 'ana', 'RUNNING', 0, '', 'active')`.execute(tx);
        await sql`INSERT INTO latest_metric (series, run_id, key, value, is_nan, step, timestamp) VALUES (7, 'r', 'a', 1199, 0, 1199, 1199)`.execute(tx);
        for (let step = 0; step < 1_200; step += 1) await sql`INSERT INTO metric_point (series, timestamp, step, value, is_nan) VALUES (7, ${step}, ${step}, ${step}, 0)`.execute(tx);
      });
      await old.close();
      const database = await openDatabase(home.database, trackingMigrations);
      const more = Array.from({ length: 2_000 }, (_, index): Metric => ({ key: index % 2 === 0 ? 'a' : 'b', step: 1_100 + index, timestamp: 1_100 + index, value: 1_100 + index }));
      const before = Array.from({ length: 1_200 }, (_, step): Metric => ({ key: 'a', step, timestamp: step, value: step }));
      assert.deepEqual((await metricHistory(database.read, 'r', 'a')).points.map(textOf), plainHistory(before, 'a'));
      await log(database, more);
      for (const key of ['a', 'b']) assert.deepEqual((await metricHistory(database.read, 'r', key)).points.map(textOf), plainHistory([...before, ...more], key));
      await database.close();
    } finally {
      home.remove();
    }
  });

  it('of many metrics that get a point each at every step lie in one row a step, until there are enough for blocks', async () => {
    await withRun(async ({ database, reopen }) => {
      const stepOf = (step: number): Metric[] =>
        Array.from({ length: 40 }, (_, index) => ({ key: `w${index}`, timestamp: 1_000 * step, step, value: index + step / 7 }));
      for (let step = 1; step <= 70; step += 1) await log(database(), stepOf(step));
      const counts = async (): Promise<unknown> =>
        (
          await sql`SELECT (SELECT count(*) FROM metric_batch) AS batches, (SELECT count(*) FROM metric_block) AS blocks,
            (SELECT count(*) FROM metric_point) AS points`.execute(database().read)
        ).rows[0];
      assert.deepEqual({ ...(await counts() as object) }, { batches: 6, blocks: 40, points: 0 });
      await reopen();
      const steps = async (key: string): Promise<number[]> => (await metricHistory(database().read, 'r', key)).points.map(({ step }) => step);
      const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
      assert.deepEqual(await steps('w17'), upTo(70));
      assert.deepEqual((await metricHistory(database().read, 'r', 'w17', { limit: 3, after: [66_000, 66, 17 + 66 / 7, 0] })).points.map(({ step }) => step), [67, 68, 69]);

      // a client that did not hear the answer sends its batch again
      await log(database(), stepOf(70));
      await log(database(), [{ key: 'w17', timestamp: 71_000, step: 71, value: 0 }]);
      assert.deepEqual(await steps('w17'), upTo(71));
      assert.deepEqual(await steps('w18'), upTo(70));
      assert.equal(await pointCountOfRun(database().read, 'r'), 40 * 70 + 1);
      await log(database(), stepOf(80));
      await database().write((tx) => removeHistories(tx, 'r'));
      assert.deepEqual({ ...(await counts() as object) }, { batches: 0, blocks: 0, points: 0 });
    });
  });

  it('are gone with their run', async () => {
    await withRun(async ({ database }) => {
      await log(database(), Array.from({ length: 2_000 }, (_, step) => ({ key: step < 5 ? 'short' : 'long', step, timestamp: step, value: step })));
      await database().write((tx) => removeHistories(tx, 'r'));
      for (const table of ['metric_point', 'metric_block'] as const) assert.deepEqual(await database().read.selectFrom(table).selectAll().execute(), []);
    });
  });

  it('that were damaged are told, not guessed', async () => {
    await withRun(async ({ database }) => {
      await log(database(), Array.from({ length: 2_000 }, (_, step) => ({ key: 'a', step, timestamp: step, value: step / 3 })));
      await database().write((tx) => tx.updateTable('metric_block').set({ data: Uint8Array.of(1, 2, 3) }).execute());
      await assert.rejects(metricHistory(database().read, 'r', 'a'), { code: 'METRIC_BLOCK_DAMAGED' });
    });
  });
});

/** No block begins before the one before it has ended. */
async function overlapFree(database: Database): Promise<void> {
  const blocks = await database.read.selectFrom('metric_block').selectAll().orderBy('series').orderBy('timestamp').orderBy('step').orderBy('value').orderBy('is_nan').execute();
  for (const [index, block] of blocks.entries()) {
    const next = blocks[index + 1];
    if (next?.series !== block.series) continue;
    assert.ok(next.timestamp > block.to_timestamp || (next.timestamp === block.to_timestamp && next.step >= block.to_step));
  }
}
