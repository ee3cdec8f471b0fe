import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { TilthError } from '../../platform/errors.ts';
import { bodyTooLarge, bodyUnreadable } from './serving-errors.ts';

const unpackers: Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
};
const packers = { gzip: promisify<Buffer, Buffer>(gzip), deflate: promisify<Buffer, Buffer>(deflate) };

/** Smaller answers are sent as they are: packing costs more than it saves. */
const worthPackingBytes = 1024;

/**
 * The whole body, unpacked.
 *
 * @throws SERVING_BODY_TOO_LARGE as soon as it is known, SERVING_BODY_UNREADABLE
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw bodyTooLarge(limit);
  const packed = await collect(request, limit);
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return packed;
  const unpack = unpackers[encoding];
  if (unpack === undefined) throw bodyUnreadable(`The content encoding ${encoding} is not read here; gzip and deflate are.`);
  try {
    return await unpack(packed, { maxOutputLength: limit });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw bodyTooLarge(limit);
    throw bodyUnreadable(`The body is not valid ${encoding}.`, undefined, cause);
  }
}

function collect(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else {
        request.pause();
        reject(bodyTooLarge(limit));
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(bodyUnreadable('The caller left before the body was complete.'));
    });
  });
}

/** Packs an answer when the caller reads it and it is worth it. */
export async function packBody(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<Buffer> {
  if (body.length < worthPackingBytes) return body;
  const accepted = String(request.headers['accept-encoding'] ?? '');
  const encoding = accepted.includes('gzip') ? 'gzip' : accepted.includes('deflate') ? 'deflate' : undefined;
  if (encoding === undefined) return body;
  response.setHeader('content-encoding', encoding);
  return packers[encoding](body);
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Keeps pages of a browser on the same machine out of a server on loopback (DNS rebinding, foreign origins).
 *
 * @throws HOST_REFUSED, ORIGIN_REFUSED
 */
export function refuseStrangers(request: IncomingMessage): void {
  const host = request.headers.host ?? '';
  if (!loopbackNames.has(hostname(host))) throw refused('HOST_REFUSED', `The host ${JSON.stringify(host)} is not this server's.`);
  const origin = request.headers.origin;
  if (origin !== undefined && !loopbackNames.has(hostname(origin.replace(/^https?:\/\//, '')))) {
    throw refused('ORIGIN_REFUSED', `A page of ${origin} may not call this server.`);
  }
}

const hostname = (host: string): string => host.toLowerCase().replace(/:\d+$/, '');

const refused = (code: string, message: string): TilthError =>
  new TilthError(code, 403, message, 'Use the address that the data plane printed at its start.');
