import type { ReadParams } from './params-file.ts';
import { currentParams, runsAlways, stagePath, type Stage } from './stage.ts';
import { changeOf, type RecordedStage } from './stored.ts';
import type { LockedStage } from './lock-file.ts';
import type { Workspace } from './workspace.ts';
import { equalValues } from './yaml-value.ts';
import { isUrl } from './dvc-file.ts';

type Words = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/** Why a stage would run, in dvc's shape and words. */
export type StageChange =
  | { readonly 'changed deps': Words }
  | { readonly 'changed outs': Words }
  | 'changed command'
  | 'always changed';

/** How a path is shown in answers: relative to the repository, or to where the command was given. */
export type Shown = (path: string) => string;

/** Compares a stage, or a `.dvc` file, with what is recorded of its last run; empty when nothing changed. */
export function changesOf(
  workspace: Workspace,
  recorded: RecordedStage,
  read: ReadParams,
  shown: Shown,
): StageChange[] {
  const changes: StageChange[] = [];
  const deps = recorded.isFrozen ? {} : changedDeps(workspace, recorded, read, shown);
  if (Object.keys(deps).length > 0) changes.push({ 'changed deps': deps });
  const outs = changedOuts(workspace, recorded, shown);
  if (Object.keys(outs).length > 0) changes.push({ 'changed outs': outs });
  if (isAlwaysChanged(recorded)) changes.push('always changed');
  if (hasOtherCommand(recorded)) changes.push('changed command');
  return changes;
}

/** Whether the stage runs whatever its files say. */
export const isAlwaysChanged = ({ record, ...recorded }: RecordedStage): boolean =>
  record.kind === 'stage' ? runsAlways(record.stage) : recorded.isAlwaysChanged;

export const hasOtherCommand = ({ record }: RecordedStage): boolean =>
  record.kind === 'stage' &&
  record.locked !== undefined &&
  JSON.stringify(record.locked.cmd) !== JSON.stringify(record.stage.cmd);

export function changedDeps(
  workspace: Workspace,
  { record }: RecordedStage,
  read: ReadParams,
  shown: Shown,
): Words {
  if (record.kind === 'stage') {
    return {
      ...changedPaths(workspace, record.stage, record.locked, shown),
      ...changedParams(record.stage, record.locked, read, shown),
    };
  }
  const changed: Record<string, string> = {};
  for (const dep of record.dvcFile.deps) {
    if (dep.repo !== undefined || isUrl(dep.path)) continue;
    const change = pathChange(workspace, dep.path, dep.md5);
    if (change !== undefined) changed[shown(dep.path)] = change;
  }
  return changed;
}

export function changedOuts(
  workspace: Workspace,
  recorded: RecordedStage,
  shown: Shown,
): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const out of recorded.outs) {
    const change = changeOf(workspace, out);
    // dvc calls only a file of parameters new
    if (change !== undefined) changed[shown(out.path)] = change === 'new' ? 'modified' : change;
  }
  return changed;
}

function changedPaths(
  workspace: Workspace,
  stage: Stage,
  locked: LockedStage | undefined,
  shown: Shown,
): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const path of stage.deps) {
    const before = locked?.deps.find((one) => one.path === path);
    const change = pathChange(workspace, stagePath(stage, path), before?.md5);
    if (change !== undefined) changed[shown(stagePath(stage, path))] = change;
  }
  return changed;
}

function pathChange(
  workspace: Workspace,
  path: string,
  md5: string | undefined,
): 'deleted' | 'modified' | undefined {
  const now = workspace.measure(path);
  if (now === undefined) return 'deleted';
  return now.md5 === md5 ? undefined : 'modified';
}

/** By file; a file that is gone, or was not a parameter file before, is one word. */
function changedParams(
  stage: Stage,
  locked: LockedStage | undefined,
  read: ReadParams,
  shown: Shown,
): Record<string, string | Record<string, string>> {
  const changed: Record<string, string | Record<string, string>> = {};
  const current = currentParams(stage, read);
  for (const { file, keys } of stage.params) {
    const at = stagePath(stage, file);
    const now = current.get(file) ?? new Map();
    const before = locked?.params.get(file);
    if (read(at) === undefined) changed[shown(at)] = 'deleted';
    else if (before === undefined) changed[shown(at)] = 'new';
    else {
      const names = keys.length > 0 ? keys : new Set([...now.keys(), ...before.keys()]);
      const found: Record<string, string> = {};
      for (const name of names) {
        if (!now.has(name)) found[name] = 'deleted';
        else if (!before.has(name)) found[name] = 'new';
        else if (!equalValues(now.get(name), before.get(name))) found[name] = 'modified';
      }
      if (Object.keys(found).length > 0) changed[shown(at)] = found;
    }
  }
  return changed;
}
