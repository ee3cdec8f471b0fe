import type { Command } from 'commander';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { note, print, usage } from '../../platform/terminal.ts';
import { asDvc, dvcGroup, dvcVerb, printAsDvc, type DvcFlags } from '../dvc-files/dvc-dialect.ts';
import { openRepository } from '../dvc-files/repository.ts';
import { statusLines } from './pipeline-text.ts';
import { addDvcPlotCommands, addPipelinePlotCommands } from './plot-commands.ts';
import { addDvcReproCommand, addRunCommand } from './repro-commands.ts';
import { addDvcStageCommands, addPipelineStageCommands } from './stage-commands.ts';
import { addDvcValueCommands, addPipelineValueCommands } from './value-commands.ts';

export const addPipelineCommands: AddCommands = (program) => {
  const pipeline = program.command('pipeline').description('reproducible stages (dvc.yaml, dvc.lock)');
  addRunCommand(pipeline);
  withCommonFlags(pipeline.command('status [stages...]').description('what would run, and why')).action(
    status,
  );
  withDagFlags(withCommonFlags(pipeline.command('dag [target]').description('who needs whom'))).action(dag);
  addPipelineStageCommands(pipeline);
  addPipelineValueCommands(pipeline);
  addPipelinePlotCommands(pipeline);
};

/** The verbs of dvc that touch stages; data adds its own to the same group. */
export const addDvcPipelineCommands: AddCommands = (program) => {
  const dvc = dvcGroup(program);
  addDvcReproCommand(program);
  if (!dvc.commands.some((one) => one.name() === 'status')) {
    dvcVerb(dvc, 'status [targets...]', 'what changed since it was recorded')
      .option('-R, --recursive', 'all that lies below the given folders')
      .option('-d, --with-deps', 'also what the targets need')
      .option('-c, --cloud', 'how the cache differs from the remote')
      .option('-r, --remote <name>', 'how the cache differs from this remote')
      .option('-j, --jobs <number>', 'how many questions to the remote at once')
      .option('-a, --all-branches', 'with --cloud: also what the tips of all branches record')
      .option('-T, --all-tags', 'with --cloud: also what all tags record')
      .option('-A, --all-commits', 'with --cloud: also what every commit records')
      .option('--no-updates', 'do not ask where imports come from')
      .action(asDvc(dvcStatus, 1));
  }
  withDagFlags(dvcVerb(dvc, 'dag [target]', 'draw who needs whom')).action(asDvc(dvcDag, 1));
  addDvcStageCommands(program);
  addDvcValueCommands(program);
  addDvcPlotCommands(program);
};

interface DagFlags extends CommonFlags {
  readonly mermaid?: boolean;
  readonly dot?: boolean;
  readonly md?: boolean;
  readonly outs?: boolean;
  readonly full?: boolean;
}

const withDagFlags = (command: Command): Command =>
  command
    .option('--mermaid', 'as a Mermaid flowchart')
    .option('--md', 'as a Mermaid flowchart in Markdown')
    .option('--dot', 'as a Graphviz graph')
    .option('-o, --outs', 'outputs instead of stages')
    .option('--full', 'with a target: its whole pipeline, not only what it needs');

async function status(stages: string[], flags: CommonFlags): Promise<void> {
  const { pipelineStatus } = await import('./pipeline-status.ts');
  const found = pipelineStatus(openRepository(process.cwd()), { targets: stages, folder: process.cwd() });
  print(flags, found, (all) =>
    Object.keys(all).length === 0 ? 'Data and pipelines are up to date.' : statusLines(all),
  );
}

interface DvcStatusFlags extends DvcFlags {
  readonly recursive?: boolean;
  readonly withDeps?: boolean;
  readonly cloud?: boolean;
  readonly remote?: string;
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
}

async function dvcStatus(targets: string[], flags: DvcStatusFlags): Promise<void> {
  const isOfRemote = flags.cloud === true || flags.remote !== undefined;
  const found = await (isOfRemote ? dvcCloudStatus : dvcLocalStatus)(targets, flags);
  if (flags.quiet === true && flags.json !== true) {
    process.exitCode = Object.keys(found.value).length === 0 ? 0 : 1;
    return;
  }
  printAsDvc({ ...flags, quiet: false }, found.value, () => found.lines());
}

interface Found {
  readonly value: object;
  readonly lines: () => string | string[];
}

async function dvcLocalStatus(targets: string[], flags: DvcStatusFlags): Promise<Found> {
  const { pipelineStatus } = await import('./pipeline-status.ts');
  const value = pipelineStatus(openRepository(process.cwd()), {
    targets,
    folder: process.cwd(),
    isRecursive: flags.recursive === true,
    withDeps: flags.withDeps === true,
    onFrozen: (address) =>
      note(
        `WARNING: stage: '${address}' is frozen. Its dependencies are not going to be shown in the status output.`,
      ),
  });
  const lines = (): string | string[] =>
    Object.keys(value).length === 0 ? 'Data and pipelines are up to date.' : statusLines(value);
  return { value, lines };
}

async function dvcCloudStatus(targets: string[], flags: DvcStatusFlags): Promise<Found> {
  const { cloudStatus } = await import('../remotes/cloud-status.ts');
  const repository = openRepository(process.cwd());
  const scope = {
    targets,
    folder: process.cwd(),
    isRecursive: flags.recursive === true,
    withDeps: flags.withDeps === true,
    allBranches: flags.allBranches === true,
    allTags: flags.allTags === true,
    allCommits: flags.allCommits === true,
  };
  const value = await cloudStatus(repository, scope, { remote: flags.remote });
  const lines = (): string | string[] => {
    const changed = Object.entries(value);
    if (changed.length > 0)
      return changed.map(
        ([path, state]) => `${flags.cloud === true ? '\t' : ''}${`${state}:`.padEnd(20)}${path}`,
      );
    const remote = flags.remote ?? repository.config.defaultRemote ?? '';
    return `Cache and remote '${remote}' are in sync.`;
  };
  return { value, lines };
}

async function dag(target: string | undefined, flags: DagFlags): Promise<void> {
  const { drawing, text } = await draw(target, flags);
  print(flags, { stages: drawing.names, edges: drawing.edges }, () => text);
}

async function dvcDag(target: string | undefined, flags: DagFlags & DvcFlags): Promise<void> {
  const { drawing, text } = await draw(target, flags);
  printAsDvc(flags, { stages: drawing.names, edges: drawing.edges }, () => text);
}

async function draw(target: string | undefined, flags: DagFlags) {
  if ([flags.mermaid, flags.dot, flags.md].filter((flag) => flag === true).length > 1)
    throw usage('Choose one of --mermaid, --md and --dot.');
  const { drawDag } = await import('./dag.ts');
  const drawing = drawDag(openRepository(process.cwd()), {
    target,
    folder: process.cwd(),
    hasOuts: flags.outs === true,
    isFull: flags.full === true,
  });
  const { toDot, toMermaid } = await import('./pipeline.ts');
  if (flags.dot === true) return { drawing, text: `${toDot(drawing)}\n` };
  if (flags.mermaid === true) return { drawing, text: toMermaid(drawing) };
  if (flags.md === true) return { drawing, text: ['```mermaid', toMermaid(drawing), '```'].join('\n') };
  const { toText } = await import('./dag-text.ts');
  if (drawing.names.length === 0) note('There is nothing to draw.');
  return { drawing, text: toText(drawing) };
}
