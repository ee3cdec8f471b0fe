import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TilthError } from './errors.ts';

export interface BlobEntry {
  /** relative to the folder that was listed */
  readonly name: string;
  readonly isFolder: boolean;
  readonly byteCount: number;
}

/** Bytes by key; keys are paths with `/` below the store's root. */
export interface BlobStore {
  /** Streams to a temporary name, syncs, renames: a key has its whole content or none. */
  put(key: string, content: Uint8Array | Readable): Promise<{ byteCount: number; sha256: string }>;
  /** @throws BLOB_NOT_FOUND */
  get(key: string, range?: { start: number; end: number }): Promise<{ stream: Readable; byteCount: number }>;
  size(key: string): Promise<number | undefined>;
  /** Entries directly below a folder key, by name; empty when there is none. */
  list(key: string): Promise<BlobEntry[]>;
  /** Removes a key and everything below it. */
  remove(key: string): Promise<void>;
  /** The file of a key, for programs that must read it themselves; only a folder store has one. */
  pathOf(key: string): string;
}

/** A folder as a blob store. */
export function folderBlobs(root: string): BlobStore {
  const base = resolve(root);
  const pathOf = (key: string): string => {
    const path = resolve(base, ...segmentsOf(key));
    if (path !== base && !path.startsWith(base + sep)) throw keyRefused(key);
    return path;
  };
  return {
    pathOf,
    async put(key, content) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `.${randomUUID()}.part`);
      const digest = createHash('sha256');
      let byteCount = 0;
      const count = new Transform({
        transform(chunk: Buffer, _encoding, next) {
          digest.update(chunk);
          byteCount += chunk.length;
          next(null, chunk);
        },
      });
      try {
        const source = content instanceof Uint8Array ? Readable.from([Buffer.from(content)]) : content;
        await pipeline(source, count, createWriteStream(temporary, { flush: true }));
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true });
        throw cause;
      }
      await syncFolder(dirname(path));
      return { byteCount, sha256: digest.digest('hex') };
    },
    async get(key, range) {
      const path = pathOf(key);
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || !found.isFile()) throw blobNotFound(key);
      return { stream: createReadStream(path, range ?? {}), byteCount: found.size };
    },
    async size(key) {
      const found = await stat(pathOf(key)).catch(() => undefined);
      return found?.isFile() === true ? found.size : undefined;
    },
    async list(key) {
      const folder = pathOf(key);
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const visible = entries.filter((entry) => !entry.name.endsWith('.part'));
      const listed = await Promise.all(
        visible.map(async (entry) => ({
          name: entry.name,
          isFolder: entry.isDirectory(),
          byteCount: entry.isDirectory() ? 0 : (await stat(join(folder, entry.name))).size,
        })),
      );
      return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async remove(key) {
      await rm(pathOf(key), { recursive: true, force: true });
    },
  };
}

/**
 * Splits a key into segments that stay below the root.
 *
 * @throws BLOB_KEY_REFUSED for `..`, absolute paths, backslashes, drive letters and control characters
 */
export function segmentsOf(key: string): string[] {
  // oxlint-disable-next-line no-control-regex
  if (/[\\\u0000-\u001f]/.test(key) || key.startsWith('/') || /^[a-zA-Z]:/.test(key)) throw keyRefused(key);
  const segments = key.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw keyRefused(key);
  return segments;
}

const keyRefused = (key: string): TilthError =>
  new TilthError('BLOB_KEY_REFUSED', 400, `The path ${JSON.stringify(key)} leaves its root.`);

const blobNotFound = (key: string): TilthError =>
  new TilthError('BLOB_NOT_FOUND', 404, `There is no file ${JSON.stringify(key)}.`);

/** A rename is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
