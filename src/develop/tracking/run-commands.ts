import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import type { AddCommands, CommonFlags } from '../../platform/command.ts';
import { withCommonFlags } from '../../platform/command.ts';
import { call, serverAddress } from '../../platform/client.ts';
import { TilthError } from '../../platform/errors.ts';
import { note, print, table, usage } from '../../platform/terminal.ts';
import { addRunListCommand, timeOf } from './run-list-command.ts';
import type { Comparison, RunDetail } from './tracking-api.ts';

export const addRunCommands: AddCommands = (program) => {
  const run = withCommonFlags(program.command('run'))
    .description('runs: list, show, compare; or run a command that logs to this server')
    .usage('list | show ID | compare A B | [--experiment NAME] -- COMMAND…')
    .argument('[command...]', 'what to run, after --')
    .option('--experiment <name>', 'experiment that the command logs to')
    .passThroughOptions()
    .action(async (command: string[], flags: CommonFlags & { experiment?: string }) => {
      if (command.length === 0) throw usage('What shall be run?', 'For example: tilth run -- python train.py, or: tilth run list');
      process.exitCode = await runTracked(command, flags);
    });

  addRunListCommand(run);

  withCommonFlags(run.command('show <id>').description('one run with params, metrics, inputs, outputs and artifacts')).action(
    async (id: string, _: CommonFlags, command: { optsWithGlobals(): CommonFlags }) => {
      const flags = command.optsWithGlobals();
      const detail = await call<RunDetail>(flags, 'GET', `/api/v1/runs/${encodeURIComponent(id)}`);
      print(flags, detail, describe);
    },
  );

  withCommonFlags(run.command('compare <ids...>').description('where runs differ')).action(
    async (ids: string[], _: CommonFlags, command: { optsWithGlobals(): CommonFlags }) => {
      const flags = command.optsWithGlobals();
      const compared = await call<Comparison>(flags, 'GET', `/api/v1/runs/compare?ids=${ids.map(encodeURIComponent).join(',')}`);
      print(flags, compared, ({ runs, fields }) => {
        const different = fields.filter((field) => field.isDifferent);
        if (different.length === 0) return 'The runs have the same params, metrics, datasets and tags.';
        return table(
          ['', '', ...runs.map((each) => each.name)],
          different.map((field) => [field.kind, field.key, ...field.values.map((value) => (value === null ? '–' : String(value)))]),
        );
      });
    },
  );
};

/**
 * Runs a command whose MLflow client logs here, with the commit and the command as tags of its runs.
 *
 * @returns the command's exit code
 */
async function runTracked(command: readonly string[], flags: CommonFlags & { experiment?: string }): Promise<number> {
  const [program = '', ...rest] = command;
  const address = serverAddress(flags);
  await call(flags, 'GET', '/api/v1/me');
  const context = { ...inheritedContext(), 'tilth.command': command.join(' '), ...gitContext() };
  const token = process.env['TILTH_TOKEN'];
  note(`logging to ${address}`);
  const child = spawn(program, rest, {
    stdio: 'inherit',
    env: {
      ...process.env,
      MLFLOW_TRACKING_URI: address,
      MLFLOW_RUN_CONTEXT: JSON.stringify(context),
      ...(token === undefined || token === '' ? {} : { MLFLOW_TRACKING_TOKEN: token }),
      ...(flags.experiment === undefined ? {} : { MLFLOW_EXPERIMENT_NAME: flags.experiment }),
    },
  });
  return new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new TilthError('COMMAND_NOT_STARTED', 400, `${program} can't be started: ${cause.message}`, 'Is it installed, and on the PATH?', { cause })),
    );
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** What an outer command, such as a pipeline, says about the run. */
function inheritedContext(): Record<string, string> {
  try {
    return JSON.parse(process.env['MLFLOW_RUN_CONTEXT'] ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
}

function gitContext(): Record<string, string> {
  const git = (...words: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', words, { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git('rev-parse', 'HEAD');
  if (commit === undefined) return {};
  return { 'mlflow.source.git.commit': commit, 'tilth.dirty': git('status', '--porcelain') === '' ? 'false' : 'true' };
}

function describe(run: RunDetail): string[] {
  const section = (title: string, rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : ['', table([title, ''], rows)];
  return [
    `${run.name}  ${run.status.toLowerCase()}  in ${run.experimentName}, started ${timeOf(run.startedAt)}`,
    ...section('param', Object.entries(run.params)),
    ...section('metric', Object.entries(run.metrics).map(([key, metric]) => [key, `${metric.value ?? 'not finite'}  (step ${metric.step})`])),
    ...section('dataset', run.datasets.map((dataset) => [dataset.name, `${dataset.digest} ${dataset.context ?? ''}`])),
    ...section('model', run.outputModels.map((model) => [model.id, `${model.name} ${model.status.replace('LOGGED_MODEL_', '').toLowerCase()}`])),
    ...section('tag', Object.entries(run.tags).filter(([key]) => !key.startsWith('mlflow.'))),
    ...section('artifact', run.artifacts.map((artifact) => [artifact.path, artifact.isFolder ? 'folder' : `${artifact.byteCount ?? 0} bytes`])),
  ];
}
