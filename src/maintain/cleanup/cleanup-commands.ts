import { call } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { TilthError } from '../../platform/errors.ts';
import type { JobView } from '../../platform/job-api.ts';
import { confirmed, note, print, table, usage } from '../../platform/terminal.ts';
import type { CleanupDone, CleanupPlan, CleanupRequest } from './cleanup-api.ts';

interface GcFlags extends CommonFlags {
  readonly olderThan: string;
  readonly run?: readonly string[];
  readonly experiment?: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export const addCleanupCommands: AddCommands = (program) => {
  withCommonFlags(program.command('gc'))
    .description('remove for good what was deleted long enough ago, and free its space')
    .option('--older-than <time>', 'how long ago it was deleted: 30d, 12h, 1d6h', '30d')
    .option('--run <id...>', 'only these runs')
    .option('--experiment <id...>', 'only what belongs to these experiments')
    .option('--dry-run', 'only say what would be removed')
    .option('--yes', 'do it without asking')
    .action(collect);
};

async function collect(flags: GcFlags): Promise<void> {
  const request: CleanupRequest = {
    olderThan: milliseconds(flags.olderThan),
    ...(flags.run === undefined ? {} : { runs: [...flags.run] }),
    ...(flags.experiment === undefined ? {} : { experiments: [...flags.experiment] }),
  };
  const plan = await call<CleanupPlan>(flags, 'POST', '/api/v1/cleanup/plan', request);
  if (flags.dryRun === true) {
    print(flags, plan, describe);
    return;
  }
  if (plan.remove.length === 0) {
    print(flags, { removed: {}, byteCount: 0 }, () => describe(plan));
    return;
  }
  if (flags.yes !== true) await confirm(plan);
  const { job } = await call<{ job: string }>(flags, 'POST', '/api/v1/cleanup', request);
  const ended = await call<JobView>(flags, 'GET', `/api/v1/jobs/${job}?wait=true`);
  if (ended.state !== 'succeeded')
    throw new TilthError(
      'CLEANUP_FAILED',
      500,
      `The cleanup stopped: ${ended.error ?? ended.state}.`,
      'Run it again: it goes on with what is left.',
    );
  print(flags, ended.output as CleanupDone, (done) => {
    const counts = Object.entries(done.removed).map(
      ([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`,
    );
    return `Removed ${counts.join(', ')}: ${bytes(done.byteCount)} of files freed.`;
  });
}

function describe(plan: CleanupPlan): string[] {
  const lines: string[] = [];
  if (plan.remove.length === 0) lines.push('Nothing to remove: nothing was deleted that long ago.');
  else {
    const rows = plan.remove.map((thing) => [
      thing.kind,
      thing.id,
      thing.name,
      thing.deletedAt === null ? '' : new Date(thing.deletedAt).toISOString().slice(0, 10),
      bytes(thing.byteCount),
    ]);
    lines.push(
      table(['kind', 'id', 'name', 'deleted', 'files'], rows),
      `${plan.remove.length} to remove, ${bytes(plan.byteCount)} of files`,
    );
  }
  for (const { kind, id, reason } of plan.keep) lines.push(`kept: ${kind} ${id}, since ${reason}`);
  return lines;
}

/** What is removed can't be had back, so it is shown and asked for. */
async function confirm(plan: CleanupPlan): Promise<void> {
  if (!process.stdin.isTTY)
    throw usage(
      `This removes ${plan.remove.length} things for good.`,
      'See them with --dry-run; remove them without a terminal with --yes.',
    );
  note(describe(plan).join('\n'));
  if (!(await confirmed('Remove these for good?'))) throw usage('Nothing was removed.');
}

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;

/** `1d2h3m4s`, the form that `mlflow gc` takes. */
export function milliseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([dhms])/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)
    throw usage(`${JSON.stringify(text)} is not a length of time.`, 'Write it as 30d, 12h or 1d6h30m.');
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs], 0);
}

const bytes = (count: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
};
