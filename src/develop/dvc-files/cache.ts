import { createHash, hash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { notInCache } from './dvc-errors.ts';
import { encodePath } from './python-text.ts';
import type { Repository } from './repository.ts';
import { treeEntries, type TreeEntry } from './tree.ts';

const blockBytes = 4 * 1024 * 1024;

/** md5 of a file's bytes, 32 hex characters. */
export function hashFile(path: string, size: number): string {
  if (size <= blockBytes) return hash('md5', readFileSync(encodePath(path)));
  const digest = createHash('md5');
  readBlocks(path, (block) => digest.update(block));
  return digest.digest('hex');
}

function readBlocks(path: string, take: (block: Buffer) => void): void {
  const handle = openSync(encodePath(path), 'r');
  const block = Buffer.allocUnsafe(blockBytes);
  try {
    for (;;) {
      const length = readSync(handle, block, 0, blockBytes, null);
      if (length === 0) return;
      take(block.subarray(0, length));
    }
  } finally {
    closeSync(handle);
  }
}

/** The content store of DVC 3: `.dvc/cache/files/md5/ab/cdef…`, read-only, never changed once there. */
export class Cache {
  readonly #folder: string;

  constructor(repository: Repository) {
    this.#folder = repository.cache;
  }

  pathOf(md5: string): string {
    return join(this.#folder, md5.slice(0, 2), md5.slice(2));
  }

  has(md5: string): boolean {
    return existsSync(this.pathOf(md5));
  }

  /** Copies a file in and returns the md5 of exactly the bytes that were copied. */
  addFile(path: string, size: number): string {
    if (size <= blockBytes) return this.addBytes(readFileSync(encodePath(path)));
    const draft = this.#draft();
    const digest = createHash('md5');
    const handle = openSync(draft, 'wx');
    try {
      readBlocks(path, (block) => {
        digest.update(block);
        writeSync(handle, block);
      });
    } catch (reason) {
      rmSync(draft, { force: true });
      throw reason;
    } finally {
      closeSync(handle);
    }
    const md5 = digest.digest('hex');
    this.#settle(draft, md5);
    return md5;
  }

  addBytes(bytes: Buffer, suffix = ''): string {
    const md5 = hash('md5', bytes) + suffix;
    if (this.has(md5)) return md5;
    const draft = this.#draft();
    writeFileSync(draft, bytes, { flag: 'wx' });
    this.#settle(draft, md5);
    return md5;
  }

  readTree(md5: string, path: string): readonly TreeEntry[] {
    if (!this.has(md5)) throw notInCache(path, md5);
    return treeEntries(readFileSync(this.pathOf(md5), 'utf8'), md5);
  }

  /**
   * Puts a file of the cache into the workspace, writable, in one step.
   *
   * @throws DATA_NOT_IN_CACHE
   */
  restoreFile(md5: string, path: string): void {
    if (!this.has(md5)) throw notInCache(path, md5);
    mkdirSync(encodePath(dirname(path)), { recursive: true });
    const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    copyFileSync(this.pathOf(md5), encodePath(draft), constants.COPYFILE_FICLONE);
    chmodSync(encodePath(draft), 0o644);
    renameSync(encodePath(draft), encodePath(path));
  }

  #draft(): string {
    mkdirSync(this.#folder, { recursive: true });
    return join(this.#folder, `.${randomBytes(8).toString('hex')}.tmp`);
  }

  #settle(draft: string, md5: string): void {
    const path = this.pathOf(md5);
    if (existsSync(path)) {
      rmSync(draft);
      return;
    }
    chmodSync(draft, 0o444);
    mkdirSync(dirname(path), { recursive: true });
    renameSync(draft, path);
  }
}
