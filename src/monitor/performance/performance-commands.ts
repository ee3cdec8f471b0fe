import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { print, table } from '../../platform/terminal.ts';
import { dayOf } from '../windows/window.ts';
import type { PerformanceHistory, WindowPerformance } from './performance-api.ts';

interface RangeFlags extends CommonFlags {
  readonly from?: string;
  readonly to?: string;
}

const withRange = (command: Command): Command =>
  withCommonFlags(command).option('--from <time>', 'windows that end after this').option('--to <time>', 'windows that begin before this');

const queryOf = (flags: RangeFlags, more: Record<string, string> = {}): string => {
  const query = new URLSearchParams(more);
  if (flags.from !== undefined) query.set('from', flags.from);
  if (flags.to !== undefined) query.set('to', flags.to);
  return query.toString();
};

const digits = (value: number | null | undefined): string => (value === null || value === undefined ? '' : value.toFixed(4));

/** `tilth monitor performance` (one metric of every version) and `tilth monitor history` (every metric of every window). */
export function addPerformanceCommands(monitor: Command): void {
  withRange(monitor.command('performance <model>').description('one metric of every version over time, with its interval'))
    .option('--metric <name>', 'auc, brier, log_loss, accuracy, ece, base_rate, mean_prediction, coverage', 'auc')
    .action(async (model: string, flags: RangeFlags & { metric: string }) => {
      const path = `/api/v1/models/${encodeURIComponent(model)}/performance?${queryOf(flags, { metric: flags.metric })}`;
      print(flags, await call<PerformanceHistory>(flags, 'GET', path), drawHistory);
    });

  withRange(monitor.command('history <model>').description('every metric of every window and version')).action(
    async (model: string, flags: RangeFlags) => {
      const path = `/api/v1/models/${encodeURIComponent(model)}/performance/windows?${queryOf(flags)}`;
      print(flags, await call<WindowPerformance[]>(flags, 'GET', path), drawWindows);
    },
  );
}

function drawHistory(history: PerformanceHistory): string {
  const rows = history.series
    .flatMap((series) => series.points.map((point) => ({ series, point })))
    .sort((left, right) => left.point.windowStart - right.point.windowStart || left.series.version - right.series.version)
    .map(({ series, point }) => [
      dayOf(point.windowStart),
      `v${series.version}`,
      series.variant,
      String(point.rowCount),
      String(point.labelledCount),
      point.state === 'known' ? digits(point.value) : point.state,
      point.low === null ? '' : `${digits(point.low)} to ${digits(point.high)}`,
    ]);
  if (rows.length === 0) return 'No window is complete yet. Windows complete when their end has passed and was posted as watermark.';
  return table([history.granularity, 'version', 'as', 'rows', 'labelled', history.metric, 'interval'], rows);
}

function drawWindows(windows: readonly WindowPerformance[]): string {
  const metrics = ['auc', 'brier', 'log_loss', 'accuracy', 'ece', 'base_rate', 'mean_prediction'];
  const rows = windows.map((window) => [
    dayOf(window.windowStart),
    `v${window.version}`,
    window.variant,
    String(window.rowCount),
    `${(window.coverage * 100).toFixed(1)} %`,
    ...metrics.map((metric) => digits(window.metrics[metric]?.value)),
    window.state === 'known' ? '' : window.state,
  ]);
  return rows.length === 0 ? 'No window is complete yet.' : table(['window', 'version', 'as', 'rows', 'labelled', ...metrics, ''], rows);
}
