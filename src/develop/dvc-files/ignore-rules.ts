import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

const neverHashed = new Set(['.git', '.hg', '.dvc']);

interface Level {
  readonly folder: string;
  readonly rules: Ignore;
}

interface IgnoreSource {
  /** `.dvcignore` unless told otherwise */
  readonly fileName?: string;
  /** text of a file by its absolute path; the disk unless told otherwise */
  readonly readText?: (file: string) => string | undefined;
}

/** `.dvcignore` of every folder from the repository's root down to the one that is walked. */
export class IgnoreRules {
  readonly #root: string;
  readonly #fileName: string;
  readonly #readText: (file: string) => string | undefined;
  readonly #levels = new Map<string, readonly Level[]>();

  constructor(root: string, { fileName = '.dvcignore', readText = textOnDisk }: IgnoreSource = {}) {
    this.#root = root;
    this.#fileName = fileName;
    this.#readText = readText;
  }

  /** @param folder absolute @param name of an entry in it */
  ignores(folder: string, name: string, isFolder: boolean): boolean {
    if (isFolder ? neverHashed.has(name) : name === '.git') return true;
    // a nested repository looks after its own data
    if (isFolder && existsSync(join(folder, name, '.dvc'))) return true;
    let isIgnored = false;
    for (const level of this.#levelsOf(folder)) {
      const inside = relative(level.folder, join(folder, name)).split(sep).join('/') + (isFolder ? '/' : '');
      const answer = level.rules.test(inside);
      if (answer.ignored) isIgnored = true;
      else if (answer.unignored) isIgnored = false;
    }
    return isIgnored;
  }

  /** False where no pattern can leave out a file of this folder, so that its files need not be asked about one by one. */
  hasPatterns(folder: string): boolean {
    return this.#levelsOf(folder).length > 0;
  }

  #levelsOf(folder: string): readonly Level[] {
    const known = this.#levels.get(folder);
    if (known !== undefined) return known;
    const isInside = folder !== this.#root && folder.startsWith(this.#root + sep);
    const above = isInside ? this.#levelsOf(dirname(folder)) : [];
    const text = this.#readText(join(folder, this.#fileName));
    const levels =
      text === undefined || !hasPattern.test(text)
        ? above
        : [...above, { folder, rules: ignore({ allowRelativePaths: true }).add(text) }];
    this.#levels.set(folder, levels);
    return levels;
  }
}

/** A line that is neither empty nor a comment. */
const hasPattern = /^\s*[^#\s]/m;

const textOnDisk = (file: string): string | undefined =>
  existsSync(file) ? readFileSync(file, 'utf8') : undefined;
