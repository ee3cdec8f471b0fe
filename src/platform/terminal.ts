import pc from 'picocolors';
import { TilthError, errorBody, messageOf } from './errors.ts';

/** Exit codes of every command: yes, no, wrong usage, server not reachable, bug in tilth. */
export const exitCodes = { yes: 0, no: 1, usage: 2, unreachable: 3, bug: 70 } as const;

/** Flags that every command understands. */
export interface CommonFlags {
  /** One JSON document on standard output, nothing else there. */
  readonly json?: boolean;
  /** Address of the control plane. */
  readonly server?: string;
  readonly home?: string;
}

/** Prints a result: `value` as one JSON document with `--json`, else the lines that `text` makes. */
export function print<T>(flags: CommonFlags, value: T, text: (value: T) => string | readonly string[]): void {
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    return;
  }
  const lines = text(value);
  process.stdout.write(`${typeof lines === 'string' ? lines : lines.join('\n')}\n`);
}

/** Progress and notes go to standard error, so that standard output stays clean for scripts. */
export const note = (line: string): void => void process.stderr.write(`${line}\n`);

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [pc.dim(line(header)), ...rows.map(line)].join('\n');
}

/** Tells the user what went wrong and what to do next; returns the exit code. */
export function reportFailure(thrown: unknown, flags: CommonFlags): number {
  const isKnown = thrown instanceof TilthError;
  const error = isKnown
    ? thrown
    : new TilthError('BUG', 500, messageOf(thrown), 'This is a fault in tilth: please report it with the lines above.');
  if (flags.json === true) process.stdout.write(`${JSON.stringify(errorBody(error), null, 2)}\n`);
  if (!isKnown) note(pc.dim(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)));
  note(`${pc.red('✗')} ${error.message} ${pc.dim(`[${error.code}]`)}`);
  if (error.hint !== undefined) note(`  ${pc.cyan('→')} ${error.hint}`);
  if (!isKnown) return exitCodes.bug;
  if (error.code === 'SERVER_NOT_REACHABLE') return exitCodes.unreachable;
  return error.code === 'USAGE' ? exitCodes.usage : exitCodes.no;
}

export const usage = (message: string, hint?: string): TilthError => new TilthError('USAGE', 400, message, hint);

/** Asks before what can't be undone; anything but a yes is a no. */
export async function confirmed(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`${question} [y/N] `);
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}
