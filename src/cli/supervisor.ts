import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../platform/home.ts';
import { programEntry } from '../platform/package-root.ts';

/** A process that is started again when it falls. */
export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  onStart(listener: () => void): void;
  /** SIGTERM, and SIGKILL when it has not drained in time. */
  stop(): Promise<void>;
}

const shortestPauseMs = 200;
const longestPauseMs = 10_000;
const healthyAfterMs = 10_000;
const drainMs = 15_000;

/** Runs `tilth ARGS` with its output in `<home>/logs/NAME.log`, restarting it with growing pauses. */
export function superviseProcess(name: string, args: readonly string[], home: Home, env: NodeJS.ProcessEnv = process.env): Supervised {
  const log = createWriteStream(join(home.logs, `${name}.log`), { flags: 'a' });
  const listeners: (() => void)[] = [];
  let child: ChildProcess | undefined;
  let isStopping = false;
  let pauseMs = shortestPauseMs;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const startedAt = Date.now();
    // the channel carries nothing: its end tells the child that we are gone, however we went
    // with what the launcher told this Node about its memory
    child = spawn(process.execPath, [...process.execArgv, programEntry, ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    for (const listener of listeners) listener();
    child.on('exit', (code, signal) => {
      child = undefined;
      if (isStopping) return;
      log.write(`--- ${name} ended with ${signal ?? code}; it is started again\n`);
      pauseMs = Date.now() - startedAt > healthyAfterMs ? shortestPauseMs : Math.min(pauseMs * 2, longestPauseMs);
      timer = setTimeout(start, pauseMs);
    });
  };
  start();

  return {
    name,
    pid: () => child?.pid,
    onStart: (listener) => void listeners.push(listener),
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      const ending = child;
      if (ending !== undefined && ending.exitCode === null) {
        const ended = new Promise((resolve) => void ending.once('exit', resolve));
        ending.kill('SIGTERM');
        const killer = setTimeout(() => ending.kill('SIGKILL'), drainMs);
        await ended;
        clearTimeout(killer);
      }
      log.end();
    },
  };
}
