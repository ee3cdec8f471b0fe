import { join } from 'node:path';
import type { BlobStore } from './blobs.ts';
import { TilthError } from '../errors.ts';
import { folderBlobs } from './folder-blobs.ts';
import type { Home } from '../home.ts';
import type { Logger } from '../log.ts';

/**
 * The store that `TILTH_BLOBS_URL` names, else the folder of the home. A bucket is asked once, so that a wrong name or
 * secret is told at the start; one that is away is not: the rest of the server works without it.
 *
 * @throws BLOBS_URL_REFUSED, BLOBS_ACCESS_REFUSED, BLOBS_BUCKET_MISSING
 */
export async function openBlobs(home: Home, log: Logger, environment: NodeJS.ProcessEnv = process.env): Promise<BlobStore> {
  const url = environment['TILTH_BLOBS_URL'];
  if (url === undefined || url === '') return folderBlobs(home.blobs);
  // only here: the client of S3 takes a while to load
  const [{ nameOfPlace, parseS3Place }, { s3Blobs }] = await Promise.all([import('./s3-place.ts'), import('./s3-blobs.ts')]);
  const place = parseS3Place(url, environment);
  const blobs = s3Blobs(place, join(home.root, 'cache', 'blobs'));
  try {
    await blobs.list('artifacts');
    log.info({ blobs: nameOfPlace(place) }, 'blobs are kept in a bucket');
  } catch (thrown) {
    if (!(thrown instanceof TilthError) || thrown.code !== 'BLOBS_UNAVAILABLE') throw thrown;
    log.warn({ blobs: nameOfPlace(place), error: thrown.message }, 'the bucket for blobs does not answer');
  }
  return blobs;
}
