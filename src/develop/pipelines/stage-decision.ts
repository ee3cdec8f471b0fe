import { existsSync, rmSync } from 'node:fs';
import type { LockedStage } from '../dvc-files/lock-file.ts';
import type { ReadParams } from '../dvc-files/params-file.ts';
import { isUrl } from '../dvc-files/dvc-file.ts';
import { repositoryPath } from '../dvc-files/repository.ts';
import { findRun } from '../dvc-files/run-cache.ts';
import {
  changedDeps,
  changedOuts,
  hasOtherCommand,
  isAlwaysChanged,
} from '../dvc-files/stored-stage-status.ts';
import { currentParams, stagePath, type Stage } from '../dvc-files/stage.ts';
import type { RecordedStage } from '../dvc-files/stored.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { equalValues } from '../dvc-files/yaml-value.ts';
import { dataChanged, dependencyMissing, outputMissing, paramMissing } from './pipeline-errors.ts';
import { mayBeKept, stageNow } from './stage-settling.ts';

export interface DecisionOptions {
  /** also what did not change */
  readonly isForced: boolean;
  readonly usesRunCache: boolean;
  /** what is not there counts as unchanged, as long as nothing else says otherwise */
  readonly allowsMissing: boolean;
  /** what to do about versioned data that was changed since: dvc records it anew, unasked */
  readonly changedData: 'refuse' | 'record';
  /** nothing is touched */
  readonly isDry: boolean;
}

/** What becomes of a stage; `record`: its outputs are taken as they are. */
export type Decision =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'restore'; readonly from: LockedStage }
  | { readonly kind: 'record' }
  | { readonly kind: 'run' };

/**
 * @param remade paths → md5 of what was made last, by this run or before, for `allowsMissing`
 * @throws PIPELINE_DATA_CHANGED, STAGE_DEPENDENCY_MISSING, STAGE_OUTPUT_MISSING, STAGE_PARAM_MISSING
 */
export function decide(
  workspace: Workspace,
  recorded: RecordedStage,
  read: ReadParams,
  options: DecisionOptions,
  remade: ReadonlyMap<string, string>,
): Decision {
  if (recorded.record.kind === 'dvc-file') return decideData(workspace, recorded, options);
  const { stage, locked } = recorded.record;
  if (!options.isForced && !hasChanged(workspace, recorded, read, options, remade))
    return { kind: 'unchanged' };
  if (recorded.isFrozen) return takeAsItIs(workspace, recorded);
  requireInputs(workspace, recorded, stage, read, options);
  const from = options.isForced ? undefined : restorable(workspace, stage, locked, read, options);
  return from === undefined ? { kind: 'run' } : { kind: 'restore', from };
}

function hasChanged(
  workspace: Workspace,
  recorded: RecordedStage,
  read: ReadParams,
  { allowsMissing }: DecisionOptions,
  remade: ReadonlyMap<string, string>,
): boolean {
  if (recorded.record.kind !== 'stage') return false;
  const { locked } = recorded.record;
  if (!recorded.isFrozen) {
    if (isAlwaysChanged(recorded)) return true;
    const deps = Object.entries(changedDeps(workspace, recorded, read, (path) => path));
    const isMissingOnly = ([path, change]: [string, unknown]): boolean =>
      allowsMissing &&
      change === 'deleted' &&
      (!remade.has(path) || locked?.deps.some(({ md5 }) => md5 === remade.get(path)) === true);
    if (deps.some((dep) => !isMissingOnly(dep))) return true;
  }
  if (hasOtherCommand(recorded)) return true;
  const outs = Object.values(changedOuts(workspace, recorded, (path) => path));
  return outs.some((change) => !(allowsMissing && (change === 'deleted' || change === 'not in cache')));
}

function decideData(
  workspace: Workspace,
  recorded: RecordedStage,
  { changedData, allowsMissing }: DecisionOptions,
): Decision {
  const changes = Object.entries(changedOuts(workspace, recorded, (path) => path));
  for (const [path, change] of changes) {
    const isThere = existsSync(path);
    if (allowsMissing && !isThere) continue;
    if (!isThere) throw dependencyMissing(recorded.address, repositoryPath(workspace.repository, path));
    if (change === 'modified' && changedData === 'refuse')
      throw dataChanged(repositoryPath(workspace.repository, path));
    if (changedData === 'record') return { kind: 'record' };
  }
  return { kind: 'unchanged' };
}

/** A frozen stage is not run; what it left is recorded. */
function takeAsItIs(workspace: Workspace, recorded: RecordedStage): Decision {
  const missing = recorded.outs.find(({ path }) => !existsSync(path));
  if (missing !== undefined)
    throw outputMissing(recorded.address, repositoryPath(workspace.repository, missing.path));
  return { kind: 'record' };
}

/** Dependencies are there, and all parameters have values. */
function requireInputs(
  workspace: Workspace,
  recorded: RecordedStage,
  stage: Stage,
  read: ReadParams,
  { isDry }: DecisionOptions,
): void {
  if (isDry) return;
  for (const dep of stage.deps) {
    const path = stagePath(stage, dep);
    if (!isUrl(path) && !existsSync(path))
      throw dependencyMissing(recorded.address, repositoryPath(workspace.repository, path));
  }
  const params = currentParams(stage, read);
  for (const { file, keys } of stage.params) {
    if (read(stagePath(stage, file)) === undefined) throw dependencyMissing(recorded.address, file);
    const missing = keys.find((key) => params.get(file)?.has(key) !== true);
    if (missing !== undefined) throw paramMissing(recorded.address, file, missing);
  }
}

/** The run that had the same command, inputs and params, when the cache has all that it made. */
function restorable(
  workspace: Workspace,
  stage: Stage,
  locked: LockedStage | undefined,
  read: ReadParams,
  { usesRunCache }: DecisionOptions,
): LockedStage | undefined {
  if (!mayBeKept(workspace.repository, stage)) return undefined;
  const now = stageNow(workspace, stage, read, []);
  if (now === undefined) return undefined;
  const last = locked !== undefined && isSameRun(locked, now, stage) ? locked : undefined;
  const paths = stage.outs.map(({ path }) => ({ path, md5: '', size: 0 }));
  const found = last ?? (usesRunCache ? findRun(workspace.repository, { ...now, outs: paths }) : undefined);
  const hasAll = found?.outs.every(({ md5 }) => workspace.isCached(md5)) === true;
  return hasAll && found.outs.length === stage.outs.length ? found : undefined;
}

/** Whether the last run had what this one would have. */
function isSameRun(locked: LockedStage, now: LockedStage, stage: Stage): boolean {
  const hasOuts = stage.outs.every(({ path }) =>
    locked.outs.some((out) => out.path === path && out.md5 !== ''),
  );
  if (!hasOuts || JSON.stringify(locked.cmd) !== JSON.stringify(now.cmd)) return false;
  const hasDeps = now.deps.every(({ path, md5 }) =>
    locked.deps.some((dep) => dep.path === path && dep.md5 === md5),
  );
  return hasDeps && sameParams(locked, now);
}

/** What a stage left from its last run must not look like what it makes now. */
export function clearOuts(workspace: Workspace, stage: Stage): void {
  for (const out of stage.outs) {
    const path = stagePath(stage, out.path);
    if (isUrl(path)) continue;
    if (!out.isKept) rmSync(path, { recursive: true, force: true });
    else if (existsSync(path)) workspace.unprotect(path);
  }
}

function sameParams(left: LockedStage, right: LockedStage): boolean {
  for (const [file, values] of right.params) {
    const before = left.params.get(file);
    if (before === undefined || before.size !== values.size) return false;
    for (const [key, value] of values)
      if (!before.has(key) || !equalValues(before.get(key), value)) return false;
  }
  return true;
}

/** A stage of a `dvc.yaml`, and no `.dvc` file. */
export const isStageRecord = (recorded: RecordedStage): boolean => recorded.record.kind === 'stage';
