import { isUrl, saveDvcFile, withContent } from '../dvc-files/dvc-file.ts';
import { lockFileOf, writeLockedStage, type LockedPath, type LockedStage } from '../dvc-files/lock-file.ts';
import type { ReadParams } from '../dvc-files/params-file.ts';
import { ignoreInGit, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { keepRun } from '../dvc-files/run-cache.ts';
import { currentParams, runsAlways, stagePath, type Stage } from '../dvc-files/stage.ts';
import { isInside, type RecordedStage } from '../dvc-files/stored.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { dependencyMissing, outputMissing } from './pipeline-errors.ts';

export interface Settled {
  readonly locked: LockedStage | undefined;
  /** files that git should know of, absolute */
  readonly changedFiles: readonly string[];
  /** what became of `dvc.lock` */
  readonly lock: 'new' | 'changed' | 'same';
}

export interface SettleOptions {
  /** false: outputs are hashed, and nothing is put into the cache */
  readonly isStored: boolean;
}

/**
 * Stores the outputs of a stage, writes it into `dvc.lock` and keeps the run for later.
 *
 * @throws STAGE_OUTPUT_MISSING, STAGE_DEPENDENCY_MISSING
 */
export function settle(
  workspace: Workspace,
  recorded: RecordedStage,
  read: ReadParams,
  { isStored }: SettleOptions,
): Settled {
  if (recorded.record.kind === 'dvc-file') return settleData(workspace, recorded, isStored);
  const { stage } = recorded.record;
  const { repository } = workspace;
  const changedFiles: string[] = [];
  const missing = stage.outs.find(
    ({ path }) => !isUrl(stagePath(stage, path)) && workspace.measure(stagePath(stage, path)) === undefined,
  );
  if (missing !== undefined) throw outputMissing(recorded.address, missing.path);
  const outs = stage.outs.map((out): LockedPath => {
    const path = stagePath(stage, out.path);
    if (out.isCached && isInside(repository, path) && ignoreInGit(path) === 'added')
      changedFiles.push(`${path.slice(0, path.lastIndexOf('/'))}/.gitignore`);
    const content = out.isCached && isStored ? workspace.add(path) : workspace.measure(path);
    if (content === undefined) throw outputMissing(recorded.address, out.path);
    return { path: out.path, ...content };
  });
  const locked = stageNow(workspace, stage, read, outs);
  if (locked === undefined) throw dependencyMissing(recorded.address, stage.deps.join(', '));
  if (isStored) keep(workspace, stage, locked);
  const file = lockFileOf(stage.file);
  const lock = writeLockedStage(file, stage.name, locked);
  return { locked, lock, changedFiles: lock === 'same' ? changedFiles : [...changedFiles, file] };
}

/** What a stage runs with at this moment; undefined when a dependency is missing. */
export function stageNow(
  workspace: Workspace,
  stage: Stage,
  read: ReadParams,
  outs: readonly LockedPath[],
): LockedStage | undefined {
  const deps: LockedPath[] = [];
  for (const path of stage.deps) {
    const at = stagePath(stage, path);
    const content = isUrl(at) ? undefined : workspace.measure(at);
    if (content === undefined) return undefined;
    deps.push({ path, ...content });
  }
  return { cmd: stage.cmd, deps, params: currentParams(stage, read), outs };
}

/** Whether a run of the stage can stand for another one: it has inputs and outputs, all of them here, and made anew each time. */
export function mayBeKept(repository: Repository, stage: Stage): boolean {
  if (runsAlways(stage) || stage.outs.length === 0 || stage.deps.length + stage.params.length === 0)
    return false;
  const isHere = (path: string): boolean => isInside(repository, stagePath(stage, path));
  return (
    stage.deps.every((path) => !isUrl(stagePath(stage, path))) &&
    stage.outs.every((out) => !out.isKept && isHere(out.path))
  );
}

/** Metrics and plots that git keeps go into the cache too, so that the run can be brought back whole; other outputs do not. */
function keep(workspace: Workspace, stage: Stage, locked: LockedStage): void {
  if (
    !mayBeKept(workspace.repository, stage) ||
    stage.outs.some((out) => out.kind === 'out' && !out.isCached)
  )
    return;
  if ([...locked.params.values()].some((values) => values.size === 0)) return;
  for (const out of stage.outs) if (!out.isCached) keepCopy(workspace, stagePath(stage, out.path));
  keepRun(workspace.repository, locked);
}

function keepCopy(workspace: Workspace, path: string): void {
  workspace.add(path);
  // git keeps this one: it must stay a file of its own that can be written
  workspace.unprotect(path);
}

function settleData(workspace: Workspace, recorded: RecordedStage, isStored: boolean): Settled {
  if (recorded.record.kind !== 'dvc-file') return { locked: undefined, changedFiles: [], lock: 'same' };
  const { dvcFile } = recorded.record;
  const outs = dvcFile.outs.map(({ path, fields }) => {
    const content = isStored && fields.get('cache') !== false ? workspace.add(path) : workspace.measure(path);
    if (content === undefined)
      throw dependencyMissing(recorded.address, repositoryPath(workspace.repository, path));
    return withContent(fields, content);
  });
  saveDvcFile(dvcFile.file, new Map([...dvcFile.fields, ['outs', outs]]));
  return { locked: undefined, changedFiles: [dvcFile.file], lock: 'same' };
}

/** Brings outputs back from the cache. */
export function restoreOuts(workspace: Workspace, stage: Stage, from: LockedStage): void {
  for (const out of from.outs) {
    const path = stagePath(stage, out.path);
    workspace.restore(path, out.md5, true);
    if (stage.outs.find((one) => one.path === out.path)?.isCached === false) workspace.unprotect(path);
  }
}
