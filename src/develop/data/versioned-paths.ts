import { resolve } from 'node:path';
import { declaredDatasets } from '../contracts/declared-datasets.ts';
import { repositoryPath } from '../dvc-files/repository.ts';
import { changeOf, listRecorded, type Change } from '../dvc-files/stored.ts';
import { inWorkspace } from './in-workspace.ts';

export interface VersionedPath {
  /** relative to the repository */
  readonly path: string;
  readonly state: Change | 'unchanged';
  readonly md5: string | null;
  readonly size: number | null;
  readonly dataset: string | null;
  /** the stage that makes it, null for what was added */
  readonly stage: string | null;
}

/** Every versioned path and whether the workspace still has what is recorded. */
export async function versionedPaths(folder: string): Promise<VersionedPath[]> {
  const datasets = await declaredDatasets(folder);
  return inWorkspace(folder, false, (workspace, repository) =>
    listRecorded(repository).map((recorded) => ({
      path: repositoryPath(repository, recorded.path),
      state: changeOf(workspace, recorded) ?? 'unchanged',
      md5: recorded.md5 ?? null,
      size: recorded.size ?? null,
      dataset: datasets.find((one) => resolve(one.root, one.path) === recorded.path)?.name ?? null,
      stage: recorded.source.kind === 'stage' ? recorded.source.stage : null,
    })),
  );
}
