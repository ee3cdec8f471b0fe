import { createReadStream, readFileSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { S3 } from '@aws-sdk/client-s3';
import { TilthError, messageOf } from '../../platform/errors.ts';
import type { Bucket } from '../../platform/blobs/s3-bucket.ts';
import { s3Code } from '../../platform/blobs/s3-errors.ts';
import { putContent } from '../../platform/blobs/s3-put.ts';
import type { RemoteConfig } from '../dvc-files/config.ts';
import { download } from './download.ts';
import { inParallel } from './in-parallel.ts';
import { objectMissing, remoteAway, remotePlaceMissing, remoteRefused } from './remote-errors.ts';
import { keysByFolder, listingPays, type FoundObject, type RemoteStore } from './remote-store.ts';
import { s3Client } from './s3-client.ts';

const pageSize = 1000;
/** Sent in one call from memory; longer ones go in parts as they are read. */
const smallBytes = 8 * 1024 * 1024;

/** A bucket, or what lies below a prefix in it, as a remote. */
export function s3Store(remote: RemoteConfig, jobs = 16): RemoteStore {
  // as written: an address library would change spaces and percent signs, which keys may hold
  const [, name = '', path = ''] = /^s3:\/\/([^/]+)(\/.*)?$/i.exec(remote.url) ?? [];
  const prefix = path.replaceAll(/^\/+|\/+$/g, '');
  const place = `s3://${[name, prefix].filter((part) => part !== '').join('/')}`;
  const s3 = s3Client(remote, jobs);
  const at = (key: string): { Bucket: string; Key: string } => ({
    Bucket: name,
    Key: [prefix, key].filter((part) => part !== '').join('/'),
  });
  const call = async <T>(key: string, work: (client: S3) => Promise<T>): Promise<T> => {
    try {
      return await work(s3);
    } catch (thrown) {
      throw translated(thrown, place, key, remote);
    }
  };
  const bucket: Bucket = {
    place: {
      bucket: name,
      prefix,
      endpoint: remote.options.get('endpointurl'),
      region: undefined,
      isPathStyle: true,
      hasDirectLinks: false,
    },
    client: s3,
    at,
    call,
  };
  /** @param mostPages stops there: to learn how much there is */
  const listPages = async (
    folder: string,
    mostPages = Infinity,
  ): Promise<{ found: FoundObject[]; isWhole: boolean }> => {
    const found: FoundObject[] = [];
    const whole = at(folder).Key;
    const Prefix = whole === '' ? '' : `${whole}/`;
    let token: string | undefined;
    for (let pages = 0; pages < mostPages; pages++) {
      const page = await call(folder, (client) =>
        client.listObjectsV2({ Bucket: name, Prefix, MaxKeys: pageSize, ContinuationToken: token }),
      );
      for (const { Key = '', Size, ETag } of page.Contents ?? []) {
        const name = Key.slice(Prefix.length);
        // what a console makes in place of an empty folder
        if (!name.endsWith('/') && name !== '')
          found.push({ key: folder === '' ? name : `${folder}/${name}`, size: Size, mark: markOf(ETag) });
      }
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true || token === undefined) return { found, isWhole: true };
    }
    return { found, isWhole: false };
  };
  const ask = async (keys: readonly string[], found: Set<string>, parallel: number): Promise<void> =>
    inParallel(keys, parallel, async (key) => {
      try {
        await call(key, (client) => client.headObject(at(key)));
        found.add(key);
      } catch (thrown) {
        if (!isMissingObject(thrown)) throw thrown;
      }
    });
  return {
    place,
    jobs,
    isLocal: false,
    list: async (folder) => (await listPages(folder)).found.map(({ key }) => key),
    async find(key) {
      if (at(key).Key !== '') {
        try {
          const { ContentLength, ETag } = await call(key, (client) => client.headObject(at(key)));
          return [{ key, size: ContentLength, mark: markOf(ETag) }];
        } catch (thrown) {
          if (!isMissingObject(thrown)) throw thrown;
        }
      }
      return (await listPages(key)).found;
    },
    async existing(keys, parallel) {
      const found = new Set<string>();
      const folders = keysByFolder(keys);
      const [first] = folders.keys();
      if (first === undefined) return found;
      // HEAD says "not found" without saying what is missing; a listing names a bucket that is not there
      const sample = await listPages(first, 1);
      const pages = sample.isWhole ? 1 : 10;
      if (!listingPays(keys.length) || folders.size * pages >= keys.length) await ask(keys, found, parallel);
      else
        await inParallel(folders, parallel, async ([folder, wanted]) => {
          const names = new Set(
            (folder === first && sample.isWhole ? sample : await listPages(folder)).found.map(
              ({ key }) => key,
            ),
          );
          for (const key of wanted) if (names.has(key)) found.add(key);
        });
      return found;
    },
    async put(key, file) {
      const content =
        statSync(file).size <= smallBytes
          ? readFileSync(file)
          : createReadStream(file, { highWaterMark: 1 << 20 });
      await putContent(bucket, key, content);
    },
    get: (key, draft) =>
      download(draft, place, async (from) => {
        const found = await call(key, (client) =>
          client.getObject({ ...at(key), ...(from === 0 ? {} : { Range: `bytes=${from}-` }) }),
        );
        return { stream: found.Body as Readable, byteCount: found.ContentLength, isRest: true };
      }),
    async remove(keys) {
      for (let first = 0; first < keys.length; first += pageSize) {
        const Objects = keys.slice(first, first + pageSize).map((key) => ({ Key: at(key).Key }));
        const { Errors: [left] = [] } = await call('', (client) =>
          client.deleteObjects({ Bucket: name, Delete: { Objects, Quiet: true } }),
        );
        if (left !== undefined)
          throw remoteRefused(
            place,
            `${left.Key}: ${left.Message}`,
            'You need the right to delete in the bucket.',
          );
      }
    },
    close: () => Promise.resolve(s3.destroy()),
  };
}

const markOf = (etag: string | undefined): FoundObject['mark'] =>
  etag === undefined ? undefined : { name: 'etag', value: etag.replaceAll('"', '') };

const isMissingObject = (thrown: unknown): boolean =>
  thrown instanceof TilthError && thrown.code === 'REMOTE_OBJECT_MISSING';

const outages =
  /^(E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_)|ENOTFOUND|TimeoutError|RequestTimeout|SlowDown|Throttl|ServiceUnavailable|InternalError|AbortError)/;

function translated(thrown: unknown, place: string, key: string, remote: RemoteConfig): unknown {
  if (!(thrown instanceof Error) || thrown instanceof TilthError) return thrown;
  const code = s3Code(thrown);
  const about =
    '$metadata' in thrown ? (thrown.$metadata as { httpStatusCode?: number } | undefined) : undefined;
  const status = about?.httpStatusCode;
  const endpoint = remote.options.get('endpointurl');
  if (code === 'NoSuchBucket') {
    const [bucket] = place.slice('s3://'.length).split('/');
    const where = endpoint === undefined ? '' : ` --endpoint-url ${endpoint}`;
    return remotePlaceMissing(
      `The bucket ${bucket}${endpoint === undefined ? '' : ` at ${endpoint}`}`,
      `Make it: aws s3 mb s3://${bucket}${where}`,
    );
  }
  if (code === 'NoSuchKey' || code === 'NotFound' || status === 404) return objectMissing(place, key);
  if (code === 'CredentialsProviderError' || code === 'CredentialsError')
    return remoteRefused(
      place,
      'no credentials were found',
      `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or: tilth data remote modify --local ${remote.name} profile PROFILE`,
    );
  if (
    status === 401 ||
    status === 403 ||
    /Signature|AccessKey|ExpiredToken|InvalidToken|AccessDenied/.test(code)
  )
    return remoteRefused(
      place,
      `${code}, ${messageOf(thrown)}`,
      `Look at the credentials: tilth data config --list --show-origin, and AWS_PROFILE`,
    );
  if (outages.test(code) || (status !== undefined && status >= 500)) return remoteAway(place, thrown);
  return thrown;
}
