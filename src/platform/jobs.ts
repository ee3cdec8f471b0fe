import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock, Instant } from './clock.ts';
import type { Database, Migrations, Transaction } from './database/database.ts';
import { TilthError, messageOf } from './errors.ts';
import { newUlid } from './ids.ts';
import type { Logger } from './log.ts';
import { patiently } from './patience.ts';

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** A piece of long work that survives a restart of the server. */
export interface Job {
  readonly id: string;
  readonly kind: string;
  /** at most one job of a key is queued or running */
  readonly key: string;
  readonly state: JobState;
  readonly input: unknown;
  readonly output: unknown;
  readonly error: string | null;
  /** one line: what it is doing now */
  readonly progress: string | null;
  /** how often it was started; more than 1 after a crash of the server */
  readonly attempt: number;
  readonly requestedBy: string;
  readonly createdAt: Instant;
  readonly startedAt: Instant | null;
  readonly finishedAt: Instant | null;
}

interface JobTable {
  id: string;
  kind: string;
  key: string;
  state: JobState;
  input: string;
  output: string | null;
  error: string | null;
  progress: string | null;
  attempt: number;
  requested_by: string;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

declare module './database/database.ts' {
  interface Tables {
    job: JobTable;
  }
}

export const jobMigrations: Migrations = {
  'platform-002-jobs': {
    async up(db) {
      await db.schema
        .createTable('job')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('input', 'text', (column) => column.notNull())
        .addColumn('output', 'text')
        .addColumn('error', 'text')
        .addColumn('progress', 'text')
        .addColumn('attempt', 'integer', (column) => column.notNull())
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('started_at', 'integer')
        .addColumn('finished_at', 'integer')
        .execute();
      await db.schema.createIndex('job_state').on('job').columns(['state', 'created_at']).execute();
      await db.schema.createIndex('job_key').on('job').columns(['key', 'state']).execute();
    },
  },
};

/** What a handler may use while it works. */
export interface JobContext {
  readonly job: Job;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** Replaces the one line that says what the job is doing. */
  progress(line: string): Promise<void>;
  /**
   * Runs a program with its output in the job's log.
   *
   * @throws JOB_COMMAND_FAILED with the last lines of its output
   */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Waits for another job, giving up this one's place among the running meanwhile, so that both can end. */
  waitFor(id: string): Promise<Job>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** pass `command` to the shell as one line */
  readonly shell?: boolean;
  /** exit codes that are answers, not failures; default [0] */
  readonly accept?: readonly number[];
  readonly onExit?: (code: number) => void;
}

export type JobHandler = (input: never, context: JobContext) => Promise<unknown>;

export interface NewJob {
  readonly kind: string;
  readonly key: string;
  readonly input: unknown;
  readonly requestedBy: string;
}

/** Queue and runner of one server process. */
export class Jobs {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #folder: string;
  readonly #limit: number;
  readonly #handlers = new Map<string, JobHandler>();
  readonly #running = new Map<string, AbortController>();
  readonly #waiters = new Map<string, ((job: Job) => void)[]>();
  /** running jobs that only wait for another one */
  #idleCount = 0;
  #stopped = true;
  #isStarting = false;
  #isAskedAgain = false;

  constructor(options: { database: Database; clock: Clock; log: Logger; folder: string; limit?: number }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#folder = join(options.folder, 'jobs');
    this.#limit = options.limit ?? 2;
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Names who does jobs of a kind; called once by each feature before `start`. */
  handle(kind: string, handler: JobHandler): void {
    this.#handlers.set(kind, handler);
  }

  /** Takes up what a crash left running, then works until `stop`. */
  async start(): Promise<void> {
    await this.#database.write((tx) =>
      tx.updateTable('job').set({ state: 'queued' }).where('state', '=', 'running').execute(),
    );
    this.#stopped = false;
    this.#next();
  }

  /** Ends running jobs; they are queued again at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const controller of this.#running.values()) controller.abort(new Error('the server stops'));
    while (this.#running.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Queues a job; when its key is already queued or running, answers that one. */
  async enqueue(tx: Transaction, job: NewJob): Promise<string> {
    const active = await tx
      .selectFrom('job')
      .select('id')
      .where('key', '=', job.key)
      .where('state', 'in', ['queued', 'running'])
      .executeTakeFirst();
    if (active !== undefined) return active.id;
    const id = newUlid();
    await tx
      .insertInto('job')
      .values({
        id,
        kind: job.kind,
        key: job.key,
        state: 'queued',
        input: JSON.stringify(job.input),
        output: null,
        error: null,
        progress: null,
        attempt: 0,
        requested_by: job.requestedBy,
        created_at: this.#clock.now(),
        started_at: null,
        finished_at: null,
      })
      .execute();
    this.#database.afterCommit(tx, () => this.#next());
    return id;
  }

  async get(id: string): Promise<Job> {
    const row = await this.#database.read.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw new TilthError('JOB_NOT_FOUND', 404, `There is no job ${id}.`);
    return jobOf(row);
  }

  async list(filter: { kind?: string | undefined; key?: string | undefined; limit?: number | undefined } = {}): Promise<Job[]> {
    let query = this.#database.read.selectFrom('job').selectAll().orderBy('created_at', 'desc').limit(filter.limit ?? 100);
    if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
    if (filter.key !== undefined) query = query.where('key', '=', filter.key);
    return (await query.execute()).map(jobOf);
  }

  async cancel(id: string): Promise<void> {
    await this.#database.write((tx) =>
      tx
        .updateTable('job')
        .set({ state: 'cancelled', finished_at: this.#clock.now() })
        .where('id', '=', id)
        .where('state', 'in', ['queued', 'running'])
        .execute(),
    );
    this.#running.get(id)?.abort(new Error('cancelled'));
  }

  /** Answers when the job has ended, however it ended. */
  async wait(id: string): Promise<Job> {
    const ended = new Promise<Job>((resolve) => {
      this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]);
    });
    const now = await this.get(id);
    return isActive(now.state) ? ended : now;
  }

  /** The log so far, as text. */
  readLog(id: string): Promise<string> {
    return readFile(this.#logFile(id), 'utf8').catch(() => '');
  }

  #logFile(id: string): string {
    if (!/^[0-9A-Z]{26}$/.test(id)) throw new TilthError('JOB_NOT_FOUND', 404, `There is no job ${id}.`);
    return join(this.#folder, `${id}.log`);
  }

  #next(): void {
    if (this.#stopped) return;
    if (this.#isStarting) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isStarting = true;
    this.#isAskedAgain = false;
    void this.#startNext()
      .catch((error: unknown) => {
        this.#log.error({ error: messageOf(error) }, 'job queue failed');
        return false;
      })
      .then((hasStarted) => {
        this.#isStarting = false;
        if (hasStarted || this.#isAskedAgain) this.#next();
      });
  }

  /** @returns whether a job was started, so that there may be another */
  async #startNext(): Promise<boolean> {
    if (this.#running.size - this.#idleCount >= this.#limit) return false;
    const row = await this.#database.write(async (tx) => {
      const next = await tx
        .selectFrom('job')
        .selectAll()
        .where('state', '=', 'queued')
        .where('kind', 'in', [...this.#handlers.keys()])
        .orderBy('created_at')
        .limit(1)
        .executeTakeFirst();
      if (next === undefined || this.#running.has(next.id)) return undefined;
      await tx
        .updateTable('job')
        .set({ state: 'running', started_at: this.#clock.now(), attempt: next.attempt + 1 })
        .where('id', '=', next.id)
        .execute();
      return { ...next, state: 'running' as const, attempt: next.attempt + 1 };
    });
    if (row === undefined) return false;
    void this.#perform(jobOf(row)).finally(() => this.#next());
    return true;
  }

  async #perform(job: Job): Promise<void> {
    const controller = new AbortController();
    this.#running.set(job.id, controller);
    const file = createWriteStream(this.#logFile(job.id), { flags: 'a' });
    const context = this.#contextOf(job, controller.signal, file);
    let outcome: { state: JobState; output: string | null; error: string | null };
    try {
      const handler = this.#handlers.get(job.kind);
      if (handler === undefined) throw new Error(`nobody handles jobs of kind ${job.kind}`);
      const output = await patiently(() => handler(job.input as never, context));
      outcome = { state: 'succeeded', output: JSON.stringify(output ?? null), error: null };
    } catch (thrown) {
      context.log(`failed: ${messageOf(thrown)}`);
      outcome = { state: 'failed', output: null, error: messageOf(thrown) };
    }
    await new Promise<void>((resolve) => void file.end(resolve));
    // a server that stops leaves the job `running`, so that the next start takes it up again
    if (!this.#stopped) {
      await this.#database.write((tx) =>
        tx
          .updateTable('job')
          .set({ ...outcome, progress: null, finished_at: this.#clock.now() })
          .where('id', '=', job.id)
          .where('state', '=', 'running')
          .execute(),
      );
      const ended = await this.get(job.id);
      for (const resolve of this.#waiters.get(job.id) ?? []) resolve(ended);
      this.#waiters.delete(job.id);
    }
    this.#running.delete(job.id);
  }

  #contextOf(job: Job, signal: AbortSignal, file: WriteStream): JobContext {
    const log = (line: string): void => void file.write(`${line}\n`);
    return {
      job,
      signal,
      log,
      progress: async (line) => {
        log(line);
        await this.#database.write((tx) =>
          tx.updateTable('job').set({ progress: line }).where('id', '=', job.id).execute(),
        );
      },
      run: (command, args, options) => runLogged(command, args, options ?? {}, signal, log),
      waitFor: async (id) => {
        this.#idleCount += 1;
        this.#next();
        try {
          return await this.wait(id);
        } finally {
          this.#idleCount -= 1;
        }
      },
    };
  }
}

const isActive = (state: JobState): boolean => state === 'queued' || state === 'running';

const jobOf = (row: JobTable): Job => ({
  id: row.id,
  kind: row.kind,
  key: row.key,
  state: row.state,
  input: JSON.parse(row.input) as unknown,
  output: row.output === null ? null : (JSON.parse(row.output) as unknown),
  error: row.error,
  progress: row.progress,
  attempt: row.attempt,
  requestedBy: row.requested_by,
  createdAt: row.created_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
});

const keptLines = 30;

function runLogged(
  command: string,
  args: readonly string[],
  options: RunOptions,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<string> {
  log(`$ ${[command, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      shell: options.shell ?? false,
      stdio: ['ignore', 'pipe', 'pipe'],
      // a group of its own, so that ending the job also ends what the command started
      detached: true,
    });
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    };
    signal.addEventListener('abort', end, { once: true });
    const output: string[] = [];
    const tail: string[] = [];
    const keep = (line: string): void => {
      log(line);
      tail.push(line);
      if (tail.length > keptLines) tail.shift();
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      keep(line);
    });
    createInterface({ input: child.stderr }).on('line', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', end);
      options.onExit?.(code ?? -1);
      if ((options.accept ?? [0]).includes(code ?? -1)) resolve(output.join('\n'));
      else {
        const said = tail.slice(-8).join('\n');
        reject(new TilthError('JOB_COMMAND_FAILED', 500, `${command} ended with ${code}:\n${said}`));
      }
    });
  });
}
