import { TilthError } from '../../platform/errors.ts';
import { segmentsOf } from '../../platform/blobs/blobs.ts';

const scheme = 'mlflow-artifacts:';

export const artifactRefused = (reference: string): TilthError =>
  new TilthError('ARTIFACT_PATH_REFUSED', 400, `Invalid path: ${JSON.stringify(reference.slice(0, 300))} leaves its root, or is no name that a file can have.`);

/**
 * The blob key of a path below the artifact root, as it stands in a URL: decoded once.
 *
 * @throws ARTIFACT_PATH_REFUSED when it would leave the root, now or when someone decodes it again
 */
export const keyOfEncodedPath = (encoded: string): string => {
  try {
    return keyOfPath(decodeURIComponent(encoded));
  } catch (cause) {
    if (cause instanceof TilthError) throw cause;
    throw artifactRefused(encoded);
  }
};

/** The blob key of a decoded path below the artifact root. @throws ARTIFACT_PATH_REFUSED */
export function keyOfPath(path: string): string {
  try {
    const segments = segmentsOf(path);
    for (let again = path, before = ''; again !== before; ) {
      before = again;
      again = decodeLeniently(again);
      segmentsOf(again);
    }
    return ['artifacts', ...segments].join('/');
  } catch {
    throw artifactRefused(path);
  }
}

/** What some later reader could make of it: every escape of a plain letter, also beside broken ones. */
const decodeLeniently = (text: string): string =>
  text.replace(/%([0-7][0-9a-f])/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

/**
 * The blob key of an artifact that this server keeps: `mlflow-artifacts:/1/<run>/artifacts/model`.
 *
 * @throws ARTIFACT_ELSEWHERE for what is kept somewhere else, ARTIFACT_PATH_REFUSED for what leaves the root
 */
export function artifactKeyOf(uri: string): string {
  if (!isOurs(uri)) {
    throw new TilthError('ARTIFACT_ELSEWHERE', 400, `The artifact ${uri} is not kept by this server.`, `Only ${scheme} is.`);
  }
  const path = uri.slice(scheme.length).replace(/^\/\/[^/]*/, '').replace(/^\/+/, '');
  // a '#', '?' or ';' would hide the rest of the path from one reader and not from another
  if (/[#?;]/.test(path)) throw artifactRefused(uri);
  return keyOfPath(path);
}

export const isOurs = (uri: string): boolean => uri.startsWith(scheme);

/**
 * Checks the place that a client chose for an experiment's artifacts; places that are not ours are only remembered,
 * never followed by the server.
 *
 * @throws ARTIFACT_PATH_REFUSED
 */
export function checkArtifactLocation(uri: string): void {
  if (isOurs(uri)) {
    artifactKeyOf(uri);
    return;
  }
  const hidden = /[#?;\\]/.test(uri) || decodeLeniently(decodeLeniently(uri)).split(/[/\\]/).includes('..');
  if (hidden) throw artifactRefused(uri);
}
