import { paramsReader } from '../dvc-files/params-file.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { changesOf, type StageChange } from '../dvc-files/stored-stage-status.ts';
import { readableIndex } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { addressFrom, pathsFrom } from './pipeline-text.ts';

export interface StatusOptions {
  readonly targets: readonly string[];
  /** where the person stands: names and paths are relative to it */
  readonly folder: string;
  readonly withDeps?: boolean;
  readonly isRecursive?: boolean;
  readonly onFrozen?: (address: string) => void;
}

/** `dvc status`: what would be done, by `.dvc` file and by stage; empty when all is up to date. */
export function pipelineStatus(
  repository: Repository,
  options: StatusOptions,
): Record<string, StageChange[]> {
  const { folder, targets, withDeps = false, isRecursive = false } = options;
  const index = readableIndex(repository);
  const workspace = new Workspace(repository);
  const read = paramsReader();
  const shown = pathsFrom(repository, folder);
  const status: Record<string, StageChange[]> = {};
  try {
    for (const { stage: whole, outs } of chooseTargets(index, targets, { folder, withDeps, isRecursive })) {
      const stage = outs.length === whole.outs.length ? whole : { ...whole, outs };
      const address = addressFrom(stage, folder);
      if (stage.isFrozen && stage.record.kind === 'stage') options.onFrozen?.(address);
      const changes = changesOf(workspace, stage, read, shown);
      if (changes.length > 0) status[address] = changes;
    }
    return status;
  } finally {
    workspace.close();
  }
}
