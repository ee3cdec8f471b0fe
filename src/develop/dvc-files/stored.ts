import { join } from 'node:path';
import { listDvcFiles, readDvcFile } from './dvc-file.ts';
import { readLockFile } from './lock-file.ts';
import { readPipelineFile } from './pipeline-file.ts';
import { repositoryPath, type Repository } from './repository.ts';
import type { Workspace } from './workspace.ts';

/** A path whose content the repository's files record: by a `.dvc` file, or as an output of a stage. */
export interface Recorded {
  /** absolute */
  readonly path: string;
  /** undefined before the first run or add */
  readonly md5: string | undefined;
  readonly size: number | undefined;
  readonly nfiles: number | undefined;
  /** false: git keeps it, or it can't be brought back from the cache */
  readonly isCached: boolean;
  readonly source: { readonly kind: 'dvc-file'; readonly file: string } | { readonly kind: 'stage'; readonly stage: string };
}

/** Everything `.dvc` files and `dvc.lock` record, in the order of the files. */
export function listRecorded(repository: Repository): Recorded[] {
  const locked = readLockFile(join(repository.root, 'dvc.lock'));
  const outs = readPipelineFile(join(repository.root, 'dvc.yaml')).flatMap((stage) =>
    stage.outs.map((out): Recorded => {
      const known = locked.get(stage.name)?.outs.find(({ path }) => path === out.path);
      return {
        path: join(stage.folder, out.path),
        md5: known?.md5,
        size: known?.size,
        nfiles: known?.nfiles,
        isCached: out.isCached,
        source: { kind: 'stage', stage: stage.name },
      };
    }),
  );
  return [...listRecordedFiles(repository), ...outs];
}

/** What `.dvc` files record. */
export const listRecordedFiles = (repository: Repository): (Recorded & { readonly source: { readonly kind: 'dvc-file' } })[] =>
  listDvcFiles(repository).map((file) => {
    const { path, md5, size, nfiles, isCurrentFormat } = readDvcFile(file);
    return { path, md5, size, nfiles, isCached: isCurrentFormat, source: { kind: 'dvc-file', file } };
  });

/** `dvc status` of `.dvc` files: `{"data.dvc": [{"changed outs": {"data": "modified"}}]}`, empty when all is as recorded. */
export function fileStatus(workspace: Workspace): Record<string, unknown[]> {
  const status: Record<string, unknown[]> = {};
  for (const recorded of listRecordedFiles(workspace.repository)) {
    if (!recorded.isCached) continue;
    const change = changeOf(workspace, recorded);
    if (change === undefined) continue;
    const path = repositoryPath(workspace.repository, recorded.path);
    status[repositoryPath(workspace.repository, recorded.source.file)] = [{ 'changed outs': { [path]: change } }];
  }
  return status;
}

export type Change = 'new' | 'modified' | 'deleted' | 'not in cache';

/** How the workspace differs from what is recorded, in dvc's words; undefined when it does not. */
export function changeOf(workspace: Workspace, recorded: Recorded): Change | undefined {
  const { path, md5, isCached } = recorded;
  const now = workspace.measure(path);
  if (md5 === undefined || md5 === '') return now === undefined ? 'deleted' : 'new';
  const isHeld = !isCached || workspace.isCached(md5);
  if (now === undefined) return isHeld ? 'deleted' : 'not in cache';
  if (now.md5 !== md5) return 'modified';
  return isHeld ? undefined : 'not in cache';
}
