import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../dvc-files/dvc-file.ts';
import { repositoryPath, type Repository } from '../dvc-files/repository.ts';
import type { Workspace } from '../dvc-files/workspace.ts';

interface Placed {
  readonly inode: number;
  readonly md5: string;
}

/**
 * Paths that a command of ours put into the workspace, so that what a branch no longer records can be cleared away, and
 * what a person put there never is. Kept in the repository's state as one JSON document; safe to delete.
 */
export class PlacedPaths {
  readonly #repository: Repository;
  readonly #file: string;
  readonly #placed: Map<string, Placed>;
  #isChanged = false;

  constructor(repository: Repository) {
    this.#repository = repository;
    this.#file = join(repository.state, 'placed.json');
    this.#placed = new Map(existsSync(this.#file) ? entriesOf(readFileSync(this.#file, 'utf8')) : []);
  }

  /** @param path absolute */
  remember(path: string, md5: string): void {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    const key = repositoryPath(this.#repository, path);
    const before = this.#placed.get(key);
    if (inode === undefined || (before?.inode === inode && before.md5 === md5)) return;
    this.#placed.set(key, { inode, md5 });
    this.#isChanged = true;
  }

  forget(path: string): void {
    this.#isChanged = this.#placed.delete(repositoryPath(this.#repository, path)) || this.#isChanged;
  }

  /**
   * Deletes what we put there, what the cache can bring back, and what nothing records any more.
   *
   * @param wanted absolute paths that are recorded
   * @returns absolute paths of what was deleted
   */
  clear(
    workspace: Workspace,
    wanted: ReadonlySet<string>,
  ): { readonly path: string; readonly isFolder: boolean }[] {
    const cleared: { path: string; isFolder: boolean }[] = [];
    for (const [key, { inode, md5 }] of this.#placed) {
      const path = join(this.#repository.root, key);
      if (wanted.has(path)) continue;
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.ino === inode && workspace.measure(path)?.md5 === md5 && workspace.isCached(md5)) {
        rmSync(path, { recursive: true });
        cleared.push({ path, isFolder: stat.isDirectory() });
      }
      this.forget(path);
    }
    return cleared;
  }

  save(): void {
    if (!this.#isChanged) return;
    mkdirSync(this.#repository.state, { recursive: true });
    replaceFile(this.#file, JSON.stringify([...this.#placed]));
  }
}

function entriesOf(text: string): [string, Placed][] {
  try {
    return JSON.parse(text) as [string, Placed][];
  } catch {
    return [];
  }
}
