import type { Command } from 'commander';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { print, table } from '../../platform/terminal.ts';
import type { DriftReport } from './drift-files.ts';

/** `tilth monitor drift`: two files and nothing else. */
export function addDriftCommand(monitor: Command): void {
  withCommonFlags(monitor.command('drift <reference> <current>').description('compare two Parquet or CSV files column by column')).action(
    async (reference: string, current: string, flags: CommonFlags) => {
      const [{ Analytics }, { compareFiles }] = await Promise.all([import('../windows/analytics.ts'), import('./drift-files.ts')]);
      const analytics = new Analytics();
      try {
        print(flags, await compareFiles(analytics, reference, current), draw);
      } finally {
        await analytics.close();
      }
    },
  );
}

function draw(report: DriftReport): string[] {
  const rows = Object.entries(report.columns).map(([name, column]) => {
    const verdict = column.default;
    const score = verdict?.score ?? null;
    return [
      name,
      column.type,
      String(column.n_ref),
      String(column.n_cur),
      verdict?.method ?? '',
      score === null ? 'no values' : score.toPrecision(3),
      verdict?.drifted === true ? 'drifted' : '',
    ];
  });
  const { drifted, columns } = report.dataset;
  return [table(['column', 'type', 'reference', 'current', 'method', 'score', ''], rows), '', `${drifted} of ${columns} columns drifted`];
}
