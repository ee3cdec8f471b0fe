import { hash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Repository } from '../dvc-files/repository.ts';

/**
 * Folders whose every file was once seen at a remote. A `.dir` alone does not tell: who pushes a part of a folder sends
 * it too. Safe to delete; then the files are looked at again.
 */
export class WholeFolders {
  readonly #file: string;
  readonly #known: Set<string>;

  constructor(repository: Repository, place: string) {
    this.#file = join(repository.state, 'remotes', hash('md5', place));
    this.#known = new Set(linesOf(this.#file));
  }

  has(md5: string): boolean {
    return this.#known.has(md5);
  }

  keep(md5s: readonly string[]): void {
    const fresh = md5s.filter((md5) => !this.#known.has(md5));
    if (fresh.length === 0) return;
    for (const md5 of fresh) this.#known.add(md5);
    mkdirSync(join(this.#file, '..'), { recursive: true });
    appendFileSync(this.#file, fresh.map((md5) => `${md5}\n`).join(''));
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}
