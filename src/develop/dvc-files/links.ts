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

/** Brings objects of the cache into the workspace, by the first of the repository's link types that works. */
export class Links {
  readonly #cache: Cache;
  readonly #drafts: Drafts;
  readonly #fileMode = 0o666 & ~process.umask();
  readonly #types: LinkType[];
  // a whole second of the past: a change made right after us gets another time, however coarse the clock
  readonly #writtenAt = Math.floor(Date.now() / 1000) - 1;

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
   * @throws DATA_NOT_IN_CACHE, DATA_CACHE_DAMAGED, DATA_LINK_UNAVAILABLE, DATA_DISK_FULL
   */
  place(md5: string, path: string): void {
    const tried: LinkType[] = [];
    for (let type = this.type(); ; type = this.type()) {
      try {
        this.#placeBy(type, md5, path);
        return;
      } catch (reason) {
        if (type === 'copy' || !isRefusal(causeOf(reason))) throw reason;
        tried.push(type);
        this.#types.shift();
        if (this.#types.length === 0) throw linkTypeUnavailable(tried);
      }
    }
  }

  #placeBy(type: LinkType, md5: string, path: string): void {
    if (type === 'copy') return this.#copy(md5, path);
    const object = this.#cache.pathOf(md5);
    const { size } = this.#cache.checked(md5, path);
    this.#arrive(path, (draft) => {
      if (type === 'reflink') {
        copyFileSync(object, draft, constants.COPYFILE_FICLONE_FORCE);
        chmodSync(draft, this.#fileMode);
        utimesSync(draft, this.#writtenAt, this.#writtenAt);
      } else if (type === 'symlink') symlinkSync(object, draft);
      // as dvc: all empty files would be one, with more names than a file system allows
      else if (size === 0) writeFileSync(draft, '', { flag: 'wx', mode: this.#fileMode });
      else linkSync(object, draft);
    });
  }

  #copy(md5: string, path: string): void {
    const bytes = this.#cache.readObject(md5, path);
    this.#arrive(path, (draft) => {
      if (bytes === undefined) {
        this.#cache.checked(md5, path);
        copyFileSync(this.#cache.pathOf(md5), draft, constants.COPYFILE_FICLONE);
        chmodSync(draft, this.#fileMode);
        utimesSync(draft, this.#writtenAt, this.#writtenAt);
      } else
        writeNew(draft, this.#fileMode, (write, handle) => {
          write(bytes);
          futimesSync(handle, this.#writtenAt, this.#writtenAt);
        });
    });
  }

  /** Gives a file that shares its bytes with the cache bytes of its own, writable. */
  unprotect(path: string): void {
    withPath(path, () =>
      this.#arrive(path, (draft) => {
        copyFileSync(encodePath(path), draft, constants.COPYFILE_FICLONE);
        chmodSync(draft, this.#fileMode);
      }),
    );
  }

  #arrive(path: string, make: (draft: string) => void): void {
    const draft = this.#drafts.next();
    try {
      withPath(path, () => make(draft));
      this.#rename(draft, path);
    } catch (reason) {
      rmSync(draft, { force: true });
      throw reason;
    }
  }

  #rename(draft: string, path: string): void {
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
  #moveAcross(draft: string, path: string): void {
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

const causeOf = (reason: unknown): unknown =>
  reason instanceof Error && reason.cause !== undefined ? reason.cause : reason;
