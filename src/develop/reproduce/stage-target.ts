import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import { findUp } from '../../platform/home.ts';
import { openRepository, type Repository } from '../dvc-files/repository.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import type { RunDetail } from '../tracking/tracking-api.ts';
import { git, type Place } from './place.ts';
import type { WantedData } from './place-data.ts';
import type { NewReproduction } from './reproduce-api.ts';
import { cannotRepeat } from './reproduce-errors.ts';

interface Pair {
  readonly path: string;
  readonly md5: string;
}

/** One run of one stage, as the server keeps it. */
export interface Execution {
  readonly id: string;
  readonly project: string;
  readonly stage: string;
  readonly cmd: string;
  readonly inputs: readonly Pair[];
  readonly outputs: readonly Pair[];
}

/** The execution that made a run, and all of its project that came before. */
export interface StageTarget extends Execution {
  readonly earlier: readonly Execution[];
}

/** @throws RUN_NOT_REPEATABLE when the execution is not known */
export async function stageTargetOf(flags: CommonFlags, run: RunDetail, id: string): Promise<StageTarget> {
  const project = run.tags['tilth.pipeline'];
  const query = project === undefined ? '' : `project=${encodeURIComponent(project)}&`;
  const { executions } = await call<{ executions: Execution[] }>(
    flags,
    'GET',
    `/api/v1/pipelines/executions?${query}limit=1000`,
  );
  const found = executions.find((each) => each.id === id);
  if (found === undefined)
    throw cannotRepeat(
      `The execution ${id} of the stage ${run.tags['tilth.stage'] ?? ''} is not among the last 1000 of its project.`,
      'tilth pipeline run --force STAGE',
    );
  return { ...found, earlier: executions.filter((each) => each.id < id) };
}

/** Executions that made what this one read, and what those read, in the order in which they have to run; itself last. */
export function withUpstream(target: StageTarget): Execution[] {
  const ordered: Execution[] = [];
  const visit = (execution: Execution): void => {
    for (const { path, md5 } of execution.inputs) {
      // executions are the newest first
      const maker = target.earlier.find(
        ({ id, outputs }) =>
          id < execution.id && outputs.some((output) => output.path === path && output.md5 === md5),
      );
      if (maker !== undefined && !ordered.includes(maker)) visit(maker);
    }
    if (!ordered.includes(execution)) ordered.push(execution);
  };
  visit(target);
  return ordered;
}

/** Inputs that git does not hold, and that no execution before makes again. */
export function dataOfStages(place: Place, executions: readonly Execution[]): WantedData[] {
  const root = rootOf(place);
  const made = new Set(executions.flatMap(({ outputs }) => outputs.map(({ path }) => path)));
  const wanted = executions
    .flatMap(({ inputs }) => inputs)
    .filter(({ path }) => !made.has(path) && !isInGit(place, root, path));
  return [
    ...new Map(
      wanted.map(({ path, md5 }) => [path, { path: join(root, path), md5, hashName: 'md5' as const }]),
    ).values(),
  ];
}

const rootOf = (place: Place): string => findUp('.dvc', place.folder) ?? place.folder;
const isInGit = (place: Place, root: string, path: string): boolean =>
  git(place.folder, ['ls-files', '--', join(root, path)]).out !== '';

/** What the stages read and made, as it was and as it is. */
export function measuredStages(
  place: Place,
  executions: readonly Execution[],
): NonNullable<NewReproduction['stage']> {
  const repository: Repository = openRepository(place.folder);
  const workspace = new Workspace(repository);
  const made = new Set(executions.flatMap(({ outputs }) => outputs.map(({ path }) => path)));
  const measure = (path: string): string | null => {
    const full = join(repository.root, path);
    return existsSync(full) ? (workspace.measure(full)?.md5 ?? null) : null;
  };
  try {
    const inputs = executions.flatMap((execution) => execution.inputs).filter(({ path }) => !made.has(path));
    return {
      inputs: inputs.map(({ path, md5 }) => ({
        path,
        recorded: md5,
        found: measure(path),
        isCode: isInGit(place, repository.root, path),
      })),
      outputs: executions
        .flatMap(({ outputs }) => outputs)
        .map(({ path, md5 }) => ({ path, recorded: md5, found: measure(path) })),
    };
  } finally {
    workspace.close();
  }
}
