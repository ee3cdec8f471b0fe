import type { Readable } from 'node:stream';
import type { BlobUploads } from './blob-uploads.ts';
import { TilthError } from '../errors.ts';

export interface BlobEntry {
  /** relative to the folder that was listed */
  readonly name: string;
  readonly isFolder: boolean;
  readonly byteCount: number;
}

export interface BlobFacts {
  readonly byteCount: number;
  /** in quotes, as HTTP writes it; another one when the content is another */
  readonly etag: string;
  /** ms since the epoch */
  readonly modifiedAt: number;
}

/** To be read, never written. */
export interface LocalFile {
  readonly path: string;
  /** The path may be gone afterwards. */
  readonly release: () => void;
}

/** Addresses at which anyone may do one thing with one key for a while, without this server. */
export interface BlobLinks {
  get(key: string, seconds: number, headers: { readonly type: string; readonly disposition: string }): Promise<string>;
  put(key: string, seconds: number): Promise<string>;
  /** @param id of an upload that has begun */
  putPart(id: string, number: number, seconds: number): Promise<string>;
}

/** Bytes by key; keys are paths with `/` below the store's root. */
export interface BlobStore {
  /**
   * A key has its whole content or none.
   *
   * @throws BLOB_KEY_TAKEN where the store has folders, and the key is one, or lies below a file; most buckets hold both
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
  /** A file with the content of a key, for programs that must read it themselves. @throws BLOB_NOT_FOUND */
  localFile(key: string): Promise<LocalFile>;
  /** content that arrives in parts */
  readonly uploads: BlobUploads;
  /** where a client may be sent to the store itself; undefined where the bytes pass through this server */
  readonly links: BlobLinks | undefined;
}

/** A segment is a file's name, which takes 255 bytes; the whole is what S3 takes for a key. */
const longestSegment = 255;
export const longestKey = 1024;

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

export const keyRefused = (key: string): TilthError =>
  new TilthError(
    'BLOB_KEY_REFUSED',
    400,
    `The path ${JSON.stringify(key.slice(0, 300))} leaves its root or can't be a file's name.`,
    `A path has at most ${longestKey} bytes, each part of it at most ${longestSegment}.`,
  );

export const keyTaken = (key: string): TilthError =>
  new TilthError(
    'BLOB_KEY_TAKEN',
    409,
    `${JSON.stringify(key)} can't be written: it is a folder, or a part of its path is a file.`,
    'Choose another path, or delete what is there.',
  );

export const blobNotFound = (key: string): TilthError =>
  new TilthError('BLOB_NOT_FOUND', 404, `There is no file ${JSON.stringify(key)}.`);
