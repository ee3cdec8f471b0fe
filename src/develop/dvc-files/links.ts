import {
  copyFileSync,
  constants,
  chmodSync,
  futimesSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cache } from './cache.ts';
import type { LinkType } from './config.ts';
import { fileFailure, linkTypeUnavailable, withPath } from './dvc-errors.ts';
import { Drafts } from './drafts.ts';
import { writeNew } from './file-bytes.ts';
import { encodePath } from './python-text.ts';
import type { Repository } from './repository.ts';

/** Says that this way of linking does not work between these two places, so that the next one is tried. */
const isRefusal = (reason: unknown): boolean =>
  ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOTTY', 'ENOSYS', 'EINVAL', 'EAGAIN'].includes(
    (reason as NodeJS.ErrnoException | undefined)?.code ?? '',
  );

/** Copies that share one folder of drafts: what a killed checkout has to do again. */
const filesADraft = 2000;

/** Brings objects of the cache into the workspace, by the first of the repository's link types that works. */
export class Links {
  readonly #cache: Cache;
  readonly #drafts: Drafts;
  readonly #fileMode = 0o666 & ~process.umask();
  readonly #types: LinkType[];
  readonly #writtenAt = timeOfOurOwn();

  constructor(
    repository: Repository,
    cache: Cache,
    types: readonly LinkType[] = repository.config.cacheTypes,
  ) {
    this.#cache = cache;
    this.#types = types.length === 0 ? ['copy'] : [...types];
    this.#drafts = new Drafts(join(repository.state, 'drafts'));
  }

  close(): void {
    this.#drafts.close();
  }

  /**
   * The way that is used; a reflink is tried once, with a file of its own.
   *
   * @throws DATA_LINK_UNAVAILABLE
   */
  type(): LinkType {
    if (this.#types[0] === 'reflink' && !this.#canReflink()) this.#types.shift();
    const [type] = this.#types;
    if (type === undefined) throw linkTypeUnavailable(['reflink']);
    return type;
  }

  /**
   * Puts an object at `path` in one step; what was there before is there until then.
   *
   * @returns the time of modification that the file has now, ms since epoch
   * @throws DATA_NOT_IN_CACHE, DATA_CACHE_DAMAGED, DATA_LINK_UNAVAILABLE, DATA_DISK_FULL
   */
  place(md5: string, path: string): number {
    return this.#byFirstType((type) => this.#arrive(path, (draft) => this.#make(type, md5, draft, path)));
  }

  /**
   * Puts objects into a folder that is not there yet or is empty. Copies are made in a folder of drafts, which then
   * takes its place as a whole: half as much work for the file system as one rename each.
   */
  placeFolder(
    folder: string,
    files: readonly { readonly md5: string; readonly name: string }[],
    placed: (file: { readonly md5: string; readonly name: string }, modifiedAt: number) => void,
  ): void {
    if (isLink(this.type())) {
      withPath(folder, () => mkdirSync(encodePath(folder), { recursive: true }));
      for (const file of files) placed(file, this.#placeAbsent(file.md5, `${folder}/${file.name}`));
      return;
    }
    for (let from = 0; from < files.length; from += filesADraft) {
      const draft = this.#drafts.next();
      mkdirSync(draft);
      const done: string[] = [];
      try {
        for (const file of files.slice(from, from + filesADraft)) {
          const { md5, name } = file;
          const modifiedAt = this.#byFirstType((type) =>
            this.#make(type, md5, `${draft}/${name}`, `${folder}/${name}`),
          );
          done.push(name);
          placed(file, modifiedAt);
        }
      } finally {
        // also when it breaks off: what is whole stays
        if (done.length > 0 && !(from === 0 && this.#becomes(draft, folder)))
          for (const name of done) this.#rename(encodePath(`${draft}/${name}`), `${folder}/${name}`);
        rmSync(draft, { recursive: true, force: true });
      }
    }
  }

  /** @returns false when something is there already, or it is on another file system */
  #becomes(draft: string, folder: string): boolean {
    const target = encodePath(folder);
    try {
      mkdirSync(encodePath(dirname(folder)), { recursive: true });
      renameSync(draft, target);
      return true;
    } catch (reason) {
      if (['ENOTEMPTY', 'EEXIST', 'EXDEV'].includes((reason as NodeJS.ErrnoException).code ?? ''))
        return false;
      throw fileFailure(folder, reason);
    }
  }

  /** A link is whole from the beginning, so that it needs no draft where nothing is in its place. */
  #placeAbsent(md5: string, path: string): number {
    try {
      return this.#byFirstType((type) =>
        isLink(type)
          ? this.#make(type, md5, path, path)
          : this.#arrive(path, (draft) => this.#make(type, md5, draft, path)),
      );
    } catch (reason) {
      if ((causeOf(reason) as NodeJS.ErrnoException).code !== 'EEXIST') throw reason;
      return this.place(md5, path);
    }
  }

  #byFirstType<T>(work: (type: LinkType) => T): T {
    const tried: LinkType[] = [];
    for (let type = this.type(); ; type = this.type()) {
      try {
        return work(type);
      } catch (reason) {
        if (type === 'copy' || !isRefusal(causeOf(reason))) throw reason;
        tried.push(type);
        this.#types.shift();
        if (this.#types.length === 0) throw linkTypeUnavailable(tried);
      }
    }
  }

  /**
   * @param at where nothing is yet
   * @param path where it will be, for messages
   * @returns its time of modification, ms since epoch
   */
  #make(type: LinkType, md5: string, at: string, path: string): number {
    if (type === 'copy') return this.#makeCopy(md5, at, path);
    const object = this.#cache.pathOf(md5);
    const { size, mtimeMs } = this.#cache.checked(md5, path);
    return withPath(path, () => {
      if (type === 'reflink') {
        copyFileSync(object, encodePath(at), constants.COPYFILE_FICLONE_FORCE);
        return this.#finish(at);
      }
      if (type === 'symlink') symlinkSync(object, encodePath(at));
      else if (size > 0) linkSync(object, encodePath(at));
      else {
        // as dvc: all empty files would be one, with more names than a file system allows
        writeFileSync(encodePath(at), '', { flag: 'wx' });
        return this.#finish(at);
      }
      return mtimeMs;
    });
  }

  #makeCopy(md5: string, at: string, path: string): number {
    const bytes = this.#cache.readObject(md5, path);
    if (bytes === undefined) this.#cache.checked(md5, path);
    try {
      if (bytes === undefined) {
        copyFileSync(this.#cache.pathOf(md5), encodePath(at), constants.COPYFILE_FICLONE);
        return this.#finish(at);
      }
      writeNew(at, this.#fileMode, (write, handle) => {
        write(bytes);
        futimesSync(handle, this.#writtenAt, this.#writtenAt);
      });
      return this.#writtenAt * 1000;
    } catch (reason) {
      throw fileFailure(path, reason);
    }
  }

  #finish(at: string): number {
    chmodSync(encodePath(at), this.#fileMode);
    utimesSync(encodePath(at), this.#writtenAt, this.#writtenAt);
    return this.#writtenAt * 1000;
  }

  /**
   * Gives a file that shares its bytes with the cache bytes of its own, writable.
   *
   * @returns its time of modification, ms since epoch
   */
  unprotect(path: string): number {
    return this.#arrive(path, (draft) =>
      withPath(path, () => {
        copyFileSync(encodePath(path), draft, constants.COPYFILE_FICLONE);
        return this.#finish(draft);
      }),
    );
  }

  #arrive<T>(path: string, make: (draft: string) => T): T {
    const draft = this.#drafts.next();
    try {
      const made = make(draft);
      this.#rename(draft, path);
      return made;
    } catch (reason) {
      rmSync(draft, { force: true });
      throw reason;
    }
  }

  #rename(draft: string | Buffer, path: string): void {
    const target = encodePath(path);
    try {
      renameSync(draft, target);
    } catch (reason) {
      const { code } = reason as NodeJS.ErrnoException;
      if (code === 'ENOENT') {
        mkdirSync(encodePath(dirname(path)), { recursive: true });
        withPath(path, () => renameSync(draft, target));
      } else if (code === 'EXDEV') this.#moveAcross(draft, path);
      else throw fileFailure(path, reason);
    }
  }

  /** Data on another file system than the repository: the last step has to begin beside the file. */
  #moveAcross(draft: string | Buffer, path: string): void {
    const beside = encodePath(join(dirname(path), `.tilth-draft-${process.pid}`));
    withPath(path, () => {
      copyFileSync(draft, beside);
      utimesSync(beside, this.#writtenAt, this.#writtenAt);
      renameSync(beside, encodePath(path));
      rmSync(draft);
    });
  }

  #canReflink(): boolean {
    const [from, to] = [this.#drafts.next(), this.#drafts.next()];
    try {
      writeFileSync(from, 'a file of its own to try it with', { flag: 'wx' });
      copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
      return statSync(to).size > 0;
    } catch {
      return false;
    } finally {
      for (const draft of [from, to]) rmSync(draft, { force: true });
    }
  }
}

/** Exact in seconds, microseconds and milliseconds alike, so that what is read back is what was written. */
const timeStep = 1 / 64;

let lastTime = 0;

/**
 * The time that restored files get, in seconds: it lies in the past, so that a change made right after us gets another one
 * however coarse the clock; and no two checkouts share it, because a file of the next may get the inode of a file of this.
 */
function timeOfOurOwn(): number {
  lastTime = Math.max(Math.floor((Date.now() / 1000 - 1) / timeStep) * timeStep, lastTime + timeStep);
  return lastTime;
}

const isLink = (type: LinkType): boolean => type === 'hardlink' || type === 'symlink';

const causeOf = (reason: unknown): unknown =>
  reason instanceof Error && reason.cause !== undefined ? reason.cause : reason;
