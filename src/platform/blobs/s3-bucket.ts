import { S3, type S3ClientConfig } from '@aws-sdk/client-s3';
import { keyRefused, longestKey, segmentsOf } from './blobs.ts';
import { isPatient } from '../patience.ts';
import { translated } from './s3-errors.ts';
import type { S3Place } from './s3-place.ts';

/** How often a call is tried, with growing pauses between: a few seconds at most for who waits for an answer, more than a minute for a job. */
const attempts = { hasty: 4, patient: 18 };

/** A bucket that can be called. */
export interface Bucket {
  readonly place: S3Place;
  /** for signing links; calls go through `call` */
  readonly client: S3;
  /** Where a key is, as every call takes it. @throws BLOB_KEY_REFUSED */
  readonly at: (key: string) => { Bucket: string; Key: string };
  /** One call, tried again with growing pauses while the bucket is away. @throws what `translated` makes of its errors */
  readonly call: <T>(key: string, work: (s3: S3) => Promise<T>) => Promise<T>;
}

export function openBucket(place: S3Place): Bucket {
  const common: S3ClientConfig = {
    forcePathStyle: place.isPathStyle,
    // every body is signed with its SHA-256; the checksums beside it are refused by older servers, and spoil signed links
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint }),
    ...(place.region === undefined ? {} : { region: place.region }),
  };
  const client = new S3({
    ...common,
    maxAttempts: attempts.hasty,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
  });
  const patient = new S3({ ...common, maxAttempts: attempts.patient, requestHandler: client.config.requestHandler });
  return {
    place,
    client,
    at(key) {
      const whole = [place.prefix, ...segmentsOf(key)].filter((segment) => segment !== '').join('/');
      if (Buffer.byteLength(whole) > longestKey) throw keyRefused(key);
      return { Bucket: place.bucket, Key: whole };
    },
    async call(key, work) {
      try {
        return await work(isPatient() ? patient : client);
      } catch (thrown) {
        throw translated(thrown, place, key);
      }
    },
  };
}
