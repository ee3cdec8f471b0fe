import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { TilthError, type ErrorBody } from '../../platform/errors.ts';
import { programEntry } from '../../platform/package-root.ts';
import { templateStopped, templateTooSlow, templateWorkerDied } from './new-project-errors.ts';
import type { WorkerAnswers, WorkerRequests } from './worker-requests.ts';

export interface WorkerOptions {
  /** in the user's words, for the messages: `Rendering the template` */
  readonly doing: string;
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** temporary files go here; the caller removes it with all that is in it */
  readonly temporary: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** what it, git and hooks say on the way */
  readonly onLine?: (line: string) => void;
  /** a folder that it makes in another place, told before it is there */
  readonly onFolder?: (folder: string) => void;
}

/** What the worker tells on its channel, which hooks don't have. */
export interface WorkerMessage {
  readonly folder: string;
}

const memoryMb = 1024;
const graceMs = 2000;
const longestAnswerBytes = 64e6;
const keptLines = 6;

/**
 * Does one thing with a stranger's template in a process of its own: it can be ended however its loops run, and takes
 * what it started with it.
 *
 * @throws what the work threw; TEMPLATE_TOO_SLOW, TEMPLATE_STOPPED, TEMPLATE_WORKER_DIED
 */
export async function askWorker<A extends keyof WorkerRequests>(
  action: A,
  request: WorkerRequests[A],
  options: WorkerOptions,
): Promise<WorkerAnswers[A]> {
  if (options.signal.aborted) throw templateStopped(options.doing);
  // a group of its own, so that git, Python and hooks end with it; the channel tells it when the server is gone
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${memoryMb}`, programEntry, 'template-worker'],
    {
      cwd: options.temporary,
      env: { ...process.env, TMPDIR: options.temporary, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      detached: true,
    },
  );
  child.on('message', (message) => options.onFolder?.((message as WorkerMessage).folder));
  const said: string[] = [];
  let answer = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
    if (answer.length > longestAnswerBytes) end('SIGKILL');
  });
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      if (said.length > keptLines) said.shift();
      options.onLine?.(line);
    });
  }
  // a worker that died at once must not take the server with it
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(JSON.stringify({ action, request }));

  let ending: 'too-slow' | 'stopped' | undefined;
  let killer: NodeJS.Timeout | undefined;
  const end = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // it has ended by itself
    }
  };
  const stop = (why: 'too-slow' | 'stopped'): void => {
    ending ??= why;
    end('SIGTERM');
    killer ??= setTimeout(() => end('SIGKILL'), graceMs);
  };
  const onAbort = (): void => stop('stopped');
  options.signal.addEventListener('abort', onAbort, { once: true });
  const limit = setTimeout(() => stop('too-slow'), options.limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve());
      child.on('exit', () => {
        // what a hook left behind would hold the outputs open
        end('SIGKILL');
        setTimeout(resolve, graceMs).unref();
      });
    });
  } finally {
    clearTimeout(limit);
    clearTimeout(killer);
    options.signal.removeEventListener('abort', onAbort);
  }
  if (ending === 'stopped') throw templateStopped(options.doing);
  if (ending === 'too-slow') throw templateTooSlow(options.doing, options.limitMs);
  return read<WorkerAnswers[A]>(answer, options.doing, said);
}

function read<T>(answer: string, doing: string, said: readonly string[]): T {
  let parsed: { result: T } | (ErrorBody & { status: number });
  try {
    parsed = JSON.parse(answer) as typeof parsed;
  } catch {
    throw templateWorkerDied(doing, said.join('\n') || 'it said nothing');
  }
  if ('result' in parsed) return parsed.result;
  const { code, message, hint, details } = parsed.error;
  throw new TilthError(code, parsed.status, message, hint, { details });
}
