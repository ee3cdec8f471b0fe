import type { Readable } from 'node:stream';
import { TilthError } from '../errors.ts';

export interface UploadPart {
  /** from 1, in the order of the content */
  readonly number: number;
  /** as `putPart` answered it */
  readonly etag: string;
}

/** A write that has begun and not come to an end. */
export interface UnfinishedUpload {
  readonly id: string;
  /** undefined where that is not known, as of a put to a folder that broke off */
  readonly key: string | undefined;
  readonly byteCount: number;
  /** when something last arrived, ms since the epoch */
  readonly touchedAt: number;
}

/**
 * Content in parts, which arrive in any order, together, and again after a failure. The five calls are those of S3's
 * multipart upload, so that a bucket can answer them itself.
 */
export interface BlobUploads {
  /** @returns the id of the upload */
  begin(key: string): Promise<string>;
  /** Takes the place of an earlier part of that number. @throws UPLOAD_NOT_FOUND */
  putPart(id: string, number: number, content: Uint8Array | Readable): Promise<{ etag: string; byteCount: number }>;
  /**
   * Joins the parts: the key has the whole content or what it had before. Asked again, it answers the same.
   *
   * @throws UPLOAD_NOT_FOUND, UPLOAD_PARTS_WRONG
   */
  complete(id: string, key: string, parts: readonly UploadPart[]): Promise<{ byteCount: number }>;
  /** Forgets the parts; what was completed stays. @throws UPLOAD_NOT_FOUND */
  abort(id: string, key: string): Promise<void>;
  unfinished(): Promise<UnfinishedUpload[]>;
  /** Forgets an unfinished write, whatever it was for. */
  discard(id: string): Promise<void>;
}

export const mostParts = 10_000;

/** @throws UPLOAD_PARTS_WRONG for what can't be the number of a part */
export function checkPartNumber(number: number): void {
  if (!Number.isInteger(number) || number < 1 || number > mostParts) throw partsWrong(`${number} is no number of a part.`);
}

/** @throws UPLOAD_PARTS_WRONG for parts that can't be a whole */
export function checkParts(parts: readonly UploadPart[]): void {
  if (parts.length === 0) throw partsWrong('it has no parts.');
  for (const { number } of parts) checkPartNumber(number);
  if (parts.some(({ number }, index) => number <= (parts[index - 1]?.number ?? 0)))
    throw partsWrong('its parts must be in the order of their numbers.');
}

export const uploadNotFound = (id: string): TilthError =>
  new TilthError(
    'UPLOAD_NOT_FOUND',
    404,
    `There is no upload ${JSON.stringify(id.slice(0, 100))} to this path that is under way.`,
    'It was completed, aborted, or left alone for too long: begin it again.',
  );

export const partsWrong = (reason: string): TilthError =>
  new TilthError('UPLOAD_PARTS_WRONG', 400, `The upload can't be completed: ${reason}`, 'Send the parts that are missing, then complete it.');
