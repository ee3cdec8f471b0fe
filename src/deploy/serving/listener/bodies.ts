import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { bodyTooLarge, bodyUnreadable } from '../serving-errors.ts';
import type { PlaneAnswer } from './exchange.ts';

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
  const packed = await collect(request, limit);
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return packed;
  const unpack = unpackers[encoding];
  if (unpack === undefined)
    throw bodyUnreadable(`The content encoding ${encoding} is not read here; gzip and deflate are.`);
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

/** Packs an answer when the caller reads it (`accept-encoding`) and it is worth it. */
export async function packAnswer(accepted: string | undefined, answer: PlaneAnswer): Promise<PlaneAnswer> {
  if (accepted === undefined || answer.body.length < worthPackingBytes) return answer;
  const encoding = accepted.includes('gzip') ? 'gzip' : accepted.includes('deflate') ? 'deflate' : undefined;
  if (encoding === undefined) return answer;
  const body = await packers[encoding](Buffer.from(answer.body as string));
  return { ...answer, body, headers: { ...answer.headers, 'content-encoding': encoding } };
}
