import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { checkHost, lookupOf, type GuardPolicy } from './address-guard.ts';
import { TilthError } from './errors.ts';

export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly policy: GuardPolicy;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface PostAnswer {
  readonly status: number;
  /** its beginning */
  readonly body: string;
  readonly retryAfter: string | undefined;
}

const keptBytes = 16_384;

/**
 * Sends a body to an address named by a client. The host is looked at first and connected to at the address that was
 * looked at; what it answers is not followed elsewhere. Only a host that the server's owner vouches for may be asked without TLS.
 *
 * @throws ADDRESS_REFUSED, ADDRESS_UNKNOWN, POST_FAILED
 */
export async function guardedPost(post: Post): Promise<PostAnswer> {
  const url = new URL(post.url);
  const lookup = lookupOf(await checkHost(url.hostname, portOf(url), post.policy));
  const ending = AbortSignal.timeout(post.timeoutMs);
  const options: RequestOptions = {
    method: 'POST',
    lookup,
    agent: false,
    signal: post.signal === undefined ? ending : AbortSignal.any([ending, post.signal]),
    headers: { 'user-agent': 'tilth', ...post.headers, 'content-length': Buffer.byteLength(post.body) },
  };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(postFailed(url, ending.aborted ? `no answer within ${post.timeoutMs / 1000} s` : cause.message, cause));
    const asking = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, options, (answer) => {
      const chunks: Buffer[] = [];
      let byteCount = 0;
      const finish = (): void => {
        const body = Buffer.concat(chunks).subarray(0, keptBytes).toString();
        resolve({ status: answer.statusCode ?? 0, body, retryAfter: answer.headers['retry-after'] });
        answer.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        byteCount += chunk.length;
        if (byteCount >= keptBytes) finish();
      });
      answer.on('end', finish);
      answer.on('error', fail);
    });
    asking.on('error', fail);
    asking.end(post.body);
  });
}

export const portOf = (url: URL): number => (url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port));

const postFailed = (url: URL, reason: string, cause: unknown): TilthError =>
  new TilthError('POST_FAILED', 502, `${url.origin} could not be reached: ${reason}`, 'Check the address.', { cause });
