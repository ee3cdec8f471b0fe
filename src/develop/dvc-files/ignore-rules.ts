import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';

const neverHashed = new Set(['.git', '.hg', '.dvc']);

interface Level {
  readonly folder: string;
  readonly rules: Ignore;
}

/** `.dvcignore` of every folder from the repository's root down to the one that is walked. */
export class IgnoreRules {
  readonly #root: string;
  readonly #levels = new Map<string, readonly Level[]>();

  constructor(root: string) {
    this.#root = root;
  }

  /** @param folder absolute @param name of an entry in it */
  ignores(folder: string, name: string, isFolder: boolean): boolean {
    if (isFolder && neverHashed.has(name)) return true;
    // a nested repository looks after its own data
    if (isFolder && existsSync(join(folder, name, '.dvc'))) return true;
    const path = join(folder, name);
    let isIgnored = false;
    for (const level of this.#levelsOf(folder)) {
      const inside = relative(level.folder, path).split(sep).join('/') + (isFolder ? '/' : '');
      const answer = level.rules.test(inside);
      if (answer.ignored) isIgnored = true;
      else if (answer.unignored) isIgnored = false;
    }
    return isIgnored;
  }

  #levelsOf(folder: string): readonly Level[] {
    const known = this.#levels.get(folder);
    if (known !== undefined) return known;
    const isInside = folder !== this.#root && folder.startsWith(this.#root + sep);
    const above = isInside ? this.#levelsOf(dirname(folder)) : [];
    const file = join(folder, '.dvcignore');
    const levels = existsSync(file)
      ? [...above, { folder, rules: ignore({ allowRelativePaths: true }).add(readFileSync(file, 'utf8')) }]
      : above;
    this.#levels.set(folder, levels);
    return levels;
  }
}
