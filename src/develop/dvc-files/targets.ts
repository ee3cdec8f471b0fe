import { statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { targetUnknown } from './dvc-errors.ts';
import { isUrl } from './dvc-file.ts';
import { repositoryPath } from './repository.ts';
import type { Index, Recorded, RecordedStage } from './stored.ts';

/** What a word on the command line means. */
export interface Chosen {
  readonly stage: RecordedStage;
  /** of the stage, those that are meant */
  readonly outs: readonly Recorded[];
  /** absolute: only this file or folder inside the one out that is meant */
  readonly inside: string | undefined;
}

export interface TargetOptions {
  /** that relative targets start from; absolute */
  readonly folder: string;
  /** also every stage that the chosen ones need */
  readonly withDeps?: boolean;
  /** a folder stands for all that is recorded below it */
  readonly isRecursive?: boolean;
}

/**
 * What targets mean, as dvc resolves them: a `.dvc` or `dvc.yaml`, `sub/dvc.yaml:train`, a stage or a group of stages
 * of the `dvc.yaml` in `folder`, a tracked path or one inside it; none means everything.
 *
 * @throws DATA_TARGET_UNKNOWN, and why a record can't be read where it may be meant
 */
export function chooseTargets(index: Index, targets: readonly string[], options: TargetOptions): Chosen[] {
  const [broken] = index.broken;
  if (broken !== undefined && (targets.length === 0 || options.withDeps === true || options.isRecursive === true))
    throw broken.reason;
  const found =
    targets.length === 0
      ? index.stages.map(whole)
      : targets.flatMap((target) => chooseTarget(index, target, options));
  if (options.withDeps !== true) return found;
  const stages = new Set(found.map(({ stage }) => stage));
  const needed = [...upstream(index, stages)].filter((stage) => !stages.has(stage));
  return [...needed.map(whole), ...found];
}

const whole = (stage: RecordedStage): Chosen => ({ stage, outs: stage.outs, inside: undefined });

function chooseTarget(index: Index, target: string, { folder, isRecursive }: TargetOptions): Chosen[] {
  const { file, name } = parseTarget(target);
  if (isDvcFile(file) && target !== name) {
    const path = resolve(folder, file);
    const broken = index.broken.find((one) => one.file === path);
    if (broken !== undefined) throw broken.reason;
    const found = index.stages.filter(
      (stage) => stage.file === path && (name === undefined || isNamed(stage, name)),
    );
    if (found.length > 0 || (name === undefined && index.tree.exists(repositoryPath(index.repository, path))))
      return found.map(whole);
    throw targetUnknown(target, file);
  }
  const path = resolve(folder, target);
  if (isRecursive === true && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    return index.stages.filter((stage) => isWithin(stage.file, path)).map(whole);
  }
  const here = join(folder, 'dvc.yaml');
  const stages = index.stages.filter((stage) => stage.file === here && isNamed(stage, target));
  if (stages.length > 0) return stages.map(whole);
  const out = outAt(index, path);
  if (out !== undefined)
    return [{ stage: out.stage, outs: [out.out], inside: out.out.path === path ? undefined : path }];
  if (index.broken[0] !== undefined) throw index.broken[0].reason;
  throw targetUnknown(target, 'dvc.yaml');
}

/** `data.dvc`, `sub/dvc.yaml:train`, `:train` or a plain word; the colon may stand in a generated name too. */
function parseTarget(target: string): { file: string; name: string | undefined } {
  const group = target.split('@', 1)[0] ?? '';
  const colon = group.lastIndexOf(':');
  if (colon === -1) return { file: target, name: undefined };
  const name = target.slice(colon + 1);
  return { file: target.slice(0, colon) || 'dvc.yaml', name: name === '' ? undefined : name };
}

const isDvcFile = (path: string): boolean => path.endsWith('.dvc') || basename(path) === 'dvc.yaml';
const isNamed = (stage: RecordedStage, name: string): boolean =>
  stage.name === name || stage.name?.startsWith(`${name}@`) === true;

/** Whether `path` is `folder` or lies in it. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder + sep);

/** The out that is `path` or holds it. */
export function outAt(
  index: Index,
  path: string,
): { readonly stage: RecordedStage; readonly out: Recorded } | undefined {
  for (const stage of index.stages) {
    const out = stage.outs.find((one) => isWithin(path, one.path));
    if (out !== undefined) return { stage, out };
  }
  return undefined;
}

/** Paths that a stage reads, absolute; of an import only what lies on this machine. */
export function depsOf(stage: RecordedStage): string[] {
  if (stage.record.kind === 'stage') {
    const { deps, params } = stage.record.stage;
    return [...deps, ...params.map(({ file }) => file)]
      .filter((path) => !isUrl(path))
      .map((path) => resolve(stage.folder, path));
  }
  return stage.record.dvcFile.deps
    .filter((dep) => dep.repo === undefined && !isUrl(dep.path))
    .map((dep) => dep.path);
}

/** Stages and everything they need, those that are needed first. */
export function upstream(index: Index, stages: Iterable<RecordedStage>): Set<RecordedStage> {
  const found = new Set<RecordedStage>();
  const visited = new Set<RecordedStage>();
  const visit = (stage: RecordedStage): void => {
    if (visited.has(stage)) return;
    visited.add(stage);
    const deps = depsOf(stage);
    for (const other of index.stages) {
      const isNeeded = other.outs.some((out) =>
        deps.some((dep) => isWithin(dep, out.path) || isWithin(out.path, dep)),
      );
      if (isNeeded) visit(other);
    }
    found.add(stage);
  };
  for (const stage of stages) visit(stage);
  return found;
}

/** A path for a message: relative to where the person stands. */
export const shownPath = (path: string, folder: string): string =>
  isUrl(path) ? path : relative(folder, path) || '.';
