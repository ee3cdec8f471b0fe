import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  checkPartNumber,
  checkParts,
  partsWrong,
  uploadNotFound,
  type BlobUploads,
  type UnfinishedUpload,
} from './blob-uploads.ts';
import { TilthError } from '../errors.ts';
import type { Bucket } from './s3-bucket.ts';
import { s3Code } from './s3-errors.ts';
import { beginParts, completedWith, completeParts } from './s3-put.ts';

/** What one part may have that passes through this server: it is held whole, so that it can be sent again. */
const mostBytes = 128 * 1_048_576;

interface Upload {
  readonly key: string;
  /** found on what it was completed to; '' where only the bucket's own list told of it */
  readonly mark: string;
  readonly uploadId: string;
}

/** Our id of an upload says all that the bucket needs, so that any server can go on with it. */
export const idOfUpload = ({ key, mark, uploadId }: Upload): string =>
  [key, mark, uploadId].map((part) => Buffer.from(part).toString('base64url')).join('.');

/** @throws UPLOAD_NOT_FOUND for what is no id of ours */
export function readUploadId(id: string): Upload {
  const [key = '', mark = '', uploadId = '', ...rest] = id.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  if (key === '' || uploadId === '' || rest.length > 0 || idOfUpload({ key, mark, uploadId }) !== id) throw uploadNotFound(id);
  return { key, mark, uploadId };
}

/** Content in parts, kept by the bucket itself. */
export function s3Uploads(bucket: Bucket): BlobUploads {
  const { at, call } = bucket;
  const requireUpload = (id: string, key: string): Upload => {
    const upload = readUploadId(id);
    if (upload.key !== key) throw uploadNotFound(id);
    return upload;
  };
  return {
    async begin(key) {
      const mark = randomUUID();
      return idOfUpload({ key, mark, uploadId: await beginParts(bucket, key, mark) });
    },
    async putPart(id, number, content) {
      checkPartNumber(number);
      const { key, uploadId } = readUploadId(id);
      const body = content instanceof Uint8Array ? content : await readPart(content, number);
      try {
        const { ETag } = await call(key, (s3) => s3.uploadPart({ ...at(key), UploadId: uploadId, PartNumber: number, Body: body }));
        return { etag: ETag ?? '', byteCount: body.length };
      } catch (thrown) {
        throw inTermsOfUploads(thrown, id);
      }
    },
    async complete(id, key, parts) {
      const { uploadId, mark } = requireUpload(id, key);
      checkParts(parts);
      try {
        return await completeParts(bucket, key, { uploadId, mark, parts });
      } catch (thrown) {
        throw inTermsOfUploads(thrown, id);
      }
    },
    async abort(id, key) {
      const { uploadId, mark } = requireUpload(id, key);
      try {
        await call(key, (s3) => s3.abortMultipartUpload({ ...at(key), UploadId: uploadId }));
      } catch (thrown) {
        if (s3Code(thrown) === 'NoSuchUpload' && (await completedWith(bucket, key, mark)) !== undefined) return;
        throw inTermsOfUploads(thrown, id);
      }
    },
    async unfinished() {
      const found: UnfinishedUpload[] = [];
      for await (const upload of uploadsUnderWay(bucket)) found.push(await describe(bucket, upload));
      return found;
    },
    async discard(id) {
      const { key, uploadId } = readUploadId(id);
      await call(key, (s3) => s3.abortMultipartUpload({ ...at(key), UploadId: uploadId })).catch((thrown: unknown) => {
        if (s3Code(thrown) !== 'NoSuchUpload') throw thrown;
      });
    },
  };
}

async function readPart(content: Readable, number: number): Promise<Buffer> {
  let byteCount = 0;
  const counted = Readable.from(
    (async function* () {
      for await (const chunk of content as AsyncIterable<Buffer>) {
        byteCount += chunk.length;
        if (byteCount > mostBytes) throw partTooLarge(number);
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  return buffer(counted);
}

async function* uploadsUnderWay(bucket: Bucket): AsyncGenerator<Upload & { begunAt: number }> {
  const { Bucket: name, Key } = bucket.at('');
  const prefix = Key === '' ? '' : `${Key}/`;
  let from: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await bucket.call('', (s3) => s3.listMultipartUploads({ Bucket: name, Prefix: prefix, ...from }));
    for (const { Key: key = '', UploadId: uploadId = '', Initiated } of page.Uploads ?? [])
      yield { key: key.slice(prefix.length), mark: '', uploadId, begunAt: Initiated?.getTime() ?? 0 };
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    from = { KeyMarker: page.NextKeyMarker, ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }) };
  }
}

async function describe(bucket: Bucket, upload: Upload & { begunAt: number }): Promise<UnfinishedUpload> {
  let byteCount = 0;
  let touchedAt = upload.begunAt;
  for (let marker: string | undefined; ; ) {
    const page = await bucket
      .call(upload.key, (s3) => s3.listParts({ ...bucket.at(upload.key), UploadId: upload.uploadId, PartNumberMarker: marker }))
      .catch((thrown: unknown) => {
        // it came to its end meanwhile
        if (s3Code(thrown) === 'NoSuchUpload') return undefined;
        throw thrown;
      });
    for (const { Size, LastModified } of page?.Parts ?? []) {
      byteCount += Size ?? 0;
      touchedAt = Math.max(touchedAt, LastModified?.getTime() ?? 0);
    }
    marker = page?.NextPartNumberMarker;
    if (page?.IsTruncated !== true || marker === undefined) return { id: idOfUpload(upload), key: upload.key, byteCount, touchedAt };
  }
}

function inTermsOfUploads(thrown: unknown, id: string): unknown {
  const code = s3Code(thrown);
  if (code === 'NoSuchUpload') return uploadNotFound(id);
  if (code === 'InvalidPart') return partsWrong('a part did not arrive as it is described.');
  if (code === 'InvalidPartOrder') return partsWrong('its parts must be in the order of their numbers.');
  if (code === 'EntityTooSmall') return partsWrong('a bucket takes parts of at least 5 MiB, but for the last.');
  return thrown;
}

const partTooLarge = (number: number): TilthError =>
  new TilthError(
    'UPLOAD_PART_TOO_LARGE',
    413,
    `Part ${number} has more than ${mostBytes / 1_048_576} MiB.`,
    'Send the content in smaller parts: with MLflow, MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=10485760',
  );
