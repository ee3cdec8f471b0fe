import type { Transaction } from './database.ts';

/** The one connection of a process that writes, and the steps of a transaction that several writes share. */
export interface Writer {
  readonly tx: Transaction;
  /** Begins the transaction, with a savepoint before the first write. */
  begin(): void | Promise<void>;
  /** @throws what a statement since the savepoint threw, where the database can't go on after that although the write did */
  check(): void;
  /** Keeps what was written since the savepoint, and sets it anew for the next write. */
  keep(): void;
  /** Takes back what was written since the savepoint, which stays. */
  undo(): void;
  /** @returns when all that was kept is on the disk */
  commit(): void | Promise<void>;
  /** Gives the transaction up, if one is open. */
  abandon(): void;
}

interface Waiting {
  run(tx: Transaction): Promise<unknown>;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/** Writers one after the other inside a shared transaction, each behind a savepoint of its own. */
export class WriteQueue {
  readonly #writer: Writer;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #effects: (() => void)[] = [];

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: work, resolve: resolve as (value: unknown) => void, reject });
    });
    this.#running ??= this.#drain();
    return answer;
  }

  afterCommit(_tx: Transaction, effect: () => void): void {
    this.#effects.push(effect);
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // whose request this turn of the loop has read joins the first commit
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(group);
    }
    this.#running = undefined;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const writer = this.#writer;
    const done: (() => void)[] = [];
    const effects: (() => void)[] = [];
    try {
      await writer.begin();
      let hasWritten = false;
      for (const waiting of group) {
        if (hasWritten) writer.keep();
        this.#effects = [];
        try {
          const value = await waiting.run(writer.tx);
          writer.check();
          hasWritten = true;
          effects.push(...this.#effects);
          done.push(() => waiting.resolve(value));
        } catch (reason) {
          hasWritten = false;
          writer.undo();
          done.push(() => waiting.reject(reason));
        }
      }
      await writer.commit();
    } catch (reason) {
      writer.abandon();
      for (const waiting of group) waiting.reject(reason);
      return;
    }
    for (const effect of effects) effect();
    for (const finish of done) finish();
  }
}
