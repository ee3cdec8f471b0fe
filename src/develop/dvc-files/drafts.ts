import { mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { withPath } from './dvc-errors.ts';

/**
 * Names for files that are not whole yet, in a folder of this process below `parent`. A file leaves by a rename, so a
 * process that is killed leaves whole files behind, and here what the next one removes.
 */
export class Drafts {
  readonly #parent: string;
  readonly #folder: string;
  #count = 0;
  static #made = 0;

  constructor(parent: string) {
    this.#parent = parent;
    this.#folder = join(parent, `${hostname()}.${process.pid}.${Drafts.#made++}`);
  }

  /** An absolute path at which nothing lies. */
  next(): string {
    if (this.#count === 0) {
      this.#sweep();
      withPath(this.#folder, () => mkdirSync(this.#folder, { recursive: true }));
    }
    this.#count += 1;
    return `${this.#folder}/${this.#count}`;
  }

  /** Removes what processes that no longer run have left. */
  #sweep(): void {
    for (const name of namesIn(this.#parent)) {
      const [, host, pid] = /^(.*)\.(\d+)\.\d+$/.exec(name) ?? [];
      if (host === hostname() && !isRunning(Number(pid)))
        rmSync(join(this.#parent, name), { recursive: true, force: true });
    }
  }

  close(): void {
    if (this.#count === 0) return;
    this.#count = 0;
    rmSync(this.#folder, { recursive: true, force: true });
    try {
      rmdirSync(this.#parent);
    } catch {
      // another process is at work beside us
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code === 'EPERM';
  }
}
