import type { Command } from 'commander';
import { call, serverAddress } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import { note, print, usage } from '../../platform/terminal.ts';
import { openRepository, repositoryPath } from '../dvc-files/repository.ts';
import { overlap, toDot, toMermaid, type Edge } from './pipeline.ts';
import type { NewExecution } from './pipeline-api.ts';
import type { Pipeline } from './pipeline-run.ts';
import { join } from 'node:path';

interface RunFlags extends CommonFlags {
  readonly force?: boolean;
}

export const addPipelineCommands: AddCommands = (program) => {
  const pipeline = program.command('pipeline').description('reproducible stages (dvc.yaml, dvc.lock)');
  withCommonFlags(pipeline.command('run [stages...]').description('run what changed, in order, and record it'))
    .option('-f, --force', 'also stages that did not change')
    .action(run);
  withCommonFlags(pipeline.command('status').description('what would run, and why')).action(status);
  withCommonFlags(pipeline.command('dag').description('who needs whom'))
    .option('--mermaid', 'as a Mermaid flowchart')
    .option('--dot', 'as a Graphviz graph')
    .action(dag);
};

/** The verbs of dvc that touch stages; data adds its own to the same group. */
export const addDvcPipelineCommands: AddCommands = (program) => {
  const dvc = program.commands.find((one) => one.name() === 'dvc') ?? program.command('dvc').description("dvc's own verbs");
  const quiet = (command: Command): Command => withCommonFlags(command).option('-q, --quiet').option('-v, --verbose');
  quiet(dvc.command('repro [targets...]')).option('-f, --force').action(run);
  quiet(dvc.command('status')).action(status);
  quiet(dvc.command('dag')).option('--mermaid').option('--dot').action(dag);
};

async function run(stages: string[], flags: RunFlags): Promise<void> {
  const { readPipeline, runPipeline } = await import('./pipeline-run.ts');
  const server = reporter(flags);
  const outcomes = await runPipeline(await readPipeline(process.cwd()), {
    wanted: stages,
    isForced: flags.force === true,
    trackingUri: () => (server.isThere() ? serverAddress(flags) : undefined),
    say: note,
    report: server.report,
  });
  const ran = outcomes.filter(({ outcome }) => outcome === 'ran').length;
  print(flags, { stages: outcomes }, () =>
    ran === 0 && outcomes.every(({ outcome }) => outcome === 'unchanged')
      ? 'Data and pipelines are up to date.'
      : `${ran} of ${outcomes.length} stages ran; dvc.lock is up to date. Keep it with: git add dvc.lock && git commit`,
  );
}

/** Sends executions to the server; when none answers it says so once and goes on. */
function reporter(flags: CommonFlags): {
  readonly report: (execution: NewExecution) => Promise<void>;
  readonly isThere: () => boolean;
} {
  let state: 'recording' | 'refusing' | 'away' = 'recording';
  return {
    isThere: () => state !== 'away',
    report: async (execution) => {
      if (state !== 'recording') return;
      try {
        await call(flags, 'POST', '/api/v1/pipelines/executions', execution);
      } catch (reason) {
        const isAway = reason instanceof TilthError && reason.code === 'SERVER_NOT_REACHABLE';
        state = isAway ? 'away' : 'refusing';
        note(
          isAway
            ? `No tilth server answers at ${serverAddress(flags)}: this run is kept in dvc.lock only, and MLflow is told of no server.`
            : `The server does not record this run: ${messageOf(reason)}`,
        );
      }
    },
  };
}

async function status(flags: CommonFlags): Promise<void> {
  const { pipelineStatus } = await import('./pipeline-run.ts');
  const found = pipelineStatus(openRepository(process.cwd()));
  print(flags, found, (all) =>
    Object.keys(all).length === 0
      ? 'Data and pipelines are up to date.'
      : Object.entries(all).flatMap(([name, changes]) => [`${name}:`, ...changes.flatMap((change) => describe(change, 1))]),
  );
}

function describe(change: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (typeof change !== 'object' || change === null) return [`${indent}${String(change as string)}`];
  return Object.entries(change as Record<string, unknown>).flatMap(([name, value]) =>
    typeof value === 'string' ? [`${indent}${value}: ${name}`] : [`${indent}${name}:`, ...describe(value, depth + 1)],
  );
}

async function dag(flags: CommonFlags & { mermaid?: boolean; dot?: boolean }): Promise<void> {
  if (flags.mermaid === true && flags.dot === true) throw usage('Choose one of --mermaid and --dot.');
  const { readPipeline } = await import('./pipeline-run.ts');
  const { names, edges } = edgesOf(await readPipeline(process.cwd()));
  print(flags, { stages: names, edges }, () => {
    if (flags.dot === true) return `${toDot(edges, names)}\n`;
    if (flags.mermaid === true) return toMermaid(edges, names);
    return names.map((name) => {
      const needs = edges.filter(({ to }) => to === name).map(({ from }) => from);
      return needs.length === 0 ? name : `${name}  ← ${needs.join(', ')}`;
    });
  });
}

/** Stages and the `.dvc` files they read, as dvc draws them. */
function edgesOf(pipeline: Pipeline): { names: string[]; edges: Edge[] } {
  const files = pipeline.data.flatMap((data) => {
    const name = data.source.kind === 'dvc-file' ? repositoryPath(pipeline.repository, data.source.file) : '';
    const readers = pipeline.graph.stages.filter((stage) =>
      stage.deps.some((dep) => overlap(join(stage.folder, dep), data.path)),
    );
    return [{ name, edges: readers.map((stage) => ({ from: name, to: stage.name })) }];
  });
  const between = [...pipeline.graph.needs].flatMap(([to, needs]) => needs.map((from) => ({ from, to })));
  return {
    names: [...files.map(({ name }) => name), ...pipeline.graph.stages.map(({ name }) => name)],
    edges: [...files.flatMap(({ edges }) => edges), ...between],
  };
}
