import type { Migrations } from '../../src/platform/database/database.ts';
import { openDatabase } from '../../src/platform/database/open-database.ts';
import type { Metric } from '../../src/develop/tracking/tracking.ts';
import { insertExperiment } from '../../src/maintain/exchange/record-writes.ts';
import { features } from '../../src/server/features.ts';
import { filling, putPoints, putRuns } from './fill-tilth.ts';
import { nameTag, type MadeRun } from './made-runs.ts';

interface Wanted {
  readonly runCount: number;
  /** different keys of every 500th run and of the newest */
  readonly keyCount: number;
  /** of the one long curve; 0 for none */
  readonly pointCount: number;
}

const newYear = Date.UTC(2026, 0, 1);
const stepMs = 60_000;

/**
 * What a team has after years, for trying the page and its searches: the experiment `many runs` with 5 metrics and 5
 * params each, and `long curves` with a curve that has one peak and one dip. The same every time.
 */
export async function fillRuns(file: string, wanted: Wanted): Promise<void> {
  const migrations: Migrations = Object.assign({}, ...features.map((each) => each.migrations ?? {}));
  await (await openDatabase(file, migrations)).close();
  const { runCount, pointCount } = wanted;
  const random = new Random();
  await filling(file, async (tx, commit) => {
    const newExperiment = async (name: string): Promise<string> => {
      const stage = { lifecycleStage: 'active' as const, createdAt: newYear, updatedAt: newYear };
      const record = { id: '', name, artifactLocation: '', tags: [], datasets: [], ...stage };
      const place = { id: undefined, name, artifactLocation: undefined, tags: [] };
      return String(await insertExperiment(tx, record, place));
    };
    await putRuns(tx, await newExperiment('many runs'), manyRuns(wanted, random), commit);
    if (pointCount === 0) return;
    const long = await newExperiment('long curves');
    for (const [index, name] of (['steady', 'noisy'] as const).entries()) {
      const run = madeBy(random, runCount + index, runCount, name);
      await putRuns(tx, long, [{ ...run, params: [], metrics: [] }], commit);
      const count = name === 'steady' ? pointCount : Math.ceil(pointCount / 10);
      await putPoints(tx, run.id, curve(random, name, count, pointCount, run.startedAt));
    }
  });
}

/** The same numbers every time (Park and Miller, 1993). */
class Random {
  #seed = 1;

  /** @returns 0 to 1 */
  next(): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed / 2_147_483_647;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  hexId(): string {
    return Array.from({ length: 4 }, () =>
      this.below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
  }
}

type Begun = Pick<MadeRun, 'id' | 'name' | 'startedAt' | 'endedAt' | 'tags'> & {
  readonly status: 'FINISHED' | 'FAILED';
};

function madeBy(random: Random, index: number, runCount: number, name: string): Begun {
  const id = random.hexId();
  const startedAt = newYear - (runCount - index) * stepMs;
  const status = random.next() < 0.93 ? 'FINISHED' : 'FAILED';
  return { id, name, status, startedAt, endedAt: startedAt + random.below(600_000), tags: [[nameTag, name]] };
}

function* manyRuns({ runCount, keyCount }: Wanted, random: Random): Generator<MadeRun> {
  for (let index = 0; index < runCount; index++) {
    const model = random.pick(['trees', 'forest', 'linear', 'boosting', 'network']);
    const run = madeBy(random, index, runCount, `${model}-${index}`);
    const depth = 1 + random.below(20);
    const rate = 10 ** (-4 + random.next() * 3);
    const params: [string, string][] = [
      ['model', model],
      ['max_depth', String(depth)],
      ['learning_rate', rate.toPrecision(4)],
      ['n_estimators', String(random.pick([50, 100, 200, 400, 800]))],
      ['seed', String(random.below(100))],
    ];
    const auc =
      0.9 - Math.abs(Math.log10(rate) + 2) * 0.06 - Math.abs(depth - 9) * 0.008 - random.next() * 0.05;
    const metrics: [string, number][] = [
      ['val_auc', auc],
      ['train_auc', Math.min(0.999, auc + depth * 0.006)],
      ['val_loss', 1 - auc + random.next() * 0.1],
      ['f1', auc * 0.9 - random.next() * 0.03],
      ['fit_seconds', depth * 3.1 + random.next() * 20],
    ];
    if (index % 500 === 499 || index === runCount - 1) {
      for (let key = 0; key < keyCount; key++) {
        const name = String(key).padStart(4, '0');
        if (key % 2 === 0) metrics.push([`layer_${name}`, random.next()]);
        else params.push([`option_${name}`, String(random.below(1_000))]);
      }
    }
    yield { ...run, params, metrics };
  }
}

function* curve(
  random: Random,
  name: 'steady' | 'noisy',
  count: number,
  pointCount: number,
  startedAt: number,
): Generator<Metric> {
  const [peakAt, dipAt] = [Math.floor(pointCount * 0.654), Math.floor(pointCount * 0.123)];
  for (let step = 0; step < count; step++) {
    const noise = (random.next() - 0.5) * (name === 'steady' ? 0.05 : 0.4);
    // what a thinned curve must still show
    const value =
      step === peakAt ? 9 : step === dipAt ? -3 : 0.1 + 4 / (1 + (50 * step) / pointCount) + noise;
    yield { key: 'loss', value, timestamp: startedAt + step, step };
  }
}
