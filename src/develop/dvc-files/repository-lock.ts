import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { note } from '../../platform/terminal.ts';
import { repositoryBusy } from './dvc-errors.ts';
import type { Repository } from './repository.ts';

/** How the lock was taken: dvc's own `flock`, or a file of ours that only tilth respects. */
export type LockKind = 'flock' | 'exclusive-file';

const waitSeconds = 10;

/** After this long a person wonders what the command is doing. */
const tellAfterMs = 500;

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
  const telling = setTimeout(
    () => note(`Waiting up to ${waitSeconds} s for another dvc or tilth that writes in ${repository.root} …`),
    tellAfterMs,
  );
  let releaseFlock: Release | undefined;
  let release: Release;
  try {
    releaseFlock = await takeFlock(repository.lock);
    release = releaseFlock ?? (await takeFile(`${repository.lock}.tilth`));
  } finally {
    clearTimeout(telling);
  }
  try {
    return await work(releaseFlock === undefined ? 'exclusive-file' : 'flock');
  } finally {
    await release();
  }
}

type Release = () => Promise<void>;

/** Undefined where the program is missing. */
function takeFlock(file: string): Promise<Release | undefined> {
  // `cat` starts once the lock is taken and says our own line back; a shell to say it would cost another start
  const holder = spawn('flock', ['-x', '-w', String(waitSeconds), file, 'cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => holder.on('close', () => resolve()));
  return new Promise((resolve, reject) => {
    holder.on('error', (reason: NodeJS.ErrnoException) =>
      reason.code === 'ENOENT' ? resolve(undefined) : reject(reason),
    );
    holder.on('close', () => reject(repositoryBusy()));
    holder.stdin.on('error', () => undefined);
    holder.stdin.write('taken\n');
    holder.stdout.once('data', () =>
      resolve(() => {
        holder.stdin.end();
        return ended;
      }),
    );
  });
}

async function takeFile(file: string): Promise<Release> {
  for (const end = Date.now() + waitSeconds * 1000; ;) {
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
