import { blobNotFound, keyRefused, keyTaken } from './blobs.ts';
import { TilthError, messageOf } from '../errors.ts';
import { nameOfPlace, type S3Place } from './s3-place.ts';

/** The name that S3 or the client gave an error: `NoSuchKey`, `SlowDown`, `ECONNREFUSED`. */
export function s3Code(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  if (/^E[A-Z]+$/.test(codeOf(thrown))) return codeOf(thrown);
  return thrown.name;
}

/** What went wrong in a bucket, in our terms; what is not about the bucket stays as it is. */
export function translated(thrown: unknown, place: S3Place, key: string): unknown {
  if (!(thrown instanceof Error) || thrown instanceof TilthError) return thrown;
  const code = s3Code(thrown);
  const status = statusOf(thrown);
  if (code === 'NoSuchBucket') return noBucket(place, thrown);
  if (code === 'NoSuchKey' || code === 'NotFound') return blobNotFound(key);
  if (code === 'KeyTooLongError') return keyRefused(key);
  if (folderErrors.has(code)) return keyTaken(key);
  if (code === 'RequestTimeTooSkewed') return accessRefused(place, thrown, 'Set the clock of this machine: it differs by more than 15 minutes.');
  if (code === 'CredentialsProviderError') return accessRefused(place, thrown, credentialsHint);
  if (status === 401 || status === 403 || /Signature|AccessKey|ExpiredToken|InvalidToken|AccessDenied|UserNotFound/.test(code)) return accessRefused(place, thrown, hintOf(code));
  if (/region/i.test(thrown.message) && status === undefined && code === 'Error') return accessRefused(place, thrown, 'Add &region=… to TILTH_BLOBS_URL, or set AWS_REGION.');
  if (status === 301 || code === 'PermanentRedirect' || code === 'AuthorizationHeaderMalformed') return accessRefused(place, thrown, 'Name the region of the bucket: add &region=… to TILTH_BLOBS_URL.');
  if (isOutage(code, status)) return unavailable(place, thrown);
  return thrown;
}

/** What servers say that keep a bucket as files in folders: versitygw, MinIO. */
const folderErrors = new Set(['ObjectParentIsFile', 'ExistingObjectIsDirectory', 'XMinioParentIsObject', 'XMinioObjectExistsAsDirectory']);

const outages = /^(E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_)|ENOTFOUND|TimeoutError|RequestTimeout|SlowDown|Throttl|ServiceUnavailable|InternalError|AbortError)/;

const isOutage = (code: string, status: number | undefined): boolean =>
  outages.test(code) || status === 429 || (status !== undefined && status >= 500);

const codeOf = (thrown: Error): string => ('code' in thrown ? String(thrown.code) : '');

function statusOf(thrown: Error): number | undefined {
  const about = '$metadata' in thrown ? (thrown.$metadata as { httpStatusCode?: number } | undefined) : undefined;
  return about?.httpStatusCode;
}

const credentialsHint =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for the server, a profile (AWS_PROFILE), or a role of the machine.';

const hintOf = (code: string): string => {
  if (code === 'SignatureDoesNotMatch') return 'The secret is wrong: check AWS_SECRET_ACCESS_KEY of the server, or its profile.';
  if (code === 'InvalidAccessKeyId') return 'The access key is not known there: check AWS_ACCESS_KEY_ID of the server, or its profile.';
  if (code.startsWith('Expired')) return 'The credentials have expired: get new ones, and start the server with them.';
  return 'Check the credentials of the server, and that they may list the bucket, and get, put and delete what is in it.';
};

const accessRefused = (place: S3Place, cause: Error, hint: string): TilthError =>
  new TilthError('BLOBS_ACCESS_REFUSED', 502, `${nameOfPlace(place)} does not let this server in: ${s3Code(cause)}, ${sentenceOf(cause)}`, hint, { cause });

const noBucket = (place: S3Place, cause: Error): TilthError =>
  new TilthError(
    'BLOBS_BUCKET_MISSING',
    502,
    `There is no bucket "${place.bucket}"${place.endpoint === undefined ? '' : ` at ${place.endpoint}`}.`,
    `Make it: aws s3 mb s3://${place.bucket}${place.endpoint === undefined ? '' : ` --endpoint-url ${place.endpoint}`}`,
    { cause },
  );

const unavailable = (place: S3Place, cause: Error): TilthError =>
  new TilthError(
    'BLOBS_UNAVAILABLE',
    503,
    `${nameOfPlace(place)} does not answer: ${s3Code(cause)}, ${sentenceOf(cause)}`,
    'Nothing was lost. Try again in a moment; if it stays so, look at that server and at the way to it.',
    { cause },
  );

const sentenceOf = (cause: Error): string => {
  const text = messageOf(cause).split('\n')[0]?.trim() ?? '';
  return text === '' || text === 'UnknownError' || text === s3Code(cause) ? 'without a reason.' : text;
};
