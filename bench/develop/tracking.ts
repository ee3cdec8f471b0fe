import assert from 'node:assert/strict';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Client } from '../client.ts';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import {
  coldStart,
  scriptOf,
  startServer,
  temporaryFolder,
  tilth,
  versionsIn,
  type RunningServer,
} from '../processes.ts';

const callCount = 200;
const batchCount = 5;
const batchSize = 1000;
const wholeRuns = 200;
const searchCount = 10;

const startOurs = (): Promise<RunningServer> => {
  const home = temporaryFolder('tracking');
  return startServer((port) => tilth('server', '--home', home, '--port', String(port)), '/health');
};

const startPeer = (): Promise<RunningServer> => {
  const home = temporaryFolder('mlflow');
  const store = [
    '--backend-store-uri',
    `sqlite:///${join(home, 'mlflow.db')}`,
    '--artifacts-destination',
    join(home, 'artifacts'),
  ];
  return startServer(
    (port) => [
      scriptOf('tracking', 'mlflow'),
      'server',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--workers',
      '1',
      ...store,
    ],
    '/health',
    { cwd: home },
  );
};

/** Runs and metrics over MLflow's own HTTP API: our server and MLflow's, the same requests from the same client. */
export async function measureTracking({ rounds, slowRounds }: Effort): Promise<Practice> {
  const figures: Figure[] = [];
  const add = (
    what: string,
    unit: string,
    better: 'more' | 'less',
    found: { ours: Round[]; peer: Round[] },
  ): void =>
    void figures.push({
      what,
      unit,
      better,
      ours: { name: 'tilth server', rounds: found.ours },
      peer: { name: 'mlflow server', rounds: found.peer },
    });

  add(
    'from nothing to the first answer',
    's',
    'less',
    await inTurns(
      slowRounds,
      () => coldStart(startOurs),
      () => coldStart(startPeer),
    ),
  );

  const servers = { ours: await startOurs(), peer: await startPeer() };
  try {
    const memory = (): { ours: Round[]; peer: Round[] } => ({
      ours: [{ value: servers.ours.memoryMiB(), cpuMs: null }],
      peer: [{ value: servers.peer.memoryMiB(), cpuMs: null }],
    });
    const idle = memory();
    const ours = await Session.begin(servers.ours);
    const peer = await Session.begin(servers.peer);
    await Promise.all([ours.warmUp(), peer.warmUp()]);

    add(
      'log_metric, one call after the other',
      'calls/s',
      'more',
      await inTurns(
        rounds,
        () => ours.logMetrics(),
        () => peer.logMetrics(),
      ),
    );
    assert.deepEqual(await ours.history(), await peer.history());
    add(
      `log-batch of ${batchSize} metrics`,
      'metrics/s',
      'more',
      await inTurns(
        rounds,
        () => ours.logBatches(),
        () => peer.logBatches(),
      ),
    );
    assert.deepEqual(await ours.history(), await peer.history());
    const perRound = Math.ceil(wholeRuns / rounds);
    add(
      'whole runs (create with 3 tags, 5 params and 5 metrics, finish)',
      'runs/s',
      'more',
      await inTurns(
        rounds,
        (round) => ours.wholeRuns(round * perRound, perRound),
        (round) => peer.wholeRuns(round * perRound, perRound),
      ),
    );
    const answer = await ours.search();
    assert.ok(answer.length > 0);
    assert.deepEqual(answer, await peer.search());
    add(
      `runs/search over ${perRound * rounds} runs`,
      'searches/s',
      'more',
      await inTurns(
        rounds,
        () => ours.searches(),
        () => peer.searches(),
      ),
    );
    add(
      `memory at rest (${servers.ours.processCount()} and ${servers.peer.processCount()} processes)`,
      'MiB',
      'less',
      idle,
    );
    add('memory after this load', 'MiB', 'less', memory());
    ours.close();
    peer.close();
    return {
      name: 'tracking',
      peer: 'MLflow',
      versions: await versionsIn('tracking', ['mlflow', 'sqlalchemy', 'fastapi', 'uvicorn']),
      checked: [
        'metrics/get-history answers the same points in the same order after the single calls and after the batches',
        `runs/search answers the same ${answer.length} runs in the same order, with the same params, metrics and tags`,
      ],
      notEqual: [
        'MLflow runs with one worker and without its job runner (its default is 4 workers and 15 processes).',
        'Both use SQLite and wait for the disk in every write; ours also appends to its audit log where a run is created or ended.',
        'The first start of both also makes the database.',
      ],
      figures,
    };
  } finally {
    await Promise.all([servers.ours.stop(), servers.peer.stop()]);
  }
}

interface MlflowRun {
  readonly info: { readonly run_id: string; readonly run_name: string; readonly status: string };
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly value: number; readonly step: number }[];
    readonly params?: readonly { readonly key: string; readonly value: string }[];
    readonly tags?: readonly { readonly key: string; readonly value: string }[];
  };
}

const firstTime = 1_700_000_000_000;

/** What a client does, in MLflow's words; nothing in here knows which server it speaks to. */
class Session {
  readonly #server: RunningServer;
  readonly #client: Client;
  readonly #experiment: string;
  readonly #run: string;
  #step = 0;

  private constructor(server: RunningServer, client: Client, experiment: string, run: string) {
    this.#server = server;
    this.#client = client;
    this.#experiment = experiment;
    this.#run = run;
  }

  static async begin(server: RunningServer): Promise<Session> {
    const client = new Client(server.address);
    const { experiment_id: experiment } = await client.call<{ experiment_id: string }>(
      'POST',
      path('experiments/create'),
      { name: 'bench' },
    );
    const { run } = await client.call<{ run: MlflowRun }>('POST', path('runs/create'), {
      experiment_id: experiment,
      run_name: 'curves',
      start_time: firstTime,
    });
    return new Session(server, client, experiment, run.info.run_id);
  }

  close(): void {
    this.#client.close();
  }

  async warmUp(): Promise<void> {
    for (let index = 0; index < 20; index++) await this.#logMetric('warm');
  }

  async logMetrics(): Promise<Round> {
    return this.#timed(callCount, 1, async () => {
      for (let index = 0; index < callCount; index++) await this.#logMetric('loss');
    });
  }

  async logBatches(): Promise<Round> {
    return this.#timed(batchCount, batchSize, async () => {
      for (let index = 0; index < batchCount; index++) {
        const metrics = Array.from({ length: batchSize }, () => this.#point('accuracy'));
        await this.#client.call('POST', path('runs/log-batch'), { run_id: this.#run, metrics });
      }
    });
  }

  async wholeRuns(from: number, count: number): Promise<Round> {
    return this.#timed(count, 1, async () => {
      for (let index = from; index < from + count; index++) await this.#wholeRun(index);
    });
  }

  async searches(): Promise<Round> {
    return this.#timed(searchCount, 1, async () => {
      for (let index = 0; index < searchCount; index++) await this.#search();
    });
  }

  /** What a search answers, without ids. */
  async search(): Promise<unknown[]> {
    const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
    return (await this.#search()).map(({ info, data }) => ({
      name: info.run_name,
      status: info.status,
      metrics: data.metrics?.map(({ key, value, step }) => ({ key, value, step })).sort(byKey),
      params: data.params?.toSorted(byKey),
      tags: data.tags?.filter(({ key }) => !key.startsWith('mlflow.')).sort(byKey),
    }));
  }

  async history(): Promise<unknown[]> {
    const points: unknown[] = [];
    for (const key of ['loss', 'accuracy']) {
      const { metrics = [] } = await this.#client.call<{
        metrics?: { key: string; value: number; step: number; timestamp: number }[];
      }>('GET', path(`metrics/get-history?run_id=${this.#run}&metric_key=${key}&max_results=25000`));
      points.push(...metrics.map(({ value, step, timestamp }) => ({ key, value, step, timestamp })));
    }
    return points;
  }

  #point(key: string): { key: string; value: number; timestamp: number; step: number } {
    const step = this.#step++;
    return { key, value: 1 / (step + 1), timestamp: firstTime + step, step };
  }

  async #logMetric(key: string): Promise<void> {
    await this.#client.call('POST', path('runs/log-metric'), { run_id: this.#run, ...this.#point(key) });
  }

  async #wholeRun(index: number): Promise<void> {
    const at = firstTime + index * 1000;
    const { run } = await this.#client.call<{ run: MlflowRun }>('POST', path('runs/create'), {
      experiment_id: this.#experiment,
      run_name: `run-${index}`,
      start_time: at,
      tags: ['team', 'stage', 'kind'].map((key) => ({ key, value: `${key}-${index % 3}` })),
    });
    const { run_id } = run.info;
    await this.#client.call('POST', path('runs/log-batch'), {
      run_id,
      params: ['x', 'depth', 'rate', 'seed', 'loss'].map((key, place) => ({
        key,
        value: String((index + place) % 5),
      })),
      metrics: ['acc', 'auc', 'brier', 'f1', 'loss'].map((key, place) => ({
        key,
        value: ((index * 37 + place * 11) % 101) / 101,
        timestamp: at,
        step: 0,
      })),
    });
    await this.#client.call('POST', path('runs/update'), { run_id, status: 'FINISHED', end_time: at + 500 });
  }

  async #search(): Promise<MlflowRun[]> {
    const { runs = [] } = await this.#client.call<{ runs?: MlflowRun[] }>('POST', path('runs/search'), {
      experiment_ids: [this.#experiment],
      filter: "metrics.acc > 0.25 and params.x = '3'",
      order_by: ['metrics.auc DESC'],
      max_results: 100,
    });
    return runs;
  }

  async #timed(count: number, worthEach: number, work: () => Promise<void>): Promise<Round> {
    const cpuBefore = this.#server.cpuMs();
    const startedAt = performance.now();
    await work();
    const seconds = (performance.now() - startedAt) / 1000;
    return { value: (count * worthEach) / seconds, cpuMs: (this.#server.cpuMs() - cpuBefore) / count };
  }
}

const path = (name: string): string => `/api/2.0/mlflow/${name}`;
