import { constants } from 'node:os';
import type { CommandOutput } from './command-output.ts';
import type { CommandEnd } from './repeatable-api.ts';

/** A run that ended this shortly before the command failed ended because it did, and so did one that ended after its last traceback. */
const failureMs = 5_000;
const longestFailureMs = 60_000;

export interface CommandOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | undefined;
  /** when somebody asked it to stop; ms since the epoch */
  readonly interruptedAt: number | undefined;
  readonly endedAt: number;
}

export const exitCodeOf = ({ code, signal }: CommandOutcome): number =>
  code ?? 128 + (signal === undefined ? 0 : constants.signals[signal]);

/** How a command ended, for its runs. */
export function endOf(end: CommandOutcome, output: CommandOutput): CommandEnd {
  const { signal, interruptedAt, endedAt } = end;
  const isStopped = interruptedAt !== undefined || signal !== undefined;
  const status = isStopped ? 'KILLED' : end.code === 0 ? 'FINISHED' : 'FAILED';
  const words = status === 'FAILED' ? output.lastLines(20) : '';
  return {
    status,
    endedAt,
    since: interruptedAt ?? failedSince(endedAt, output.lastTracebackAt),
    tags: {
      'tilth.exit_code': String(exitCodeOf(end)),
      ...(signal === undefined ? {} : { 'tilth.signal': signal }),
      ...(words === '' ? {} : { 'tilth.error': words }),
    },
  };
}

/** Python tells what went wrong before it ends what is open; what it told long ago it has survived. */
const failedSince = (endedAt: number, tracebackAt: number | undefined): number =>
  tracebackAt === undefined || tracebackAt < endedAt - longestFailureMs
    ? endedAt - failureMs
    : Math.min(tracebackAt - 1_000, endedAt - failureMs);
