import { InvalidArgumentError, type Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { print, table } from '../../platform/terminal.ts';
import type { EstimateReport } from './estimate-files.ts';

interface EstimateFlags extends CommonFlags {
  readonly probability: string;
  readonly truth: string;
  readonly prediction?: string;
  readonly positive: string;
  readonly threshold: number;
  readonly chunkSize?: number;
  readonly calibrate: boolean;
  readonly check?: boolean;
}

function chance(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('A number from 0 to 1.');
  return value;
}

function rows(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('A whole number of rows, 1 or more.');
  return value;
}

/** `tilth monitor estimate`: how good answers are whose truth is not known yet. */
export function addEstimateCommand(monitor: Command): void {
  withCommonFlags(
    monitor
      .command('estimate <reference> <current>')
      .description(
        'estimate the metrics of answers whose truth is not known yet, from a reference where it is',
      ),
  )
    .requiredOption('--probability <column>', 'chance of the positive class, 0 to 1')
    .requiredOption('--truth <column>', 'what came true; the current file may lack it')
    .option('--prediction <column>', 'what the model decided (default: by --threshold)')
    .option('--positive <value>', 'value of the positive class', '1')
    .option('--threshold <chance>', 'decides for the positive class from here on', chance, 0.5)
    .option('--chunk-size <rows>', 'rows of one estimate (default: a tenth of the file)', rows)
    .option('--no-calibrate', 'take the chances as they are')
    .option('--check', 'exit with 1 when the last chunk lies outside of what the reference knew')
    .action(async (reference: string, current: string, flags: EstimateFlags) => {
      const [{ Analytics }, { estimateFiles }] = await Promise.all([
        import('../windows/analytics.ts'),
        import('./estimate-files.ts'),
      ]);
      const analytics = new Analytics();
      try {
        const report = await estimateFiles(analytics, reference, current, flags, {
          chunkSize: flags.chunkSize,
          calibrate: flags.calibrate,
        });
        print(flags, report, draw);
        const last = report.chunks.at(-1);
        if (
          flags.check === true &&
          last !== undefined &&
          Object.values(last.metrics).some(({ isOutside }) => isOutside)
        )
          process.exitCode = 1;
      } finally {
        await analytics.close();
      }
    });
}

function draw({ chunks, isCalibrated }: EstimateReport): string[] {
  const lines = chunks.flatMap(({ from, to, metrics }) =>
    Object.entries(metrics).map(
      ([metric, { value, low, high, lowest, highest, isOutside, realised }], at) => [
        at === 0 ? `${from + 1} to ${to}` : '',
        metric,
        digits(value),
        low === null ? '' : `${digits(low)} to ${digits(high)}`,
        `${digits(lowest)} to ${digits(highest)}`,
        isOutside ? 'outside' : '',
        realised === null ? 'not yet known' : digits(realised),
      ],
    ),
  );
  return [
    table(['rows', 'metric', 'estimated', 'by chance', 'on the reference', '', 'realised'], lines),
    '',
    `${isCalibrated ? 'Chances were calibrated on the reference.' : 'Chances are taken as they are.'} An estimate holds while inputs move, not when what they mean for the outcome changes.`,
  ];
}

const digits = (value: number | null): string => (value === null ? '' : value.toFixed(4));
