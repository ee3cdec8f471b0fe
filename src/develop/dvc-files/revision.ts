import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { revisionUnknown } from './dvc-errors.ts';
import type { TreeName } from './tree-name.ts';

const mostBytes = 1 << 30;

/** The files of one commit below one folder of the working tree. */
export interface RevisionFiles {
  readonly commit: string;
  has(path: string): boolean;
  /** undefined where there is no file */
  read(path: string): Buffer | undefined;
  /** names in a folder, sorted; undefined where there is none. `''` is the root */
  folder(path: string): readonly TreeName[] | undefined;
}

interface Blob {
  readonly id: string;
  readonly isExecutable: boolean;
  readonly size: number;
}

/**
 * @param root a folder of a git repository; only what lies below it is seen
 * @throws GIT_REVISION_UNKNOWN
 */
export function readRevision(root: string, revision: string): RevisionFiles {
  const commit = commitOf(root, revision);
  if (commit === undefined) throw revisionUnknown(revision);
  const blobs = blobsOf(root, commit);
  const folders = foldersOf(blobs);
  let records: ReadonlyMap<string, Buffer> | undefined;
  return {
    commit,
    has: (path) => blobs.has(path),
    folder: (path) => folders.get(path),
    read: (path) => {
      const blob = blobs.get(path);
      if (blob === undefined) return undefined;
      records ??= readBlobs(
        root,
        [...blobs].filter(([one]) => isSmallText(one)).map(([, { id }]) => id),
      );
      return records.get(blob.id) ?? readBlobs(root, [blob.id]).get(blob.id);
    },
  };
}

/** Files that nearly every reader of a commit wants; fetched together, because a process costs more than all of them. */
const isSmallText = (path: string): boolean =>
  /(?:^|\/)(?:dvc\.yaml|dvc\.lock|params\.yaml|\.dvcignore|[^/]*\.dvc)$/.test(path) || path === '.dvc/config';

/** The full hash of a commit, undefined when git knows none of that name. */
export function commitOf(root: string, revision: string): string | undefined {
  const done = spawnSync(
    'git',
    // what follows `:/` is words of a commit's message, to which nothing can be added
    [
      '-C',
      root,
      'rev-parse',
      '--verify',
      '-q',
      '--end-of-options',
      revision.startsWith(':/') ? revision : `${revision}^{commit}`,
    ],
    {
      encoding: 'utf8',
    },
  );
  return done.status === 0 ? done.stdout.trim() : undefined;
}

function blobsOf(root: string, commit: string): Map<string, Blob> {
  // without --full-tree the names are relative to the folder, and only what lies below it is listed
  const done = spawnSync('git', ['-C', root, 'ls-tree', '-r', '-z', '-l', commit], { maxBuffer: mostBytes });
  const blobs = new Map<string, Blob>();
  for (const line of done.stdout.toString('utf8').split('\0')) {
    const [head = '', path] = line.split('\t', 2);
    const [mode, kind, id = '', size] = head.split(/ +/);
    if (path === undefined || kind !== 'blob') continue;
    blobs.set(path, { id, isExecutable: mode === '100755', size: Number(size) });
  }
  return blobs;
}

function foldersOf(blobs: ReadonlyMap<string, Blob>): Map<string, readonly TreeName[]> {
  const folders = new Map<string, Map<string, TreeName>>([['', new Map()]]);
  const put = (path: string, name: TreeName): void => {
    const folder = parentOf(path);
    const names = folders.get(folder);
    if (names !== undefined) {
      names.set(name.name, name);
      return;
    }
    folders.set(folder, new Map([[name.name, name]]));
    if (folder !== '')
      put(folder, { name: basename(folder), isFolder: true, isExecutable: false, size: undefined });
  };
  for (const [path, { isExecutable, size }] of blobs)
    put(path, { name: basename(path), isFolder: false, isExecutable, size });
  return new Map(
    [...folders].map(([folder, names]) => [
      folder,
      [...names.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
    ]),
  );
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** Contents by id, from one process. */
function readBlobs(root: string, ids: readonly string[]): Map<string, Buffer> {
  const done = spawnSync('git', ['-C', root, 'cat-file', '--batch'], {
    input: `${ids.join('\n')}\n`,
    maxBuffer: mostBytes,
  });
  const found = new Map<string, Buffer>();
  const output = done.stdout;
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0x0a, at);
    const [id = '', kind, size] = output.toString('latin1', at, end).split(' ');
    at = end + 1;
    if (kind === 'missing') continue;
    found.set(id, output.subarray(at, at + Number(size)));
    at += Number(size) + 1;
  }
  return found;
}
