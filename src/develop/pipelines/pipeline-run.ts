import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { newUlid } from '../../platform/ids.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import { readLockFile, writeLockedStage, type LockedPath, type LockedStage } from '../dvc-files/lock-file.ts';
import { paramsReader, type ReadParams } from '../dvc-files/params-file.ts';
import { readPipelineFile } from '../dvc-files/pipeline-file.ts';
import { currentParams, type Stage } from '../dvc-files/stage.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { headCommit, ignoreInGit, openRepository, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { changeOf, fileStatus, listRecordedFiles, type Recorded } from '../dvc-files/stored.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { commandLines, graphOf, overlap, stagesNamed, withNeeds, type Graph } from './pipeline.ts';
import type { NewExecution, StagePath } from './pipeline-api.ts';
import { circularStages, dataChanged, dependencyMissing, noPipeline, outputMissing, paramMissing, stageFailed, stageUnknown } from './pipeline-errors.ts';
import { changesOf, isRestorable, type StageChange } from './stage-state.ts';

/** A repository's pipeline, and the names that `tilth.yaml` gives to its data. */
export interface Pipeline {
  readonly repository: Repository;
  readonly graph: Graph;
  readonly project: string;
  readonly lockFile: string;
  /** versioned data with its dataset's name, where it has one */
  readonly data: readonly (Recorded & { readonly dataset: string | undefined })[];
}

/**
 * Reads `dvc.yaml` of the repository that holds `folder`.
 *
 * @throws PIPELINE_MISSING, PIPELINE_INVALID, PIPELINE_CIRCULAR
 */
export async function readPipeline(folder: string): Promise<Pipeline> {
  const repository = openRepository(folder);
  const stages = readPipelineFile(join(repository.root, 'dvc.yaml'));
  if (stages.length === 0) throw noPipeline(repository.root);
  const graph = graphOf(stages);
  if ('circle' in graph) throw circularStages(graph.circle);
  const root = findUp(declarationFile, folder);
  // a repository without a project does without the reader of tilth.yaml
  const declaration =
    root === undefined ? undefined : (await import('../../start/project/declaration.ts')).readDeclaration(root);
  const names = new Map(
    Object.entries(declaration?.datasets ?? {}).map(([name, { path }]) => [join(root ?? '', path), name]),
  );
  return {
    repository,
    graph,
    project: declaration?.project ?? basename(repository.root),
    lockFile: join(repository.root, 'dvc.lock'),
    data: listRecordedFiles(repository).map((one) => Object.assign({}, one, { dataset: names.get(one.path) })),
  };
}

export type StageOutcome = { readonly stage: string; readonly outcome: 'ran' | 'restored' | 'unchanged' | 'frozen' };

export interface RunOptions {
  /** stages or groups; none means all */
  readonly wanted: readonly string[];
  readonly isForced: boolean;
  /**
   * where the unmodified MLflow client sends its runs, unless the environment says otherwise; asked once a stage was
   * reported, and undefined where nobody answers: the client would try for minutes
   */
  readonly trackingUri: () => string | undefined;
  readonly say: (line: string) => void;
  /** told of each execution when it starts and when it ends */
  readonly report: (execution: NewExecution) => Promise<void>;
}

/**
 * Brings the pipeline up to date: stages in order, unchanged ones skipped, `dvc.lock` written after each one that
 * finished, so that a run that was broken off goes on where it stopped.
 *
 * @throws STAGE_FAILED, STAGE_DEPENDENCY_MISSING, STAGE_OUTPUT_MISSING, PIPELINE_DATA_CHANGED
 */
export async function runPipeline(pipeline: Pipeline, options: RunOptions): Promise<StageOutcome[]> {
  const names = options.wanted.flatMap((word) => {
    const found = stagesNamed(pipeline.graph, word);
    if (found.length === 0) throw stageUnknown(word, pipeline.graph.stages.map(({ name }) => name));
    return found;
  });
  const stages = names.length === 0 ? pipeline.graph.stages : withNeeds(pipeline.graph, names);
  const outcomes: StageOutcome[] = [];
  while (outcomes.length < stages.length) {
    const ahead = stages.slice(outcomes.length);
    // one lock and one reading of dvc.lock for all stages up to the next that runs
    const { decisions, due } = await inWorkspace(pipeline.repository, (workspace) => decide(pipeline, workspace, ahead, options));
    if (due !== undefined) await runStage(pipeline, due.stage, due.inputs, options);
    outcomes.push(...decisions);
  }
  return outcomes;
}

/** Goes through stages in order; stops at the first that has to run, with its old outputs out of the way. */
function decide(
  pipeline: Pipeline,
  workspace: Workspace,
  stages: readonly Stage[],
  options: RunOptions,
): { decisions: StageOutcome[]; due: { stage: Stage; inputs: StagePath[] } | undefined } {
  const lock = readLockFile(pipeline.lockFile);
  const read = paramsReader();
  const decisions: StageOutcome[] = [];
  for (const stage of stages) {
    const outcome = bringUpToDate(pipeline, workspace, stage, lock.get(stage.name), read, options.isForced);
    options.say(`${marks[outcome]} ${stage.name}: ${words[outcome]}`);
    decisions.push({ stage: stage.name, outcome });
    if (outcome === 'ran') return { decisions, due: { stage, inputs: inputsOf(pipeline, workspace, stage) } };
  }
  return { decisions, due: undefined };
}

function bringUpToDate(
  pipeline: Pipeline,
  workspace: Workspace,
  stage: Stage,
  locked: LockedStage | undefined,
  read: ReadParams,
  isForced: boolean,
): StageOutcome['outcome'] {
  requireInputs(pipeline, workspace, stage, read);
  const changes = changesOf(workspace, stage, locked, read);
  if (!isForced && changes.length === 0) return 'unchanged';
  if (stage.isFrozen) return 'frozen';
  if (!isForced && isRestorable(workspace, stage, locked, changes)) {
    restoreOuts(workspace, stage, locked);
    return 'restored';
  }
  // what a stage left from its last run must not look like what it makes now
  for (const out of stage.outs) if (!out.isKept) rmSync(join(stage.folder, out.path), { recursive: true, force: true });
  return 'ran';
}

const marks = { unchanged: '·', frozen: '·', restored: '↺', ran: '▶' } as const;
const words = {
  unchanged: 'did not change',
  frozen: 'is frozen',
  restored: 'outputs brought back from the cache',
  ran: 'runs',
} as const;

async function inWorkspace<T>(repository: Repository, work: (workspace: Workspace) => T): Promise<T> {
  return withRepositoryLock(repository, () => {
    const workspace = new Workspace(repository);
    try {
      return work(workspace);
    } finally {
      workspace.close();
    }
  });
}

/** Dependencies are there, versioned ones as recorded, and all parameters have values. */
function requireInputs(pipeline: Pipeline, workspace: Workspace, stage: Stage, read: ReadParams): void {
  if (stage.isFrozen) return;
  for (const data of dataReadBy(pipeline, stage)) {
    const change = changeOf(workspace, data);
    const path = repositoryPath(pipeline.repository, data.path);
    if (change === 'deleted') throw dependencyMissing(stage.name, path);
    if (change === 'modified' || change === 'new') throw dataChanged(path, data.dataset);
  }
  for (const dep of stage.deps) {
    if (!existsSync(join(stage.folder, dep))) throw dependencyMissing(stage.name, dep);
  }
  const params = currentParams(stage, read);
  for (const { file, keys } of stage.params) {
    const missing = keys.find((key) => params.get(file)?.has(key) !== true);
    if (missing !== undefined) throw paramMissing(stage.name, file, missing);
  }
}

/** Versioned data among the stage's own dependencies. */
const dataReadBy = (pipeline: Pipeline, stage: Stage): Pipeline['data'] =>
  pipeline.data.filter((data) => stage.deps.some((dep) => overlap(join(stage.folder, dep), data.path)));

function restoreOuts(workspace: Workspace, stage: Stage, locked: LockedStage | undefined): void {
  for (const out of stage.outs) {
    const before = locked?.outs.find(({ path }) => path === out.path);
    if (before !== undefined && out.isCached) workspace.restore(join(stage.folder, out.path), before.md5, true);
  }
}

async function runStage(pipeline: Pipeline, stage: Stage, inputs: StagePath[], options: RunOptions): Promise<void> {
  const started: NewExecution = {
    id: newUlid(),
    project: pipeline.project,
    stage: stage.name,
    cmd: commandLines(stage.cmd).join('\n'),
    state: 'running',
    startedAt: Date.now(),
    finishedAt: null,
    inputs,
    outputs: [],
    needs: [...(pipeline.graph.needs.get(stage.name) ?? [])],
    commit: headCommit(pipeline.repository.root) ?? null,
  };
  await options.report(started);
  try {
    const environment = environmentOf(pipeline, stage, started, options.trackingUri());
    for (const line of commandLines(stage.cmd)) {
      options.say(`  $ ${line}`);
      const code = await runLine(line, stage.folder, environment);
      if (code !== 0) throw stageFailed(stage.name, line, code);
    }
    const outs = await inWorkspace(pipeline.repository, (workspace) => settle(pipeline, workspace, stage));
    const outputs = outs.map(({ path, md5 }) => ({ path, md5, dataset: null }));
    await options.report({ ...started, state: 'succeeded', finishedAt: Date.now(), outputs });
  } catch (reason) {
    await options.report({ ...started, state: 'failed', finishedAt: Date.now() });
    throw reason;
  }
}

function inputsOf(pipeline: Pipeline, workspace: Workspace, stage: Stage): StagePath[] {
  return stage.deps.map((dep) => {
    const path = join(stage.folder, dep);
    return {
      path: repositoryPath(pipeline.repository, path),
      md5: workspace.measure(path)?.md5 ?? '',
      dataset: pipeline.data.find((one) => one.path === path)?.dataset ?? null,
    };
  });
}

/** Stores the outputs and writes the stage into `dvc.lock`. */
function settle(pipeline: Pipeline, workspace: Workspace, stage: Stage): LockedPath[] {
  const outs = stage.outs.map((out): LockedPath => {
    const path = join(stage.folder, out.path);
    if (!existsSync(path)) throw outputMissing(stage.name, out.path);
    if (out.isCached) ignoreInGit(path);
    const content = out.isCached ? workspace.add(path) : workspace.measure(path);
    if (content === undefined) throw outputMissing(stage.name, out.path);
    return { path: out.path, ...content };
  });
  const deps = stage.deps.map((dep): LockedPath => {
    const content = workspace.measure(join(stage.folder, dep));
    if (content === undefined) throw dependencyMissing(stage.name, dep);
    return { path: dep, ...content };
  });
  writeLockedStage(pipeline.lockFile, stage.name, { cmd: stage.cmd, deps, params: currentParams(stage, paramsReader()), outs });
  return outs.map((out) => ({ ...out, path: repositoryPath(pipeline.repository, join(stage.folder, out.path)) }));
}

/**
 * What the command finds: the project's Python first, and the tags that MLflow's unmodified client puts on every run
 * it starts (its `MLFLOW_RUN_CONTEXT`).
 */
function environmentOf(pipeline: Pipeline, stage: Stage, execution: NewExecution, trackingUri: string | undefined): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env };
  const python = join(pipeline.repository.root, '.venv');
  if (existsSync(join(python, 'bin'))) {
    environment['PATH'] = [join(python, 'bin'), environment['PATH'] ?? ''].join(delimiter);
    environment['VIRTUAL_ENV'] = python;
    delete environment['PYTHONHOME'];
  }
  const token = environment['TILTH_TOKEN'];
  if (environment['MLFLOW_TRACKING_URI'] === undefined && trackingUri !== undefined) {
    environment['MLFLOW_TRACKING_URI'] = trackingUri;
    if (token !== undefined) environment['MLFLOW_TRACKING_TOKEN'] ??= token;
  }
  environment['TILTH_STAGE'] = stage.name;
  environment['DVC_STAGE'] = stage.name;
  environment['DVC_ROOT'] = pipeline.repository.root;
  environment['MLFLOW_RUN_CONTEXT'] = JSON.stringify({ ...givenTags(environment), ...runTags(pipeline, stage, execution) });
  return environment;
}

function givenTags(environment: NodeJS.ProcessEnv): Record<string, string> {
  try {
    return JSON.parse(environment['MLFLOW_RUN_CONTEXT'] ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
}

/** Where a run comes from: pipeline, stage, commit, and the version of each dataset that reaches it, also through earlier stages. */
export function runTags(pipeline: Pipeline, stage: Stage, execution: NewExecution): Record<string, string> {
  const tags: Record<string, string> = {
    'tilth.pipeline': pipeline.project,
    'tilth.stage': stage.name,
    'tilth.execution': execution.id,
  };
  if (typeof execution.commit === 'string') tags['tilth.commit'] = execution.commit;
  for (const each of withNeeds(pipeline.graph, [stage.name])) {
    for (const { dataset, md5 } of dataReadBy(pipeline, each)) {
      if (dataset !== undefined && md5 !== undefined) tags[`tilth.dataset.${dataset}`] = md5;
    }
  }
  return tags;
}

const quietShells: Readonly<Record<string, readonly string[]>> = { bash: ['--noprofile', '--norc'], zsh: ['--no-rcs'] };

/** Runs one line in the user's shell, as dvc does; its output is progress and goes to standard error. */
function runLine(line: string, folder: string, environment: NodeJS.ProcessEnv): Promise<number | null> {
  const shell = environment['SHELL'] ?? '/bin/sh';
  const child = spawn(shell, [...(quietShells[basename(shell)] ?? []), '-c', line], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 2, 2],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

/** `dvc status`: what would be done, by `.dvc` file and by stage; empty when all is up to date. */
export function pipelineStatus(repository: Repository): Record<string, unknown[]> {
  const workspace = new Workspace(repository);
  try {
    const locked = readLockFile(join(repository.root, 'dvc.lock'));
    const read = paramsReader();
    const status = fileStatus(workspace);
    for (const stage of readPipelineFile(join(repository.root, 'dvc.yaml'))) {
      const changes: StageChange[] = changesOf(workspace, stage, locked.get(stage.name), read);
      if (changes.length > 0) status[stage.name] = changes;
    }
    return status;
  } finally {
    workspace.close();
  }
}
