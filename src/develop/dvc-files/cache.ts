import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDamaged, changedDuring, fileFailure, notInCache } from './dvc-errors.ts';
import { Drafts } from './drafts.ts';
import { hashFile, md5Of, readSmall, writeNew } from './file-bytes.ts';
import { encodePath } from './python-text.ts';
import type { Repository } from './repository.ts';
import { hashBlocks } from './second-thread.ts';
import { treeEntries, type TreeEntry } from './tree.ts';

/** dvc takes an object with this mode for whole, and reads any other once more. */
const objectMode = 0o444;

/** An object gets its last bytes this soon after it was made; later ones are not ours. */
const writtenWithinMs = 2000;

/** From this many questions on a folder of the cache is listed instead. */
const listingPays = 500;

const prefixes = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0'));

/** The content store of DVC: `files/md5/ab/cdef…`, read-only, never changed once there. */
export class Cache {
  readonly #folder: string;
  readonly #drafts: Drafts;
  readonly #isShared: boolean;
  readonly #isLegacy: boolean;
  #lastTree: { readonly md5: string; readonly entries: readonly TreeEntry[] } | undefined;

  /** @param isLegacy the cache of DVC 1 and 2, `.dvc/cache/ab/cdef…`; it is only read */
  constructor(repository: Repository, isLegacy = false) {
    const { cacheFolder, sections } = repository.config;
    this.#folder = isLegacy ? cacheFolder : repository.cache;
    this.#drafts = new Drafts(join(cacheFolder, 'tilth-drafts'));
    this.#isLegacy = isLegacy;
    this.#isShared = sections.get('cache')?.get('shared') === 'group';
  }

  close(): void {
    this.#drafts.close();
  }

  pathOf(md5: string): string {
    return `${this.#folder}/${md5.slice(0, 2)}/${md5.slice(2)}`;
  }

  has(md5: string): boolean {
    return this.stat(md5) !== undefined;
  }

  stat(md5: string): Stats | undefined {
    return md5.length > 2 ? statSync(this.pathOf(md5), { throwIfNoEntry: false }) : undefined;
  }

  /** Answers many questions about what is there: past some number by listing the cache's folders, each once. */
  holder(questionCount: number): (md5: string) => boolean {
    if (questionCount < listingPays) return (md5) => this.has(md5);
    const listed = new Map<string, Set<string>>();
    return (md5) => {
      const prefix = md5.slice(0, 2);
      let names = listed.get(prefix);
      if (names === undefined) listed.set(prefix, (names = new Set(namesIn(join(this.#folder, prefix)))));
      return names.has(md5.slice(2));
    };
  }

  /**
   * Changes whenever an object comes or goes.
   *
   * @returns undefined when one did so just now, in the same tick of the clock perhaps
   */
  stamp(): Uint8Array | undefined {
    const now = Date.now();
    const times = Float64Array.from(
      prefixes,
      (prefix) => statSync(`${this.#folder}/${prefix}`, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    );
    return times.every((time) => now - time > 20)
      ? Buffer.concat([Buffer.from(times.buffer), Buffer.from(this.#folder)])
      : undefined;
  }

  /**
   * Copies a file in, reading it once.
   *
   * @param size as it was last seen, bytes
   * @returns the md5 of exactly the bytes that were copied
   */
  addFile(path: string, size: number, onBytes?: (count: number) => void): string {
    const small = readSmall(path, size);
    if (small !== undefined) return this.addBytes(small);
    const draft = this.#drafts.next();
    let md5 = '';
    writeNew(draft, objectMode, (write) => {
      md5 = hashBlocks(path, size, (block) => {
        write(block);
        onBytes?.(block.length);
      });
    });
    if (this.has(md5)) rmSync(draft);
    else this.#settle(draft, this.pathOf(md5));
    return md5;
  }

  addBytes(bytes: Uint8Array, suffix = ''): string {
    const md5 = md5Of(bytes) + suffix;
    if (this.has(md5)) return md5;
    const draft = this.#drafts.next();
    try {
      writeNew(draft, objectMode, (write) => write(bytes));
    } catch (reason) {
      throw fileFailure(this.pathOf(md5), reason);
    }
    this.#settle(draft, this.pathOf(md5));
    return md5;
  }

  /**
   * Makes a file itself the object, by a second name for the same bytes; from then on both are read-only. Killed in
   * between it leaves an object that is not read-only yet, which is read once more before it is used.
   *
   * @param seen what the file was when its md5 was taken
   * @returns false when the object was there already
   * @throws DATA_CHANGED_MEANWHILE
   */
  adoptFile(path: string, md5: string, seen: { readonly size: number; readonly mtimeMs: number }): boolean {
    const object = this.pathOf(md5);
    try {
      this.#inFolder(object, () => linkSync(encodePath(path), object));
    } catch (reason) {
      const { code } = reason as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw reason;
      this.addFile(path, seen.size);
      return false;
    }
    const now = statSync(object);
    if (now.size !== seen.size || now.mtimeMs !== seen.mtimeMs) {
      rmSync(object);
      throw changedDuring(path);
    }
    chmodSync(object, objectMode);
    return true;
  }

  /** A path for a new file that comes from elsewhere (remotes); `keepDraft` makes it an object. */
  draft(): string {
    return this.#drafts.next();
  }

  /** Makes a whole draft the object of that name; who wrote it has seen to it that it is, and that it is read-only. */
  keepDraft(draft: string, md5: string): void {
    // over the same content where another process was quicker
    this.#settle(draft, this.pathOf(md5));
  }

  /** @throws DATA_NOT_IN_CACHE, DVC_FILE_UNREADABLE */
  readTree(md5: string, path: string): readonly TreeEntry[] {
    // a command asks several times for the tree it works on
    if (this.#lastTree?.md5 === md5) return this.#lastTree.entries;
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.pathOf(md5));
    } catch (reason) {
      throw (reason as NodeJS.ErrnoException).code === 'ENOENT'
        ? notInCache(path, md5)
        : fileFailure(this.pathOf(md5), reason);
    }
    if (`${md5Of(bytes)}.dir` !== md5 && !this.#isLegacy) throw this.#damaged(md5, path);
    const entries = treeEntries(bytes.toString('utf8'), md5);
    this.#lastTree = { md5, entries };
    return entries;
  }

  /**
   * The object, as far as dvc looks at it: a read-only one is taken for whole, any other is read, and removed when it
   * does not hold what its name says.
   *
   * @param path that asks for it, for the message
   * @throws DATA_NOT_IN_CACHE, DATA_CACHE_DAMAGED
   */
  checked(md5: string, path: string): Stats {
    const stat = this.stat(md5);
    if (stat === undefined) throw notInCache(path, md5);
    if ((stat.mode & 0o777) === objectMode) return stat;
    const object = this.pathOf(md5);
    if (hashFile(object, stat.size) !== md5.slice(0, 32) && !this.#isLegacy) throw this.#damaged(md5, path);
    try {
      chmodSync(object, objectMode);
    } catch {
      // the cache of somebody else
    }
    return stat;
  }
  /**
   * The bytes of a small object. They are hashed unless the object is read-only and was never written again since it
   * came, which is one look more than dvc takes.
   *
   * @param path that asks for it, for the message
   * @throws DATA_NOT_IN_CACHE, DATA_CACHE_DAMAGED
   * @returns good until the next file is read; undefined when it is large
   */
  readObject(md5: string, path: string): Buffer | undefined {
    const object = this.pathOf(md5);
    let isTrusted = false;
    let bytes: Buffer | undefined;
    try {
      bytes = readSmall(object, 0, (stat) => {
        isTrusted = (stat.mode & 0o777) === objectMode && stat.mtimeMs - stat.birthtimeMs < writtenWithinMs;
      });
    } catch (reason) {
      throw (reason as NodeJS.ErrnoException).code === 'ENOENT'
        ? notInCache(path, md5)
        : fileFailure(object, reason);
    }
    if (bytes !== undefined && !isTrusted && !this.#isLegacy && md5Of(bytes) !== md5)
      throw this.#damaged(md5, path);
    return bytes;
  }

  #damaged(md5: string, path: string): Error {
    const object = this.pathOf(md5);
    rmSync(object, { force: true });
    return cacheDamaged(object, md5, path);
  }

  /** The last step of an object's way in: from here on it is whole, and there. */
  #settle(draft: string, object: string): void {
    try {
      this.#inFolder(object, () => renameSync(draft, object));
    } catch (reason) {
      throw fileFailure(object, reason);
    }
  }

  /** Folders of objects that this process has seen. */
  readonly #there = new Set<string>();

  /** Makes the folder of an object where it is missing: there are 256 for any number of files. */
  #inFolder(object: string, work: () => void): void {
    const prefix = object.slice(this.#folder.length + 1, this.#folder.length + 3);
    if (!this.#there.has(prefix)) {
      this.#there.add(prefix);
      this.#makeFolder(dirname(object));
    }
    try {
      work();
    } catch (reason) {
      // a folder that a cleaning removed meanwhile
      if ((reason as NodeJS.ErrnoException).code !== 'ENOENT') throw reason;
      this.#makeFolder(dirname(object));
      work();
    }
  }

  #makeFolder(folder: string): void {
    if (mkdirSync(folder, { recursive: true }) !== undefined && this.#isShared) chmodSync(folder, 0o2775);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
