import { existsSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { targetUnknown } from '../dvc-files/dvc-errors.ts';
import { replaceFile } from '../dvc-files/dvc-file.ts';
import { GitFiles } from '../dvc-files/git-files.ts';
import { lockFileOf, readLockFile, removeLockedStage } from '../dvc-files/lock-file.ts';
import { readableIndex, type RecordedStage } from '../dvc-files/stored.ts';
import { chooseTargets } from '../dvc-files/targets.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { editYaml } from '../dvc-files/yaml-edit.ts';
import { readYamlMap } from '../dvc-files/yaml-read.ts';
import { isMap } from '../dvc-files/yaml-value.ts';
import { notADvcFile, parametrized } from './data-errors.ts';
import { inWorkspace } from './in-workspace.ts';
import { PlacedPaths } from './placed-paths.ts';

/**
 * Stops versioning what `.dvc` files or stages record; the data itself stays, unless asked otherwise.
 *
 * @param targets `.dvc` files or stages
 * @param withOuts also delete the data from the workspace; the cache keeps it
 * @returns addresses of what was removed
 * @throws DATA_TARGET_UNKNOWN, DATA_NOT_A_DVC_FILE, PIPELINE_PARAMETRIZED
 */
export async function removeData(
  folder: string,
  targets: readonly string[],
  withOuts: boolean,
): Promise<string[]> {
  return inWorkspace(folder, true, (workspace, repository) => {
    const placed = new PlacedPaths(repository);
    const gitFiles = new GitFiles(repository);
    const removed = targets.flatMap((target) => {
      const stages = stagesOf(workspace, folder, target);
      for (const stage of stages) removeStage(workspace, stage, withOuts, gitFiles, placed);
      return stages.map(({ address }) => address);
    });
    placed.save();
    return removed;
  });
}

function stagesOf(workspace: Workspace, folder: string, target: string): RecordedStage[] {
  const chosen = chooseTargets(readableIndex(workspace.repository), [target], { folder }).map(
    ({ stage, inside, outs }) => ({
      stage,
      isPath:
        inside !== undefined ||
        isOut(
          stage,
          outs.map(({ path }) => path),
          resolve(folder, target),
        ),
    }),
  );
  if (chosen.some(({ isPath }) => isPath))
    throw existsSync(`${resolve(folder, target)}.dvc`)
      ? notADvcFile(target)
      : targetUnknown(target, 'dvc.yaml');
  return chosen.map(({ stage }) => stage);
}

/** A data path is no stage: deleting its record must be asked for by the record's own name. */
const isOut = (stage: RecordedStage, outs: readonly string[], path: string): boolean =>
  stage.file !== path && outs.includes(path) && outs.length === 1 && stage.name !== path;

function removeStage(
  workspace: Workspace,
  stage: RecordedStage,
  withOuts: boolean,
  gitFiles: GitFiles,
  placed: PlacedPaths,
): void {
  const { record } = stage;
  if (record.kind === 'stage' && record.stage.isParametrized) throw parametrized(stage.address);
  for (const out of stage.outs) {
    if (!out.isInside) continue;
    if (withOuts) rmSync(out.path, { recursive: true, force: true });
    else if (out.isCached && existsSync(out.path)) workspace.unprotect(out.path);
    if (out.isCached) gitFiles.unignore(out.path);
    // what is left there is the person's now
    placed.forget(out.path);
  }
  if (record.kind === 'dvc-file') rmSync(stage.file);
  else removeFromPipeline(stage.file, stage.name ?? '');
}

/** A `dvc.yaml` without stages goes, and so does its lock. */
function removeFromPipeline(file: string, name: string): void {
  const lock = lockFileOf(file);
  removeLockedStage(lock, name);
  if (existsSync(lock) && readLockFile(lock).size === 0) rmSync(lock);
  const text = readFileSync(file, 'utf8');
  const map = readYamlMap(text, file);
  const stages = map.get('stages');
  const others = new Map([...(isMap(stages) ? stages : [])].filter(([key]) => key !== name));
  if (others.size === 0) rmSync(file);
  else replaceFile(file, editYaml(text, file, new Map([...map, ['stages', others]])));
}
