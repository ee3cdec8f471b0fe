import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Stage } from '../dvc-files/stage.ts';
import { stageFolderMissing } from './pipeline-errors.ts';

export type Stream = 'out' | 'err';

export interface CommandOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** told of each line before it runs */
  readonly onLine: (line: string) => void;
  readonly onOutput: (stream: Stream, chunk: Buffer) => void;
  /** stops the command and all that it started */
  readonly signal: AbortSignal;
  /** false: it reads nothing, since several stages run at once */
  readonly mayReadInput: boolean;
}

export type CommandEnd =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'failed';
      readonly line: string;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    }
  | { readonly kind: 'stopped' };

/** How long a command that was asked to stop may tidy up, before it is killed. */
const graceMs = 10_000;
/** A shell between two commands can miss Ctrl-C: it is asked in another way then. */
const secondAskMs = 2_000;
const quietShells: Readonly<Record<string, readonly string[]>> = {
  bash: ['--noprofile', '--norc'],
  zsh: ['--no-rcs'],
  fish: ['--no-config'],
};

// as Python splits a text into lines
// oxlint-disable-next-line no-control-regex
const lineBreak = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/;

/** The lines of a command: a list as it is, a text of several lines one by one. */
export const commandLines = (cmd: string | readonly string[]): readonly string[] =>
  typeof cmd === 'string' ? cmd.split(lineBreak).filter((line) => line.trim() !== '') : cmd;

/**
 * Runs the lines of a stage's command one after the other in the user's shell, as dvc does, until one fails.
 *
 * @throws STAGE_FOLDER_MISSING
 */
export async function runCommands(stage: Stage, options: CommandOptions): Promise<CommandEnd> {
  if (!existsSync(stage.folder)) throw stageFolderMissing(stage.name, stage.folder);
  for (const line of commandLines(stage.cmd)) {
    if (options.signal.aborted) return { kind: 'stopped' };
    options.onLine(line);
    const { code, signal } = await runLine(line, stage.folder, options);
    if (options.signal.aborted) return { kind: 'stopped' };
    if (code !== 0) return { kind: 'failed', line, code, signal };
  }
  return { kind: 'done' };
}

function runLine(
  line: string,
  folder: string,
  options: CommandOptions,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const { environment, onOutput, signal } = options;
  const shell =
    environment['SHELL'] === undefined || environment['SHELL'] === '' ? '/bin/sh' : environment['SHELL'];
  const child = spawn(shell, [...(quietShells[basename(shell)] ?? []), '-c', line], {
    cwd: folder,
    env: environment,
    // a group of its own: stopping it stops what it started too
    detached: true,
    stdio: [options.mayReadInput && !process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
  });
  child.stdout?.on('data', (chunk: Buffer) => onOutput('out', chunk));
  child.stderr?.on('data', (chunk: Buffer) => onOutput('err', chunk));
  const letGo = stopWith(child, signal);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, ended) => {
      // what it left running may hold its output open for ever
      const late = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, 1_000);
      child.on('close', () => {
        clearTimeout(late);
        letGo();
        resolve({ code, signal: ended });
      });
    });
  });
}

/** First politely, then, when it does not listen, for good. */
function stopWith(child: ChildProcess, signal: AbortSignal): () => void {
  let late: NodeJS.Timeout | undefined;
  let second: NodeJS.Timeout | undefined;
  const stop = (): void => {
    killGroup(child, signal.reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
    second = setTimeout(() => killGroup(child, 'SIGTERM'), secondAskMs);
    late = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return () => {
    signal.removeEventListener('abort', stop);
    clearTimeout(second);
    clearTimeout(late);
    // an interrupted command must not leave writers behind
    if (signal.aborted) killGroup(child, 'SIGKILL');
  };
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // it has ended
  }
}
