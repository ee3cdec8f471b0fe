import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { repositoryBusy } from './dvc-errors.ts';
import type { Repository } from './repository.ts';

/** How the lock was taken: dvc's own `flock`, or a file of ours that only tilth respects. */
export type LockKind = 'flock' | 'exclusive-file';

const waitSeconds = 10;
let hasFlock: boolean | undefined;

/**
 * Runs `work` while this process alone writes in the repository.
 *
 * dvc holds a BSD `flock` on `.dvc/tmp/lock`, which Node can't take itself: a child `flock` (util-linux) holds it for us
 * and lets go when its input closes, also when we are killed. Without that program a file created exclusively stands in;
 * it keeps two tilths apart, but not a tilth and a dvc.
 *
 * @throws DVC_REPOSITORY_BUSY after ten seconds
 */
export async function withRepositoryLock<T>(
  repository: Repository,
  work: (kind: LockKind) => Promise<T> | T,
): Promise<T> {
  mkdirSync(dirname(repository.lock), { recursive: true });
  hasFlock ??= spawnSync('flock', ['--version']).status === 0;
  const kind: LockKind = hasFlock ? 'flock' : 'exclusive-file';
  const release = hasFlock ? await takeFlock(repository.lock) : await takeFile(`${repository.lock}.tilth`);
  try {
    return await work(kind);
  } finally {
    await release();
  }
}

type Release = () => Promise<void>;

function takeFlock(file: string): Promise<Release> {
  const holder = spawn('flock', ['-x', '-w', String(waitSeconds), file, 'sh', '-c', 'echo taken; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => holder.on('close', () => resolve()));
  return new Promise((resolve, reject) => {
    holder.on('error', reject);
    holder.on('close', () => reject(repositoryBusy()));
    holder.stdin.on('error', () => undefined);
    holder.stdout.once('data', () =>
      resolve(() => {
        holder.stdin.end();
        return ended;
      }),
    );
  });
}

async function takeFile(file: string): Promise<Release> {
  for (const end = Date.now() + waitSeconds * 1000; ; ) {
    try {
      const handle = openSync(file, 'wx');
      writeSync(handle, `${process.pid}\n`);
      closeSync(handle);
      return () => Promise.resolve(rmSync(file, { force: true }));
    } catch {
      if (Date.now() > end) throw repositoryBusy();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
