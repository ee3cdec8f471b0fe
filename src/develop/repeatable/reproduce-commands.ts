import pc from 'picocolors';
import type { AddCommands, CommonFlags } from '../../platform/command.ts';
import { withCommonFlags } from '../../platform/command.ts';
import { print, table, usage } from '../../platform/terminal.ts';

export const addReproduceCommand: AddCommands = (program) => {
  withCommonFlags(program.command('reproduce <run>'))
    .description('do a run again, from its commit, changes, data and lock, and compare the metrics')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--tolerance <share>', 'how far apart two values may be and still agree', '1e-9')
    .option('--keep', 'leave the folder in which it ran')
    .action(async (id: string, flags: CommonFlags & { dryRun?: boolean; tolerance: string; keep?: boolean }) => {
      const tolerance = Number(flags.tolerance);
      if (!(tolerance >= 0)) throw usage(`The tolerance ${flags.tolerance} is no number from 0.`);
      const { planOf, reproduce } = await import('./reproduce.ts');
      if (flags.dryRun === true) {
        print(flags, await planOf(flags, id), ({ summary, steps }) => [summary, '', ...steps.map((step) => `  ${step}`)]);
        return;
      }
      const done = await reproduce(flags, id, { tolerance, isKept: flags.keep === true });
      print(flags, done, ({ outcome, metrics, againId }) => [
        table(
          ['metric', 'was', 'is', ''],
          metrics.map(({ key, was, is, agreement }) => [key, String(was ?? '–'), String(is ?? '–'), agreement === 'differs' ? pc.red(agreement) : pc.green(agreement)]),
        ),
        '',
        `${words[outcome]} tilth run compare ${id} ${againId}`,
      ]);
      process.exitCode = done.outcome === 'equal' || done.outcome === 'within tolerance' ? 0 : 1;
    });
};

const words = {
  equal: 'Reproduced: every metric is equal.',
  'within tolerance': 'Reproduced: every metric is within the tolerance.',
  differs: 'Not reproduced: metrics differ.',
  failed: 'Not reproduced: the command failed.',
  'nothing to compare': 'It ran again, but the run has no metric to compare.',
} as const;
