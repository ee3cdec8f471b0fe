import { blobNotFound } from '../../platform/blobs/blobs.ts';
import { homeKey } from '../../platform/home-keys.ts';
import { z, type Api, type RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { sendArtifact, shownAs } from './artifact-answer.ts';
import { keyOfPath } from './artifact-keys.ts';
import { readGrant, signGrant, type ArtifactGrant } from './artifact-links.ts';
import { artifactKeyBelow, bodyOf, deleteArtifact, listKey, putArtifact, requireInside } from './artifacts.ts';
import { getLoggedModel } from './logged-model-store.ts';
import { bothPrefixes, fileRoutes, type FileCall } from './mlflow-files.ts';
import { absent, filledText, int64, invalidParameter, message, parseBody, parseInput } from './mlflow-wire.ts';
import { getRunInfo } from './run-store.ts';

/** The artifact proxy of MLflow's clients: files by path below one root, and the downloads of its page. */
export const mlflowArtifactRoutes = (world: World): Api => fileRoutes(world, artifactCalls);

const hourMs = 3_600_000;
/** How long the parts of one upload may take; what is older is removed by a cleanup. */
export const uploadLifeMs = 24 * hourMs;
const standardDownloadSeconds = 300;
const standardUploadSeconds = 900;
const pageUploadLimit = 10 * 1024 * 1024;

const proxy = (path: string): string[] => bothPrefixes(`mlflow-artifacts/${path}`);

const ofRun = z.object({ run_id: filledText, path: filledText });
const upload = z.object({ path: filledText, upload_id: filledText });
const part = z.object({ part_number: int64, etag: filledText });
const seconds = (standard: number) =>
  absent(int64.refine((value) => value >= 1 && value <= 604_800, 'expiration must be between 1 and 604800 seconds')).transform(
    (value) => value ?? standard,
  );

/** Every call of MLflow's about artifacts, with the right that each takes. */
export const artifactCalls: readonly FileCall[] = [
  {
    method: 'get',
    paths: proxy('artifacts'),
    right: 'read',
    async answer(world, context) {
      const files = await listKey(world, keyOfPath(context.req.query('path') ?? ''), '');
      return context.json(
        message({ files: files.map((file) => message({ path: file.path, is_dir: file.isFolder, file_size: file.byteCount })) }),
      );
    },
  },
  { method: 'get', paths: proxy('artifacts/*'), right: 'read', answer: sendArtifact },
  {
    method: 'put',
    paths: proxy('artifacts/*'),
    right: 'run.log',
    async answer(world, context, key) {
      await putArtifact(world, key, bodyOf(context));
      return context.json({});
    },
  },
  {
    method: 'delete',
    paths: proxy('artifacts/*'),
    right: 'artifact.delete',
    async answer(world, context, key) {
      await deleteArtifact(world, context.var.actor, key);
      return context.json({});
    },
  },
  {
    method: 'post',
    paths: proxy('mpu/create/*'),
    right: 'run.log',
    async answer(world, context, folder) {
      const partCount = int64.refine((value) => value >= 1 && value <= 10_000, 'between 1 and 10000 parts');
      const input = parseInput(z.object({ path: filledText, num_parts: absent(partCount) }), parseBody(await context.req.text()));
      const key = keyInFolder(folder, input.path);
      const id = await world.blobs.uploads.begin(key);
      const expiresAt = world.clock.now() + uploadLifeMs;
      const numbers = Array.from({ length: input.num_parts ?? 1 }, (_, index) => index + 1);
      const credentials = await Promise.all(
        numbers.map(async (part) => ({
          url:
            (await world.blobs.links?.putPart(id, part, uploadLifeMs / 1000)) ??
            linkTo(world, context, { does: 'put part', key, upload: id, part, expiresAt }),
          part_number: part,
        })),
      );
      return context.json({ upload_id: id, credentials });
    },
  },
  {
    method: 'post',
    paths: proxy('mpu/complete/*'),
    right: 'run.log',
    async answer(world, context, folder) {
      const input = parseInput(upload.extend({ parts: z.array(part) }), parseBody(await context.req.text()));
      const parts = input.parts.map(({ part_number, etag }) => ({ number: part_number, etag }));
      await world.blobs.uploads.complete(input.upload_id, keyInFolder(folder, input.path), parts);
      return context.json({});
    },
  },
  {
    method: 'post',
    paths: proxy('mpu/abort/*'),
    right: 'run.log',
    async answer(world, context, folder) {
      const input = parseInput(upload, parseBody(await context.req.text()));
      await world.blobs.uploads.abort(input.upload_id, keyInFolder(folder, input.path));
      return context.json({});
    },
  },
  {
    method: 'get',
    paths: proxy('presigned/*'),
    right: 'read',
    async answer(world, context, key) {
      const file_size = await byteCountOf(world, key);
      return context.json({ url: await linkFor(world, context, 'get', key, standardDownloadSeconds), headers: {}, file_size });
    },
  },
  {
    method: 'post',
    paths: bothPrefixes('mlflow/artifacts/presigned-upload-url'),
    right: 'run.log',
    async answer(world, context) {
      const shape = z.object({ run_id: absent(z.string()), model_id: absent(z.string()), path: filledText, expiration: seconds(standardUploadSeconds) });
      const input = parseInput(shape, parseBody(await context.req.text()));
      if (Boolean(input.run_id) === Boolean(input.model_id)) throw invalidParameter('Exactly one of run_id and model_id must be provided.');
      const root = input.run_id
        ? (await getRunInfo(world.database.read, input.run_id)).artifactUri
        : (await getLoggedModel(world.database.read, input.model_id ?? '')).artifactUri;
      const key = artifactKeyBelow(root, input.path);
      return context.json({ presigned_url: await linkFor(world, context, 'put', key, input.expiration) });
    },
  },
  {
    method: 'post',
    paths: bothPrefixes('mlflow/artifacts/presigned-download-url'),
    right: 'read',
    async answer(world, context) {
      const input = parseInput(ofRun.extend({ expiration: seconds(standardDownloadSeconds) }), parseBody(await context.req.text()));
      const { artifactUri } = await getRunInfo(world.database.read, input.run_id);
      const key = artifactKeyBelow(artifactUri, input.path);
      const file_size = await byteCountOf(world, key);
      return context.json({ presigned_url: await linkFor(world, context, 'get', key, input.expiration), file_size });
    },
  },
  {
    method: 'get',
    paths: proxy('signed/:grant'),
    right: 'signed link',
    answer: async (world, context) => {
      const grant = readGrant(secretOf(world), context.req.param('grant') ?? '', world.clock.now());
      if (grant.does !== 'get') throw linkIsFor(grant);
      return sendArtifact(world, context, grant.key);
    },
  },
  {
    method: 'put',
    paths: proxy('signed/:grant'),
    right: 'signed link',
    async answer(world, context) {
      const grant = readGrant(secretOf(world), context.req.param('grant') ?? '', world.clock.now());
      if (grant.does === 'get') throw linkIsFor(grant);
      if (grant.does === 'put part') {
        const { etag } = await world.blobs.uploads.putPart(grant.upload, grant.part, bodyOf(context));
        return context.json({}, 200, { etag });
      }
      await putArtifact(world, grant.key, bodyOf(context));
      return context.json({});
    },
  },
  {
    method: 'get',
    paths: ['/get-artifact', ...bothPrefixes('mlflow/get-artifact')],
    right: 'read',
    async answer(world, context) {
      const query = parseInput(ofRun, { run_id: context.req.query('run_id') || context.req.query('run_uuid'), path: context.req.query('path') });
      const run = await getRunInfo(world.database.read, query.run_id);
      return sendArtifact(world, context, artifactKeyBelow(run.artifactUri, query.path));
    },
  },
  {
    method: 'get',
    paths: bothPrefixes('mlflow/logged-models/:model/artifacts/files'),
    right: 'read',
    async answer(world, context) {
      const { path } = parseInput(z.object({ path: filledText }), { path: context.req.query('artifact_file_path') });
      const model = await getLoggedModel(world.database.read, context.req.param('model') ?? '');
      return sendArtifact(world, context, artifactKeyBelow(model.artifactUri, path));
    },
  },
  {
    method: 'post',
    paths: bothPrefixes('mlflow/upload-artifact'),
    right: 'run.log',
    async answer(world, context) {
      const query = parseInput(ofRun, { run_id: context.req.query('run_uuid') || context.req.query('run_id'), path: context.req.query('path') });
      const run = await getRunInfo(world.database.read, query.run_id);
      const key = artifactKeyBelow(run.artifactUri, query.path);
      const content = await readAtMost(context.req.raw.body, pageUploadLimit);
      if (content.length === 0) throw invalidParameter('Request must specify data.');
      await world.blobs.put(key, content);
      return context.json({});
    },
  },
];

/** The client names its own file, whole; its last part is the name here. */
function keyInFolder(folder: string, file: string): string {
  const name = /[^/\\]*$/.exec(file)?.[0] ?? '';
  const key = keyOfPath([...folder.split('/').slice(1), name].join('/'));
  if (name === '' || name === '.') throw invalidParameter(`${JSON.stringify(file.slice(0, 200))} names no file.`);
  requireInside(key);
  return key;
}

async function readAtMost(body: ReadableStream<Uint8Array> | null, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of body ?? []) {
    byteCount += chunk.length;
    if (byteCount > limit) throw invalidParameter('Artifact size is too large. Max size is 10MB.', 'Log it with a client: mlflow.log_artifact.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function byteCountOf(world: World, key: string): Promise<number> {
  const facts = await world.blobs.facts(key);
  if (facts === undefined) throw blobNotFound(key);
  return facts.byteCount;
}

const secrets = new WeakMap<World, Buffer>();

/** Read once: an upload in 10,000 parts takes as many links. */
function secretOf(world: World): Buffer {
  const secret = secrets.get(world) ?? homeKey(world.home, 'artifact-links');
  secrets.set(world, secret);
  return secret;
}

/** A link to the store itself where clients may go there, else to us. */
async function linkFor(world: World, context: RequestContext, does: 'get' | 'put', key: string, lifeSeconds: number): Promise<string> {
  requireInside(key);
  const { links } = world.blobs;
  if (links === undefined) return linkTo(world, context, { does, key, expiresAt: world.clock.now() + lifeSeconds * 1000 });
  return does === 'put' ? links.put(key, lifeSeconds) : links.get(key, lifeSeconds, shownAs(key));
}

/** A link to us, by the name under which the caller reached us, also through a proxy that ends TLS. */
function linkTo(world: World, context: RequestContext, grant: ArtifactGrant): string {
  const { host, protocol } = new URL(context.req.url);
  const scheme = context.req.header('x-forwarded-proto') === 'https' ? 'https:' : protocol;
  return `${scheme}//${host}/api/2.0/mlflow-artifacts/signed/${signGrant(secretOf(world), grant)}`;
}

const linkIsFor = (grant: ArtifactGrant) => invalidParameter(`This link is good for "${grant.does}" and nothing else.`);
