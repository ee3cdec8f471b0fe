import type { BlobLinks } from './blobs.ts';
import type { Bucket } from './s3-bucket.ts';
import { readUploadId } from './s3-uploads.ts';

/** Links that the bucket itself honours, signed here without a call. */
export const s3Links = ({ at, client }: Bucket): BlobLinks => ({
  async get(key, seconds, { type, disposition }) {
    const { GetObjectCommand, getSignedUrl } = await signing();
    // what was uploaded says nothing about how it is shown
    const shown = { ResponseContentType: type, ResponseContentDisposition: disposition, ResponseCacheControl: 'private, no-cache' };
    return getSignedUrl(client, new GetObjectCommand({ ...at(key), ...shown }), { expiresIn: seconds });
  },
  async put(key, seconds) {
    const { PutObjectCommand, getSignedUrl } = await signing();
    return getSignedUrl(client, new PutObjectCommand(at(key)), { expiresIn: seconds });
  },
  async putPart(id, number, seconds) {
    const { UploadPartCommand, getSignedUrl } = await signing();
    const { key, uploadId } = readUploadId(id);
    return getSignedUrl(client, new UploadPartCommand({ ...at(key), UploadId: uploadId, PartNumber: number }), { expiresIn: seconds });
  },
});

async function signing() {
  const [{ GetObjectCommand, PutObjectCommand, UploadPartCommand }, { getSignedUrl }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/s3-request-presigner'),
  ]);
  return { GetObjectCommand, PutObjectCommand, UploadPartCommand, getSignedUrl };
}
