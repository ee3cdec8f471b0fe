import { hash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { Agent as PlainAgent, request as plainRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { TilthError } from '../../platform/errors.ts';
import { remoteNeedsOption } from './remote-errors.ts';
import { pythonRepr } from '../dvc-files/value-json.ts';
import type { YamlValue } from '../dvc-files/yaml-value.ts';
import type { RemoteConfig } from '../dvc-files/config.ts';
import { download } from './download.ts';
import { inParallel } from './in-parallel.ts';
import { listingImpossible, objectMissing, remoteAway, remoteRefused } from './remote-errors.ts';
import type { RemoteStore } from './remote-store.ts';
import { withRetries } from './retry.ts';
import { trust } from './s3-client.ts';

const standardTimeoutSeconds = 60;
const mostRedirects = 10;

interface Asked {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly file?: string;
}

/** A web server as a remote: HEAD asks, GET brings, POST (or `method`) puts. It has no listing. */
export function httpStore(remote: RemoteConfig, jobs = 8): RemoteStore {
  const { options } = remote;
  const base = remote.url.replace(/\/+$/, '');
  const place = withoutSecrets(base);
  const proxy = { keepAlive: true, maxSockets: jobs + 2, proxyEnv: process.env };
  const agents = {
    'http:': new PlainAgent(proxy),
    'https:': new SecureAgent({ ...proxy, ...trust(options.get('ssl_verify')) }),
  };
  const own = authorization(remote);
  const timeoutMs = Number(options.get('read_timeout') ?? standardTimeoutSeconds) * 1000;
  const addressOf = (key: string): URL =>
    new URL(key === '' ? remote.url : `${base}/${key.split('/').map(encodeURIComponent).join('/')}`);

  const askOnce = (url: URL, asked: Asked): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      // a password is for this server, not for one it sends us to
      const secrets = url.origin === new URL(base).origin ? own : {};
      const isSecure = url.protocol === 'https:';
      const asking = (isSecure ? secureRequest : plainRequest)(
        url,
        {
          method: asked.method,
          agent: isSecure ? agents['https:'] : agents['http:'],
          headers: { ...secrets, ...asked.headers },
        },
        resolve,
      );
      asking.setTimeout(timeoutMs, () => asking.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
      asking.on('error', (reason) => reject(remoteAway(place, reason)));
      if (asked.file === undefined) asking.end();
      else
        createReadStream(asked.file, { highWaterMark: 1 << 18 })
          .on('error', (reason) => asking.destroy(reason))
          .pipe(asking);
    });
  const ask = (key: string, asked: Asked): Promise<IncomingMessage> =>
    withRetries(async () => {
      let url = addressOf(key);
      for (let redirects = 0; ; redirects++) {
        const answer = await askOnce(url, asked);
        const status = answer.statusCode ?? 0;
        if (status < 300 || status === 404) return answer;
        answer.resume();
        const next = answer.headers.location;
        if (status < 400 && next !== undefined && redirects < mostRedirects) url = new URL(next, url);
        else throw refused(status, answer, key);
      }
    });
  const refused = (status: number, { statusMessage, headers }: IncomingMessage, key: string): Error => {
    const said = `${key}: ${status} ${statusMessage ?? ''}`.trim();
    if (status === 401 || status === 403)
      return remoteRefused(
        place,
        said,
        `Name who you are: tilth data remote modify --local ${remote.name} auth basic (then user, password)${wants(headers['www-authenticate'])}`,
      );
    if (status === 405 || status === 501)
      return remoteRefused(
        place,
        said,
        `The server takes files in another way: tilth data remote modify ${remote.name} method PUT`,
      );
    if (status === 429 || status >= 500) return remoteAway(place, new Error(said));
    return remoteRefused(place, said, 'Look at the address: tilth data remote list');
  };
  return {
    place,
    jobs,
    isLocal: false,
    list: () => Promise.reject(listingImpossible(place)),
    async existing(keys, parallel) {
      const found = new Set<string>();
      await inParallel(keys, parallel, async (key) => {
        const answer = await ask(key, { method: 'HEAD' });
        answer.resume();
        if (answer.statusCode !== 404) found.add(key);
      });
      return found;
    },
    async put(key, file) {
      const method = (options.get('method') ?? 'POST').toUpperCase();
      const answer = await ask(key, { method, file, headers: { 'content-length': statSync(file).size } });
      answer.resume();
      if (answer.statusCode === 404) throw refused(404, answer, key);
    },
    get: (key, draft) =>
      download(draft, place, async (from) => {
        const answer = await ask(key, {
          method: 'GET',
          headers: from === 0 ? {} : { range: `bytes=${from}-` },
        });
        if (answer.statusCode === 404) {
          answer.resume();
          throw objectMissing(place, key);
        }
        const length = answer.headers['content-length'];
        return {
          stream: answer,
          byteCount: length === undefined ? undefined : Number(length),
          isRest: from === 0 || answer.statusCode === 206,
        };
      }),
    remove: () =>
      Promise.reject(
        new TilthError(
          'REMOTE_REMOVING_IMPOSSIBLE',
          400,
          `Nothing can be removed from ${place}: HTTP has no listing to know what is there.`,
        ),
      ),
    async find(key) {
      const answer = await ask(key, { method: 'HEAD' });
      answer.resume();
      if (answer.statusCode === 404) return [];
      const length = answer.headers['content-length'];
      const size = length === undefined ? undefined : Number(length);
      return [
        {
          key,
          size,
          mark: {
            name: 'checksum',
            value: checksumOf(key === '' ? remote.url : addressOf(key).href, size, answer),
          },
        },
      ];
    },
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
      return Promise.resolve();
    },
  };
}

/**
 * The server's own mark; without one what dvc makes of its answer, so that dvc sees the same.
 *
 * @see fsspec, AbstractFileSystem.checksum: the md5 of the printed description, as a number
 */
function checksumOf(url: string, size: number | undefined, { headers }: IncomingMessage): string {
  if (headers.etag !== undefined) return headers.etag;
  const type = headers['content-type']?.split(';')[0];
  const about = new Map<string, YamlValue>([
    ['name', url],
    ['size', size === undefined ? null : BigInt(size)],
    ...(type === undefined ? [] : [['mimetype', type] as const]),
    ['url', url],
    ...(headers['last-modified'] === undefined ? [] : [['Last-Modified', headers['last-modified']] as const]),
    ['type', 'file'],
  ]);
  return BigInt(`0x${hash('md5', `(${pythonRepr(about)},)`)}`).toString();
}

const wants = (challenge: string | undefined): string =>
  challenge === undefined ? '' : `; it asks for: ${challenge.split(',')[0]}`;

function authorization({ options, url, name }: RemoteConfig): Record<string, string> {
  const auth = options.get('auth')?.toLowerCase();
  const { username, password } = new URL(url);
  if (auth === undefined && username !== '')
    return basic(decodeURIComponent(username), decodeURIComponent(password));
  if (auth === undefined) return {};
  const secret = options.get('password');
  if (auth === 'basic') {
    const user = options.get('user');
    if (user === undefined || secret === undefined)
      throw remoteNeedsOption(name, user === undefined ? 'user' : 'password');
    return basic(user, secret);
  }
  const header = options.get('custom_auth_header');
  if (auth !== 'custom')
    throw remoteRefused(
      url,
      `the way of proving who you are "${auth}" is not spoken here, nor by dvc`,
      'Use basic or custom.',
    );
  if (header === undefined || secret === undefined)
    throw remoteNeedsOption(name, header === undefined ? 'custom_auth_header' : 'password');
  return { [header]: secret };
}

const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

function withoutSecrets(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}
