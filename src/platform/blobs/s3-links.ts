import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { BlobLinks } from './blobs.ts';
import type { Bucket } from './s3-bucket.ts';
import { readUploadId } from './s3-uploads.ts';

/** Links that the bucket itself honours, signed here without a call. */
export const s3Links = ({ at, client }: Bucket): BlobLinks => ({
  get(key, seconds, { type, disposition }) {
    // what was uploaded says nothing about how it is shown
    const shown = { ResponseContentType: type, ResponseContentDisposition: disposition, ResponseCacheControl: 'private, no-cache' };
    return getSignedUrl(client, new GetObjectCommand({ ...at(key), ...shown }), { expiresIn: seconds });
  },
  put: (key, seconds) => getSignedUrl(client, new PutObjectCommand(at(key)), { expiresIn: seconds }),
  putPart(id, number, seconds) {
    const { key, uploadId } = readUploadId(id);
    return getSignedUrl(client, new UploadPartCommand({ ...at(key), UploadId: uploadId, PartNumber: number }), { expiresIn: seconds });
  },
});
