import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Client } from '../client.ts';
import type { Round } from '../measure.ts';
import type { RunningServer } from '../processes.ts';
import { firstTime } from './made-runs.ts';

export const searchFilter = "metrics.acc > 0.5 and params.x = '3'";
export const historyPageSize = 25_000;
export const batchSize = 1_000;

/** As long as a run id, and replaced by one. */
const noRun = '0'.repeat(32);

interface FoundRun {
  readonly info: {
    readonly run_id: string;
    readonly run_name: string;
    readonly status: string;
    readonly start_time: number;
  };
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly value: number; readonly step: number }[];
    readonly params?: readonly { readonly key: string; readonly value: string }[];
    readonly tags?: readonly { readonly key: string; readonly value: string }[];
  };
}

/** What a client does, in MLflow's words; nothing in here knows which server it speaks to. */
export class Session {
  readonly #server: RunningServer;
  readonly #client: Client;
  /** the first is `#client`; the others are opened by who needs them */
  readonly #clients: Client[];
  #step = 0;

  constructor(server: RunningServer) {
    this.#server = server;
    this.#client = new Client(server.address);
    this.#clients = [this.#client];
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  /** @returns its id */
  async newExperiment(name: string): Promise<string> {
    return (await this.#client.call<{ experiment_id: string }>('POST', api('experiments/create'), { name }))
      .experiment_id;
  }

  /** @returns its id */
  async newRun(experiment: string, name: string): Promise<string> {
    const body = { experiment_id: experiment, run_name: name, start_time: firstTime };
    return (await this.#client.call<{ run: FoundRun }>('POST', api('runs/create'), body)).run.info.run_id;
  }

  /** One metric a call; each client sends one call after the other. */
  async logMetrics(run: string, key: string, most: Most, clientCount = 1): Promise<Round> {
    const calls = Array.from({ length: most.count }, () =>
      this.#post('runs/log-metric', { run_id: run, key, ...this.#point() }),
    );
    return this.#rated(calls, most.seconds, clientCount);
  }

  /** @param keyCount 1: a batch is a stretch of one curve; as many as a batch has: one step of each */
  async logBatches(run: string, keyCount: number, most: Most): Promise<Round> {
    const calls = Array.from({ length: most.count }, () => {
      const metrics = Array.from({ length: batchSize }, (_, place) => ({
        key: `curve_${place % keyCount}`,
        ...this.#point(),
      }));
      return this.#post('runs/log-batch', { run_id: run, metrics });
    });
    const { value, cpuMs } = await this.#rated(calls, most.seconds);
    return { value: value * batchSize, cpuMs };
  }

  /** Create with 3 tags, log 5 params and 5 metrics, finish. */
  async wholeRuns(
    experiment: string,
    from: number,
    count: number,
    seconds = Infinity,
    clientCount = 1,
  ): Promise<Round> {
    const runs = Array.from({ length: count }, (_, place) => this.#wholeRun(experiment, from + place));
    return this.#timed(() =>
      this.#shared(runs, seconds, clientCount, async (client, { create, log, finish }) => {
        const id = idIn(await client.ask(create));
        await client.ask(withRun(log, id));
        await client.ask(withRun(finish, id));
      }),
    );
  }

  /** 100 runs by filter, ordered by a metric. */
  async searches(experiment: string, most: Most): Promise<Round> {
    return this.#rated(
      Array.from({ length: most.count }, () => this.#search(experiment)),
      most.seconds,
    );
  }

  /** The first 100 runs of an experiment, newest first. */
  async newestRuns(experiment: string, most: Most): Promise<Round> {
    return this.#rated(
      Array.from({ length: most.count }, () => this.#newest(experiment)),
      most.seconds,
    );
  }

  /** A whole history, page by page, in ms. */
  async wholeHistory(run: string, key: string): Promise<Round> {
    const { value, cpuMs } = await this.#timed(async () => {
      await this.#historyPages(run, key);
      return 1;
    });
    return { value: 1000 / value, cpuMs };
  }

  async historyFirstPages(run: string, key: string, most: Most): Promise<Round> {
    return this.#rated(
      Array.from({ length: most.count }, () => this.#historyPage(run, key)),
      most.seconds,
    );
  }

  async upload(path: string, file: Buffer): Promise<Round> {
    const call = this.#client.prepare('PUT', artifact(path), file, 'application/octet-stream');
    const { value, cpuMs } = await this.#rated([call], Infinity);
    return { value: (value * file.length) / 1e6, cpuMs };
  }

  async download(path: string, size: number): Promise<Round> {
    const call = this.#client.prepare('GET', artifact(path));
    const { value, cpuMs } = await this.#timed(async () => {
      const count = await this.#client.count(call);
      if (count !== size) throw new Error(`${path} has ${count} bytes instead of ${size}`);
      return 1;
    });
    return { value: (value * size) / 1e6, cpuMs };
  }

  /** What is compared before anything is timed. */
  async digestOf(path: string): Promise<string> {
    return createHash('sha256')
      .update(await this.#client.ask(this.#client.prepare('GET', artifact(path))))
      .digest('hex');
  }

  async foundRuns(experiment: string, how: 'filtered' | 'newest'): Promise<unknown[]> {
    const answer = await this.#client.ask(
      how === 'filtered' ? this.#search(experiment) : this.#newest(experiment),
    );
    const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
    const { runs = [] } = JSON.parse(answer.toString()) as { runs?: FoundRun[] };
    return runs.map(({ info, data }) => ({
      name: info.run_name,
      status: info.status,
      startedAt: info.start_time,
      metrics: data.metrics?.map(({ key, value, step }) => ({ key, value, step })).sort(byKey),
      params: data.params?.toSorted(byKey),
      tags: data.tags?.filter(({ key }) => !key.startsWith('mlflow.')).sort(byKey),
    }));
  }

  async history(run: string, key: string): Promise<unknown[]> {
    return (await this.#historyPages(run, key)).flatMap((page) => {
      const { metrics = [] } = JSON.parse(page.toString()) as {
        metrics?: { value: number; step: number; timestamp: number }[];
      };
      return metrics.map(({ value, step, timestamp }) => ({ value, step, timestamp }));
    });
  }

  #post(name: string, body: unknown): Buffer {
    return this.#client.prepare('POST', api(name), JSON.stringify(body));
  }

  #point(): { value: number; timestamp: number; step: number } {
    const step = this.#step++;
    return { value: 1 / (step + 1), timestamp: firstTime + step, step };
  }

  #wholeRun(experiment: string, index: number): { create: Buffer; log: Buffer; finish: Buffer } {
    const at = firstTime + index * 1000;
    return {
      create: this.#post('runs/create', {
        experiment_id: experiment,
        run_name: `run-${index}`,
        start_time: at,
        tags: ['team', 'stage', 'kind'].map((key) => ({ key, value: `${key}-${index % 3}` })),
      }),
      log: this.#post('runs/log-batch', {
        run_id: noRun,
        params: ['x', 'depth', 'rate', 'seed', 'trees'].map((key, place) => ({
          key,
          value: String((index + place) % 5),
        })),
        metrics: ['acc', 'auc', 'brier', 'f1', 'loss'].map((key, place) => ({
          key,
          value: ((index * 37 + place * 11) % 101) / 101,
          timestamp: at,
          step: 0,
        })),
      }),
      finish: this.#post('runs/update', { run_id: noRun, status: 'FINISHED', end_time: at + 500 }),
    };
  }

  #search(experiment: string): Buffer {
    return this.#post('runs/search', {
      experiment_ids: [experiment],
      filter: searchFilter,
      order_by: ['metrics.auc DESC'],
      max_results: 100,
    });
  }

  #newest(experiment: string): Buffer {
    return this.#post('runs/search', { experiment_ids: [experiment], max_results: 100 });
  }

  #historyPage(run: string, key: string, token = ''): Buffer {
    const page = token === '' ? '' : `&page_token=${encodeURIComponent(token)}`;
    return this.#client.prepare(
      'GET',
      api(`metrics/get-history?run_id=${run}&metric_key=${key}&max_results=${historyPageSize}${page}`),
    );
  }

  async #historyPages(run: string, key: string): Promise<Buffer[]> {
    const pages: Buffer[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const page = await this.#client.ask(this.#historyPage(run, key, token));
      pages.push(page);
      token = tokenIn(page);
    }
    return pages;
  }

  /** Asks until all are answered or the time is up. @returns a round in calls per second */
  async #rated(calls: readonly Buffer[], seconds: number, clientCount = 1): Promise<Round> {
    return this.#timed(() =>
      this.#shared(calls, seconds, clientCount, async (client, call) => {
        await client.ask(call);
      }),
    );
  }

  /** Clients that each take the next piece of work when they are done with one. @returns how many were done */
  async #shared<T>(
    pieces: readonly T[],
    seconds: number,
    clientCount: number,
    work: (client: Client, piece: T) => Promise<void>,
  ): Promise<number> {
    while (this.#clients.length < clientCount) this.#clients.push(new Client(this.#server.address));
    const endsAt = performance.now() + seconds * 1000;
    let next = 0;
    let done = 0;
    const workers = this.#clients.slice(0, clientCount).map(async (client) => {
      while (next < pieces.length && performance.now() <= endsAt) {
        await work(client, pieces[next++] as T);
        done++;
      }
    });
    await Promise.all(workers);
    return done;
  }

  async #timed(work: () => Promise<number>): Promise<Round> {
    const cpuBefore = this.#server.cpuMs();
    const startedAt = performance.now();
    const count = await work();
    const seconds = (performance.now() - startedAt) / 1000;
    return { value: count / seconds, cpuMs: (this.#server.cpuMs() - cpuBefore) / count };
  }
}

/** The end of a round: whichever comes first. */
export interface Most {
  readonly count: number;
  readonly seconds: number;
}

const api = (name: string): string => `/api/2.0/mlflow/${name}`;
const artifact = (path: string): string => `/api/2.0/mlflow-artifacts/artifacts/${path}`;

/** Puts the id where the request has none. */
function withRun(request: Buffer, id: string): Buffer {
  request.write(id, request.indexOf(noRun), 'latin1');
  return request;
}

function idIn(answer: Buffer): string {
  const [, id] = /"run_id": ?"(\w{32})"/.exec(answer.toString('latin1')) ?? [];
  if (id === undefined) throw new Error(`no run in ${answer.toString('utf8', 0, 500)}`);
  return id;
}

/** Looks for it without reading a page of some megabytes. */
function tokenIn(page: Buffer): string | undefined {
  const at = page.lastIndexOf('"next_page_token"');
  return at === -1
    ? undefined
    : /^"next_page_token": ?"([^"]+)"/.exec(page.toString('latin1', at, at + 2_000))?.[1];
}
