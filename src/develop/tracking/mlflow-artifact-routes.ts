import { Readable } from 'node:stream';
import { z, type Api, type RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { keyOfEncodedPath, keyOfPath } from './artifact-keys.ts';
import { artifactKeyBelow, deleteArtifact, listKey, putArtifact } from './artifacts.ts';
import { createMlflowApi, filledText, message, parseInput } from './mlflow-wire.ts';
import { getRunInfo } from './run-store.ts';

/** The artifact proxy of MLflow's clients: files by path below one root, and the downloads of its page. */
export function mlflowArtifactRoutes(world: World): Api {
  const api = createMlflowApi(world);
  for (const prefix of ['/api', '/ajax-api']) {
    const root = `${prefix}/2.0/mlflow-artifacts/artifacts`;
    api.get(root, async (context) => {
      requireRight(context.var.actor, 'read');
      const files = await listKey(world, keyOfPath(context.req.query('path') ?? ''), '');
      return context.json(
        message({ files: files.map((file) => message({ path: file.path, is_dir: file.isFolder, file_size: file.byteCount })) }),
      );
    });
    api.get(`${root}/*`, async (context) => {
      requireRight(context.var.actor, 'read');
      return sendArtifact(world, context, keyInUrl(context, root));
    });
    api.put(`${root}/*`, async (context) => {
      requireRight(context.var.actor, 'run.log');
      await putArtifact(world, keyInUrl(context, root), context.req.raw.body);
      return context.json({});
    });
    api.delete(`${root}/*`, async (context) => {
      requireRight(context.var.actor, 'artifact.delete');
      await deleteArtifact(world, context.var.actor, keyInUrl(context, root));
      return context.json({});
    });
  }
  for (const path of ['/get-artifact', '/ajax-api/2.0/mlflow/get-artifact']) {
    api.get(path, async (context) => {
      requireRight(context.var.actor, 'read');
      const query = parseInput(z.object({ run_id: filledText, path: filledText }), {
        run_id: context.req.query('run_id') ?? context.req.query('run_uuid'),
        path: context.req.query('path'),
      });
      const run = await getRunInfo(world.database.read, query.run_id);
      return sendArtifact(world, context, artifactKeyBelow(run.artifactUri, query.path));
    });
  }
  return api;
}

/** The path behind the root as it was sent: the router's own copy has been decoded already, and must not be decoded again. */
function keyInUrl(context: RequestContext, root: string): string {
  const path = context.req.raw.url.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  return keyOfEncodedPath(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : '');
}

/** Streams a file; the type is ours, so that an uploaded page can't run as one of ours. */
export async function sendArtifact(world: World, context: RequestContext, key: string): Promise<Response> {
  const range = rangeOf(context.req.header('range'), await world.blobs.size(key));
  const { stream, byteCount } = await world.blobs.get(key, range);
  const name = key.slice(key.lastIndexOf('/') + 1);
  const headers: Record<string, string> = {
    'content-type': typeOf(name),
    'content-length': String(range === undefined ? byteCount : range.end - range.start + 1),
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
  };
  if (range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end}/${byteCount}`;
  return new Response(Readable.toWeb(stream) as ReadableStream, { status: range === undefined ? 200 : 206, headers });
}

/** `bytes=0-499`, `bytes=500-`, `bytes=-500`; anything else gets the whole file. */
function rangeOf(header: string | undefined, size: number | undefined): { start: number; end: number } | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (found === null || size === undefined || size === 0) return undefined;
  const [, from = '', to = ''] = found;
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start <= end && start < size ? { start, end } : undefined;
}

const harmlessTypes: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  json: 'application/json',
  pdf: 'application/pdf',
};
const textEndings = new Set(['txt', 'log', 'md', 'csv', 'tsv', 'yaml', 'yml', 'py', 'toml', 'cfg', 'ini']);

function typeOf(name: string): string {
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  if (textEndings.has(ending) || name === 'MLmodel') return 'text/plain; charset=utf-8';
  return harmlessTypes[ending] ?? 'application/octet-stream';
}
