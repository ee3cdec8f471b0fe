import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { Worker, type Transferable } from 'node:worker_threads';
import { Tensor } from 'onnxruntime-node';
import type { GraphResults } from '../onnx-session.ts';

/** A tensor on its way between threads. */
export interface SentTensor {
  readonly name: string;
  readonly type: string;
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | string[];
  readonly dims: readonly number[];
}

export type AskedOfGraphThread =
  | { readonly id: number; readonly path: string; readonly feeds: readonly SentTensor[] }
  | { readonly forget: string };

export type ToldByGraphThread =
  | { readonly id: number; readonly results: readonly SentTensor[]; readonly ms: number }
  | { readonly id: number; readonly failure: string };

export interface GraphRun {
  readonly results: GraphResults;
  /** of the run alone, without waiting and moving */
  readonly ms: number;
}

interface Waiting {
  readonly resolve: (run: GraphRun) => void;
  readonly reject: (cause: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/**
 * Runs of graphs that take long enough to keep others waiting, beside the event loop. Threads are started when they are
 * first needed; each opens a graph when rows first come for it.
 */
export class GraphThreads {
  /** how many runs go on at once: a processor is left for the event loop where there are several */
  readonly size: number;
  readonly #threads: Thread[] = [];
  #lastId = 0;
  #isClosed = false;

  constructor(size = Math.max(1, availableParallelism() - 1)) {
    this.size = size;
  }

  /** @param feeds are handed over: they are empty afterwards. @throws what onnxruntime does not like */
  run(path: string, feeds: Readonly<Record<string, Tensor>>): Promise<GraphRun> {
    return new Promise((resolve, reject) => {
      const { worker, waiting } = this.#leastBusy();
      const id = ++this.#lastId;
      const sent = Object.entries(feeds).map(([name, { type, data, dims }]): SentTensor => ({
        name,
        type,
        data: data as SentTensor['data'],
        dims,
      }));
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage(
        { id, path, feeds: sent } satisfies AskedOfGraphThread,
        sent.flatMap(({ data }): Transferable[] =>
          ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : [],
        ),
      );
    });
  }

  /** Frees what the threads hold of this graph. */
  forget(path: string): void {
    for (const { worker } of this.#threads) worker.postMessage({ forget: path } satisfies AskedOfGraphThread);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #leastBusy(): Thread {
    if (this.#isClosed) throw new Error('the data plane is closed');
    const free = this.#threads.find(({ waiting }) => waiting.size === 0);
    if (free !== undefined) return free;
    if (this.#threads.length < this.size) return this.#start();
    return this.#threads.reduce((left, right) => (right.waiting.size < left.waiting.size ? right : left));
  }

  #start(): Thread {
    const script = join(import.meta.dirname, `graph-thread-main${extname(import.meta.filename)}`);
    const thread: Thread = {
      worker: new Worker(script, { resourceLimits: { maxYoungGenerationSizeMb: 8 } }),
      waiting: new Map(),
    };
    const { worker, waiting } = thread;
    worker.unref();
    worker.on('message', (told: ToldByGraphThread) => {
      const one = waiting.get(told.id);
      waiting.delete(told.id);
      if (waiting.size === 0) worker.unref();
      if ('failure' in told) one?.reject(new Error(told.failure));
      else one?.resolve({ results: resultsOf(told.results), ms: told.ms });
    });
    const lost = (cause: unknown): void => {
      const index = this.#threads.indexOf(thread);
      // the next rows start another
      if (index !== -1) this.#threads.splice(index, 1);
      for (const one of waiting.values()) one.reject(cause);
      waiting.clear();
    };
    worker.on('error', lost).on('exit', () => lost(new Error('the thread that ran the model has ended')));
    this.#threads.push(thread);
    return thread;
  }
}

const resultsOf = (sent: readonly SentTensor[]): GraphResults =>
  Object.fromEntries(
    sent.map(({ name, type, data, dims }) => [
      name,
      new Tensor(type as 'float32', data as Float32Array, dims),
    ]),
  );
