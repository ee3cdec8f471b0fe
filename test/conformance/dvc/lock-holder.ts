import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Holds dvc's lock as dvc does (BSD `flock`, exclusive), in a process of its own, until it is released. */
export async function holdLock(path: string): Promise<{ readonly release: () => Promise<void> }> {
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(holder, 'close');
  await once(holder.stdout, 'data');
  return {
    release: async () => {
      holder.stdin.end();
      await gone;
    },
  };
}
