import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { World } from '../../../platform/world.ts';
import type { DeclaredModel } from '../../../start/project/project-store.ts';
import { artifactKeyBelow } from '../../../develop/tracking/artifacts.ts';
import { isOurs } from '../../../develop/tracking/artifact-keys.ts';
import { getRun } from '../../../develop/tracking/run-store.ts';
import { contextTag, type Run } from '../../../develop/tracking/tracking.ts';
import { insideOf } from '../../conversion/sample-rows.ts';

/** Where a run may leave its held-out rows for good, so that a later run can't change them. */
export const holdoutArtifact = 'holdout.parquet';

/**
 * A file with the held-out rows of a run: its artifact `holdout.parquet`, else the file of the project that it logged
 * as a dataset for hold-out, test, validation or evaluation.
 *
 * @param folder where an artifact is copied to
 * @returns undefined where the run left neither
 */
export async function holdoutFile(
  world: World,
  runId: string | null,
  declared: DeclaredModel,
  folder: string,
): Promise<string | undefined> {
  const run = runId === null ? undefined : await getRun(world.database.read, runId).catch(() => undefined);
  if (run === undefined) return undefined;
  return (await copiedArtifact(world, run, folder)) ?? loggedFile(run, declared.project.root);
}

async function copiedArtifact(world: World, run: Run, folder: string): Promise<string | undefined> {
  if (!isOurs(run.artifactUri)) return undefined;
  const key = artifactKeyBelow(run.artifactUri, holdoutArtifact);
  if ((await world.blobs.size(key)) === undefined) return undefined;
  const file = join(folder, holdoutArtifact);
  await pipeline((await world.blobs.get(key)).stream, createWriteStream(file));
  return file;
}

const source = z.object({ uri: z.string() });
const isHeldOut = (name: string): boolean => /hold|test|eval|valid/i.test(name);

function loggedFile(run: Run, root: string): string | undefined {
  for (const { dataset, tags } of run.datasets) {
    const context = tags.find(({ key }) => key === contextTag)?.value ?? '';
    if (!isHeldOut(context) && !isHeldOut(dataset.name)) continue;
    const parsed = source.safeParse(parseJson(dataset.source));
    const path = parsed.success ? parsed.data.uri.replace(/^file:\/\//, '') : undefined;
    const file = path?.endsWith('.parquet') === true ? insideOf(root, path) : undefined;
    if (file !== undefined) return file;
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
