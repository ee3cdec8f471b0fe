import type { AddCommands, CommonFlags } from '../../platform/command.ts';
import { withCommonFlags } from '../../platform/command.ts';
import { note, print, usage } from '../../platform/terminal.ts';
import type { EnvironmentSource } from './place-environment.ts';

interface ReproduceFlags extends CommonFlags {
  readonly dryRun?: boolean;
  readonly keep?: boolean;
  readonly seeds: string;
  readonly confidence: string;
  readonly explain?: boolean;
  readonly experiments: boolean;
  readonly environment: string;
  readonly reuseEnvironment?: boolean;
  readonly all?: boolean;
  readonly commit?: string;
  readonly leaveOut: readonly string[];
}

const sources: readonly string[] = ['lock', 'packages', 'here'] satisfies readonly EnvironmentSource[];

export const addReproduceCommand: AddCommands = (program) => {
  withCommonFlags(program.command('reproduce <run>'))
    .description(
      'do a run again from its commit, changes, data and lock; say whether it gave the same, and why not',
    )
    .usage('RUN | MODEL/VERSION | MODEL@ALIAS')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option(
      '--seeds <count>',
      'where it differs: run it with so many other seeds, and say whether it lies within their noise',
      '0',
    )
    .option('--confidence <share>', 'of the interval that further seeds are expected in', '0.95')
    .option('--explain', 'where it differs: put back one ingredient at a time, which takes more runs')
    .option('--no-experiments', 'where it differs: do not run it again to find out why')
    .option('--environment <from>', 'lock, packages (the list recorded with the run), or here', 'lock')
    .option(
      '--reuse-environment',
      'take the environment that is here where it is the recorded one, package by package',
    )
    .option('--all', 'of a stage: everything it depends on too')
    .option('--commit <revision>', 'another commit instead of the recorded one')
    .option(
      '--leave-out <pattern>',
      'outputs that do not count, such as *_seconds; may be given again',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .option('--keep', 'leave the folder in which it ran')
    .action(async (named: string, flags: ReproduceFlags) => {
      const [seedCount, confidence] = [Number(flags.seeds), Number(flags.confidence)];
      if (!Number.isInteger(seedCount) || seedCount < 0 || seedCount === 1 || seedCount === 2)
        throw usage(`${flags.seeds} seeds say nothing of the noise; give 3 or more.`);
      if (!(confidence > 0.5 && confidence < 1))
        throw usage(`The confidence ${flags.confidence} is no share between 0.5 and 1.`);
      if (!sources.includes(flags.environment))
        throw usage(`An environment comes from ${sources.join(', ')}, and not from ${flags.environment}.`);
      if (flags.dryRun === true) {
        const { targetOf } = await import('./target.ts');
        const { run, summary, steps } = await targetOf(flags, named);
        print(flags, { runId: run.id, summary, steps }, () => [
          summary,
          '',
          ...steps.map((step) => `  ${step}`),
        ]);
        return;
      }
      const [{ reproduce }, { describeReproduction }] = await Promise.all([
        import('./reproduce.ts'),
        import('./reproduction-text.ts'),
      ]);
      const done = await reproduce(flags, named, {
        isKept: flags.keep === true,
        seedCount,
        confidence,
        explains: flags.explain === true,
        experiments: flags.experiments,
        environment: flags.environment as EnvironmentSource,
        mayReuse: flags.reuseEnvironment === true,
        withUpstream: flags.all === true,
        commit: flags.commit,
        leftOut: flags.leaveOut,
      });
      print(flags, done, describeReproduction);
      if (done.againId !== null) note(`tilth run compare ${done.runId} ${done.againId}`);
      process.exitCode = done.verdict === 'bit-identical' || done.verdict === 'within-noise' ? 0 : 1;
    });
};
