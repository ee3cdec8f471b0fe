import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { BlobFacts } from '../../platform/blobs/blobs.ts';
import { sendFreeing } from '../../platform/chunk-memory.ts';
import { messageOf } from '../../platform/errors.ts';
import type { RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';

/**
 * Streams a file, or the range of it that was asked for. The type is ours, so that what someone uploaded can't run as
 * one of our pages.
 *
 * @throws BLOB_NOT_FOUND
 * @see RFC 9110, sections 13 and 14
 */
export async function sendArtifact(world: World, context: RequestContext, key: string): Promise<Response> {
  // most ask for the whole file, and one look at the store is enough for that
  const isPlain = context.req.method !== 'HEAD' && !conditions.some((name) => context.req.header(name) !== undefined);
  const facts = isPlain ? undefined : await world.blobs.facts(key);
  if (facts !== undefined && context.req.method === 'HEAD') return new Response(null, { headers: headersOf(key, facts) });
  if (facts !== undefined && matches(context.req.header('if-none-match'), facts.etag)) {
    return new Response(null, { status: 304, headers: { etag: facts.etag, 'cache-control': cacheControl } });
  }
  const range = facts === undefined ? undefined : rangeOf(context.req.header('range'), context.req.header('if-range'), facts);
  if (range === 'outside') return rangeOutside(facts?.byteCount ?? 0);
  const blob = await world.blobs.get(key, range);
  if (range !== undefined && blob.etag !== facts?.etag) {
    // written anew between the two looks: the range was chosen from another content
    blob.stream.destroy();
    return sendArtifact(world, context, key);
  }
  const headers = headersOf(key, blob);
  if (range !== undefined) {
    headers['content-length'] = String(range.end - range.start + 1);
    headers['content-range'] = `bytes ${range.start}-${range.end}/${blob.byteCount}`;
  }
  const status = range === undefined ? 200 : 206;
  const { outgoing } = (context.env ?? {}) as { readonly outgoing?: ServerResponse };
  if (outgoing === undefined) return new Response(Readable.toWeb(blob.stream) as ReadableStream, { status, headers });
  // to the socket itself: a web stream on the way costs half as much again
  outgoing.writeHead(status, headers);
  sendFreeing(blob.stream, outgoing).catch((cause: unknown) => {
    world.log.info({ key, cause: messageOf(cause) }, 'a download ended early');
  });
  return RESPONSE_ALREADY_SENT;
}

const conditions = ['range', 'if-none-match'];
const cacheControl = 'private, no-cache';

function headersOf(key: string, facts: BlobFacts): Record<string, string> {
  const { type, disposition } = shownAs(key);
  return {
    'content-type': type,
    'content-length': String(facts.byteCount),
    'content-disposition': disposition,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'cache-control': cacheControl,
    'accept-ranges': 'bytes',
    etag: facts.etag,
    'last-modified': new Date(facts.modifiedAt).toUTCString(),
  };
}

/** How a file is shown, by its name alone. */
export function shownAs(key: string): { type: string; disposition: string } {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return { type: typeOf(name), disposition: `attachment; filename*=UTF-8''${encoded}` };
}

const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined && (header.trim() === '*' || header.split(',').some((each) => each.trim().replace(/^W\//, '') === etag));

/**
 * `bytes=0-499`, `bytes=500-`, `bytes=-500`; several ranges, and what is no range, get the whole file.
 *
 * @returns first and last byte, undefined for the whole
 */
function rangeOf(
  header: string | undefined,
  ifRange: string | undefined,
  facts: BlobFacts,
): { start: number; end: number } | 'outside' | undefined {
  const [, from = '', to = ''] = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from !== '' && to !== '' && Number(from) > Number(to)) return undefined;
  // a date says too little: within one second there can be two contents
  if (ifRange !== undefined && ifRange.trim() !== facts.etag) return undefined;
  const size = facts.byteCount;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start >= size ? 'outside' : { start, end };
}

const rangeOutside = (byteCount: number): Response =>
  new Response(`The file has ${byteCount} bytes; the range lies outside.\n`, {
    status: 416,
    headers: { 'content-range': `bytes */${byteCount}`, 'content-type': 'text/plain; charset=utf-8' },
  });

const harmlessTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  bmp: 'image/bmp',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  mp4: 'video/mp4',
  webm: 'video/webm',
  json: 'application/json',
  pdf: 'application/pdf',
};
const textEndings = new Set(['txt', 'log', 'md', 'csv', 'tsv', 'yaml', 'yml', 'py', 'toml', 'cfg', 'ini']);

function typeOf(name: string): string {
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  if (textEndings.has(ending) || name === 'MLmodel') return 'text/plain; charset=utf-8';
  return Object.hasOwn(harmlessTypes, ending) ? (harmlessTypes[ending] ?? '') : 'application/octet-stream';
}
