import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
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

/** Where a program is that PATH leads to, or that is named by its path; undefined when there is none to run. */
export function findProgram(name: string): string | undefined {
  const places = name.includes(sep)
    ? [name]
    : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return statSync(place).isFile();
    } catch {
      return false;
    }
  });
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
    child.on('error', (error) => {
      const failed = { status: 127, output: '', errorOutput: error.message };
      // one that was stopped still tidies up after itself
      if (child.pid === undefined || child.exitCode !== null) done(failed);
      else child.on('exit', () => done(failed));
    });
    child.on('close', (status) => {
      done({ status: status ?? 1, output: output.join('\n'), errorOutput: errorOutput.join('\n') });
    });
  });
}
