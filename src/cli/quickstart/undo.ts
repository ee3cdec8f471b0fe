import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ends what still runs and removes the one folder; only a folder that a quickstart made is touched. */
export async function undo(folder: string): Promise<void> {
  if (!existsSync(join(folder, 'memory.json')) && !existsSync(join(folder, 'home'))) {
    process.stderr.write(`Nothing to undo: ${folder} holds no quickstart.\n`);
    return;
  }
  const { pid, processes } = recordOf(join(folder, 'home', 'run', 'up.json'));
  // it ends its planes itself; who is left after it has lost it
  if (pid !== undefined && /\bquickstart\b|\bup\b/.test(commandOf(pid))) await end([pid]);
  const planes = processes.filter((each) => commandOf(each).includes(folder));
  await end([...planes, ...processesInside(folder)]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  process.stderr.write(`Removed ${folder}.\n`);
}

/** What `tilth up` noted of itself; nothing when it ended in order. */
function recordOf(file: string): { pid: number | undefined; processes: number[] } {
  try {
    const { pid, processes } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; processes: { pid?: number }[] };
    return { pid, processes: processes.flatMap((each) => each.pid ?? []) };
  } catch {
    return { pid: undefined, processes: [] };
  }
}

const patienceMs = 20_000;

/** Asks processes to end, and ends those that do not. */
async function end(pids: readonly number[]): Promise<void> {
  for (const pid of pids) send(pid, 'SIGTERM');
  for (const startedAt = Date.now(); pids.some((pid) => send(pid, 0)); await sleep(50)) {
    if (Date.now() - startedAt > patienceMs) for (const pid of pids) send(pid, 'SIGKILL');
  }
}

/** @returns whether it is there */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (thrown) {
    // a number that was given to somebody else's process meanwhile
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH' || (thrown as NodeJS.ErrnoException).code === 'EPERM') return false;
    throw thrown;
  }
}

/** Words of a command line; nothing where the system does not tell, and a number may be somebody else's by now. */
const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return existsSync('/proc') ? '' : 'up';
  }
};

/** Programs of the environments below the folder, such as an installation that lost its parent. */
function processesInside(folder: string): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandOf(Number(name)).startsWith(`${folder}/`))
    .map(Number);
}
