import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { TilthError } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { sumOfMetrics } from '../../../platform/metrics.ts';
import { isPortFree } from '../../../platform/port.ts';
import { portTaken } from '../listener/listener.ts';
import {
  placeVariable,
  portVariable,
  type MetricsJson,
  type ToldByProcess,
  type ToldToProcess,
} from './messages.ts';

export interface PlaneProcesses {
  readonly address: string;
  readonly grpcAddress: string | undefined;
  /** All finish what is under way. */
  close(): Promise<void>;
}

/** A process that died is started again after this, twice as long each time, until one has lived for a minute. */
const shortestPauseMs = 100;
const longestPauseMs = 10_000;
const stableAfterMs = 60_000;
/** Who does not tell its metrics in time is left out. */
const metricsPatienceMs = 1_000;

/**
 * Several processes that answer at one port, among which the kernel shares out connections (SO_REUSEPORT). This one
 * starts again who dies, and adds up their metrics. Each is a whole data plane, with a configuration and a prediction
 * log of its own. Connections are not handed out here: one on its way to a process that dies would hang for ever.
 *
 * @throws what keeps the first ones from answering, for example PORT_TAKEN
 */
export async function startPlaneProcesses(
  count: number,
  host: string,
  port: number,
  log: Logger,
): Promise<PlaneProcesses> {
  // sharing is for our own: another data plane would get half of the requests
  if (port !== 0 && !(await isPortFree(host, port))) throw portTaken(port, undefined);
  const processes = new Processes(log);
  await processes.start(count);
  return processes;
}

class Processes implements PlaneProcesses {
  address = '';
  grpcAddress: string | undefined;
  readonly #log: Logger;
  readonly #workers = new Map<number, Worker>();
  readonly #sums = new Map<number, (metrics: MetricsJson) => void>();
  #lastSum = 0;
  #isClosing = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  async start(count: number): Promise<void> {
    try {
      // the first one takes the port
      for (let place = 1; place <= count; place++) await this.#startOne(place, 0);
    } catch (cause) {
      await this.close();
      throw cause;
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const ended = [...this.#workers.values()].map(
      (worker) =>
        new Promise<void>(
          (resolve) => void (worker.isDead() ? resolve() : worker.once('exit', () => resolve())),
        ),
    );
    for (const worker of this.#workers.values()) worker.process.kill('SIGTERM');
    await Promise.all(ended);
  }

  #startOne(place: number, pauseMs: number): Promise<void> {
    const startedAt = Date.now();
    const worker = cluster.fork({
      [placeVariable]: String(place),
      [portVariable]: this.address === '' ? '' : new URL(this.address).port,
    });
    this.#workers.set(place, worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (told: ToldByProcess) => {
        if (told.tilth === 'answers') {
          this.address = told.address;
          this.grpcAddress = told.grpcAddress;
          resolve();
        } else if (told.tilth === 'failed') {
          const { code, status, message, hint } = told.error;
          reject(new TilthError(code, status, message, hint));
        } else if (told.tilth === 'metrics') this.#sums.get(told.id)?.(told.metrics);
        else void this.#sum().then((text) => tell(worker, { tilth: 'metrics of all', id: told.id, text }));
      });
      worker.once('exit', (code, signal) => {
        this.#workers.delete(place);
        reject(new Error(`process ${place} ended with ${signal ?? code}`));
        if (this.#isClosing || this.address === '') return;
        const isStable = Date.now() - startedAt > stableAfterMs;
        const nextPauseMs = isStable
          ? shortestPauseMs
          : Math.min(longestPauseMs, Math.max(shortestPauseMs, pauseMs * 2));
        this.#log.error(
          { place, code, signal, restartInMs: nextPauseMs },
          'a process of the data plane ended; it is started again',
        );
        void sleep(nextPauseMs).then(() =>
          this.#isClosing ? undefined : this.#startOne(place, nextPauseMs).catch(() => undefined),
        );
      });
    });
  }

  async #sum(): Promise<string> {
    const id = ++this.#lastSum;
    const asked = [...this.#workers.values()].filter((worker) => worker.isConnected());
    const told: MetricsJson[] = [];
    const all = new Promise<void>((resolve) => {
      this.#sums.set(id, (metrics) => {
        told.push(metrics);
        if (told.length === asked.length) resolve();
      });
    });
    for (const worker of asked) tell(worker, { tilth: 'metrics asked', id });
    await Promise.race([all, sleep(metricsPatienceMs, undefined, { ref: false })]);
    this.#sums.delete(id);
    return sumOfMetrics(told);
  }
}

const tell = (worker: Worker, told: ToldToProcess): void => {
  if (worker.isConnected()) worker.send(told);
};
