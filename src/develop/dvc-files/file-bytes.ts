import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { encodePath } from './python-text.ts';

/** Files up to this many bytes are read at once, into one buffer that all of them share. */
export const blockBytes = 4 * 1024 * 1024;

let shared: Buffer | undefined;

/** md5 of bytes, 32 hex characters. */
export const md5Of = (bytes: Uint8Array): string => hash('md5', bytes);

/**
 * A whole file of at most `blockBytes`.
 *
 * @param size as it was last seen, bytes; 0 when that is not known
 * @param look at the very file that is read; it then need not be known how large it is
 * @returns good until the next call; undefined when the file has grown too large for it
 */
export function readSmall(path: string, size: number, look?: (stat: Stats) => void): Buffer | undefined {
  if (size > blockBytes) return undefined;
  // allocated as a whole: it must not be a part of the pool that small buffers come from
  shared ??= Buffer.allocUnsafeSlow(blockBytes + 1);
  const handle = openSync(encodePath(path), 'r');
  try {
    let expected = size;
    if (look !== undefined) {
      const stat = fstatSync(handle);
      expected = stat.size;
      look(stat);
    }
    let length = 0;
    for (;;) {
      const got = readSync(handle, shared, length, shared.length - length, null);
      length += got;
      if (length > blockBytes) return undefined;
      // a regular file gives all it has, so the end need not be asked for once more
      if (got === 0 || (length >= expected && expected > 0)) return shared.subarray(0, length);
    }
  } finally {
    closeSync(handle);
  }
}

/** Hands out a file of any size block by block; each block is good until the next. */
export function readBlocks(path: string, take: (block: Buffer) => void): void {
  const handle = openSync(encodePath(path), 'r');
  const block = Buffer.allocUnsafeSlow(blockBytes);
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

/** md5 of a file's bytes. @param size as it was last seen */
export function hashFile(path: string, size: number, onBytes?: (count: number) => void): string {
  const small = readSmall(path, size);
  if (small !== undefined) return md5Of(small);
  const digest = createHash('md5');
  readBlocks(path, (block) => {
    digest.update(block);
    onBytes?.(block.length);
  });
  return digest.digest('hex');
}

/** Asked once: it is a system call that sets it and sets it back. */
let umask: number | undefined;

/** Writes a new file with exactly this mode; nothing is left when it fails. */
export function writeNew(
  path: string,
  mode: number,
  work: (write: (bytes: Uint8Array) => void, handle: number) => void,
): void {
  const handle = openSync(encodePath(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  let isWhole = false;
  try {
    work((bytes) => writeAll(handle, bytes), handle);
    if ((mode & (umask ??= process.umask())) !== 0) fchmodSync(handle, mode);
    isWhole = true;
  } finally {
    closeSync(handle);
    if (!isWhole) rmSync(encodePath(path), { force: true });
  }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at, bytes.length - at);
}
