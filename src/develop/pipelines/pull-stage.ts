import { existsSync } from 'node:fs';
import type { Repository } from '../dvc-files/repository.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { fetch } from '../remotes/fetch.ts';

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
