import { existsSync } from 'node:fs';
import type { Repository } from '../dvc-files/repository.ts';
import { messageOf } from '../../platform/errors.ts';
import { note } from '../../platform/terminal.ts';
import type { Index, RecordedStage } from '../dvc-files/stored.ts';
import { depsOf, outAt } from '../dvc-files/targets.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { fetch } from '../remotes/fetch.ts';
import { fetchRunCache } from '../remotes/run-cache-transfer.ts';

/** Brings what a stage made, last time, from the remote into the cache and from there into the workspace; whether all came. */
export async function pullStage(
  repository: Repository,
  workspace: Workspace,
  stage: RecordedStage,
): Promise<boolean> {
  const { missing } = await fetch(repository, { folder: repository.root, targets: [stage.address] });
  if (missing.length > 0) return false;
  for (const out of stage.outs) {
    if (out.md5 === undefined || !workspace.isCached(out.md5)) return false;
    if (!existsSync(out.path)) workspace.restore(out.path, out.md5, true);
  }
  return true;
}

/** Brings dependencies of a stage, or the data of a `.dvc` file, that are not there, where something records them. */
export async function pullDependencies(
  repository: Repository,
  workspace: Workspace,
  index: Index,
  stage: RecordedStage,
): Promise<void> {
  const own = stage.record.kind === 'dvc-file' ? stage.outs.map(({ path }) => path) : [];
  for (const path of [...depsOf(stage), ...own]) {
    if (existsSync(path)) continue;
    const found = outAt(index, path);
    const md5 = found?.out.md5;
    if (found === undefined || md5 === undefined) continue;
    await fetch(repository, { folder: repository.root, targets: [found.stage.address] });
    if (workspace.isCached(md5)) workspace.restore(found.out.path, md5, true);
  }
}

/** Brings runs of stages that others had; a remote that has none, or none that is set, is no reason to stop. */
export async function pullRunCache(repository: Repository): Promise<void> {
  try {
    await fetchRunCache(repository, {});
  } catch (reason) {
    note(`WARNING: Failed to pull run cache: ${messageOf(reason)}`);
  }
}
