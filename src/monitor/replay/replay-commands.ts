import type { Command } from 'commander';
import { basename, extname, join, resolve } from 'node:path';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { resolveHome } from '../../platform/home.ts';
import { exitCodes, note, print, usage } from '../../platform/terminal.ts';
import { dayOf } from '../windows/window.ts';
import type { ReplayProgress, ReplaySummary } from './replay.ts';

interface ReplayFlags extends CommonFlags {
  readonly endpoint: string;
  readonly name?: string;
  readonly id: string;
  readonly time: string;
  readonly label: string;
  readonly labelTime: string;
  readonly batch: string;
  readonly plane?: string;
  readonly from?: string;
  readonly until?: string;
  readonly waitForRetraining?: boolean;
}

export function addReplayCommand(monitor: Command): void {
  withCommonFlags(monitor.command('replay <file>').description('send a file of past traffic to an endpoint as if it happened now'))
    .requiredOption('--endpoint <name>')
    .option('--name <name>', 'of this replay; a killed one goes on under its name (default: name of the file)')
    .option('--id <column>', 'key of a row', 'id')
    .option('--time <column>', 'when it happened', 'event_at')
    .option('--label <column>', 'what turned out to be true', 'label')
    .option('--label-time <column>', 'when that was known', 'observed_at')
    .option('--batch <rows>', 'rows per request', '256')
    .option('--plane <url>', 'address of the data plane (default: the one that serves the endpoint)')
    .option('--from <time>', 'rows that happened then or later')
    .option('--until <time>', 'rows that happened before; the same command with a later time goes on')
    .option('--wait-for-retraining', 'stand still while a new version of the model is made')
    .action(async (file: string, flags: ReplayFlags) => {
      const name = flags.name ?? `${basename(file, extname(file))}-${flags.endpoint}`;
      if (!/^[\w.-]+$/.test(name)) throw usage(`The name ${JSON.stringify(name)} may hold letters, digits, dot, dash and underscore only.`);
      const { replay } = await import('./replay.ts');
      const summary = await replay({
        flags,
        file: resolve(file),
        endpoint: flags.endpoint,
        name,
        columns: { id: flags.id, time: flags.time, label: flags.label, labelTime: flags.labelTime },
        batchRows: wholeNumber('--batch', flags.batch),
        plane: flags.plane,
        from: await time('--from', flags.from),
        until: await time('--until', flags.until),
        waitsForRetraining: flags.waitForRetraining === true,
        cursorFile: join(resolveHome(flags.home).root, 'replay', `${name}.json`),
        onProgress: progressLine(),
      });
      print(flags, summary, draw);
      if (summary.failed > 0) process.exitCode = exitCodes.no;
    });
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw usage(`${flag} takes a whole number above 0, not ${JSON.stringify(text)}.`);
}

async function time(flag: string, text: string | undefined): Promise<number | undefined> {
  if (text === undefined) return undefined;
  const { parseInstant } = await import('../windows/instant.ts');
  const at = parseInstant(text);
  if (!Number.isNaN(at)) return at;
  throw usage(`${flag} takes a time such as 2013-03-04 or 2013-03-04T00:00:00Z, not ${JSON.stringify(text)}.`);
}

/** At most one line a second. */
function progressLine(): (progress: ReplayProgress) => void {
  let saidAt = 0;
  let said = '';
  return ({ at, rowCount, rowsPerSecond, doing }) => {
    const now = performance.now();
    const line = `${dayOf(at)}  ${rowCount.toLocaleString('en')} rows  ${Math.round(rowsPerSecond).toLocaleString('en')} rows/s  ${doing}`;
    if (now - saidAt < 1000 || line === said) return;
    saidAt = now;
    said = line;
    note(line);
  };
}

function draw(summary: ReplaySummary): string[] {
  const { rows, requests, failed, retried, labels, windows, alerts, seconds, until, firstFailure } = summary;
  return [
    `Replayed ${rows.toLocaleString('en')} rows in ${requests.toLocaleString('en')} requests until ${dayOf(until)} in ${seconds.toFixed(1)} s: ${failed} failed, ${retried} tried again.`,
    `${labels.toLocaleString('en')} labels, ${windows} windows, ${alerts.length} alerts.`,
    ...(firstFailure === null ? [] : [`First failure: ${firstFailure}`]),
    ...alerts.map((alert) => `  ${alert.summary}`),
  ];
}
