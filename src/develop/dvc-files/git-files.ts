import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { replaceFile } from './dvc-file.ts';
import { git, ignoreInGit, ignorePattern, isGit, type Repository } from './repository.ts';

/**
 * Files that a command changed and git should hear of: data is kept out of git, and with `core.autostage` the `.dvc`
 * files go to its index.
 */
export class GitFiles {
  readonly #repository: Repository;
  readonly #changed = new Set<string>();

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  get #usesGit(): boolean {
    return !this.#repository.config.noScm && isGit(this.#repository.root);
  }

  /** Notes a changed or deleted file. @param file absolute */
  track(file: string): void {
    this.#changed.add(file);
  }

  /** Keeps data out of git. @param path absolute */
  ignore(path: string): void {
    if (this.#usesGit && ignoreInGit(path) === 'added') this.track(join(dirname(path), '.gitignore'));
  }

  /** Takes the line of data that is no longer versioned out of `.gitignore`; a file that has no other goes. */
  unignore(path: string): void {
    const file = join(dirname(path), '.gitignore');
    if (!this.#usesGit || !existsSync(file)) return;
    const line = ignorePattern(basename(path));
    const text = readFileSync(file, 'utf8');
    const lines = text.split(/(?<=\n)/);
    const kept = lines.filter((one) => one.trim() !== line);
    if (kept.length === 0) {
      rmSync(file);
      return;
    }
    if (kept.length < lines.length) replaceFile(file, kept.join(''));
    this.track(file);
  }

  /**
   * Ends the command: stages what changed where the settings ask for it.
   *
   * @returns files that the person should add, absolute; none when they are staged or nothing changed
   */
  settle(): readonly string[] {
    const files = [...this.#changed];
    this.#changed.clear();
    if (!this.#usesGit || files.length === 0) return [];
    if (!this.#repository.config.autostage) return files;
    git(this.#repository.root, ['add', '--all', '--', ...files]);
    return [];
  }
}
