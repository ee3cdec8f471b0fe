import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePath } from './python-text.ts';

const blockBytes = 1 << 20;
const headBytes = 512;
const mostOddShare = 0.3;

/**
 * The md5 that DVC 1 and 2 took of a file: in blocks that look like text, CRLF counts as LF.
 *
 * @see dvc-data, hashfile/hash.py and istextfile.py, for the block and the share that make a text
 */
export function legacyHashOfFile(path: string): string {
  const digest = createHash('md5');
  const handle = openSync(encodePath(path), 'r');
  const block = Buffer.allocUnsafe(blockBytes);
  try {
    for (;;) {
      const length = readSync(handle, block, 0, blockBytes, null);
      if (length === 0) return digest.digest('hex');
      const bytes = block.subarray(0, length);
      digest.update(isText(bytes.subarray(0, headBytes)) ? withoutReturns(bytes) : bytes);
    }
  } finally {
    closeSync(handle);
  }
}

function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  let odd = 0;
  for (const byte of head)
    if (!((byte >= 32 && byte < 127) || (byte >= 8 && byte <= 13 && byte !== 11))) odd += 1;
  return odd / head.length <= mostOddShare;
}

function withoutReturns(bytes: Buffer): Buffer {
  if (!bytes.includes('\r\n')) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
}

/**
 * Legacy hashes by the md5 of the same bytes, kept in the repository's state: a file whose md5 is remembered is not read
 * again for its other hash.
 */
export class LegacyHashes {
  readonly #file: string;
  #known: Map<string, string> | undefined;

  /** @param state folder of what is remembered; safe to delete */
  constructor(state: string) {
    this.#file = join(state, 'legacy-hashes.txt');
  }

  /** @param md5 of the file as it is */
  of(path: string, md5: string): string {
    const known = (this.#known ??= this.#read());
    const before = known.get(md5);
    if (before !== undefined) return before;
    const legacy = legacyHashOfFile(path);
    known.set(md5, legacy);
    mkdirSync(dirname(this.#file), { recursive: true });
    appendFileSync(this.#file, `${md5} ${legacy}\n`);
    return legacy;
  }

  #read(): Map<string, string> {
    if (!existsSync(this.#file)) return new Map();
    const lines = readFileSync(this.#file, 'latin1').split('\n');
    return new Map(
      lines.filter((line) => line.length === 65).map((line) => [line.slice(0, 32), line.slice(33)]),
    );
  }
}
