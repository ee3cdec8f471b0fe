import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TilthError } from '../../platform/errors.ts';
import { segmentsOf } from '../../platform/blobs/blobs.ts';
import { writeCounted } from '../../platform/durable-files.ts';

const blockBytes = 512;

const bundleRefused = (why: string): TilthError =>
  new TilthError('MODEL_BUNDLE_REFUSED', 400, `The model’s files can't be bundled or unpacked: ${why}.`);

/**
 * Writes the files of a folder as one tar file: by name, without times and owners, so that the same files have the same
 * digest.
 *
 * @throws MODEL_BUNDLE_REFUSED for names that tar has no room for
 */
export async function writeBundle(
  folder: string,
  file: string,
): Promise<{ byteCount: number; sha256: string }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  async function* content(): AsyncGenerator<Uint8Array> {
    for (const name of names) {
      const { size } = await stat(join(folder, name));
      yield headerOf(name, size);
      yield* createReadStream(join(folder, name)) as AsyncIterable<Buffer>;
      yield Buffer.alloc(-size & (blockBytes - 1));
    }
    yield Buffer.alloc(2 * blockBytes);
  }
  return writeCounted(file, Readable.from(content()));
}

/** @see POSIX.1-1988, ustar */
function headerOf(path: string, size: number): Buffer {
  const [prefix, name] = splitName(path);
  const header = Buffer.alloc(blockBytes);
  const put = (text: string, at: number): void => void header.write(text, at, 'utf8');
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  // beyond 8 GiB, eleven octal digits have no room
  if (size >= 8 ** 11) throw bundleRefused(`${path} has ${size} bytes`);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put('0', 156);
  put('ustar\u000000', 257);
  put(prefix, 345);
  put(`${octal(checksumOf(header), 6)}\u0000 `, 148);
  return header;
}

/** The sum of a header's bytes, those of the sum itself as blanks. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}

function splitName(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw bundleRefused(`the name ${path} is too long`);
}

/**
 * Unpacks a bundle into a folder that is there as a whole or not at all; nothing but plain files below it.
 *
 * @throws MODEL_BUNDLE_REFUSED for links, paths that lead out, and files that are damaged
 */
export async function unpackBundle(file: string, folder: string): Promise<void> {
  const partial = `${folder}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  const bundle = await open(file);
  try {
    const { size: total } = await bundle.stat();
    const header = Buffer.alloc(blockBytes);
    for (let at = 0; at + blockBytes <= total;) {
      await bundle.read(header, 0, blockBytes, at);
      if (header.every((byte) => byte === 0)) break;
      const { path, size } = readHeader(header);
      const begin = at + blockBytes;
      if (begin + size > total) throw bundleRefused(`${path} is cut off`);
      const target = join(partial, ...segmentsOf(path));
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const content =
        size === 0 ? Readable.from([]) : createReadStream(file, { start: begin, end: begin + size - 1 });
      await pipeline(content, createWriteStream(target, { mode: 0o600, flags: 'wx' }));
      at = begin + Math.ceil(size / blockBytes) * blockBytes;
    }
    await rename(partial, folder).catch((cause: unknown) => {
      // another process of this machine may have unpacked the same one meanwhile
      if (!existsSync(folder)) throw cause;
    });
  } finally {
    await bundle.close();
    await rm(partial, { recursive: true, force: true });
  }
}

function readHeader(header: Buffer): { path: string; size: number } {
  const text = (from: number, to: number): string => header.toString('utf8', from, to).replace(/\0.*$/s, '');
  const size = Number.parseInt(text(124, 136), 8);
  const prefix = text(345, 500);
  const path = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  if (Number.parseInt(text(148, 156), 8) !== checksumOf(header)) throw bundleRefused('a header is damaged');
  if (text(156, 157) !== '0' || path === '' || !(size >= 0))
    throw bundleRefused(`${path || 'an entry'} is no plain file`);
  return { path, size };
}
