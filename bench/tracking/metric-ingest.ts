import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import type { Actor } from '../../src/platform/actor.ts';
import { metricCurve } from '../../src/develop/tracking/curve-store.ts';
import { metricHistory } from '../../src/develop/tracking/metric-store.ts';
import { createRun, logBatch } from '../../src/develop/tracking/run-store.ts';
import type { Metric } from '../../src/develop/tracking/tracking.ts';
import { createTestWorld } from '../../src/server/test-world.ts';

// What a point costs, in this process and without HTTP: processor time to log it, bytes of the database, time to read it back.
//   node bench/tracking/metric-ingest.ts --points 1000000

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '200000' },
    reads: { type: 'string', default: '100000,1000000' },
  },
});
const pointCount = Number(values.points);
const actor: Actor = { id: 'ana', kind: 'local', name: 'Ana', roles: ['contributor'] };

let seed = 1;
const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
/** A loss with noise, timed as a training loop would: about 5 ms a step. */
const loss = (step: number): number => 0.1 + 4 / (1 + step / 1_000) + (random() - 0.5) * 0.05;

type World = Awaited<ReturnType<typeof createTestWorld>>;

async function inWorld<T>(work: (world: World, newRun: () => Promise<string>) => Promise<T>): Promise<T> {
  const world = await createTestWorld();
  try {
    return await work(
      world,
      async () => (await createRun(world, actor, { experimentId: '0', name: 'bench', tags: [] })).id,
    );
  } finally {
    await world.close();
  }
}

async function cpuMicroseconds(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function bytesOf(world: World): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tilth metrics '));
  try {
    const file = join(folder, 'copy.db');
    await sql`VACUUM INTO ${file}`.execute(world.database.read);
    return statSync(file).size;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function unpackedBytesOf(world: World): Promise<number> {
  const { rows } = await sql<{ pages: number }>`SELECT page_count AS pages FROM pragma_page_count`.execute(
    world.database.read,
  );
  return (rows[0]?.pages ?? 0) * 4096;
}

async function logged(name: string, batches: Iterable<Metric[]>, single: boolean): Promise<void> {
  await inWorld(async (world, newRun) => {
    const run = await newRun();
    // warm, so that the figure is that of a server that has run for a while
    for (let step = 0; step < 2_000; step += 1)
      await logBatch(world, run, { metrics: [{ key: 'warm', value: random(), step, timestamp: step }] });
    for (let step = 0; step < 50; step += 1)
      await logBatch(world, run, {
        metrics: Array.from({ length: 1_000 }, (_, index) => ({
          key: `w${index % 50}`,
          value: random(),
          step,
          timestamp: step * 1_000 + index,
        })),
      });
    const [fileBefore, before] = [await unpackedBytesOf(world), await bytesOf(world)];
    let count = 0;
    const started = performance.now();
    const cpu = await cpuMicroseconds(async () => {
      for (const batch of batches) {
        count += batch.length;
        if (single) await Promise.all(batch.map((metric) => logBatch(world, run, { metrics: [metric] })));
        else await logBatch(world, run, { metrics: batch });
      }
    });
    const [file, bytes] = [await unpackedBytesOf(world), await bytesOf(world)];
    print(name, {
      'cpu µs/point': (cpu / count).toFixed(2),
      'ms in all': Math.round(performance.now() - started),
      'file bytes/point': ((file - fileBefore) / count).toFixed(1),
      'vacuumed bytes/point': ((bytes - before) / count).toFixed(1),
    });
  });
}

function* batches(count: number, size: number, keyCount: number, valueOf = loss): Generator<Metric[]> {
  let at = Date.UTC(2026, 0, 1);
  for (let start = 0; start < count; start += size) {
    yield Array.from({ length: size }, (_, index) => {
      const step = Math.floor((start + index) / keyCount);
      if ((start + index) % keyCount === 0) at += 4 + Math.floor(random() * 3);
      return {
        key: keyCount === 1 ? 'loss' : `loss_${index % keyCount}`,
        value: valueOf(step),
        step,
        timestamp: at,
      };
    });
  }
}

const print = (name: string, figures: Readonly<Record<string, string | number>>): void => {
  process.stdout.write(
    `${name.padEnd(44)} ${Object.entries(figures)
      .map(([what, value]) => `${what} ${value}`)
      .join(' · ')}\n`,
  );
};

const singles = Math.ceil(pointCount / 20);
await logged('single points, one at a time', batches(singles, 1, 1), true);
await logged('single points, 32 at a time', batches(singles, 32, 1), true);
await logged('batches of 1,000 of one key', batches(pointCount, 1_000, 1), false);
await logged(
  'batches of 1,000 of one key, float32',
  batches(pointCount, 1_000, 1, (step) => Math.fround(loss(step))),
  false,
);
await logged('batches of 1,000 of 50 keys', batches(pointCount, 1_000, 50), false);
await logged('batches of 1,000 of 500 keys', batches(pointCount, 1_000, 500), false);

for (const count of values.reads.split(',').map(Number)) {
  await inWorld(async (world, newRun) => {
    const run = await newRun();
    for (const batch of batches(count, 1_000, 1)) await logBatch(world, run, { metrics: batch });
    const timed = async (name: string, work: () => Promise<number>): Promise<void> => {
      const times: number[] = [];
      let found = 0;
      for (let round = 0; round < 5; round += 1) {
        const started = performance.now();
        found = await work();
        times.push(performance.now() - started);
      }
      times.sort((a, b) => a - b);
      print(`${name} of ${count}`, { 'ms (median of 5)': (times[2] ?? 0).toFixed(1), points: found });
    };
    await timed(
      'whole history',
      async () => (await metricHistory(world.database.read, run, 'loss')).points.length,
    );
    await timed(
      'page of 25,000',
      async () => (await metricHistory(world.database.read, run, 'loss', { limit: 25_000 })).points.length,
    );
    await timed(
      'curve of 1,000',
      async () => (await metricCurve(world.database.read, run, 'loss', 1_000)).points.length,
    );
  });
}
