import type { ReadParams } from '../dvc-files/params-file.ts';
import { currentParams, stagePath, type Stage, type StageOut } from '../dvc-files/stage.ts';
import type { LockedPath, LockedStage } from '../dvc-files/lock-file.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { equalValues } from '../dvc-files/yaml-value.ts';

/** Why a stage would run, in dvc's shape: `changed deps`, `changed outs`, `changed command`, `always changed`. */
export type StageChange =
  | { readonly 'changed deps': Readonly<Record<string, unknown>> }
  | { readonly 'changed outs': Readonly<Record<string, string>> }
  | 'changed command'
  | 'always changed';

/** Compares a stage with what `dvc.lock` says of its last run; empty when nothing changed. */
export function changesOf(workspace: Workspace, stage: Stage, locked: LockedStage | undefined, read: ReadParams): StageChange[] {
  const changes: StageChange[] = [];
  const deps = stage.isFrozen ? {} : { ...changedPaths(workspace, stage, locked), ...changedParams(stage, locked, read) };
  if (Object.keys(deps).length > 0) changes.push({ 'changed deps': deps });
  const outs = changedOuts(workspace, stage, locked);
  if (Object.keys(outs).length > 0) changes.push({ 'changed outs': outs });
  if (stage.isAlwaysChanged) changes.push('always changed');
  if (locked !== undefined && !sameCommand(locked.cmd, stage.cmd)) changes.push('changed command');
  return changes;
}

function sameCommand(left: string | readonly string[], right: string | readonly string[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function changedPaths(workspace: Workspace, stage: Stage, locked: LockedStage | undefined): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const path of stage.deps) {
    const now = workspace.measure(stagePath(stage, path));
    const before = find(locked?.deps, path);
    if (now === undefined) changed[path] = 'deleted';
    else if (before === undefined) changed[path] = 'new';
    else if (before.md5 !== now.md5) changed[path] = 'modified';
  }
  return changed;
}

function changedParams(stage: Stage, locked: LockedStage | undefined, read: ReadParams): Record<string, Record<string, string>> {
  const changed: Record<string, Record<string, string>> = {};
  const current = currentParams(stage, read);
  for (const { file, keys } of stage.params) {
    const now = current.get(file) ?? new Map();
    const before = locked?.params.get(file) ?? new Map();
    const names = keys.length > 0 ? keys : new Set([...now.keys(), ...before.keys()]);
    const found: Record<string, string> = {};
    for (const name of names) {
      if (!now.has(name)) found[name] = 'deleted';
      else if (!before.has(name)) found[name] = 'new';
      else if (!equalValues(now.get(name), before.get(name))) found[name] = 'modified';
    }
    if (Object.keys(found).length > 0) changed[file] = found;
  }
  return changed;
}

function changedOuts(workspace: Workspace, stage: Stage, locked: LockedStage | undefined): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const out of stage.outs) {
    const state = outChange(workspace, stage, out, find(locked?.outs, out.path));
    if (state !== undefined) changed[out.path] = state;
  }
  return changed;
}

function outChange(workspace: Workspace, stage: Stage, out: StageOut, before: LockedPath | undefined): string | undefined {
  const now = workspace.measure(stagePath(stage, out.path));
  if (now === undefined) return before === undefined || !out.isCached || workspace.isCached(before.md5) ? 'deleted' : 'not in cache';
  if (before === undefined) return 'new';
  if (before.md5 !== now.md5) return 'modified';
  return out.isCached && !workspace.isCached(before.md5) ? 'not in cache' : undefined;
}

const find = (paths: readonly LockedPath[] | undefined, path: string): LockedPath | undefined =>
  paths?.find((one) => one.path === path);

/** Only outputs differ, and the cache has all of them: they can be brought back without running anything. */
export function isRestorable(workspace: Workspace, stage: Stage, locked: LockedStage | undefined, changes: readonly StageChange[]): boolean {
  if (locked === undefined || changes.length !== 1) return false;
  const [change] = changes;
  if (typeof change !== 'object' || !('changed outs' in change)) return false;
  return stage.outs.every((out) => {
    const before = find(locked.outs, out.path);
    const isSame = change['changed outs'][out.path] === undefined;
    return before !== undefined && (isSame || (out.isCached && workspace.isCached(before.md5)));
  });
}
