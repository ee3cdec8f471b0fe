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
 * dvc holds a BSD `flock` on `.dvc/tmp/lock`, which Node can't take itself: the program `flock` (util-linux) takes it for a
 * file that we have open and hands to it, and the kernel lets go when we close that or are killed. Without the program a
 * file created exclusively stands in; it keeps two tilths apart, but not a tilth and a dvc.
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
  const handle = openSync(file, 'a');
  // the lock belongs to what is open, not to who asked for it: the child ends at once, and we hold it
  const asking = spawn('flock', ['-x', '-w', String(waitSeconds), '3'], {
    stdio: ['ignore', 'ignore', 'ignore', handle],
  });
  return new Promise((resolve, reject) => {
    asking.on('error', (reason: NodeJS.ErrnoException) => {
      closeSync(handle);
      if (reason.code === 'ENOENT') resolve(undefined);
      else reject(reason);
    });
    asking.on('close', (status) => {
      if (status === 0) return resolve(() => Promise.resolve(closeSync(handle)));
      if (asking.pid === undefined) return;
      closeSync(handle);
      reject(repositoryBusy());
    });
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
