import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { TilthError } from '../../platform/errors.ts';
import { programEntry } from '../../platform/package-root.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Calling {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** each line that the program says while it works */
  readonly onLine?: (line: string) => void;
}

const running = new Set<ChildProcess>();
// who ends the quickstart ends what it called
process.on('exit', () => running.forEach((child) => child.kill('SIGTERM')));

/** Runs a program to its end; any exit code is an answer. */
export function execute(command: string, args: readonly string[], calling: Calling = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: calling.cwd,
      env: { ...process.env, ...calling.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const collected = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (collected.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (collected.stderr += text));
    if (calling.onLine !== undefined) {
      createInterface({ input: child.stderr }).on('line', calling.onLine);
    }
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code: code ?? -1, ...collected });
    });
  });
}

/**
 * Runs a program that must succeed.
 *
 * @throws QUICKSTART_STEP_FAILED with the last lines it said
 */
export async function run(command: string, args: readonly string[], calling: Calling = {}): Promise<string> {
  const { code, stdout, stderr } = await execute(command, args, calling);
  if (code === 0) return stdout;
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-12).join('\n');
  throw new TilthError(
    'QUICKSTART_STEP_FAILED',
    500,
    `${[command, ...args].join(' ')} ended with ${code}:\n${said}`,
    'Run the same command again: finished stations are kept. Logs are in the folder named above.',
  );
}

/** One of our own commands, exactly as a user types it, with `--json`. */
export async function tilth<T>(args: readonly string[], calling: Calling = {}): Promise<T> {
  const stdout = await run(process.execPath, [programEntry, ...args, '--json'], calling);
  return JSON.parse(stdout) as T;
}

/** One of our own commands that may say no. */
export async function tryTilth(args: readonly string[], calling: Calling = {}): Promise<{ code: number; answer: unknown }> {
  const { code, stdout, stderr } = await execute(process.execPath, [programEntry, ...args, '--json'], calling);
  try {
    return { code, answer: JSON.parse(stdout) as unknown };
  } catch {
    throw new TilthError('QUICKSTART_STEP_FAILED', 500, `tilth ${args.join(' ')} ended with ${code}:\n${stderr.slice(-2000)}`);
  }
}
