import { relative } from 'node:path';
import { readIndex, type RecordedStage } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { addressFrom } from './pipeline-text.ts';

export interface ListedStage {
  readonly name: string;
  /** what it is for, or what it makes */
  readonly about: string;
}

export interface ListingOptions {
  readonly targets: readonly string[];
  readonly folder: string;
  /** of the whole repository, and not only of the `dvc.yaml` here */
  readonly isAll: boolean;
  readonly isRecursive: boolean;
}

/** Stages as `dvc stage list` lists them. */
export function listStages(
  repository: Repository,
  { targets, folder, isAll, isRecursive }: ListingOptions,
): ListedStage[] {
  const index = readIndex(repository);
  const words = targets.length === 0 && !isAll ? ['dvc.yaml'] : targets;
  const chosen = isAll
    ? index.stages
    : chooseTargets(index, words, { folder, isRecursive }).map(({ stage }) => stage);
  return [...new Set(chosen)].map((stage) => ({
    name: addressFrom(stage, folder),
    about: aboutOf(stage, folder),
  }));
}

function aboutOf(stage: RecordedStage, folder: string): string {
  const { record } = stage;
  const description = record.kind === 'stage' ? record.stage.description : undefined;
  const line = description
    ?.split('\n')
    .find((one) => one !== '')
    ?.trim();
  if (line !== undefined) return line;
  const paths = (isReport: boolean): string[] =>
    stage.outs.filter(({ kind }) => (kind !== 'out') === isReport).map(({ path }) => relative(folder, path));
  const outs = paths(false);
  const reports = paths(true);
  const parts = [
    outs.length > 0 ? `Outputs ${outs.join(', ')}` : '',
    reports.length > 0 ? `Reports ${reports.join(', ')}` : '',
  ];
  return parts.filter((part) => part !== '').join('; ') || 'No outputs or dependencies';
}
