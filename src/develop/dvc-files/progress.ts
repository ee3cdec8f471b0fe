/** How far a long piece of work is. */
export interface Progress {
  /** what is going on: `hashing`, `adding`, `checking out` */
  readonly work: string;
  /** files that are done */
  readonly done: number;
  readonly total: number;
  /** read or written so far */
  readonly bytes: number;
}

export type OnProgress = (progress: Progress) => void;

const tellEveryMs = 100;

/** Counts what is done and tells of it now and then. */
export class Steps {
  readonly #work: string;
  readonly #total: number;
  readonly #tell: OnProgress | undefined;
  #done = 0;
  #bytes = 0;
  #toldAt = Date.now();

  constructor(work: string, total: number, tell: OnProgress | undefined) {
    this.#work = work;
    this.#total = total;
    this.#tell = tell;
  }

  readonly bytes = (count: number): void => {
    this.#bytes += count;
    this.#tellSometimes();
  };

  /** One more file is done. @param size bytes of it that were not told of yet */
  file(size: number): void {
    this.#done += 1;
    this.#bytes += size;
    this.#tellSometimes();
  }

  #tellSometimes(): void {
    if (this.#tell === undefined) return;
    const now = Date.now();
    if (now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    this.#tell({ work: this.#work, done: this.#done, total: this.#total, bytes: this.#bytes });
  }
}

/**
 * One line on a terminal's standard error that is written over and at last wiped out; nothing for a script.
 *
 * @returns what to hand to a workspace, and how to end
 */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr): {
  readonly onProgress: OnProgress | undefined;
  end(): void;
} {
  if (!stream.isTTY) return { onProgress: undefined, end: () => undefined };
  const beganAt = Date.now();
  let isShown = false;
  return {
    onProgress: ({ work, done, total, bytes }) => {
      if (Date.now() - beganAt < 1000) return;
      isShown = true;
      const files = total > 1 ? `${done.toLocaleString('en')} of ${total.toLocaleString('en')} files, ` : '';
      stream.write(`\r\u001b[K${work}: ${files}${(bytes / 1e6).toFixed(0)} MB`);
    },
    end: () => {
      if (isShown) stream.write('\r\u001b[K');
    },
  };
}
