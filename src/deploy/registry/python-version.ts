import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { describeModel } from '../python/describe-model.ts';
import { writeBundle } from '../python/model-bundle.ts';
import { hashOf } from './registry.ts';
import type { VersionRow } from './registry-store.ts';
import { fileKeyOf } from './served-file.ts';

interface Described {
  readonly modelFolder: string;
  readonly rowsFile: string;
  readonly python: string;
  /** where files may lie meanwhile */
  readonly folder: string;
}

/**
 * What a version keeps that its own Python is to serve: the model as a bundle, its schema, and the Python itself.
 *
 * @param reason why there is no graph; what its own Python has against it is added
 */
export async function pythonVersion(
  world: World,
  described: Described,
  reason: string,
  job: Pick<JobContext, 'run' | 'progress'>,
): Promise<Partial<VersionRow>> {
  const nothing = {
    bundle_digest: null,
    bundle_byte_count: null,
    python: null,
    schema: null,
    schema_hash: null,
  };
  const description = await describeModel(described, job);
  if ('reason' in description) return { reason: `${sentence(reason)} ${description.reason}`, ...nothing };
  await job.progress('bundling the model for its own Python');
  const file = join(described.folder, 'model.bundle');
  const { byteCount, sha256 } = await writeBundle(described.modelFolder, file);
  const key = fileKeyOf('python', sha256);
  if ((await world.blobs.size(key)) === undefined) await world.blobs.put(key, createReadStream(file));
  const { schema, python } = description;
  return {
    reason,
    bundle_digest: sha256,
    bundle_byte_count: byteCount,
    python: JSON.stringify(python),
    schema: JSON.stringify(schema),
    schema_hash: hashOf(schema),
  };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
