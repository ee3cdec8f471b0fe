import { readFileSync } from 'node:fs';
import { Agent as PlainAgent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { S3, type S3ClientConfig } from '@aws-sdk/client-s3';
import { isTrue, type RemoteConfig } from '../dvc-files/config.ts';

const attempts = 6;
const connectSeconds = 60;

/** A client with dvc's options; what they don't say comes from the AWS tools' own settings, as with dvc. */
export function s3Client({ options }: RemoteConfig, jobs: number): S3 {
  // read by the SDK when it first needs a credential; what the person set counts more
  for (const [option, variable] of [
    ['credentialpath', 'AWS_SHARED_CREDENTIALS_FILE'],
    ['configpath', 'AWS_CONFIG_FILE'],
  ] as const) {
    const path = options.get(option);
    if (path !== undefined) process.env[variable] ??= path;
  }
  const endpoint =
    options.get('endpointurl') ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
  const profile = options.get('profile');
  const client = new S3({
    maxAttempts: attempts,
    // a bucket of another region says so, and is asked there
    followRegionRedirects: true,
    forcePathStyle: endpoint !== undefined,
    // the checksums beside the signed body are refused by older servers
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: seconds(options.get('connect_timeout'), connectSeconds) * 1000,
      socketTimeout: seconds(options.get('read_timeout'), connectSeconds) * 1000,
      httpsAgent: new SecureAgent({
        keepAlive: true,
        maxSockets: jobs + 4,
        ...trust(options.get('ssl_verify')),
      }),
      httpAgent: new PlainAgent({ keepAlive: true, maxSockets: jobs + 4 }),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ...(isFalse(options.get('use_ssl')) && endpoint === undefined ? { tls: false } : {}),
    ...regionOf(options, profile),
    ...credentialsOf(options),
  });
  addToRequests(client, options);
  return client;
}

const seconds = (text: string | undefined, standard: number): number =>
  text === undefined ? standard : Number(text);

const isFalse = (text: string | undefined): boolean => text?.toLowerCase() === 'false';

/** `ssl_verify`: whether to, or the certificates to trust. */
export function trust(verify: string | undefined): { rejectUnauthorized?: boolean; ca?: Buffer } {
  if (verify === undefined || isTrue(verify)) return {};
  return isFalse(verify) ? { rejectUnauthorized: false } : { ca: readFileSync(verify) };
}

/** A server of one's own has no regions, but signatures name one. */
function regionOf(options: ReadonlyMap<string, string>, profile: string | undefined): S3ClientConfig {
  const region = options.get('region') ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  if (region !== undefined) return { region };
  const isTold =
    profile !== undefined || options.has('configpath') || process.env['AWS_PROFILE'] !== undefined;
  return isTold ? {} : { region: 'us-east-1' };
}

function credentialsOf(options: ReadonlyMap<string, string>): S3ClientConfig {
  if (isTrue(options.get('allow_anonymous_login')))
    return {
      signer: { sign: (request) => Promise.resolve(request) },
      credentials: { accessKeyId: '', secretAccessKey: '' },
    };
  const accessKeyId = options.get('access_key_id');
  const secretAccessKey = options.get('secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined) return {};
  const sessionToken = options.get('session_token');
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  };
}

const onNew: Readonly<Record<string, string>> = {
  acl: 'ACL',
  grant_full_control: 'GrantFullControl',
  grant_read: 'GrantRead',
  grant_read_acp: 'GrantReadACP',
  grant_write_acp: 'GrantWriteACP',
  sse: 'ServerSideEncryption',
  sse_kms_key_id: 'SSEKMSKeyId',
};

/** Who may read what is put there, and how it is encrypted. */
function addToRequests(client: S3, options: ReadonlyMap<string, string>): void {
  const forNew = Object.entries(onNew).flatMap(([option, name]) =>
    options.has(option) ? [[name, options.get(option)]] : [],
  );
  const key = options.get('sse_customer_key');
  const forAll =
    key === undefined
      ? {}
      : { SSECustomerKey: key, SSECustomerAlgorithm: options.get('sse_customer_algorithm') ?? 'AES256' };
  if (forNew.length === 0 && key === undefined) return;
  client.middlewareStack.add(
    (next, context) => (args) => {
      const name = String(context['commandName']).replace('Command', '');
      const isNew = name === 'PutObject' || name === 'CreateMultipartUpload';
      const isContent =
        isNew || ['GetObject', 'HeadObject', 'UploadPart', 'CompleteMultipartUpload'].includes(name);
      return next({
        ...args,
        input: { ...args.input, ...(isNew ? Object.fromEntries(forNew) : {}), ...(isContent ? forAll : {}) },
      });
    },
    // before the SDK works out the customer key's checksum
    { step: 'initialize', priority: 'high' },
  );
}
