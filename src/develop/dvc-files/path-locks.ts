import { readFileSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileUnreadable, pathBusy } from './dvc-errors.ts';
import { replaceFile } from './dvc-file.ts';
import type { Repository } from './repository.ts';

/** Who uses a path, as dvc's `rwlock` file has it. */
interface Holder {
  readonly pid: number;
  readonly cmd: string;
}

/** dvc's `.dvc/tmp/rwlock`: paths that a stage reads and writes while it runs without the repository's lock. */
interface Held {
  readonly write: Record<string, Holder>;
  readonly read: Record<string, Holder[]>;
}

export interface PathUse {
  /** absolute */
  readonly reads: readonly string[];
  /** absolute */
  readonly writes: readonly string[];
}

/**
 * Refuses work on paths that a stage of another process, dvc's or ours, is using at this moment. Callers hold the
 * repository's lock.
 *
 * @throws DVC_PATH_BUSY
 */
export function refuseBusyPaths(repository: Repository, { reads, writes }: PathUse): void {
  const held = readHeld(repository);
  const busy =
    Object.entries(held.write).find(
      ([path, holder]) => isBusy(holder) && overlapsAny(path, [...reads, ...writes]),
    ) ??
    Object.entries(held.read)
      .flatMap(([path, holders]) => holders.map((holder): [string, Holder] => [path, holder]))
      .find(([path, holder]) => isBusy(holder) && overlapsAny(path, writes));
  if (busy !== undefined) throw pathBusy(busy[0], busy[1].pid, busy[1].cmd);
}

/**
 * Notes what a stage uses, so that neither dvc nor another tilth touches it while it runs without the repository's lock.
 * Callers hold that lock, here and when they call what is returned, which takes the note away.
 *
 * @param command for the message that others see
 * @throws DVC_PATH_BUSY
 */
export function claimPaths(repository: Repository, command: string, use: PathUse): () => void {
  refuseBusyPaths(repository, use);
  const own: Holder = { pid: process.pid, cmd: command };
  const isOwn = (holder: Holder): boolean => holder.pid === own.pid && holder.cmd === own.cmd;
  const held = readHeld(repository);
  writeHeld(repository, {
    write: { ...held.write, ...Object.fromEntries(use.writes.map((path) => [path, own])) },
    read: {
      ...held.read,
      ...Object.fromEntries(use.reads.map((path) => [path, [...(held.read[path] ?? []), own]])),
    },
  });
  return () => {
    const now = readHeld(repository);
    const readers = Object.entries(now.read).map(([path, holders]): [string, Holder[]] => [
      path,
      use.reads.includes(path) ? holders.filter((holder) => !isOwn(holder)) : holders,
    ]);
    writeHeld(repository, {
      write: Object.fromEntries(
        Object.entries(now.write).filter(([path, holder]) => !(use.writes.includes(path) && isOwn(holder))),
      ),
      read: Object.fromEntries(readers.filter(([, holders]) => holders.length > 0)),
    });
  };
}

const fileOf = (repository: Repository): string => join(repository.folder, 'tmp', 'rwlock');

function readHeld(repository: Repository): Held {
  let text: string;
  try {
    text = readFileSync(fileOf(repository), 'utf8');
  } catch {
    return { write: {}, read: {} };
  }
  try {
    const { write = {}, read = {} } = JSON.parse(text) as Partial<Held>;
    return { write, read };
  } catch (reason) {
    throw fileUnreadable(
      '.dvc/tmp/rwlock',
      `it is no JSON (${(reason as Error).message}); when no dvc and no tilth runs, delete it`,
    );
  }
}

function writeHeld(repository: Repository, held: Held): void {
  const isEmpty = Object.keys(held.write).length + Object.keys(held.read).length === 0;
  if (isEmpty) rmSync(fileOf(repository), { force: true });
  else replaceFile(fileOf(repository), JSON.stringify(held));
}

/** What this process holds is no obstacle to it, what a dead one held to nobody. */
function isBusy({ pid }: Holder): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const overlapsAny = (path: string, others: readonly string[]): boolean =>
  others.some((other) => other === path || other.startsWith(path + sep) || path.startsWith(other + sep));
