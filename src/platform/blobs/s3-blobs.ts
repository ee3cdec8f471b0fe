import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { blobNotFound, keyRefused, segmentsOf, type BlobEntry, type BlobFacts, type BlobStore } from './blobs.ts';
import { TilthError } from '../errors.ts';
import { openBucket, type Bucket } from './s3-bucket.ts';
import { s3Code } from './s3-errors.ts';
import { s3Links } from './s3-links.ts';
import { localCopies } from './s3-local-copies.ts';
import type { S3Place } from './s3-place.ts';
import { putContent } from './s3-put.ts';
import { s3Uploads } from './s3-uploads.ts';

/**
 * A bucket as a blob store.
 *
 * @param cacheFolder for copies of what programs must read as a file
 */
export function s3Blobs(place: S3Place, cacheFolder: string): BlobStore {
  const bucket = openBucket(place);
  const { at, call } = bucket;
  const factsOf = async (key: string): Promise<BlobFacts | undefined> => {
    try {
      return factsIn(await call(key, (s3) => s3.headObject(at(key))));
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  };
  const store: Omit<BlobStore, 'localFile'> = {
    links: place.hasDirectLinks ? s3Links(bucket) : undefined,
    uploads: s3Uploads(bucket),
    put: (key, content) => putContent(bucket, key, content),
    async get(key, range) {
      const where = at(key);
      let found: GetObjectCommandOutput;
      try {
        found = await call(key, (s3) => s3.getObject({ ...where, ...rangeHeader(range) }));
      } catch (thrown) {
        if (s3Code(thrown) !== 'InvalidRange') throw thrown;
        // as of a file: nothing lies behind its end
        const facts = await factsOf(key);
        if (facts === undefined) throw blobNotFound(key);
        return { stream: Readable.from([]), ...facts };
      }
      const facts = factsIn(found);
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? Number.POSITIVE_INFINITY, facts.byteCount - 1);
      const goOn = async (passed: number): Promise<Readable> => {
        const rest = { start: start + passed, end };
        const again = await call(key, (s3) => s3.getObject({ ...where, IfMatch: facts.etag, ...rangeHeader(rest) }));
        return again.Body as Readable;
      };
      return { stream: whole(found.Body as Readable, Math.max(0, end - start + 1), goOn), ...facts };
    },
    facts: factsOf,
    size: async (key) => (await factsOf(key))?.byteCount,
    list: (key) => listFolder(bucket, key),
    remove: (key) => removeBelow(bucket, key),
  };
  return { ...store, localFile: localCopies(cacheFolder, store) };
}

const rangeHeader = (range: { start: number; end: number } | undefined): { Range?: string } =>
  range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };

const isMissing = (thrown: unknown): boolean => thrown instanceof TilthError && thrown.code === 'BLOB_NOT_FOUND';

interface Described {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly ContentLength?: number | undefined;
  readonly ContentRange?: string | undefined;
}

const factsIn = ({ ETag, LastModified, ContentLength, ContentRange }: Described): BlobFacts => ({
  byteCount: Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1] ?? ContentLength ?? 0),
  etag: ETag ?? '""',
  modifiedAt: LastModified?.getTime() ?? 0,
});

/** How often a content that breaks off is asked for again without a byte of it arriving. */
const mostBreaks = 3;

/** A content to its end: where the connection breaks, the rest is asked for, of the same version. */
function whole(first: Readable, byteCount: number, goOn: (passed: number) => Promise<Readable>): Readable {
  return Readable.from(
    (async function* () {
      let body = first;
      let passed = 0;
      for (let breaks = 0; ; ) {
        try {
          for await (const chunk of body) {
            yield chunk as Buffer;
            passed += (chunk as Buffer).length;
            breaks = 0;
          }
          if (passed >= byteCount) return;
          throw new Error(`The content broke off after ${passed} of ${byteCount} bytes.`);
        } catch (thrown) {
          if (breaks === mostBreaks) throw thrown;
          breaks += 1;
          body = await goOn(passed);
        }
      }
    })(),
    { objectMode: false, highWaterMark: 262_144 },
  );
}

/** All that a listing holds, however many pages it has. */
async function* pagesBelow(bucket: Bucket, key: string, delimiter?: string) {
  const { Bucket: name, Key } = bucket.at(key);
  const prefix = Key === '' ? '' : `${Key}/`;
  for (let token: string | undefined; ; ) {
    const page = await bucket.call(key, (s3) =>
      s3.listObjectsV2({ Bucket: name, Prefix: prefix, Delimiter: delimiter, ContinuationToken: token }),
    );
    yield { prefix, page };
    token = page.NextContinuationToken;
    if (page.IsTruncated !== true || token === undefined) return;
  }
}

async function listFolder(bucket: Bucket, key: string): Promise<BlobEntry[]> {
  const entries: BlobEntry[] = [];
  for await (const { prefix, page } of pagesBelow(bucket, key, '/')) {
    for (const folder of page.CommonPrefixes ?? [])
      entries.push({ name: folder.Prefix?.slice(prefix.length, -1) ?? '', isFolder: true, byteCount: 0 });
    for (const object of page.Contents ?? [])
      entries.push({ name: object.Key?.slice(prefix.length) ?? '', isFolder: false, byteCount: object.Size ?? 0 });
  }
  return entries.filter(({ name }) => isName(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Others may write to the bucket: a name that would lead elsewhere, as `..` does, is none. */
function isName(name: string): boolean {
  try {
    const [, found, ...rest] = segmentsOf(`folder/${name}`);
    return found === name && rest.length === 0;
  } catch {
    return false;
  }
}

async function removeBelow(bucket: Bucket, key: string): Promise<void> {
  const { Bucket: name, Key } = bucket.at(key);
  if (segmentsOf(key).length === 0) throw keyRefused(key);
  await bucket.call(key, (s3) => s3.deleteObject({ Bucket: name, Key }));
  for await (const { page } of pagesBelow(bucket, key)) {
    const objects = (page.Contents ?? []).map((object) => ({ Key: object.Key }));
    if (objects.length === 0) continue;
    const { Errors: left = [] } = await bucket.call(key, (s3) =>
      s3.deleteObjects({ Bucket: name, Delete: { Objects: objects, Quiet: true } }),
    );
    const [first] = left;
    if (first !== undefined) throw notRemoved(key, left.length, `${first.Code}, ${first.Message}`);
  }
}

const notRemoved = (key: string, count: number, reason: string): TilthError =>
  new TilthError(
    'BLOBS_NOT_REMOVED',
    502,
    `${count} ${count === 1 ? 'file' : 'files'} below ${JSON.stringify(key)} could not be removed: ${reason}`,
    'Check that the server may delete in the bucket, then: tilth gc',
  );
