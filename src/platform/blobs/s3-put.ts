import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { mostParts, uploadNotFound, type UploadPart } from './blob-uploads.ts';
import { TilthError } from '../errors.ts';
import type { Bucket } from './s3-bucket.ts';
import { s3Code } from './s3-errors.ts';

const MiB = 1_048_576;
/** How many parts of one content are on their way together: with the one that fills, that is its memory. */
const together = 2;

/** Small parts for what is small; from 8 GiB on large ones, so that the most parts there may be suffice for half a TiB. */
const byteCountOfPart = (number: number): number => (number <= 1_000 ? 8 : 64) * MiB;

/** Content of any length, which need not be known: in one call where it is small, else in parts. */
export async function putContent(
  bucket: Bucket,
  key: string,
  content: Uint8Array | Readable,
): Promise<{ byteCount: number; sha256: string }> {
  const where = bucket.at(key);
  const digest = createHash('sha256');
  const pieces = piecesOf(content instanceof Uint8Array ? [content] : content);
  const first = await next(pieces, digest);
  const second = first.length < byteCountOfPart(1) ? empty : await next(pieces, digest);
  if (second.length === 0) {
    await bucket.call(key, (s3) => s3.putObject({ ...where, Body: first }));
    return { byteCount: first.length, sha256: digest.digest('hex') };
  }

  const mark = randomUUID();
  const uploadId = await beginParts(bucket, key, mark);
  const sending = new Set<Promise<void>>();
  try {
    const parts: UploadPart[] = [];
    let byteCount = 0;
    let failure: { thrown: unknown } | undefined;
    for (let piece = first, number = 1; piece.length > 0; number += 1) {
      if (number > mostParts) throw tooLarge(key, byteCount);
      const body = piece;
      const sent = bucket
        .call(key, (s3) => s3.uploadPart({ ...where, UploadId: uploadId, PartNumber: number, Body: body }))
        .then(({ ETag }) => void parts.push({ number, etag: ETag ?? '' }))
        .catch((thrown: unknown) => void (failure ??= { thrown }))
        .finally(() => void sending.delete(sent));
      sending.add(sent);
      byteCount += body.length;
      if (sending.size >= together) await Promise.race(sending);
      if (failure !== undefined) throw failure.thrown;
      piece = number === 1 ? second : await next(pieces, digest);
    }
    await Promise.all(sending);
    if (failure !== undefined) throw failure.thrown;
    await completeParts(bucket, key, { uploadId, mark, parts: parts.toSorted((a, b) => a.number - b.number) });
    return { byteCount, sha256: digest.digest('hex') };
  } catch (thrown) {
    // a part that arrives after the end of its upload would be kept, and paid for
    await Promise.all(sending);
    await bucket.call(key, (s3) => s3.abortMultipartUpload({ ...where, UploadId: uploadId })).catch(() => undefined);
    throw thrown;
  }
}

/** @param mark is found on what the upload was completed to, so that who asks again is answered the same */
export async function beginParts(bucket: Bucket, key: string, mark: string): Promise<string> {
  const { UploadId } = await bucket.call(key, (s3) => s3.createMultipartUpload({ ...bucket.at(key), Metadata: { [markName]: mark } }));
  if (UploadId === undefined) throw new Error('The bucket began an upload without naming it.');
  return UploadId;
}

const markName = 'tilth-upload';

interface Completed {
  readonly uploadId: string;
  readonly mark: string;
  readonly parts: readonly UploadPart[];
}

/**
 * Joins the parts; an upload that was joined already, and whose answer was lost, counts as joined. It answers what the
 * key then holds, since not every server that says yes to an upload it no longer knows has joined it.
 */
export async function completeParts(bucket: Bucket, key: string, { uploadId, mark, parts }: Completed): Promise<{ byteCount: number }> {
  const where = bucket.at(key);
  const joined = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
  try {
    await bucket.call(key, (s3) => s3.completeMultipartUpload({ ...where, UploadId: uploadId, MultipartUpload: { Parts: joined } }));
  } catch (thrown) {
    const found = s3Code(thrown) === 'NoSuchUpload' ? await completedWith(bucket, key, mark) : undefined;
    if (found === undefined) throw thrown;
    return found;
  }
  const found = await completedWith(bucket, key, mark);
  if (found === undefined) throw uploadNotFound(uploadId);
  return found;
}

/** What the key holds if it came by the upload with this mark. */
export async function completedWith(bucket: Bucket, key: string, mark: string): Promise<{ byteCount: number } | undefined> {
  const found = await bucket.call(key, (s3) => s3.headObject(bucket.at(key))).catch((thrown: unknown) => {
    if (thrown instanceof TilthError && thrown.code === 'BLOB_NOT_FOUND') return undefined;
    throw thrown;
  });
  return found?.Metadata?.[markName] === mark ? { byteCount: found.ContentLength ?? 0 } : undefined;
}

const empty = Buffer.alloc(0);

async function next(pieces: AsyncGenerator<Buffer, undefined>, digest: { update(bytes: Buffer): unknown }): Promise<Buffer> {
  const piece = (await pieces.next()).value ?? empty;
  digest.update(piece);
  return piece;
}

/** The content in pieces that are as long as parts are; only the last is shorter. */
async function* piecesOf(content: Iterable<Uint8Array> | Readable): AsyncGenerator<Buffer, undefined> {
  let number = 1;
  let chunks: Uint8Array[] = [];
  let missing = byteCountOfPart(number);
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    for (let rest = chunk; rest.length > 0; ) {
      const taken = rest.subarray(0, missing);
      chunks.push(taken);
      rest = rest.subarray(taken.length);
      missing -= taken.length;
      if (missing > 0) continue;
      yield Buffer.concat(chunks);
      chunks = [];
      number += 1;
      missing = byteCountOfPart(number);
    }
  }
  yield Buffer.concat(chunks);
  return undefined;
}

const tooLarge = (key: string, byteCount: number): TilthError =>
  new TilthError(
    'BLOB_TOO_LARGE',
    413,
    `${JSON.stringify(key)} has more than ${Math.floor(byteCount / 1e9)} GB, the most that a bucket takes in ${mostParts} parts.`,
    'Split the file.',
  );
