import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveHome, type Home } from '../../../src/platform/home.ts';
import { messageOf } from '../../../src/platform/errors.ts';
import { createLogger } from '../../../src/platform/log.ts';
import { startServer } from '../../../src/server/server.ts';
import { isTestedOnPostgres, temporaryDatabase } from '../../../src/platform/database/test-database.ts';
import { freePorts } from '../processes.ts';
import { Connection } from './http.ts';
import { Journal, type JournalRun } from './journal.ts';
import { look } from './look.ts';
import { ServerProcess } from './server.ts';
import { Writers, type UnderWay, type Writing } from './writers.ts';

const writerCount = 8;
const longestPauseMs = 60;
const mostWritesBefore = 25;
/** Of the starts so many are cut off by a kill as well. */
const shareKilledWhileStarting = 0.05;

/** What was seen over many moments. */
export class Tally {
  kills = 0;
  killsWhileStarting = 0;
  copies = 0;
  homes = 0;
  /** writes that were acknowledged */
  answered = 0;
  /** without an answer at the moment */
  unanswered = 0;
  /** of those, how many were there, whole */
  kept = 0;
  valuesCompared = 0;
  largestDatabaseBytes = 0;
  readonly #startsMs: number[] = [];
  readonly #busyStartsMs: number[] = [];

  start({ ms, busyMs }: { readonly ms: number; readonly busyMs: number }): void {
    this.#startsMs.push(ms);
    this.#busyStartsMs.push(busyMs);
  }

  /** ms from the start of a process to its first answer; `busy` counts only those in which it had a processor */
  starts(): { readonly wall: Spread; readonly busy: Spread } {
    return { wall: spreadOf(this.#startsMs), busy: spreadOf(this.#busyStartsMs) };
  }
}

interface Spread {
  readonly median: number;
  /** 99 of 100 are below */
  readonly late: number;
  readonly longest: number;
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN);
  return { median: at(0.5), late: at(0.99), longest: at(1) };
}

/** A home that clients write to, through a server which falls and comes back. */
export class WrittenHome {
  readonly #program: string;
  readonly #home: Home;
  readonly #database: ReturnType<typeof temporaryDatabase>;
  readonly #random: () => number;
  readonly #tally: Tally;
  readonly #journal = new Journal();
  #port = 0;
  #experimentId = '';
  #writers: Writers;
  #server: ServerProcess | undefined;
  #again: UnderWay = new Map();

  constructor(program: string, folder: string, random: () => number, tally: Tally) {
    this.#program = program;
    const home = resolveHome(folder);
    this.#database = temporaryDatabase(home.database);
    this.#home = { ...home, database: this.#database.where };
    this.#random = random;
    this.#tally = tally;
    this.#writers = new Writers(this.#journal, '', random);
  }

  /** Starts on nothing and makes an experiment. */
  async begin(): Promise<void> {
    this.#port = (await freePorts()).port;
    this.#tally.homes += 1;
    await this.#start();
    const connection = new Connection(this.#address);
    const { experiment_id } = await connection.json<{ experiment_id: string }>('POST', '/api/2.0/mlflow/experiments/create', { name: 'kill' });
    connection.close();
    this.#experimentId = experiment_id;
    this.#writers = new Writers(this.#journal, experiment_id, this.#random);
  }

  /** Kills the server while clients write, starts it again and compares. */
  async kill(isWhole: boolean): Promise<void> {
    const writing = await this.#write();
    const gone = this.#running.kill();
    writing.stop();
    await gone;
    await writing.ended;
    this.#tally.kills += 1;
    const unanswered = writing.underWay();
    await this.#start();
    const made = await this.#look(this.#address, unanswered, isWhole);
    for (const run of made) this.#writers.adopt(run);
    // a client sends again what it got no answer to; what can't be said twice is not sent twice
    this.#again = new Map([...unanswered].filter(([, { kind }]) => kind !== 'run' && kind !== 'untag' && this.#random() < 0.5));
    if (!isTestedOnPostgres) requireSound(this.#home.database);
  }

  /** Copies the home, whose database is a file, as a kill at this moment would leave it, opens the copy and compares; the server goes on. */
  async copy(isWhole: boolean): Promise<void> {
    const writing = await this.#write();
    const copy = resolveHome(`${this.#home.root} copy`);
    this.#running.copyAtThisMoment(this.#home, copy);
    const unanswered = writing.underWay();
    const release = this.#writers.hold();
    writing.stop();
    this.#tally.copies += 1;
    const server = await startServer({ home: copy, port: 0, log: createLogger('test', 'silent') });
    await this.#look(server.address, unanswered, isWhole);
    requireSound(copy.database);
    await server.close();
    rmSync(copy.root, { recursive: true });
    release();
    await writing.ended;
    this.#again = new Map();
  }

  async end(): Promise<void> {
    await this.#server?.kill();
    this.#tally.answered += this.#writers.answeredCount;
    const size = isTestedOnPostgres ? 0 : statSync(this.#home.database).size;
    this.#tally.largestDatabaseBytes = Math.max(this.#tally.largestDatabaseBytes, size);
    this.#database.remove();
    rmSync(this.#home.root, { recursive: true });
  }

  get #running(): ServerProcess {
    assert.ok(this.#server !== undefined);
    return this.#server;
  }

  get #address(): string {
    return this.#running.address;
  }

  async #start(): Promise<void> {
    while (this.#random() < shareKilledWhileStarting) {
      const cutOff = new ServerProcess(this.#program, this.#home, this.#port);
      await sleep(this.#random() * 400);
      await cutOff.kill();
      this.#tally.killsWhileStarting += 1;
    }
    this.#server = new ServerProcess(this.#program, this.#home, this.#port);
    this.#tally.start(await this.#server.ready());
  }

  /** Clients write for a while, and go on. */
  async #write(): Promise<Writing> {
    const goal = this.#writers.answeredCount + this.#random() * mostWritesBefore;
    const writing = this.#writers.start(this.#address, writerCount, this.#again);
    const refused = writing.ended.catch((cause: unknown) => this.#fail(cause));
    while (this.#writers.answeredCount < goal) await Promise.race([sleep(1), refused]);
    await Promise.race([sleep(this.#random() * longestPauseMs), refused]);
    return writing;
  }

  /** @throws it, with what the server said of it */
  async #fail(cause: unknown): Promise<never> {
    await sleep(100);
    throw new Error(`${messageOf(cause)}\n${this.#running.said()}`, { cause });
  }

  async #look(address: string, unanswered: UnderWay, isWhole: boolean): Promise<readonly JournalRun[]> {
    const found = await look(address, this.#experimentId, this.#journal, [...unanswered.values()], isWhole).catch((cause: unknown) => this.#fail(cause));
    this.#tally.unanswered += unanswered.size;
    this.#tally.kept += found.kept.length;
    this.#tally.valuesCompared += found.valueCount;
    return found.made;
  }
}

/** @throws when SQLite finds a fault in its file */
function requireSound(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    assert.deepEqual(db.prepare('PRAGMA integrity_check').all().map(Object.values), [['ok']]);
    assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
  } finally {
    db.close();
  }
}
