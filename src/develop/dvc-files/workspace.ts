import { mkdirSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Cache, hashFile } from './cache.ts';
import { pathMissing, unsavedData } from './dvc-errors.ts';
import { HashMemory } from './hash-memory.ts';
import { IgnoreRules } from './ignore-rules.ts';
import { encodePath } from './python-text.ts';
import type { Repository } from './repository.ts';
import { isTreeHash, listFiles, statOf, treeHash, treeText, type FoundFile, type TreeEntry } from './tree.ts';

/** Identity and extent of a file or folder, as `.dvc` files and `dvc.lock` keep it. */
export interface Content {
  /** of a folder it ends with `.dir` */
  readonly md5: string;
  /** bytes, of a folder the sum */
  readonly size: number;
  /** only of a folder */
  readonly nfiles?: number;
}

/** The working tree and the cache of one repository, for the length of one command. */
export class Workspace {
  readonly repository: Repository;
  readonly cache: Cache;
  readonly #memory: HashMemory;
  readonly #rules: IgnoreRules;

  constructor(repository: Repository) {
    this.repository = repository;
    this.cache = new Cache(repository);
    this.#memory = new HashMemory(repository);
    this.#rules = new IgnoreRules(repository.root);
  }

  close(): void {
    this.#memory.close();
  }

  /** What is there now, hashed only where it changed; undefined when nothing is there. */
  measure(path: string): Content | undefined {
    return this.#content(path, (file) => this.#hash(file));
  }

  /** Each file of a folder with its hash, in no order; undefined where there is no folder. */
  entries(path: string): readonly TreeEntry[] | undefined {
    if (statOf(path)?.isDirectory() !== true) return undefined;
    return this.#memory.together(() =>
      listFiles(path, this.#rules).map((file) => ({ md5: this.#hash(file), relpath: file.relpath })),
    );
  }

  /**
   * Puts a file or folder into the cache; of a folder the `.dir` object goes last, because its presence promises all files.
   *
   * @throws DATA_PATH_MISSING
   */
  add(path: string): Content {
    const content = this.#content(path, (file) => this.#store(file), true);
    if (content === undefined) throw pathMissing(path);
    return content;
  }

  /**
   * Brings the workspace to `md5`.
   *
   * @param isForced also when that loses a file that is nowhere else
   * @throws DATA_UNSAVED, DATA_NOT_IN_CACHE
   */
  restore(path: string, md5: string, isForced = false): 'unchanged' | 'added' | 'modified' {
    const before = this.measure(path);
    if (before?.md5 === md5) return 'unchanged';
    const unsaved = isForced ? undefined : this.#unsavedFile(path);
    if (unsaved !== undefined) throw unsavedData(relative(this.repository.root, unsaved));
    if (isTreeHash(md5)) this.#restoreTree(path, md5);
    else {
      if (statOf(path)?.isDirectory() === true) rmSync(path, { recursive: true });
      this.cache.restoreFile(md5, path);
    }
    return before === undefined ? 'added' : 'modified';
  }

  #restoreTree(path: string, md5: string): void {
    const entries = this.cache.readTree(md5, path);
    const missing = entries.find((entry) => !this.cache.has(entry.md5));
    // nothing is touched unless everything can be brought back
    if (missing !== undefined) this.cache.restoreFile(missing.md5, join(path, missing.relpath));
    const stat = statOf(path);
    if (stat !== undefined && !stat.isDirectory()) rmSync(path);
    mkdirSync(path, { recursive: true });
    const there = new Map(listFiles(path, this.#rules).map((file) => [file.relpath, file]));
    const wanted = new Set(entries.map((entry) => entry.relpath));
    for (const [relpath, file] of there) if (!wanted.has(relpath)) rmSync(encodePath(file.path));
    removeEmptyFolders(path);
    for (const entry of entries) {
      const file = there.get(entry.relpath);
      if (file === undefined || this.#hash(file) !== entry.md5) {
        this.cache.restoreFile(entry.md5, join(path, entry.relpath));
      }
    }
  }

  /** A file that the cache does not have, so that overwriting it would lose it. */
  #unsavedFile(path: string): string | undefined {
    const stat = statOf(path);
    if (stat === undefined) return undefined;
    const files = stat.isDirectory() ? listFiles(path, this.#rules) : [{ path, relpath: '', stat }];
    return files.find((file) => !this.cache.has(this.#hash(file)))?.path;
  }

  /** True when the cache can bring back all of it. */
  isCached(md5: string): boolean {
    if (!this.cache.has(md5)) return false;
    return !isTreeHash(md5) || this.cache.readTree(md5, md5).every((entry) => this.cache.has(entry.md5));
  }

  #content(path: string, md5Of: (file: FoundFile) => string, keepsTree = false): Content | undefined {
    const stat = statOf(path);
    if (stat === undefined) return undefined;
    return this.#memory.together(() => {
      if (!stat.isDirectory()) return { md5: md5Of({ path, relpath: '', stat }), size: Number(stat.size) };
      const files = listFiles(path, this.#rules);
      const entries: TreeEntry[] = files.map((file) => ({ md5: md5Of(file), relpath: file.relpath }));
      const text = treeText(entries);
      const size = files.reduce((sum, file) => sum + Number(file.stat.size), 0);
      const md5 = keepsTree ? this.cache.addBytes(Buffer.from(text), '.dir') : treeHash(text);
      return { md5, size, nfiles: entries.length };
    });
  }

  #hash(file: FoundFile): string {
    const known = this.#memory.find(file.path, file.stat);
    if (known !== undefined) return known;
    const md5 = hashFile(file.path, Number(file.stat.size));
    this.#memory.keep(file.path, file.stat, md5);
    return md5;
  }

  #store(file: FoundFile): string {
    const known = this.#memory.find(file.path, file.stat);
    if (known !== undefined && this.cache.has(known)) return known;
    const md5 = this.cache.addFile(file.path, Number(file.stat.size));
    this.#memory.keep(file.path, file.stat, md5);
    return md5;
  }
}

function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(encodePath(folder), { withFileTypes: true, encoding: 'buffer' })) {
    if (!entry.isDirectory()) continue;
    const path = Buffer.concat([Buffer.from(`${folder}/`), entry.name]);
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}
