import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { folderUploads, type BlobUploads } from './blob-uploads.ts';
import { makeFolder, syncFolder, writeCounted } from './durable-files.ts';
import { TilthError } from './errors.ts';

export interface BlobEntry {
  /** relative to the folder that was listed */
  readonly name: string;
  readonly isFolder: boolean;
  readonly byteCount: number;
}

export interface BlobFacts {
  readonly byteCount: number;
  /** in quotes, as HTTP writes it; another one when the key was put again */
  readonly etag: string;
  /** ms since the epoch */
  readonly modifiedAt: number;
}

/** Bytes by key; keys are paths with `/` below the store's root. */
export interface BlobStore {
  /**
   * Streams to a temporary name, syncs, renames: a key has its whole content or none.
   *
   * @throws BLOB_KEY_TAKEN where the key is a folder, or lies below a file
   */
  put(key: string, content: Uint8Array | Readable): Promise<{ byteCount: number; sha256: string }>;
  /**
   * @param range first and last byte
   * @throws BLOB_NOT_FOUND
   */
  get(key: string, range?: { start: number; end: number }): Promise<BlobFacts & { stream: Readable }>;
  facts(key: string): Promise<BlobFacts | undefined>;
  size(key: string): Promise<number | undefined>;
  /** Entries directly below a folder key, by name; empty when there is none. */
  list(key: string): Promise<BlobEntry[]>;
  /** Removes a key and everything below it. */
  remove(key: string): Promise<void>;
  /** The file of a key, for programs that must read it themselves; only a folder store has one. */
  pathOf(key: string): string;
  /** content that arrives in parts */
  readonly uploads: BlobUploads;
}

/** A folder as a blob store. */
export function folderBlobs(root: string): BlobStore {
  const base = resolve(root);
  const pathOf = (key: string): string => {
    const path = resolve(base, ...segmentsOf(key));
    if (path !== base && !path.startsWith(base + sep)) throw keyRefused(key);
    return path;
  };
  const unfinished = join(base, 'unfinished');
  const place = async (temporary: string, key: string): Promise<void> => {
    const path = pathOf(key);
    try {
      await makeFolder(dirname(path));
      await rename(temporary, path);
    } catch (cause) {
      throw isTaken(cause) ? keyTaken(key) : cause;
    }
    await syncFolder(dirname(path));
  };
  return {
    pathOf,
    uploads: folderUploads({ folder: unfinished, place, check: (key) => void pathOf(key) }),
    async put(key, content) {
      pathOf(key);
      await mkdir(unfinished, { recursive: true, mode: 0o700 });
      const temporary = join(unfinished, `${randomUUID()}.put`);
      try {
        const stored = await writeCounted(temporary, content);
        await place(temporary, key);
        return stored;
      } catch (cause) {
        await rm(temporary, { force: true });
        throw cause;
      }
    },
    async get(key, range) {
      const handle = await open(pathOf(key), 'r').catch(() => undefined);
      // the facts are those of the very file that is read, also when the key is put again meanwhile
      const found = await handle?.stat({ bigint: true });
      if (handle === undefined || found?.isFile() !== true) {
        await handle?.close();
        throw blobNotFound(key);
      }
      return { stream: handle.createReadStream({ highWaterMark: 262_144, ...range }), ...factsOf(found) };
    },
    async facts(key) {
      const found = await stat(pathOf(key), { bigint: true }).catch(() => undefined);
      return found?.isFile() === true ? factsOf(found) : undefined;
    },
    async size(key) {
      const found = await stat(pathOf(key)).catch(() => undefined);
      return found?.isFile() === true ? found.size : undefined;
    },
    async list(key) {
      const folder = pathOf(key);
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const listed = await Promise.all(
        entries.map(async (entry) => {
          const isFolder = entry.isDirectory();
          // what goes away meanwhile is not listed
          const found = isFolder ? undefined : await stat(join(folder, entry.name)).catch(() => undefined);
          return isFolder || found !== undefined ? [{ name: entry.name, isFolder, byteCount: found?.size ?? 0 }] : [];
        }),
      );
      return listed.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async remove(key) {
      await rm(pathOf(key), { recursive: true, force: true });
    },
  };
}

const factsOf = (found: { size: bigint; mtimeNs: bigint; ino: bigint }): BlobFacts => ({
  byteCount: Number(found.size),
  etag: `"${found.size.toString(36)}-${found.mtimeNs.toString(36)}-${found.ino.toString(36)}"`,
  modifiedAt: Number(found.mtimeNs / 1_000_000n),
});

/** A segment is a file's name, which takes 255 bytes; the whole is what S3 takes for a key. */
const longestSegment = 255;
const longestKey = 1024;

/**
 * Splits a key into segments that stay below the root.
 *
 * @throws BLOB_KEY_REFUSED for `..`, absolute paths, backslashes, drive letters, control characters, and what no store can name
 */
export function segmentsOf(key: string): string[] {
  // oxlint-disable-next-line no-control-regex
  if (/[\\\u0000-\u001f\u007f]/.test(key) || key.startsWith('/') || /^[a-zA-Z]:/.test(key)) throw keyRefused(key);
  if (!key.isWellFormed() || Buffer.byteLength(key) > longestKey) throw keyRefused(key);
  const segments = key.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.some((segment) => segment === '..' || Buffer.byteLength(segment) > longestSegment)) throw keyRefused(key);
  return segments;
}

const keyRefused = (key: string): TilthError =>
  new TilthError(
    'BLOB_KEY_REFUSED',
    400,
    `The path ${JSON.stringify(key.slice(0, 300))} leaves its root or can't be a file's name.`,
    `A path has at most ${longestKey} bytes, each part of it at most ${longestSegment}.`,
  );

const keyTaken = (key: string): TilthError =>
  new TilthError(
    'BLOB_KEY_TAKEN',
    409,
    `${JSON.stringify(key)} can't be written: it is a folder, or a part of its path is a file.`,
    'Choose another path, or delete what is there.',
  );

const isTaken = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && ['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'].includes(String(thrown.code));

const blobNotFound = (key: string): TilthError =>
  new TilthError('BLOB_NOT_FOUND', 404, `There is no file ${JSON.stringify(key)}.`);
