import { buffer } from 'node:stream/consumers';
import type { World } from '../../platform/world.ts';
import { spansOfFile } from './span-json.ts';
import { traceArtifactKey } from './traces-store.ts';
import type { Span, TraceInfo } from './traces.ts';

/** larger ones are only downloaded */
const shownByteLimit = 64 * 1024 * 1024;

/**
 * The spans that an older client uploaded as the artifact `traces.json`, in any of the forms that its versions wrote;
 * none when there is no such file, or it is something else.
 */
export async function spansInArtifact(world: World, trace: TraceInfo): Promise<Span[]> {
  const folder = await traceArtifactKey(world.database.read, trace);
  const byteCount = folder === undefined ? undefined : await world.blobs.size(`${folder}/traces.json`);
  if (folder === undefined || byteCount === undefined || byteCount > shownByteLimit) return [];
  const { stream } = await world.blobs.get(`${folder}/traces.json`);
  try {
    return spansOfFile((await buffer(stream)).toString(), trace.id.replace(/^tr-/, ''));
  } catch {
    return [];
  }
}
