import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { saveDvcFile, withContent, type DvcFile } from '../dvc-files/dvc-file.ts';
import { GitFiles } from '../dvc-files/git-files.ts';
import { measureOut } from '../dvc-files/measured-out.ts';
import { paramsReader } from '../dvc-files/params-file.ts';
import { repositoryPath } from '../dvc-files/repository.ts';
import { changedDeps, hasOtherCommand } from '../dvc-files/stored-stage-status.ts';
import { readableIndex, type RecordedStage } from '../dvc-files/stored.ts';
import { chooseTargets, type Chosen } from '../dvc-files/targets.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { storePart } from './add-data.ts';
import { commitRefused } from './data-errors.ts';
import { inWorkspace } from './in-workspace.ts';
import { PlacedPaths } from './placed-paths.ts';

/** Records a stage of a `dvc.yaml` in its `dvc.lock`; answers with the files that changed, absolute. */
export type SettleStage = (workspace: Workspace, stage: RecordedStage) => Promise<readonly string[]>;

export interface CommitOptions {
  readonly isForced?: boolean;
  readonly withDeps?: boolean;
  readonly isRecursive?: boolean;
  /** asked before what changed is recorded; nobody to ask is a no */
  readonly mayRecord?: (question: string) => Promise<boolean>;
  readonly settleStage: SettleStage;
}

/**
 * Records data as it is in the workspace now, and puts it into the cache.
 *
 * @returns addresses of what was recorded, as `data.dvc` or `train`
 * @throws DATA_COMMIT_REFUSED, DATA_PATH_MISSING, DATA_TARGET_UNKNOWN
 */
export async function commitData(
  folder: string,
  targets: readonly string[],
  options: CommitOptions,
): Promise<string[]> {
  return inWorkspace(folder, true, async (workspace, repository) => {
    const index = readableIndex(repository);
    const chosen = chooseTargets(index, targets, {
      folder,
      withDeps: options.withDeps === true,
      isRecursive: options.isRecursive === true,
    });
    const gitFiles = new GitFiles(repository);
    const placed = new PlacedPaths(repository);
    for (const one of chosen) {
      const changes = options.isForced === true ? undefined : changesIn(workspace, one);
      if (changes !== undefined && options.mayRecord !== undefined && !(await options.mayRecord(changes)))
        throw commitRefused(one.stage.address);
      if (changes !== undefined && options.mayRecord === undefined) throw commitRefused(one.stage.address);
      if (one.stage.record.kind === 'stage')
        for (const file of await options.settleStage(workspace, one.stage)) gitFiles.track(file);
      else settleDvcFile(workspace, one, one.stage.record.dvcFile, gitFiles, placed);
    }
    placed.save();
    gitFiles.settle();
    return chosen.map(({ stage }) => stage.address);
  });
}

/** What a person has to agree to; undefined when nothing changed. */
function changesIn(workspace: Workspace, { stage }: Chosen): string | undefined {
  const shown = (path: string): string => repositoryPath(workspace.repository, path);
  const deps = Object.keys(changedDeps(workspace, stage, paramsReader(), shown));
  const outs = stage.outs
    .filter((out) => measureOut(workspace, out)?.md5 !== out.md5)
    .map((out) => shown(out.path));
  const what = [
    ...(deps.length > 0 ? [`dependencies ${deps.join(', ')}`] : []),
    ...(outs.length > 0 ? [`outputs ${outs.join(', ')}`] : []),
    ...(hasOtherCommand(stage) ? ['the command'] : []),
  ];
  return what.length === 0
    ? undefined
    : `${what.join(' and ')} of ${stage.address} changed. Are you sure you want to commit it?`;
}

function settleDvcFile(
  workspace: Workspace,
  { outs, inside }: Chosen,
  dvcFile: DvcFile,
  gitFiles: GitFiles,
  placed: PlacedPaths,
): void {
  const meant = new Set(outs.map(({ path }) => path));
  const fields = dvcFile.outs.map((out) => {
    const recorded = outs.find(({ path }) => path === out.path);
    if (!meant.has(out.path) || recorded === undefined) return out.fields;
    if (inside !== undefined) {
      const content = storePart(workspace, out.path, inside, recorded, false);
      const whole = workspace.measure(out.path);
      return withContent(out.fields, whole?.md5 === content.md5 ? whole : content);
    }
    const before = measureOut(workspace, recorded);
    if (before === undefined) throw pathMissing(repositoryPath(workspace.repository, out.path));
    // a file of DVC 2 stays one until its data changes
    const isOld = recorded.hashName === 'md5-dos2unix' && before.md5 === out.md5;
    const content = recorded.isCached && !isOld ? workspace.add(out.path) : before;
    placed.remember(out.path, content.md5);
    if (recorded.isCached) gitFiles.ignore(out.path);
    return before.md5 === out.md5 ? out.fields : withContent(out.fields, content);
  });
  saveDvcFile(dvcFile.file, new Map([...dvcFile.fields, ['outs', fields]]));
  gitFiles.track(dvcFile.file);
}
