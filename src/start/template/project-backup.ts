import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** A folder of the user's as it was, so that it can be that again. */
export interface Backup {
  /** puts back what changed or went, and removes what came; what did not change is not touched */
  restore(): void;
}

/**
 * Keeps what is in a folder until it is known whether the change to it succeeds.
 *
 * @param into an empty folder on the same disk
 */
export function backUp(folder: string, into: string): Backup {
  const before = new Map<string, { readonly stats: Stats; readonly link: string | undefined }>();
  for (const path of pathsBelow(folder)) {
    const stats = lstatSync(join(folder, path));
    before.set(path, {
      stats,
      link: stats.isSymbolicLink() ? readlinkSync(join(folder, path)) : undefined,
    });
    if (stats.isDirectory()) mkdirSync(join(into, path), { recursive: true });
    // shares the blocks where the disk can
    if (stats.isFile()) copyFileSync(join(folder, path), join(into, path), constants.COPYFILE_FICLONE);
  }
  return {
    restore() {
      mkdirSync(folder, { recursive: true });
      for (const path of pathsBelow(folder).reverse()) {
        const known = before.get(path);
        const now = lstatSync(join(folder, path));
        if (known === undefined || kindOf(known.stats) !== kindOf(now))
          rmSync(join(folder, path), { recursive: true, force: true });
      }
      for (const [path, { stats, link }] of before) {
        const target = join(folder, path);
        const now = lstatSync(target, { throwIfNoEntry: false });
        if (now !== undefined && now.ino === stats.ino && now.ctimeMs === stats.ctimeMs) continue;
        if (stats.isDirectory()) mkdirSync(target, { recursive: true });
        else if (link !== undefined) {
          rmSync(target, { force: true });
          symlinkSync(link, target);
          continue;
        } else if (stats.isFile()) {
          rmSync(target, { force: true });
          mkdirSync(dirname(target), { recursive: true });
          copyFileSync(join(into, path), target, constants.COPYFILE_FICLONE);
        } else continue;
        chmodSync(target, stats.mode & 0o7777);
        utimesSync(target, stats.atime, stats.mtime);
      }
    },
  };
}

/** Folders before what is in them; links are not followed. */
function pathsBelow(folder: string, at = ''): string[] {
  return readdirSync(join(folder, at), { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    return entry.isDirectory() ? [path, ...pathsBelow(folder, path)] : [path];
  });
}

const kindOf = (stats: Stats): number => stats.mode & constants.S_IFMT;
