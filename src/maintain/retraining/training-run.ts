import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { JobContext } from '../../platform/jobs.ts';
import { TilthError } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import { readDvcFile } from '../../develop/dvc-files/dvc-file.ts';
import type { DeclaredModel } from '../../start/project/project-store.ts';
import { fillStep, type Plan } from './retraining.ts';

/** What a training printed last: the run that holds the candidate. */
export interface TrainedCandidate {
  readonly runId: string;
  readonly loggedModelId: string | null;
}

export interface Trained extends TrainedCandidate {
  /** git branch with the data version, and the lock of the pipeline where there is one */
  readonly branch: string;
}

export interface TrainingOrder {
  readonly id: string;
  readonly model: string;
  readonly declared: DeclaredModel;
  readonly plan: Plan;
}

/**
 * Runs the declared steps in a clean worktree of the project's last commit, so that nobody's work in progress is
 * trained on or touched. Data goes to the project's own cache; what changed is committed to a branch of its own.
 *
 * @throws PROJECT_NOT_COMMITTED, JOB_COMMAND_FAILED, RETRAINING_NO_CANDIDATE
 */
export async function trainCandidate(world: World, order: TrainingOrder, job: JobContext): Promise<Trained> {
  const { root } = order.declared.project;
  const branch = `retrain/${order.model}/${order.plan.to}-${order.id.slice(-6).toLowerCase()}`;
  const folder = join(world.home.root, 'retraining', order.id);
  await removeWorktree(root, folder, job);
  await requireCommit(root, job);
  await job.run('git', ['-C', root, 'worktree', 'add', '--force', '-B', branch, folder, 'HEAD']);
  try {
    shareCache(root, folder);
    let said = '';
    for (const step of order.declared.model.retraining?.steps ?? []) {
      const command = fillStep(step, order.plan);
      await job.progress(command);
      said = await job.run(command, [], { cwd: folder, shell: true, env: environmentOf(world, order, folder) });
    }
    const candidate = readCandidate(said);
    await commitAll(folder, `retrain ${order.model} on ${order.plan.from} to ${order.plan.to}`, job);
    return { ...candidate, branch };
  } finally {
    await removeWorktree(root, folder, job);
  }
}

async function requireCommit(root: string, job: JobContext): Promise<void> {
  await job.run('git', ['-C', root, 'rev-parse', '--verify', 'HEAD']).catch((cause: unknown) => {
    throw new TilthError(
      'PROJECT_NOT_COMMITTED',
      409,
      `${root} has no commit to retrain from.`,
      'Commit the project first: git add . && git commit',
      { cause },
    );
  });
}

async function removeWorktree(root: string, folder: string, job: JobContext): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await job.run('git', ['-C', root, 'worktree', 'prune'], { accept: [0, 128] });
}

/** New data versions must outlive the worktree, so they go to the project's own cache. */
function shareCache(root: string, folder: string): void {
  const cache = join(root, '.dvc', 'cache');
  mkdirSync(cache, { recursive: true });
  mkdirSync(join(folder, '.dvc'), { recursive: true });
  const link = join(folder, '.dvc', 'cache');
  if (!existsSync(link)) symlinkSync(cache, link);
}

/** The project's own Python and this very tilth first; runs are tagged with what caused them and which data they saw. */
function environmentOf(world: World, order: TrainingOrder, folder: string): NodeJS.ProcessEnv {
  const { project, model } = order.declared;
  const tags: Record<string, string> = { 'tilth.retraining': order.id, 'tilth.project': project.name };
  for (const [name, dataset] of Object.entries(project.declaration.datasets)) {
    const md5 = dataVersionIn(join(folder, `${dataset.path}.dvc`));
    if (md5 !== undefined) tags[`tilth.dataset.${name}`] = md5;
  }
  const path = [commandFolder(world), join(project.root, '.venv', 'bin'), process.env['PATH'] ?? ''];
  return {
    ...process.env,
    PATH: path.join(delimiter),
    // the environment knows the project by the folder it was installed from; here its code of the commit counts
    PYTHONPATH: join(folder, 'src'),
    TILTH_URL: world.address,
    TILTH_HOME: world.home.root,
    MLFLOW_TRACKING_URI: world.address,
    MLFLOW_EXPERIMENT_NAME: model.experiment,
    MLFLOW_RUN_CONTEXT: JSON.stringify(tags),
  };
}

function dataVersionIn(file: string): string | undefined {
  return existsSync(file) ? readDvcFile(file).outs[0]?.md5 : undefined;
}

/** A folder with a `tilth` that starts this very program, for steps that call it. */
function commandFolder(world: World): string {
  const folder = join(world.home.run, 'bin');
  const file = join(folder, 'tilth');
  const quoted = [process.execPath, process.argv[1] ?? ''].map((part) => `'${part.replaceAll("'", `'\\''`)}'`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`);
  chmodSync(file, 0o755);
  return folder;
}

/** The last line of the last step is the candidate: `{"run_id": …, "model_id": …}`. */
function readCandidate(said: string): TrainedCandidate {
  const line = said.trim().split('\n').at(-1) ?? '';
  try {
    const { run_id: runId, model_id: loggedModelId } = JSON.parse(line) as { run_id?: unknown; model_id?: unknown };
    if (typeof runId === 'string') return { runId, loggedModelId: typeof loggedModelId === 'string' ? loggedModelId : null };
  } catch {
    // told below, with the line itself
  }
  throw new TilthError(
    'RETRAINING_NO_CANDIDATE',
    422,
    `The last step ended with ${JSON.stringify(line.slice(0, 200))}, which names no run.`,
    'Let its last line be JSON with run_id (and model_id) of the candidate.',
  );
}

async function commitAll(folder: string, message: string, job: JobContext): Promise<void> {
  await job.run('git', ['-C', folder, 'add', '--all']);
  const identity = ['-c', 'user.name=tilth', '-c', 'user.email=tilth@localhost'];
  await job.run('git', ['-C', folder, ...identity, 'commit', '--quiet', '--no-verify', '--allow-empty', '-m', message]);
}
