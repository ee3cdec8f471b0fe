import type { Reader } from '../../platform/database/database.ts';
import { getRun } from '../../develop/tracking/run-store.ts';
import { datasetTagPrefix, type Run } from '../../develop/tracking/tracking.ts';
import type { VersionRow } from './registry-store.ts';

/** A dataset version that a model version learned from. */
export interface TrainingData {
  readonly dataset: string;
  readonly md5: string;
}

/**
 * What the run of a model version says it read (its tags `tilth.dataset.NAME`), the declared dataset first.
 *
 * @param declared the dataset that `tilth.yaml` names for the model
 */
export async function trainingData(
  read: Reader,
  row: Pick<VersionRow, 'run_id'>,
  declared?: string,
): Promise<TrainingData[]> {
  if (row.run_id === null) return [];
  const run = await getRun(read, row.run_id).catch(() => undefined);
  return (run?.tags ?? [])
    .filter(({ key }) => key.startsWith(datasetTagPrefix))
    .map(({ key, value }) => ({ dataset: key.slice(datasetTagPrefix.length), md5: value }))
    .toSorted((one, other) => Number(other.dataset === declared) - Number(one.dataset === declared));
}

/** The dataset version that the version's run says it used; null when it says none. */
export async function dataVersionOf(
  read: Reader,
  row: Pick<VersionRow, 'run_id'>,
  dataset: string | undefined,
): Promise<string | null> {
  if (row.run_id === null) return null;
  const run = await getRun(read, row.run_id).catch(() => undefined);
  return run === undefined ? null : dataVersionOfRun(run, dataset);
}

export function dataVersionOfRun(run: Pick<Run, 'tags'>, dataset: string | undefined): string | null {
  const tags = run.tags.filter((tag) => tag.key.startsWith(datasetTagPrefix));
  const wanted = dataset === undefined ? tags[0] : tags.find((tag) => tag.key === datasetTagPrefix + dataset);
  return wanted?.value ?? null;
}
