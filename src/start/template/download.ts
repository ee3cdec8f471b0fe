import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createInflate } from 'node:zlib';

export interface DownloadLimits {
  readonly bytes: number;
  /** without an answer or a byte */
  readonly silenceMs: number;
}

export interface DownloadOptions {
  /** told how far it is, from the second second on */
  readonly onLine?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const mostRedirects = 30;
const progressEveryMs = 2000;

/**
 * Writes what an http or https address answers into `file`. Redirects are followed, passwords stay with the host they were
 * given for; proxies (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), ~/.netrc and REQUESTS_CA_BUNDLE hold as they do for cookiecutter.
 *
 * @throws Error when there is no answer, another one than 2xx, or too much of it
 */
export async function download(
  address: string,
  file: string,
  limits: DownloadLimits,
  { onLine, signal }: DownloadOptions = {},
): Promise<void> {
  let url = new URL(address);
  let login = loginOf(url);
  for (let count = 0; count <= mostRedirects; count += 1) {
    const answer = await get(url, login ?? netrcLogin(url.hostname), limits.silenceMs, signal);
    const { statusCode: status = 0, headers } = answer;
    if ([301, 302, 303, 307, 308].includes(status) && headers.location !== undefined) {
      answer.destroy();
      const next = new URL(headers.location, url);
      if (next.protocol !== 'https:' && next.protocol !== 'http:')
        throw new Error(`it redirects to ${next.protocol}, which is not followed`);
      if (next.host !== url.host || next.protocol !== url.protocol) login = undefined;
      login = loginOf(next) ?? login;
      url = next;
      continue;
    }
    if (status < 200 || status > 299) {
      answer.destroy();
      throw new Error(`the server answers ${status} ${answer.statusMessage ?? ''}`.trim());
    }
    await pipeline([
      answer,
      ...unpacking(headers['content-encoding']),
      counting(limits, Number(headers['content-length']), onLine),
      createWriteStream(file),
    ]);
    return;
  }
  throw new Error(`it redirects more than ${mostRedirects} times`);
}

function get(
  url: URL,
  login: string | undefined,
  silenceMs: number,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  const ca = process.env['REQUESTS_CA_BUNDLE'] ?? process.env['CURL_CA_BUNDLE'];
  const options = {
    headers: {
      'user-agent': 'tilth',
      'accept-encoding': 'identity',
      ...(login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
    },
    timeout: silenceMs,
    ...(signal === undefined ? {} : { signal }),
    ...(isSecure && ca !== undefined && existsSync(ca) ? { ca: readFileSync(ca) } : {}),
  };
  const target = new URL(url);
  target.username = '';
  target.password = '';
  return new Promise((resolve, reject) => {
    const request = isSecure
      ? requestHttps(target, { ...options, agent: new HttpsAgent({ proxyEnv: process.env }) })
      : requestHttp(target, { ...options, agent: new HttpAgent({ proxyEnv: process.env }) });
    let answer: IncomingMessage | undefined;
    request.on('response', (response) => resolve((answer = response)));
    request.on('timeout', () => {
      const silence = new Error(`no answer for ${silenceMs / 1000} s`);
      answer?.destroy(silence);
      request.destroy(silence);
    });
    request.on('error', reject);
    request.end();
  });
}

function counting(
  limits: DownloadLimits,
  total: number,
  onLine: ((line: string) => void) | undefined,
): Transform {
  let received = 0;
  let lastShownAt = Date.now();
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      received += bytes.length;
      if (received > limits.bytes) {
        done(new Error(`it is larger than ${Math.round(limits.bytes / 2 ** 20)} MiB`));
        return;
      }
      if (Date.now() - lastShownAt >= progressEveryMs) {
        lastShownAt = Date.now();
        const share = total > 0 ? ` of ${(total / 2 ** 20).toFixed(1)}` : '';
        onLine?.(`downloaded ${(received / 2 ** 20).toFixed(1)}${share} MiB`);
      }
      done(null, bytes);
    },
  });
}

/** We ask for none, and some servers pack all the same. */
function unpacking(encoding: string | undefined): Transform[] {
  if (encoding === 'gzip') return [createGunzip()];
  return encoding === 'deflate' ? [createInflate()] : [];
}

const loginOf = ({ username, password }: URL): string | undefined =>
  username === '' && password === ''
    ? undefined
    : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;

/** @see https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html */
function netrcLogin(host: string): string | undefined {
  const file = process.env['NETRC'] ?? join(homedir(), '.netrc');
  if (!existsSync(file)) return undefined;
  const words = readFileSync(file, 'utf8')
    .replace(/^\s*#.*$/gm, '')
    .split(/\s+/);
  let isHere = false;
  let user = '';
  for (const [index, word] of words.entries()) {
    const next = words[index + 1] ?? '';
    if (word === 'machine') isHere = next === host;
    else if (word === 'default') isHere = true;
    else if (isHere && word === 'login') user = next;
    else if (isHere && word === 'password') return `${user}:${next}`;
  }
  return undefined;
}
