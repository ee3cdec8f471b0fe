import { segmentsOf } from './blobs.ts';
import { TilthError } from '../errors.ts';

/** Where a bucket is and how it is spoken to; who we are there is not part of it. */
export interface S3Place {
  readonly bucket: string;
  /** in front of every key, without slashes at its ends; may be '' */
  readonly prefix: string;
  /** undefined for Amazon's own */
  readonly endpoint: string | undefined;
  /** undefined leaves it to the settings of the AWS tools */
  readonly region: string | undefined;
  /** `https://host/bucket/key` in place of `https://bucket.host/key` */
  readonly isPathStyle: boolean;
  /** whether clients are sent to the bucket for large files, by links that we sign */
  readonly hasDirectLinks: boolean;
}

const form = 's3://BUCKET/PREFIX?endpoint_url=http://HOST:9000&region=eu-central-1&path_style=true&direct_links=false';
const parameters = ['endpoint_url', 'region', 'path_style', 'direct_links'];

/**
 * Reads `TILTH_BLOBS_URL`. Every part behind the bucket may be left out: without an endpoint it is Amazon's, with one the
 * bucket stands in the path, and clients are not sent there, since they may not reach it.
 *
 * @throws BLOBS_URL_REFUSED for another form, and for credentials in it
 */
export function parseS3Place(text: string, environment: NodeJS.ProcessEnv = process.env): S3Place {
  if (!URL.canParse(text)) throw refused('it is no URL.');
  const url = new URL(text);
  if (url.protocol !== 's3:') throw refused(`it begins with ${url.protocol}//, and only s3:// is known.`);
  if (url.username !== '' || url.password !== '') throw credentialsInUrl();
  if (url.hostname === '' || url.port !== '' || url.hash !== '') throw refused('it must name a bucket, with neither a port nor a # behind it.');
  for (const name of url.searchParams.keys()) {
    if (/key|secret|token|password|credential/i.test(name)) throw credentialsInUrl();
    if (!parameters.includes(name)) throw refused(`${JSON.stringify(name)} is not known; ${parameters.join(', ')} are.`);
  }
  const endpoint = endpointOf(
    url.searchParams.get('endpoint_url') ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'],
  );
  const region = url.searchParams.get('region') ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  return {
    bucket: url.hostname,
    prefix: prefixOf(url.pathname),
    endpoint,
    // servers that are not Amazon's have no regions, and the signature needs one
    region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
    isPathStyle: claim(url, 'path_style') ?? endpoint !== undefined,
    hasDirectLinks: claim(url, 'direct_links') ?? endpoint === undefined,
  };
}

/** As people know it: `s3://bucket/prefix at http://127.0.0.1:9000`. */
export const nameOfPlace = ({ bucket, prefix, endpoint }: S3Place): string =>
  `s3://${[bucket, prefix].filter((part) => part !== '').join('/')}${endpoint === undefined ? '' : ` at ${endpoint}`}`;

function prefixOf(path: string): string {
  try {
    return segmentsOf(decodeURIComponent(path).replace(/^\/+/, '')).join('/');
  } catch {
    throw refused(`${JSON.stringify(path.slice(0, 200))} can't be in front of a key.`);
  }
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw refused('its endpoint_url is no address that begins with http:// or https://.');
  if (url.username !== '' || url.password !== '') throw credentialsInUrl();
  return url.href.replace(/\/$/, '');
}

function claim(url: URL, name: string): boolean | undefined {
  const value = url.searchParams.get(name);
  if (value === null) return undefined;
  if (value !== 'true' && value !== 'false') throw refused(`${name} is true or false, not ${JSON.stringify(value)}.`);
  return value === 'true';
}

// the URL itself is never repeated: a secret may be in it
const refused = (reason: string): TilthError =>
  new TilthError('BLOBS_URL_REFUSED', 400, `TILTH_BLOBS_URL can't be used: ${reason}`, `Write it as ${form}`);

const credentialsInUrl = (): TilthError =>
  new TilthError(
    'BLOBS_URL_REFUSED',
    400,
    'TILTH_BLOBS_URL holds credentials, and a URL is shown in logs and process lists.',
    'Take them out, make them invalid, and set new ones as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE), or a role of the machine.',
  );
