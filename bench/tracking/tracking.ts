import { setTimeout } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { inTurns, median, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { coldStart, temporaryFolder, versionsIn } from '../processes.ts';
import { both, Pair, type Both, type Who } from './pair.ts';
import { newPlaces, type Place } from './places.ts';
import { batchSize, historyPageSize, searchFilter, type Most } from './session.ts';

/** After that long without a request a server should have given back what it no longer needs. */
const quietMs = 20_000;

interface Sizes {
  readonly fewRuns: number;
  readonly manyRuns: number;
  readonly wholeRuns: number;
  readonly points: number;
  readonly fileBytes: number;
  /** that a round of calls lasts */
  readonly seconds: number;
}

const full: Sizes = {
  fewRuns: 5_000,
  manyRuns: 100_000,
  wholeRuns: 1_000,
  points: 100_000,
  fileBytes: 100e6,
  seconds: 2,
};
const quick: Sizes = {
  fewRuns: 500,
  manyRuns: 2_000,
  wholeRuns: 20,
  points: 30_000,
  fileBytes: 10e6,
  seconds: 0.3,
};

/** As when a search over parameters runs in parallel. */
const clientCount = 8;

/** Runs, metrics and artifacts over MLflow's own HTTP API: our server and MLflow's, the same requests from the same client. */
export async function measureTracking(effort: Effort): Promise<Practice> {
  const newPlace = await newPlaces();
  const bench = new Bench(effort, { ours: newPlace.ours(), peer: newPlace.peer() });
  await bench.firstStarts(newPlace);
  await bench.fillFew();
  await Pair.during(bench.places, async (pair) => {
    const idle = pair.memory();
    await bench.logging(pair);
    await bench.wholeRuns(pair);
    await bench.search(pair, 'few', bench.sizes.fewRuns, effort.rounds);
    await bench.history(pair);
    await bench.artifacts(pair);
    const processCounts = [pair.servers.ours.processCount(), pair.servers.peer.processCount()];
    bench.add(`memory at rest (${processCounts.join(' and ')} processes)`, 'MiB', 'less', idle);
    bench.add('memory right after all of this load', 'MiB', 'less', pair.memory());
    await setTimeout(quietMs);
    bench.add(`memory ${quietMs / 1000} s after all of this load`, 'MiB', 'less', pair.memory());
  });
  await bench.fillMany();
  await bench.laterStarts();
  await Pair.during(bench.places, async (pair) => {
    await bench.search(pair, 'many', bench.sizes.manyRuns, effort.slowRounds);
    bench.add(
      `memory after the searches over ${counted(bench.sizes.manyRuns)} runs`,
      'MiB',
      'less',
      pair.memory(),
    );
  });
  return {
    name: 'tracking',
    peer: 'MLflow',
    versions: await versionsIn('tracking', ['mlflow', 'sqlalchemy', 'fastapi', 'uvicorn']),
    checked: bench.checked,
    notEqual: [
      'MLflow runs with one worker and without its job runner (its default is 4 workers and 15 processes).',
      'Both use SQLite and wait for the disk in every write of runs and metrics; ours also appends to its audit log where a run is created or ended, and also waits for the disk when a file is uploaded.',
      'The first start of both also makes the database.',
      'The runs that are searched and the long history were put into both databases past the servers, the same for both.',
      'Ours is the built program, as a package has it, on the Node that comes with it.',
      'The client is one more process on the same cores: where ours is fast the client takes its share, so look at processor time too.',
      bench.plainWriting,
    ],
    figures: bench.figures,
  };
}

/** Ids that both servers gave. */
interface Made {
  readonly few: string;
  readonly many: string;
  /** of runs that are logged while it is measured */
  readonly own: string;
  readonly curves: string;
  /** runs of `curves` */
  readonly curve: Both<string>;
  readonly log: Both<string>;
}

class Bench {
  readonly #effort: Effort;
  readonly sizes: Sizes;
  readonly places: Both<Place>;
  readonly figures: Figure[] = [];
  readonly checked: string[] = [];
  plainWriting = '';
  #made: Made | undefined;

  constructor(effort: Effort, places: Both<Place>) {
    this.#effort = effort;
    this.sizes = effort.isQuick ? quick : full;
    this.places = places;
  }

  add(
    what: string,
    unit: string,
    better: 'more' | 'less',
    { ours, peer }: { ours: Round[]; peer: Round[] },
  ): void {
    const named = {
      ours: { name: 'tilth server', rounds: ours },
      peer: { name: 'mlflow server', rounds: peer },
    };
    this.figures.push({ what, unit, better, ...named });
  }

  async firstStarts(newPlace: Readonly<Record<Who, () => Place>>): Promise<void> {
    progress('starts');
    const start = (who: Who): Promise<Round> => coldStart(() => newPlace[who]().start());
    const found = await inTurns(
      this.#effort.slowRounds,
      () => start('ours'),
      () => start('peer'),
    );
    this.add('from nothing to the first answer', 's', 'less', found);
  }

  async laterStarts(): Promise<void> {
    progress('starts on what is there');
    const start = (who: Who): Promise<Round> => coldStart(() => this.places[who].start());
    const found = await inTurns(
      this.#effort.slowRounds,
      () => start('ours'),
      () => start('peer'),
    );
    this.add(
      `start on ${counted(this.sizes.fewRuns + this.sizes.manyRuns)} runs, to the first answer`,
      's',
      'less',
      found,
    );
  }

  async fillFew(): Promise<void> {
    const { fewRuns, points } = this.sizes;
    progress(`${counted(fewRuns)} runs and ${counted(points)} points past the servers`);
    const made = await Pair.during(this.places, async (pair) => {
      const ids = await pair.same('ids of experiments', async (session) => ({
        few: await session.newExperiment('few'),
        many: await session.newExperiment('many'),
        own: await session.newExperiment('own'),
        curves: await session.newExperiment('curves'),
      }));
      const newRun = (name: string): Promise<Both<string>> =>
        both((who) => pair.sessions[who].newRun(ids.curves, name));
      return { ...ids, curve: await newRun('curve'), log: await newRun('log') };
    });
    await both((who) => this.places[who].addRuns(made.few, 0, fewRuns));
    await both((who) => this.places[who].addCurve(made.curve[who], points));
    this.#made = made;
  }

  async fillMany(): Promise<void> {
    progress(`${counted(this.sizes.manyRuns)} runs past the servers`);
    await both((who) => this.places[who].addRuns(this.#ids.many, 0, this.sizes.manyRuns));
  }

  async logging(pair: Pair): Promise<void> {
    progress('metrics');
    const { log } = this.#ids;
    await both((who) => pair.sessions[who].logMetrics(log[who], 'warm', { count: 30, seconds: Infinity }));
    await both((who) => pair.sessions[who].logBatches(log[who], 1, { count: 2, seconds: Infinity }));
    const single = await pair.same('single points', (session, who) => session.history(log[who], 'warm'));
    const batched = await pair.same('points of batches', (session, who) =>
      session.history(log[who], 'curve_0'),
    );
    this.checked.push(
      `metrics/get-history answers the same points in the same order after ${single.length} single calls and after batches of ${counted(batched.length)}`,
    );
    this.add(
      'log_metric, one call after the other',
      'calls/s',
      'more',
      await pair.turns(this.#effort.rounds, (session, who) =>
        session.logMetrics(log[who], 'loss', this.#most(10_000)),
      ),
    );
    this.add(
      `log_metric, ${clientCount} clients at once`,
      'calls/s',
      'more',
      await pair.turns(this.#effort.rounds, (session, who) =>
        session.logMetrics(log[who], 'shared', this.#most(30_000), clientCount),
      ),
    );
    for (const keyCount of [1, batchSize])
      this.add(
        `log-batch of ${counted(batchSize)} metrics, ${keyCount === 1 ? 'one key' : `${counted(keyCount)} keys`}`,
        'metrics/s',
        'more',
        await pair.turns(this.#effort.rounds, (session, who) =>
          session.logBatches(log[who], keyCount, this.#most(200)),
        ),
      );
  }

  async wholeRuns(pair: Pair): Promise<void> {
    progress('whole runs');
    const { own } = this.#ids;
    const { rounds } = this.#effort;
    const perRound = Math.ceil(this.sizes.wholeRuns / rounds);
    const found = await pair.turns(rounds, (session, _, round) =>
      session.wholeRuns(own, round * perRound, perRound),
    );
    const runs = await pair.same('runs just logged', (session) => session.foundRuns(own, 'newest'));
    this.checked.push(
      `runs/search answers the same ${runs.length} runs that were just logged, with the same params, metrics and tags`,
    );
    const what = `${counted(perRound * rounds)} whole runs (create with 3 tags, 5 params and 5 metrics, finish)`;
    this.add(what, 'runs/s', 'more', found);
    const together = await pair.turns(rounds, (session, _, round) =>
      session.wholeRuns(own, (rounds + round) * perRound, perRound, Infinity, clientCount),
    );
    this.add(`${what}, ${clientCount} clients at once`, 'runs/s', 'more', together);
  }

  async search(pair: Pair, which: 'few' | 'many', runCount: number, rounds: number): Promise<void> {
    progress(`search over ${counted(runCount)} runs`);
    const experiment = this.#ids[which];
    const found = await pair.same('a search', (session) => session.foundRuns(experiment, 'filtered'));
    assert.ok(found.length > 0);
    await pair.same('the newest runs', (session) => session.foundRuns(experiment, 'newest'));
    this.checked.push(
      `of ${counted(runCount)} runs both find the same ${found.length}, in the same order, with all that they have`,
    );
    this.add(
      `runs/search over ${counted(runCount)} runs (\`${searchFilter}\`, by a metric, 100 rows)`,
      'searches/s',
      'more',
      await pair.turns(rounds, (session) => session.searches(experiment, this.#most(300))),
    );
  }

  async history(pair: Pair): Promise<void> {
    progress('history');
    const { curve } = this.#ids;
    const points = await pair.same('the history', (session, who) => session.history(curve[who], 'loss'));
    assert.equal(points.length, this.sizes.points);
    this.checked.push(`all ${counted(points.length)} points of the history are the same`);
    this.add(
      `history of ${counted(points.length)} points, ${counted(historyPageSize)} a page`,
      'ms',
      'less',
      await pair.turns(this.#effort.slowRounds, (session, who) => session.wholeHistory(curve[who], 'loss')),
    );
  }

  async artifacts(pair: Pair): Promise<void> {
    progress('artifacts');
    const { curves, log } = this.#ids;
    const file = randomBytes(this.sizes.fileBytes);
    const megabytes = file.length / 1e6;
    const path = (who: Who, name: string | number): string =>
      `${curves}/${log[who]}/artifacts/file-${name}.bin`;
    await both((who) => pair.sessions[who].upload(path(who, 'warm'), file.subarray(0, 1e6)));
    const { slowRounds } = this.#effort;
    const uploads = await pair.turns(slowRounds, (session, who, round) =>
      session.upload(path(who, round), file),
    );
    await pair.same('the uploaded file', (session, who) => session.digestOf(path(who, 0)));
    const rate = (isSynced: boolean): string => (megabytes / plainWrite(file, isSynced)).toFixed(0);
    this.plainWriting = `One program that only writes those ${megabytes} MB from its memory to the same disk gets ${rate(false)} MB/s, and ${rate(true)} MB/s where it waits for the disk: without a network, a second process or a hash.`;
    this.checked.push(`an uploaded file of ${megabytes} MB comes back with the same SHA-256`);
    const downloads = await pair.turns(slowRounds, (session, who, round) =>
      session.download(path(who, round), file.length),
    );
    this.add(`upload of ${megabytes} MB`, 'MB/s', 'more', uploads);
    this.add(`download of ${megabytes} MB`, 'MB/s', 'more', downloads);
  }

  get #ids(): Made {
    assert.ok(this.#made, 'fillFew comes first');
    return this.#made;
  }

  #most(count: number): Most {
    return { count, seconds: this.sizes.seconds };
  }
}

/** The median time of five, in seconds, to write a new file. */
function plainWrite(content: Buffer, isSynced: boolean): number {
  const folder = temporaryFolder('plain');
  return median(
    [1, 2, 3, 4, 5].map((time) => {
      const start = performance.now();
      writeFileSync(join(folder, String(time)), content, { flush: isSynced });
      return (performance.now() - start) / 1000;
    }),
  );
}

const counted = (count: number): string => count.toLocaleString('en');
const progress = (what: string): void => console.error(`  · ${what}`);
