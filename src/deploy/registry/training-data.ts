import type { Reader } from '../../platform/database/database.ts';
import { getRun } from '../../develop/tracking/run-store.ts';
import { datasetTagPrefix } from '../../develop/tracking/tracking.ts';
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
