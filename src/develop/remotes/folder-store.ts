import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileFailure } from '../dvc-files/dvc-errors.ts';
import { hashFile, md5Of, readBlocks, readSmall, writeNew } from '../dvc-files/file-bytes.ts';
import { objectMissing, remoteAway, remotePlaceMissing, remoteRefused } from './remote-errors.ts';
import { keysByFolder, listingPays, type RemoteStore } from './remote-store.ts';

const objectMode = 0o444;

/**
 * A folder, of this machine or a network's, as a remote. Every call is synchronous inside: one file after the other, as the
 * page cache takes them, without a thread pool between.
 */
export function folderStore(root: string): RemoteStore {
  const made = new Set<string>();
  const at = (key: string): string => join(root, key);
  const makeParent = (path: string): void => {
    const parent = dirname(path);
    if (made.has(parent)) return;
    mkdirSync(parent, { recursive: true });
    made.add(parent);
  };
  const there = (folder: string): readonly string[] => {
    try {
      return readdirSync(at(folder));
    } catch (reason) {
      if (isMissing(reason)) return [];
      throw translated(reason, root);
    }
  };
  return {
    place: root,
    jobs: 1,
    isLocal: true,
    list: (prefix) => Promise.resolve(listBelow(root, prefix)),
    existing(keys) {
      if (!listingPays(keys.length))
        return Promise.resolve(new Set(keys.filter((key) => existsSync(at(key)))));
      const found = new Set<string>();
      for (const [folder, wanted] of keysByFolder(keys)) {
        const names = new Set(there(folder));
        for (const key of wanted) if (names.has(key.slice(folder.length + 1))) found.add(key);
      }
      return Promise.resolve(found);
    },
    put(key, file) {
      const path = at(key);
      const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        makeParent(path);
        copyFile(file, draft);
        renameSync(draft, path);
      } catch (reason) {
        rmSync(draft, { force: true });
        throw translated(reason, root);
      }
      return Promise.resolve();
    },
    get(key, draft) {
      try {
        return Promise.resolve(bringFile(at(key), draft));
      } catch (reason) {
        if (isMissing(reason)) throw existsSync(root) ? objectMissing(root, key) : folderMissing(root);
        // the disk that is full is not this one
        throw ['ENOSPC', 'EDQUOT'].includes(codeOf(reason)) ? reason : translated(reason, root);
      }
    },
    remove(keys) {
      for (const key of keys) rmSync(at(key), { force: true });
      return Promise.resolve();
    },
    find(key) {
      const stat = statSync(at(key), { throwIfNoEntry: false });
      const keys = stat === undefined ? [] : stat.isDirectory() ? listBelow(root, key) : [key];
      return Promise.resolve(
        keys.map((one) => ({ key: one, size: statSync(at(one)).size, mark: undefined })),
      );
    },
    close: () => Promise.resolve(),
  };
}

/** @returns the md5 of what was written */
function bringFile(path: string, draft: string): string {
  // read once, hashed and written
  const bytes = readSmall(path, 0);
  if (bytes !== undefined) {
    writeNew(draft, objectMode, (write) => write(bytes));
    return md5Of(bytes);
  }
  if (clone(path, draft)) return hashFile(draft, statSync(draft).size);
  const digest = createHash('md5');
  writeNew(draft, objectMode, (write) =>
    readBlocks(path, (block) => {
      digest.update(block);
      write(block);
    }),
  );
  return digest.digest('hex');
}

/** A copy by reading and writing: of small files the system's own copy takes many times the processor time. */
function copyFile(path: string, draft: string): void {
  if (clone(path, draft)) return;
  const bytes = readSmall(path, 0);
  writeNew(draft, objectMode, (write) => (bytes === undefined ? readBlocks(path, write) : write(bytes)));
}

let canClone = true;

/** Where the file system shares blocks between files, nothing is copied. @returns whether it did */
function clone(path: string, draft: string): boolean {
  if (!canClone) return false;
  try {
    copyFileSync(path, draft, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    chmodSync(draft, objectMode);
    return true;
  } catch (reason) {
    const code = codeOf(reason);
    if (code === 'ENOENT' || code === 'EACCES') throw reason;
    // asked once: the answer is the same for the next file
    canClone = false;
    rmSync(draft, { force: true });
    return false;
  }
}

function listBelow(root: string, prefix: string): string[] {
  const keys: string[] = [];
  const walk = (key: string): void => {
    for (const entry of readdirSync(join(root, key), { withFileTypes: true })) {
      if (entry.isDirectory()) walk(key === '' ? entry.name : `${key}/${entry.name}`);
      else keys.push(key === '' ? entry.name : `${key}/${entry.name}`);
    }
  };
  if (existsSync(join(root, prefix))) walk(prefix);
  return keys;
}

const codeOf = (reason: unknown): string =>
  reason instanceof Error && 'code' in reason ? String(reason.code) : '';
const isMissing = (reason: unknown): boolean => codeOf(reason) === 'ENOENT' || codeOf(reason) === 'ENOTDIR';

const folderMissing = (root: string): Error =>
  remotePlaceMissing(
    `The folder ${root}`,
    'Is the disk or network folder connected? Another place: tilth data remote modify NAME url URL',
  );

function translated(reason: unknown, root: string): unknown {
  const code = codeOf(reason);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return remoteRefused(
      root,
      code === 'EROFS' ? 'the disk is read-only' : 'the folder’s rights do not allow it',
      `Look at its rights: ls -ld ${root}`,
    );
  if (code === 'EIO' || code === 'ESTALE' || code === 'ETIMEDOUT' || code === 'EHOSTDOWN')
    return remoteAway(root, reason);
  return fileFailure(root, reason);
}
