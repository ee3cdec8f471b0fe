import type { Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { confirmed, note, print, usage } from '../../platform/terminal.ts';
import { asDvc, dvcGroup, dvcVerb, type DvcFlags } from '../dvc-files/dvc-dialect.ts';
import { isGit, openRepository } from '../dvc-files/repository.ts';
import type { Watcher } from './reproduction.ts';

interface RunFlags extends CommonFlags {
  readonly force?: boolean;
  readonly singleItem?: boolean;
  readonly interactive?: boolean;
  readonly pipeline?: boolean;
  readonly allPipelines?: boolean;
  readonly recursive?: boolean;
  readonly glob?: boolean;
  readonly dry?: boolean;
  readonly downstream?: boolean;
  readonly forceDownstream?: boolean;
  readonly pull?: boolean;
  readonly allowMissing?: boolean;
  readonly runCache?: boolean;
  readonly commit?: boolean;
  readonly keepGoing?: boolean;
  readonly ignoreErrors?: boolean;
  readonly jobs?: string;
}

/** Flags that `tilth pipeline run` and `tilth dvc repro` share, as dvc calls them. */
const withRunFlags = (command: Command): Command =>
  command
    .option('-f, --force', 'also stages that did not change')
    .option('-i, --interactive', 'ask before each stage')
    .option('-s, --single-item', 'only the given stages, whatever they need')
    .option('-p, --pipeline', 'the whole pipelines that the given stages belong to')
    .option('-P, --all-pipelines', 'every pipeline of the repository')
    .option('-R, --recursive', 'all pipelines below the given folders')
    .option('--glob', 'the given names are patterns')
    .option('--dry', 'only say what would run')
    .option('--downstream', 'the given stages and what depends on them')
    .option('--force-downstream', 'what depends on a stage that ran does so too, whatever changed')
    .option('--pull', 'bring what is missing from the remote first')
    .option('--allow-missing', 'what is not there counts as unchanged')
    .option('--no-run-cache', 'run a stage even if the same run is in the cache')
    .option('--no-commit', 'put nothing into the cache')
    .option('-k, --keep-going', 'after a failure, run all that does not depend on it')
    .option('--ignore-errors', 'after a failure, run all the rest')
    .option('-j, --jobs <number>', 'how many independent stages run at once; 1 unless given');

/** `tilth pipeline run`. */
export function addRunCommand(pipeline: Command): void {
  withRunFlags(
    withCommonFlags(
      pipeline.command('run [stages...]').description('run what changed, in order, and record it'),
    ),
  ).action(run);
}

/** `tilth dvc repro`. */
export function addDvcReproCommand(program: Command): void {
  withRunFlags(dvcVerb(dvcGroup(program), 'repro [targets...]', 'run what changed')).action(asDvc(repro));
}

function jobsOf({ jobs }: RunFlags): number {
  if (jobs === undefined) return 1;
  const count = Number(jobs);
  if (!Number.isInteger(count) || count < 1) throw usage('--jobs takes a whole number from 1.');
  return count;
}

const choiceOf = (targets: readonly string[], flags: RunFlags) => ({
  targets,
  folder: process.cwd(),
  isGlob: flags.glob === true,
  isRecursive: flags.recursive === true,
  isSingle: flags.singleItem === true && flags.pipeline !== true && flags.allPipelines !== true,
  isPipeline: flags.pipeline === true,
  isAll: flags.allPipelines === true,
  isDownstream: flags.downstream === true && flags.pipeline !== true && flags.allPipelines !== true,
  isForced: flags.force === true,
  isDry: flags.dry === true,
  forcesDownstream: flags.forceDownstream === true,
  usesRunCache: flags.runCache !== false,
  allowsMissing: flags.allowMissing === true,
  isStored: flags.commit !== false,
  onError:
    flags.ignoreErrors === true
      ? ('ignore' as const)
      : flags.keepGoing === true
        ? ('keep-going' as const)
        : ('fail' as const),
  jobs: jobsOf(flags),
});

async function run(stages: string[], flags: RunFlags): Promise<void> {
  const { RunProgress } = await import('./run-progress.ts');
  const found = await execute(stages, flags, 'refuse', new RunProgress(jobsOf(flags) > 1));
  // `.dvc` files are in the plan too, and are no stages
  const outcomes = found.filter(({ stage }) => !stage.endsWith('.dvc'));
  const ran = outcomes.filter(({ outcome }) => outcome === 'ran').length;
  print(flags, { stages: outcomes }, () =>
    outcomes.every(({ outcome }) => outcome === 'unchanged' || outcome === 'frozen')
      ? 'Data and pipelines are up to date.'
      : flags.dry === true
        ? `${ran} of ${outcomes.length} stages would run.`
        : `${ran} of ${outcomes.length} stages ran; dvc.lock is up to date. Keep it with: git add dvc.lock && git commit`,
  );
}

async function repro(targets: string[], flags: RunFlags & DvcFlags): Promise<void> {
  const { DvcReproText } = await import('./dvc-repro-text.ts');
  const text = new DvcReproText({
    folder: process.cwd(),
    isQuiet: flags.quiet === true || flags.json === true,
    isDry: flags.dry === true,
    isParallel: jobsOf(flags) > 1,
  });
  const outcomes = await execute(targets, flags, 'record', text);
  if (flags.json === true) print(flags, { stages: outcomes }, () => '');
  else {
    const isStaged = await stageInGit(text.changedFiles);
    text.finish(isGit(process.cwd()) && !isStaged);
  }
}

/** One stage that was just written. */
export async function runOne(stage: string, flags: CommonFlags & DvcFlags): Promise<void> {
  await repro([stage], { ...flags, singleItem: true });
}

/** `core.autostage`: what changed is ready to be committed. @returns whether it is set */
async function stageInGit(files: readonly string[]): Promise<boolean> {
  const { root, config } = openRepository(process.cwd());
  if (!config.autostage) return false;
  const { git } = await import('../dvc-files/repository.ts');
  if (files.length > 0) git(root, ['add', '--', ...files]);
  return true;
}

async function execute(
  targets: readonly string[],
  flags: RunFlags,
  changedData: 'refuse' | 'record',
  text: Watcher,
) {
  const repository = openRepository(process.cwd());
  const [{ reproduce }, { stageEnvironment }, { LazyRecorder }] = await Promise.all([
    import('./reproduction.ts'),
    import('./stage-environment.ts'),
    import('./lazy-recorder.ts'),
  ]);
  const environment = stageEnvironment(repository);
  if (flags.pull === true && flags.runCache !== false)
    await (await import('./pull-stage.ts')).pullRunCache(repository);
  const recorder = new LazyRecorder(flags, repository, environment);
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => stop.abort(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  try {
    return await reproduce(
      repository,
      {
        ...choiceOf(targets, flags),
        changedData,
        environment,
        signal: stop.signal,
        ...(flags.interactive === true
          ? {
              confirm: ({ address }: { address: string }) =>
                confirmed(`Going to reproduce stage: '${address}'. Are you sure you want to continue?`),
            }
          : {}),
        allow: async (stage) => (await import('./stage-permission.ts')).allowStage(repository, stage),
        ...(flags.pull === true
          ? {
              pull: async (stage, workspace) =>
                (await import('./pull-stage.ts')).pullStage(repository, workspace, stage),
              pullDependencies: async (stage, workspace, index) =>
                (await import('./pull-stage.ts')).pullDependencies(repository, workspace, index, stage),
            }
          : {}),
      },
      [text, recorder],
    );
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
    await recorder.finish();
    if (stop.signal.aborted) note('Stopped; go on with the same command.');
  }
}
