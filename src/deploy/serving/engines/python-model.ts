import { setTimeout as sleep } from 'node:timers/promises';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { CallCost } from './call-cost.ts';
import type { Engine } from './engine.ts';
import type { Scores } from './scores.ts';
import { WorkerLostError, type PythonWorker } from './python-worker.ts';
import { layoutOf, type Layout, type Rows } from './rows.ts';
import { sliceScores } from './scores.ts';
import type { ServedSchema } from '../serving-api.ts';
import { workerLost, workersBusy } from '../serving-errors.ts';

export interface PythonModelOptions {
  /** for the log: late/3 */
  readonly name: string;
  readonly schema: ServedSchema;
  /** Is the answer to a row the same whatever rows are beside it? Only then do requests share a call. */
  readonly isRowWise: boolean;
  readonly workerCount: number;
  /** a process is replaced after so many calls, before what it leaks is felt */
  readonly callsPerWorker: number;
  readonly log: Logger;
  readonly start: () => Promise<PythonWorker>;
}

interface Waiting {
  readonly rows: Rows;
  readonly resolve: (scores: Scores) => void;
  readonly reject: (cause: unknown) => void;
  /** the process that had it ended; so it is asked once more, alone: the rows may be to blame */
  isRetry: boolean;
}

/** At most this many rows share a call; a larger request has one of its own. */
const rowsPerCall = 1024;
/** so many rows waiting are sent ahead of the answer before */
const rowsAhead = 512;
const longestQueue = 20_000;
const shortestPauseMs = 100;
const longestPauseMs = 30_000;
/** after so many starts in a row that failed, nothing more is expected of it */
const hopelessAfter = 6;

/**
 * A model in processes of its own Python. What waits while they are busy, or comes in one turn of the event loop, is
 * scored in one call. A process that ends is replaced, and what it had is asked again once.
 */
export class PythonModel implements Engine {
  readonly layout: Layout;
  readonly #options: PythonModelOptions;
  readonly #workers = new Set<PythonWorker>();
  readonly #cost = new CallCost();
  readonly #answeredAt = new WeakMap<PythonWorker, number>();
  #queue: Waiting[] = [];
  #queuedRows = 0;
  #runningRows = 0;
  #isTurnPlanned = false;
  #failedStarts = 0;
  #startMs = 3_000;
  #userCount = 0;
  #isRetired = false;

  /** @param first a process that has loaded the model */
  constructor(options: PythonModelOptions, first: PythonWorker) {
    this.#options = options;
    this.layout = layoutOf(options.schema);
    this.#adopt(first);
    for (let more = 1; more < options.workerCount; more++) void this.#startWorker();
  }

  get state(): Engine['state'] {
    if (this.#workers.size > 0) return 'ready';
    return this.#failedStarts >= hopelessAfter ? 'failed' : 'restarting';
  }

  get estimatedWaitMs(): number {
    const rows = this.#queuedRows + this.#runningRows;
    const calls = Math.ceil(this.#queuedRows / rowsPerCall) + (this.#runningRows > 0 ? 1 : 0);
    const workMs = this.#cost.estimate(
      rows,
      this.#options.isRowWise ? calls : Math.max(calls, this.#queue.length),
    );
    return this.#workers.size > 0 ? workMs / this.#workers.size : workMs + this.#startMs;
  }

  /** pids of the processes that answer now */
  get pids(): number[] {
    return [...this.#workers].flatMap((worker) => worker.pid ?? []);
  }

  score(rows: Rows, signal?: AbortSignal): Promise<Scores> {
    if (this.state === 'failed')
      return Promise.reject(workersBusy(`The processes of ${this.#options.name} end again and again.`));
    if (this.#queue.length >= longestQueue)
      return Promise.reject(workersBusy(`${longestQueue} requests wait for ${this.#options.name}.`));
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { rows, resolve, reject, isRetry: false };
      this.#queue.push(waiting);
      this.#queuedRows += rows.rowCount;
      signal?.addEventListener('abort', () => this.#giveUp(waiting, signal.reason), { once: true });
      this.#planTurn();
    });
  }

  acquire(): void {
    this.#userCount++;
  }

  release(): void {
    this.#userCount--;
    this.#endIfUnused();
  }

  retire(): void {
    this.#isRetired = true;
    this.#endIfUnused();
  }

  #endIfUnused(): void {
    if (!this.#isRetired || this.#userCount > 0) return;
    for (const worker of this.#workers) void worker.stop();
  }

  #giveUp(waiting: Waiting, reason: unknown): void {
    const at = this.#queue.indexOf(waiting);
    // with a worker already: its answer is not waited for
    if (at >= 0) {
      this.#queue.splice(at, 1);
      this.#queuedRows -= waiting.rows.rowCount;
    }
    waiting.reject(reason);
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    setImmediate(() => {
      this.#isTurnPlanned = false;
      this.#handOut();
    });
  }

  /** Gives what waits to the processes that are free, each its part; much of it also to those that will be free next. */
  #handOut(): void {
    const living = [...this.#workers].filter((worker) => !worker.isEnded);
    const free = living.filter((worker) => worker.pendingCount === 0);
    for (const [index, worker] of free.entries()) {
      if (this.#queue.length === 0) return;
      this.#giveTo(worker, Math.ceil(this.#queue.length / (free.length - index)));
    }
    // a process must not wait for this one to read its answer; few rows had better wait, and share a call
    for (const worker of living) {
      if (worker.pendingCount === 1 && this.#queuedRows >= rowsAhead)
        this.#giveTo(worker, this.#queue.length);
    }
  }

  #giveTo(worker: PythonWorker, most: number): void {
    void this.#run(worker, this.#take(most));
  }

  #take(most: number): Waiting[] {
    const [first] = this.#queue;
    const isAlone = !this.#options.isRowWise || first?.isRetry === true;
    let rowCount = first?.rows.rowCount ?? 0;
    let end = 1;
    while (!isAlone && end < most) {
      const next = this.#queue[end];
      if (next === undefined || next.isRetry || rowCount + next.rows.rowCount > rowsPerCall) break;
      rowCount += next.rows.rowCount;
      end++;
    }
    this.#queuedRows -= rowCount;
    return this.#queue.splice(0, end);
  }

  async #run(worker: PythonWorker, group: readonly Waiting[]): Promise<void> {
    const rowCount = group.reduce((sum, one) => sum + one.rows.rowCount, 0);
    this.#runningRows += rowCount;
    const sentAt = performance.now();
    try {
      const scores = await worker.score(
        this.layout.features,
        group.map((one) => one.rows),
        rowCount,
      );
      const now = performance.now();
      this.#cost.add(rowCount, now - Math.max(sentAt, this.#answeredAt.get(worker) ?? 0));
      this.#answeredAt.set(worker, now);
      let from = 0;
      for (const one of group) {
        one.resolve(group.length === 1 ? scores : sliceScores(scores, from, one.rows.rowCount));
        from += one.rows.rowCount;
      }
    } catch (cause) {
      this.#settleFailure(group, cause);
    } finally {
      this.#runningRows -= rowCount;
    }
    if (worker.callCount === this.#options.callsPerWorker) void this.#startWorker(worker);
    this.#handOut();
  }

  #settleFailure(group: readonly Waiting[], cause: unknown): void {
    const isLost = cause instanceof WorkerLostError;
    // rows that the model does not take, or dies of, must not fail their neighbours
    const again = isLost ? group.filter((one) => !one.isRetry) : group.length > 1 ? group : [];
    for (const one of group) if (!again.includes(one)) one.reject(isLost ? workerLost(cause) : cause);
    for (const one of again) {
      one.isRetry = true;
      this.#queuedRows += one.rows.rowCount;
    }
    this.#queue.unshift(...again);
  }

  #adopt(worker: PythonWorker): void {
    this.#workers.add(worker);
    void worker.ended.then(() => {
      // one that was replaced has left the set before
      if (this.#workers.delete(worker) && !this.#isRetired) {
        this.#options.log.warn(
          { model: this.#options.name, pid: worker.pid, why: worker.why },
          'a Python worker ended, another one is started',
        );
        void this.#startWorker();
      }
    });
    this.#planTurn();
  }

  /** Starts a process, with growing pauses until it comes up. @param replaced ends as soon as the new one is there */
  async #startWorker(replaced?: PythonWorker): Promise<void> {
    for (let pauseMs = shortestPauseMs; !this.#isRetired; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const startedAt = performance.now();
      try {
        const worker = await this.#options.start();
        this.#startMs = performance.now() - startedAt;
        this.#failedStarts = 0;
        if (this.#isRetired) void worker.stop();
        else this.#adopt(worker);
        break;
      } catch (cause) {
        this.#failedStarts++;
        this.#options.log.error(
          { model: this.#options.name, why: messageOf(cause) },
          'a Python worker did not start',
        );
        if (this.#workers.size === 0 && this.state === 'failed') this.#refuseAll(cause);
        await sleep(pauseMs * (0.75 + Math.random() / 2), undefined, { ref: false });
      }
    }
    if (replaced !== undefined && this.#workers.delete(replaced)) {
      while (replaced.pendingCount > 0) await sleep(5);
      void replaced.stop();
    }
  }

  #refuseAll(cause: unknown): void {
    const waiting = this.#queue;
    this.#queue = [];
    this.#queuedRows = 0;
    for (const one of waiting) one.reject(cause instanceof TilthError ? cause : workerLost(cause));
  }
}
