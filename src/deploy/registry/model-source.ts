import type { Reader } from '../../platform/database/database.ts';
import { artifactKeyOf, checkArtifactLocation, isOurs } from '../../develop/tracking/artifact-keys.ts';
import { getLoggedModel } from '../../develop/tracking/logged-model-store.ts';
import { getRun, getRuns } from '../../develop/tracking/run-store.ts';
import { parseVersion } from './registry.ts';
import { aliasNotFound, sourceRefused } from './registry-errors.ts';
import { findAlias, getVersionRow } from './registry-store.ts';

/** Where a version's files are, and which run made them. */
export interface ModelSource {
  readonly location: string;
  readonly runId: string | null;
  readonly loggedModelId: string | null;
}

interface Claims {
  readonly runId?: string | undefined;
  readonly loggedModelId?: string | undefined;
}

/**
 * MLflow's clients keep a prompt's text in a tag and write a word for the source; there is no place to follow it to.
 * Anything that could be a place is resolved as for every model.
 */
export const isPromptSource = (source: string): boolean => /^[\w-]{1,100}$/.test(source);

const remoteSchemes = /^(s3|gs|wasbs?|abfss?|hdfs|dbfs|r2|oss):/;

/**
 * Follows what a client calls the source of a version to the place of its files.
 * Files outside of this server are remembered and never fetched; a local path is refused, since it would be the server's.
 *
 * @throws MODEL_SOURCE_REFUSED, RUN_NOT_FOUND, LOGGED_MODEL_NOT_FOUND, MODEL_VERSION_NOT_FOUND
 */
export async function resolveSource(read: Reader, source: string, claims: Claims): Promise<ModelSource> {
  if (source.startsWith('models:')) return resolveModels(read, source, claims);
  if (source.startsWith('runs:')) return resolveRuns(read, source, claims);
  if (isOurs(source)) return resolveOurs(read, source, claims);
  if (remoteSchemes.test(source)) {
    checkArtifactLocation(source);
    return { location: source, runId: claims.runId ?? null, loggedModelId: claims.loggedModelId ?? null };
  }
  throw sourceRefused(source, 'A path of the server, or an address it would have to fetch, is no source.');
}

async function resolveModels(read: Reader, source: string, claims: Claims): Promise<ModelSource> {
  const path = source.slice('models:'.length);
  if (path.startsWith('//'))
    throw sourceRefused(source, 'Only models of this server are known: write models:/NAME/VERSION.');
  const [name = '', version, rest] = path.replace(/^\//, '').split('/').map(decodeURIComponent);
  if (rest !== undefined || name === '')
    throw sourceRefused(
      source,
      'It is written models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS.',
    );
  if (version !== undefined) return ofVersion(read, name, parseVersion(version));
  const at = name.lastIndexOf('@');
  if (at > 0) {
    const aliased = await findAlias(read, name.slice(0, at), name.slice(at + 1));
    if (aliased === undefined) throw aliasNotFound(name.slice(0, at), name.slice(at + 1));
    return ofVersion(read, name.slice(0, at), aliased);
  }
  if (claims.loggedModelId !== undefined && claims.loggedModelId !== name) {
    throw sourceRefused(
      source,
      'The model_id request parameter must identify the resource that contains the source.',
    );
  }
  const logged = await getLoggedModel(read, name);
  return { location: logged.artifactUri, runId: claims.runId ?? logged.sourceRunId, loggedModelId: name };
}

async function ofVersion(read: Reader, model: string, version: number): Promise<ModelSource> {
  const row = await getVersionRow(read, model, version);
  return { location: row.location, runId: row.run_id, loggedModelId: row.logged_model_id };
}

/** `runs:/ID/PATH` names a logged model by its name since MLflow 3, a folder of the run's artifacts before. */
async function resolveRuns(read: Reader, source: string, claims: Claims): Promise<ModelSource> {
  const [runId = '', ...segments] = source.slice('runs:'.length).replace(/^\//, '').split('/');
  if (runId === '' || source.startsWith('runs://'))
    throw sourceRefused(source, 'It is written runs:/RUN_ID/PATH.');
  if (claims.runId !== undefined && claims.runId !== runId) {
    throw sourceRefused(
      source,
      'The run_id request parameter must identify the resource that contains the source.',
    );
  }
  const run = await getRun(read, runId);
  const path = segments.join('/');
  for (const output of [...run.modelOutputs].reverse()) {
    const logged = await getLoggedModel(read, output.modelId).catch(() => undefined);
    if (logged !== undefined && (path === '' || logged.name === path)) {
      return { location: logged.artifactUri, runId, loggedModelId: logged.id };
    }
  }
  const location = `${run.artifactUri}/${path}`;
  if (isOurs(location)) artifactKeyOf(location);
  return { location, runId, loggedModelId: claims.loggedModelId ?? null };
}

/** A place of ours must lie below the run or the logged model that the client names. */
async function resolveOurs(read: Reader, source: string, claims: Claims): Promise<ModelSource> {
  const key = artifactKeyOf(source);
  // a run that is not there holds no place
  const [run] = claims.runId === undefined ? [] : await getRuns(read, [claims.runId]);
  const logged =
    claims.loggedModelId === undefined ? undefined : await getLoggedModel(read, claims.loggedModelId);
  for (const root of [logged?.artifactUri, run?.artifactUri]) {
    if (root === undefined || !isOurs(root)) continue;
    const rootKey = artifactKeyOf(root);
    if (key === rootKey || key.startsWith(`${rootKey}/`)) {
      return {
        location: source,
        runId: claims.runId ?? logged?.sourceRunId ?? null,
        loggedModelId: claims.loggedModelId ?? null,
      };
    }
  }
  throw sourceRefused(
    source,
    'The run_id request parameter must identify the resource that contains the source.',
  );
}

/** The folder of blobs that holds the files; undefined when they are kept elsewhere. */
export const blobFolderOf = (location: string): string | undefined =>
  isOurs(location) ? artifactKeyOf(location) : undefined;
