import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { underCircumstances } from '../circumstances.ts';
import { median, type Round } from '../measure.ts';
import { versionsIn } from '../processes.ts';
import { writeBetweenMarks } from '../report.ts';
import { plotOf } from './growth-plot.ts';
import { growthTable, type Growth, type Measure } from './growth-table.ts';
import { newPlaces, type Place } from './places.ts';
import { historyPageSize, Session } from './session.ts';

// How tracking grows with its runs, ours and MLflow's: `npm run bench growth [-- --quick] [-- --sizes=1000,10000]`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    /** MLflow's server has no more runs than this: beyond, one search takes minutes */
    'peer-up-to': { type: 'string', default: '100000' },
  },
});
const isQuick = values.quick;
const sizes = (values.sizes ?? (isQuick ? '100,1000' : '1000,10000,100000,1000000')).split(',').map(Number);
assert.ok(
  sizes.every((size) => Number.isSafeInteger(size) && size > 0),
  '--sizes=1000,10000',
);
const peerLimit = Number(values['peer-up-to']);
const seconds = isQuick ? 0.3 : 2;
const startCount = isQuick ? 1 : 3;
const pointCount = 2 * historyPageSize;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

type What = 'search' | 'newest' | 'run' | 'metric' | 'history' | 'start' | 'memory' | 'bytes';

const measures: Record<What, Pick<Measure, 'what' | 'unit'>> = {
  search: { what: 'search: filtered, sorted by a metric, 100 rows', unit: 'ms' },
  newest: { what: 'the newest 100 runs', unit: 'ms' },
  run: { what: 'one run: create, log 5 params, 5 metrics, finish', unit: 'ms' },
  metric: { what: 'log_metric', unit: 'ms' },
  history: { what: `${historyPageSize.toLocaleString('en')} points of a history`, unit: 'ms' },
  start: { what: 'start, to the first answer', unit: 'ms' },
  memory: { what: 'memory after all of this', unit: 'MiB' },
  bytes: { what: 'database on the disk', unit: 'MiB' },
};

const growth = await underCircumstances(measureGrowth);
const folder = join(import.meta.dirname, '..', 'results', ...(isQuick ? ['tmp'] : []));
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'growth.json'), `${JSON.stringify(growth, null, 2)}\n`);
writeFileSync(join(folder, 'growth.svg'), plotOf(growth));
const section = growthTable(growth);
if (!isQuick) writeBetweenMarks('npm run bench growth', section);
console.log(section);

async function measureGrowth(): Promise<Growth> {
  const newPlace = await newPlaces();
  const ours = await grow('tilth', newPlace.ours(), sizes);
  const peer = await grow(
    'MLflow',
    newPlace.peer(),
    sizes.filter((size) => size <= peerLimit),
  );
  return {
    sizes,
    versions: { node: process.versions.node, ...(await versionsIn('tracking', ['mlflow', 'sqlalchemy'])) },
    measures: Object.entries(measures).map(([name, { what, unit }]) => ({
      what,
      unit,
      ours: ours.map((found) => found[name as What]),
      peer: peer.map((found) => found[name as What]),
    })),
  };
}

/** One place that grows from size to size. */
async function grow(name: string, place: Place, upTo: readonly number[]): Promise<Record<What, number>[]> {
  if (upTo.length === 0) return [];
  const ids = await during(place, async (session) => {
    const [many, own] = [await session.newExperiment('many'), await session.newExperiment('own')];
    return { many, own, curve: await session.newRun(own, 'curve'), log: await session.newRun(own, 'log') };
  });
  await place.addCurve(ids.curve, pointCount);
  const found: Record<What, number>[] = [];
  let runCount = 0;
  for (const size of upTo) {
    const startedAt = performance.now();
    await place.addRuns(ids.many, runCount, size);
    runCount = size;
    console.error(
      `· ${name}: ${size.toLocaleString('en')} runs, filled in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    );
    found.push(await measureAt(place, ids, found.length));
  }
  return found;
}

interface Ids {
  readonly many: string;
  readonly own: string;
  readonly curve: string;
  readonly log: string;
}

async function measureAt(
  place: Place,
  { many, own, curve, log }: Ids,
  turn: number,
): Promise<Record<What, number>> {
  const starts: number[] = [];
  for (let index = 0; index < startCount; index++) {
    const server = await place.start();
    starts.push(server.startSeconds * 1000);
    await server.stop();
  }
  const most = { count: 2_000, seconds };
  const msOf = async (work: () => Promise<Round>): Promise<number> => 1000 / (await work()).value;
  const once = { count: 1, seconds };
  const timed = await during(place, async (session, memoryMiB) => {
    await session.searches(many, once);
    const search = await msOf(() => session.searches(many, most));
    await session.newestRuns(many, once);
    const newest = await msOf(() => session.newestRuns(many, most));
    await session.wholeRuns(own, 10_000 * turn, 5);
    const run = await msOf(() => session.wholeRuns(own, 10_000 * turn + 5, 1_000, seconds));
    const metric = await msOf(() => session.logMetrics(log, `loss_${turn}`, most));
    await session.historyFirstPages(curve, 'loss', once);
    const history = await msOf(() => session.historyFirstPages(curve, 'loss', { count: 50, seconds }));
    return { search, newest, run, metric, history, memory: memoryMiB() };
  });
  return { ...timed, start: median(starts), bytes: place.bytes() / 2 ** 20 };
}

async function during<T>(
  place: Place,
  work: (session: Session, memoryMiB: () => number) => Promise<T>,
): Promise<T> {
  const server = await place.start();
  const session = new Session(server);
  try {
    return await work(session, () => server.memoryMiB());
  } finally {
    session.close();
    await server.stop();
  }
}
