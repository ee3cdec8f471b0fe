import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProgramResult {
  /** exit status; 127 when the program is not there */
  readonly status: number;
  readonly output: string;
  readonly errorOutput: string;
}

interface ProgramOptions {
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** each line of both outputs as it comes */
  readonly onLine?: ((line: string) => void) | undefined;
  /** ends the program */
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end without a shell. A status that isn't 0 is an answer, not an exception. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: options.folder,
      env: options.environment ?? process.env,
      signal: options.signal,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    const errorOutput: string[] = [];
    const collect = (stream: NodeJS.ReadableStream, lines: string[]): void => {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        options.onLine?.(line);
      });
    };
    collect(child.stdout, output);
    collect(child.stderr, errorOutput);
    child.on('error', (error) => done({ status: 127, output: '', errorOutput: error.message }));
    child.on('close', (status) => {
      done({ status: status ?? 1, output: output.join('\n'), errorOutput: errorOutput.join('\n') });
    });
  });
}
