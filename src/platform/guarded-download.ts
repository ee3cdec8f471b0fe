import { createWriteStream } from 'node:fs';
import { request as plainRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkHost, lookupOf, type CheckedHost, type GuardPolicy } from './address-guard.ts';
import { TilthError } from './errors.ts';

export interface Download {
  readonly url: string;
  /** written new; the caller removes it when this throws */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly policy: GuardPolicy;
}

const mostRedirects = 5;

/**
 * Fetches an address named by a client into a file. Every host on the way is looked at, also those that a redirect
 * leads to, and is connected to at the address that was looked at.
 *
 * @throws ADDRESS_REFUSED, ADDRESS_UNKNOWN, DOWNLOAD_FAILED, DOWNLOAD_TOO_LARGE
 */
export async function guardedDownload(download: Download): Promise<void> {
  let url = new URL(download.url);
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
    const answer = await get(url, await checkHost(url.hostname, port, download.policy), download.signal);
    const { statusCode: status = 0 } = answer;
    const next = answer.headers.location;
    if (status >= 300 && status < 400 && next !== undefined) {
      answer.destroy();
      const target = new URL(next, url);
      // a redirect may not lead to a weaker way, nor to another kind of address
      if (target.protocol !== 'https:' && target.protocol !== url.protocol)
        throw failed(url, `it leads to ${target.protocol}`);
      url = target;
      continue;
    }
    if (status !== 200) {
      answer.destroy();
      throw failed(url, `the server answers ${status}`);
    }
    let size = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        done(size > download.maxBytes ? tooLarge(url, download.maxBytes) : null, chunk);
      },
    });
    return pipeline(answer, counted, createWriteStream(download.file, { flags: 'wx', mode: 0o600 }), {
      signal: download.signal,
    });
  }
  throw failed(url, `it was sent on more than ${mostRedirects} times`);
}

const waitMs = 30_000;

function get(url: URL, host: CheckedHost, signal: AbortSignal): Promise<IncomingMessage> {
  const options: RequestOptions = { lookup: lookupOf(host), signal, timeout: waitMs, headers: { 'user-agent': 'tilth' } };
  return new Promise((resolve, reject) => {
    const asking = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, options, resolve);
    asking.on('timeout', () => asking.destroy(new Error(`nothing came for ${waitMs / 1000} s`)));
    asking.on('error', (cause) => reject(signal.aborted ? cause : failed(url, cause.message, cause)));
    asking.end();
  });
}

const failed = (url: URL, reason: string, cause?: unknown): TilthError =>
  new TilthError(
    'DOWNLOAD_FAILED',
    502,
    `${url.href} could not be fetched: ${reason}`,
    'Check the address.',
    { cause },
  );

const tooLarge = (url: URL, maxBytes: number): TilthError =>
  new TilthError(
    'DOWNLOAD_TOO_LARGE',
    413,
    `${url.href} is larger than ${Math.round(maxBytes / 1e6)} MB.`,
    'Fetch it yourself and name the file.',
  );
