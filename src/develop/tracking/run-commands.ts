import pc from 'picocolors';
import type { AddCommands, CommonFlags } from '../../platform/command.ts';
import { withCommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import { print, table, usage } from '../../platform/terminal.ts';
import { addRunListCommand, timeOf } from './run-list-command.ts';
import { isFactTag } from '../repeatable/fact-tags-api.ts';
import type { RunRepeatability } from '../repeatable/repeatable-api.ts';
import type { Reproductions } from '../reproduce/reproduce-api.ts';
import type { RunFlags } from '../repeatable/run-command.ts';
import type { Comparison, RunDetail } from './tracking-api.ts';

export const addRunCommands: AddCommands = (program) => {
  const run = withCommonFlags(program.command('run'))
    .description('runs: list, show, compare; or run a command that logs to this server')
    .usage('list | show ID | compare A B | [--experiment NAME] [--name NAME] -- COMMAND…')
    .argument('[command...]', 'what to run, after --')
    .option('--experiment <name>', 'experiment that the command logs to, unless its script chooses one')
    .option('--name <name>', 'name of the run, unless the script gives it one')
    .passThroughOptions()
    .action(async (command: string[], flags: RunFlags) => {
      if (command.length === 0) throw usage('What shall be run?', 'For example: tilth run -- python train.py, or: tilth run list');
      const { runCommand } = await import('../repeatable/run-command.ts');
      process.exitCode = (await runCommand(command, flags)).code;
    });

  addRunListCommand(run);

  withCommonFlags(run.command('show <id>').description('one run with params, metrics, inputs, outputs and artifacts')).action(
    async (id: string, _: CommonFlags, command: { optsWithGlobals(): CommonFlags }) => {
      const flags = command.optsWithGlobals();
      const path = `/api/v1/runs/${encodeURIComponent(id)}`;
      const [detail, repeatability, { reproductions }] = await Promise.all([
        call<RunDetail>(flags, 'GET', path),
        call<RunRepeatability>(flags, 'GET', `${path}/repeatability`),
        call<Reproductions>(flags, 'GET', `${path}/reproductions`),
      ]);
      const { describeLast } = await import('../reproduce/reproduction-text.ts');
      print(flags, { ...detail, repeatability, reproductions }, (run) => [
        ...describe(run),
        '',
        ...describeRepeatability(repeatability),
        ...describeLast(reproductions),
      ]);
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

function describe(run: RunDetail): string[] {
  const section = (title: string, rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : ['', table([title, ''], rows)];
  return [
    `${run.name}  ${run.status.toLowerCase()}  in ${run.experimentName}, started ${timeOf(run.startedAt)}`,
    ...section('param', Object.entries(run.params)),
    ...section('metric', Object.entries(run.metrics).map(([key, metric]) => [key, `${metric.value ?? 'not finite'}  (step ${metric.step})`])),
    ...section('dataset', run.datasets.map((dataset) => [dataset.name, `${dataset.digest} ${dataset.context ?? ''}`])),
    ...section('model', run.outputModels.map((model) => [model.id, `${model.name} ${model.status.replace('LOGGED_MODEL_', '').toLowerCase()}`])),
    ...section('tag', Object.entries(run.tags).filter(([key]) => !key.startsWith('mlflow.') && !isFactTag(key))),
    ...section('artifact', run.artifacts.map((artifact) => [artifact.path, artifact.isFolder ? 'folder' : `${artifact.byteCount ?? 0} bytes`])),
  ];
}

function describeRepeatability({ summary, checks, steps }: RunRepeatability): string[] {
  const signs = { known: pc.green('✓'), partly: pc.yellow('~'), missing: pc.red('✗') };
  return [
    summary,
    ...checks.flatMap(({ subject, state, found, todo }) => [
      `  ${signs[state]} ${subject.padEnd(11)} ${found}`,
      ...(todo === null ? [] : [`    ${' '.repeat(11)} ${pc.cyan('→')} ${todo}`]),
    ]),
    ...(steps.length === 0 ? [] : ['', pc.dim('to repeat it'), ...steps.map((step) => `  ${step}`)]),
  ];
}
