import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { messageOf } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { packagePath } from '../../../platform/package-root.ts';
import type { Scores } from './scores.ts';
import { FrameReader, ops, pingFrame, scoreFrame, scoresOf, textOf, type Frame } from './python-frames.ts';
import type { Feature, Rows } from './rows.ts';
import { rowsRefused } from '../serving-errors.ts';

export interface PythonWorkerOptions {
  /** the program of the model's own environment */
  readonly python: string;
  /** the MLflow model */
  readonly modelFolder: string;
  readonly takes: 'frame' | 'array';
  readonly log: Logger;
  /** resident memory above which the process is ended */
  readonly memoryLimitBytes: number;
  readonly startTimeoutMs: number;
  /** a call that takes longer ends the process */
  readonly longestCallMs: number;
}

const workerHello = z.object({ python: z.string(), packages: z.record(z.string(), z.string()) });
export type WorkerHello = z.infer<typeof workerHello>;

/** The process ended while it had something to do; nobody knows whether the rows were to blame. */
export class WorkerLostError extends Error {}

interface Call {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (cause: Error) => void;
  readonly timeoutMs: number;
  readonly whyNot: string;
}

const memoryLookMs = 250;
const pingEveryMs = 10_000;
/** how long a process that was asked to end may take */
const partingMs = 2_000;
const lastWordsMs = 200;
const keptLines = 30;

/** One process of a model's own Python: one call after the other, watched for silence and memory. */
export class PythonWorker {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #options: PythonWorkerOptions;
  readonly #reader = new FrameReader();
  /** resolves when the process is gone, however it came to that */
  readonly ended: Promise<void>;
  /** under way, the oldest first: that is the order of the answers */
  #calls: Call[] = [];
  #lastId = 0;
  #isEnded = false;
  #why = '';
  readonly #lines: string[] = [];
  #timers: NodeJS.Timeout[] = [];
  #deadline: NodeJS.Timeout | undefined;
  callCount = 0;
  residentBytes = 0;

  private constructor(options: PythonWorkerOptions) {
    this.#options = options;
    this.#child = spawn(
      options.python,
      ['-u', packagePath('python', 'worker', 'worker.py'), options.modelFolder, options.takes],
      {
        cwd: options.modelFolder,
        env: workerEnvironment(),
        // a socket of its own, that no other process can reach; a group of its own, so that its children end with it
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        detached: true,
      },
    );
    this.#socket = this.#child.stdio[3] as Socket;
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#end();
        resolve();
      };
      this.#child.once('exit', (code, signal) => {
        this.#why ||= signal === null ? `it ended with the code ${code}` : `it was ended by ${signal}`;
        // its last words may still be on the way; a child of its own may hold the socket open
        if (this.#socket.readableEnded) end();
        else {
          const timer = setTimeout(end, lastWordsMs);
          this.#socket.once('close', () => {
            clearTimeout(timer);
            end();
          });
        }
      });
      this.#child.once('error', (cause) => {
        this.#why ||= messageOf(cause);
        if (this.#child.pid === undefined) end();
      });
    });
    this.#socket.on('data', (piece: Buffer) => this.#receive(piece));
    this.#socket.on('error', () => this.kill('its connection broke'));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#hear(line));
    }
  }

  /**
   * Starts a process and waits until it has loaded the model.
   *
   * @throws Error with what the process said, when it ends, stays silent or takes too much memory before
   */
  static async start(options: PythonWorkerOptions): Promise<{ worker: PythonWorker; hello: WorkerHello }> {
    const worker = new PythonWorker(options);
    const greeting = worker.#expect(
      options.startTimeoutMs,
      `it did not load the model within ${options.startTimeoutMs / 1000} s`,
    );
    worker.#watch();
    const frame = await greeting;
    if (frame.op !== ops.hello) {
      worker.kill('the model can not be loaded');
      throw new Error(textOf(frame));
    }
    return { worker, hello: workerHello.parse(JSON.parse(textOf(frame))) };
  }

  /** calls that are not answered yet */
  get pendingCount(): number {
    return this.#calls.length;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** why it ended, or is about to */
  get why(): string {
    return this.#why;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * @throws WorkerLostError when the process ends meanwhile; SERVING_ROWS_REFUSED when the model does not take the rows;
   * Error when it fails on them
   */
  async score(features: readonly Feature[], requests: readonly Rows[], rowCount: number): Promise<Scores> {
    const frame = await this.#ask(scoreFrame(++this.#lastId, features, requests, rowCount));
    this.callCount++;
    if (frame.op === ops.refused) throw rowsRefused(textOf(frame));
    if (frame.op !== ops.answer) throw new Error(textOf(frame));
    return scoresOf(frame, rowCount);
  }

  /** Lets it go: it ends by itself when its socket closes, and is ended when it does not. */
  async stop(): Promise<void> {
    if (this.#isEnded) return;
    this.#why ||= 'it was stopped';
    this.#socket.end();
    const timer = setTimeout(() => this.kill('it did not end by itself'), partingMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(why: string): void {
    if (this.#isEnded || this.#child.pid === undefined) return;
    this.#why ||= why;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // gone already; its exit is on the way
    }
  }

  #ask(frame: Buffer): Promise<Frame> {
    if (this.#isEnded) return Promise.reject(new WorkerLostError(this.#why));
    const { longestCallMs } = this.#options;
    const answer = this.#expect(longestCallMs, `it gave no answer within ${longestCallMs / 1000} s`);
    this.#socket.write(frame);
    return answer;
  }

  #expect(timeoutMs: number, whyNot: string): Promise<Frame> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject, timeoutMs, whyNot });
      if (this.#calls.length === 1) this.#armDeadline();
    });
  }

  /** For the oldest call: those behind it are not begun. */
  #armDeadline(): void {
    clearTimeout(this.#deadline);
    const [call] = this.#calls;
    if (call !== undefined) this.#deadline = setTimeout(() => this.kill(call.whyNot), call.timeoutMs);
  }

  #receive(piece: Buffer): void {
    for (const frame of this.#reader.read(piece)) {
      const call = this.#calls.shift();
      this.#armDeadline();
      call?.resolve(frame);
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#deadline);
    for (const timer of this.#timers) clearInterval(timer);
    this.#socket.destroy();
    const lost = new WorkerLostError([this.#why, ...this.#lines.slice(-1)].join(': '));
    for (const call of this.#calls.splice(0)) call.reject(lost);
  }

  #watch(): void {
    const look = setInterval(() => void this.#lookAtMemory(), memoryLookMs);
    const ping = setInterval(() => void this.#ping(), pingEveryMs);
    this.#timers = [look.unref(), ping.unref()];
  }

  async #lookAtMemory(): Promise<void> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '');
    this.residentBytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    const { memoryLimitBytes } = this.#options;
    if (this.residentBytes > memoryLimitBytes) {
      this.kill(
        `it took ${megabytes(this.residentBytes)} MB of memory, and ${megabytes(memoryLimitBytes)} MB are allowed`,
      );
    }
  }

  async #ping(): Promise<void> {
    if (this.pendingCount > 0 || this.#isEnded) return;
    await this.#ask(pingFrame(++this.#lastId)).catch(() => undefined);
  }

  #hear(line: string): void {
    this.#options.log.debug({ pid: this.pid }, line);
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
  }
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_048_576);

/** Ours without secrets of tilth, and without what would lead the model's Python to other packages. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(TILTH_|MLFLOW_TRACKING_|NODE_)|^PYTHON(PATH|HOME|STARTUP)$|^VIRTUAL_ENV$/.test(name),
  );
  return {
    // batches and processes are what uses the cores
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    MKL_NUM_THREADS: '1',
    ...Object.fromEntries(kept),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
  };
}
