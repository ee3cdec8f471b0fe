import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { World } from '../../../platform/world.ts';
import type { Engine } from '../../serving/engines/engine.ts';
import { loadEngine } from '../../serving/engines/load-engine.ts';
import { servedPython, servedSchema, type ServedVersion } from '../../serving/serving-api.ts';
import type { VersionRow } from '../registry-store.ts';
import { fileKeyOf } from '../served-file.ts';

/** A version in the engine that serves it, and what it takes and gives. */
export interface OpenedVersion {
  readonly engine: Engine;
  readonly classes: readonly (string | number)[];
}

/**
 * Loads a version as a data plane would.
 *
 * @param folder where its file may lie meanwhile
 * @returns undefined where it can't be served
 * @throws SERVING_MODEL_UNLOADABLE, SERVING_ENVIRONMENT_UNAVAILABLE
 */
export async function openVersion(
  world: World,
  row: VersionRow,
  folder: string,
): Promise<OpenedVersion | undefined> {
  const served = servedOf(row);
  if (served === undefined) return undefined;
  const engine = await loadEngine(served, {
    folder: join(folder, 'serving'),
    log: world.log,
    pythonWorkers: 1,
    environments: join(world.home.serving, 'environments'),
    file: async ({ digest }) => {
      const file = join(folder, digest);
      await pipeline(
        (await world.blobs.get(fileKeyOf(served.engine, digest))).stream,
        createWriteStream(file),
      );
      return file;
    },
  });
  return { engine, classes: served.schema.classes };
}

function servedOf(row: VersionRow): ServedVersion | undefined {
  const isPython = row.engine === 'python';
  const digest = isPython ? row.bundle_digest : row.engine === 'onnx' ? row.onnx_digest : null;
  if (digest === null || row.schema === null) return undefined;
  return {
    model: row.model,
    version: row.version,
    runId: row.run_id,
    engine: isPython ? 'python' : 'onnx',
    digest,
    byteCount: (isPython ? row.bundle_byte_count : row.onnx_byte_count) ?? 0,
    schema: servedSchema.parse(JSON.parse(row.schema)),
    schemaHash: row.schema_hash ?? '',
    ...(isPython ? { python: servedPython.parse(JSON.parse(row.python ?? '{}')) } : {}),
  };
}
