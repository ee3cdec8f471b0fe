import { extname, join } from 'node:path';
import {
  DummyDriver,
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely';
import { Worker } from 'node:worker_threads';
import { bindable } from './bindable.ts';
import { TilthError } from '../errors.ts';

/** A statement on its way to the thread. */
export interface AskedOfThread {
  readonly id: number;
  readonly sql: string;
  readonly values: readonly (string | number | bigint | null | Uint8Array)[];
}

export type ToldByThread =
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly id: number; readonly failure: Error };

interface Waiting {
  resolve(rows: readonly unknown[]): void;
  reject(reason: unknown): void;
}

/** A thread that nobody asks ends, and gives its memory back. */
const restMs = 60_000;

/** Reads of a SQLite file in a thread of its own, which begins with the first of them. */
export class SqliteThread implements DatabaseConnection {
  readonly #file: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #rest: NodeJS.Timeout | undefined;
  #lastId = 0;
  #isClosed = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Kysely's way to it. */
  get driver(): Driver {
    return new OneConnectionDriver(this);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const rows = await new Promise<readonly unknown[]>((resolve, reject) => {
      if (this.#isClosed) throw threadEnded();
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      const asked: AskedOfThread = { id, sql: query.sql, values: query.parameters.map(bindable) };
      this.#started().postMessage(asked);
    });
    return { rows: rows as R[] };
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('SQLite answers whole results; page with a keyset instead.');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#rest);
    await this.#worker?.terminate();
    this.#failAll(threadEnded());
  }

  #started(): Worker {
    clearTimeout(this.#rest);
    if (this.#worker !== undefined) return this.#worker;
    const script = join(import.meta.dirname, `sqlite-thread-main${extname(import.meta.filename)}`);
    const worker = new Worker(script, {
      workerData: this.#file,
      // it holds a page of rows at a time
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.unref();
    worker.on('message', (told: ToldByThread) => this.#take(told));
    worker.on('error', (cause) => this.#lose(worker, cause));
    worker.on('exit', () => this.#lose(worker, threadEnded()));
    this.#worker = worker;
    return worker;
  }

  #take(told: ToldByThread): void {
    const waiting = this.#waiting.get(told.id);
    this.#waiting.delete(told.id);
    if ('rows' in told) waiting?.resolve(told.rows);
    else waiting?.reject(told.failure);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = undefined;
      void worker?.terminate();
    }, restMs).unref();
  }

  /** The next statement starts another. */
  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#failAll(cause);
  }

  #failAll(cause: unknown): void {
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of lost) waiting.reject(cause);
  }
}

/** Kysely's way to a connection that is always there. */
export class OneConnectionDriver extends DummyDriver {
  readonly #connection: DatabaseConnection;

  constructor(connection: DatabaseConnection) {
    super();
    this.#connection = connection;
  }

  override acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection);
  }
}

const threadEnded = (): TilthError =>
  new TilthError('READ_INTERRUPTED', 503, 'The search ended before it had its answer.', 'Ask again.');
