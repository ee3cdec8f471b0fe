import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Actor } from '../../platform/actor.ts';
import { badRequest } from '../../platform/errors.ts';
import type { RequestContext } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { artifactKeyOf, isOurs, keyOfPath } from './artifact-keys.ts';

export interface Artifact {
  /** below the root that was asked for */
  readonly path: string;
  readonly isFolder: boolean;
  /** undefined for a folder */
  readonly byteCount: number | undefined;
}

/**
 * What lies directly below a folder of a run's or model's artifacts; empty when its files are kept elsewhere.
 *
 * @param rootUri `mlflow-artifacts:/1/<run>/artifacts`
 * @param path below it, '' for the root
 */
export async function listArtifacts(world: World, rootUri: string, path: string): Promise<Artifact[]> {
  if (!isOurs(rootUri)) return [];
  keyOfPath(path);
  return listKey(world, joined(artifactKeyOf(rootUri), path), path);
}

/** The same for a key. */
export async function listKey(world: World, key: string, path: string): Promise<Artifact[]> {
  const entries = await world.blobs.list(key);
  return entries.map((entry) => ({
    path: joined(path, entry.name),
    isFolder: entry.isFolder,
    byteCount: entry.isFolder ? undefined : entry.byteCount,
  }));
}

/** The blob key of one file of a run or model. @throws ARTIFACT_PATH_REFUSED, ARTIFACT_ELSEWHERE */
export function artifactKeyBelow(rootUri: string, path: string): string {
  keyOfPath(path);
  return joined(artifactKeyOf(rootUri), path);
}

const joined = (folder: string, name: string): string => {
  const clean = name.split('/').filter((part) => part !== '' && part !== '.');
  return [...(folder === '' ? [] : [folder.replace(/\/+$/, '')]), ...clean].join('/');
};

export async function putArtifact(world: World, key: string, content: Uint8Array | Readable): Promise<void> {
  requireInside(key);
  await world.blobs.put(key, content);
}

/** The body of a request as it comes in: from the socket itself, since a web stream on the way costs half as much again. */
export function bodyOf(context: RequestContext): Uint8Array | Readable {
  const { incoming } = (context.env ?? {}) as { readonly incoming?: IncomingMessage };
  if (incoming !== undefined) return incoming;
  const { body } = context.req.raw;
  return body === null ? new Uint8Array() : Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
}

/** @throws BAD_REQUEST for a file beside the runs and models */
export const requireInside = (key: string): void => requireDepth(key, 2);

/** Removes a file or folder and says so in the audit log. */
export async function deleteArtifact(world: World, actor: Actor, key: string): Promise<void> {
  // experiment, run and what lies in it: nothing above a run goes by this way
  requireDepth(key, 3);
  await perform(world, { actor, verb: 'artifact.delete', kind: 'artifact', thing: key }, () => Promise.resolve());
  await world.blobs.remove(key);
}

/** @param depth how many segments a key has at least, below `artifacts` */
function requireDepth(key: string, depth: number): void {
  if (key.split('/').length - 1 >= depth) return;
  throw badRequest(`The path ${JSON.stringify(key)} is not inside the artifacts of a run or model.`);
}
