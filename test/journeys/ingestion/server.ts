import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../../../src/platform/home.ts';
import { isTestedOnPostgres } from '../../../src/platform/database/test-database.ts';
import { Connection } from './http.ts';

/** A control plane as users run it, in a process of its own that can be killed, or stopped for a moment. */
export class ServerProcess {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #startedAt = performance.now();
  #stderr = '';

  constructor(program: string, home: Home, port: number) {
    this.address = `http://127.0.0.1:${port}`;
    this.#child = spawn(process.execPath, [program, 'server', '--port', String(port), '--home', home.root], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TILTH_DATABASE_URL: isTestedOnPostgres ? home.database : '' },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-4_000)));
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Until it answers: ms from the start of the process, and those in which it had a processor, where the system tells them. */
  async ready(): Promise<{ readonly ms: number; readonly busyMs: number }> {
    const connection = new Connection(this.address);
    for (;;) {
      const answer = await connection.send('GET', '/health').catch(() => undefined);
      if (answer?.status === 200) break;
      if (this.#child.exitCode !== null) throw new Error(`the server ended:\n${this.#stderr}`);
      if (performance.now() - this.#startedAt > 60_000) throw new Error(`the server does not answer:\n${this.#stderr}`);
      await sleep(4);
    }
    connection.close();
    const ms = performance.now() - this.#startedAt;
    return { ms, busyMs: busyMsOf(this.#child.pid) ?? ms };
  }

  /** The end of what it said on stderr. */
  said(): string {
    return this.#stderr;
  }

  /** `kill -9`; the process is gone when this answers. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /**
   * Copies a home while all threads of its server stand still, and lets them go on. What the copy holds is what the process
   * had handed to the system by then, which is what `kill -9` leaves: no thread can add to it, and nothing else writes there.
   * Nothing else happens in this process meanwhile, so that no answer is read between.
   */
  copyAtThisMoment(home: Home, copy: Home): void {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the server does not run');
    process.kill(pid, 'SIGSTOP');
    try {
      while (!isStopped(pid));
      mkdirSync(copy.root, { recursive: true });
      // without the index of the log, which whoever opens the database first after a kill makes anew
      for (const end of ['', '-wal']) if (existsSync(home.database + end)) copyFileSync(home.database + end, copy.database + end);
      cpSync(home.blobs, copy.blobs, { recursive: true });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }
}

/** proc(5): the 14th and 15th number, in hundredths of a second; the name in parentheses is the second. */
function busyMsOf(pid: number | undefined): number | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  return ((numbers[11] ?? 0) + (numbers[12] ?? 0)) * 10;
}

/** All threads: proc(5), the state follows the name in parentheses. */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'T';
  });
