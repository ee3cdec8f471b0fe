import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { IgnoreRules } from './ignore-rules.ts';
import type { Repository } from './repository.ts';
import { readRevision } from './revision.ts';
import type { TreeName } from './tree-name.ts';

/** Files of a repository, as they are now or as they were in a commit. Paths are relative to its root, with `/`. */
export interface FileTree {
  /** undefined: the working tree */
  readonly commit: string | undefined;
  readText(path: string): string | undefined;
  readBytes(path: string): Buffer | undefined;
  /** a file or a folder */
  exists(path: string): boolean;
  isFolder(path: string): boolean;
  /** Names in a folder, sorted; none when it is not there. `''` is the root. */
  names(folder: string): readonly TreeName[];
  /**
   * `.dvc`, `dvc.yaml` and `dvc.lock` files in which DVC looks for records: not those that `.dvcignore`, or in the
   * working tree git, leaves out. Sorted within a folder, a folder's own files before those of its folders.
   *
   * @param isData told of each folder; true means that it holds data, in which nothing is looked for
   */
  list(isData?: (folder: string) => boolean): Iterable<string>;
}

export const isRecordFile = (name: string): boolean =>
  name.endsWith('.dvc') || name === 'dvc.yaml' || name === 'dvc.lock';

/** What is on the disk now. */
export function workingTree(repository: Repository): FileTree {
  const at = (path: string): string => join(repository.root, path);
  const readBytes = (path: string): Buffer | undefined => {
    try {
      return readFileSync(at(path));
    } catch (reason) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((reason as NodeJS.ErrnoException).code ?? ''))
        return undefined;
      throw reason;
    }
  };
  const tree: FileTree = {
    commit: undefined,
    readText: (path) => readBytes(path)?.toString('utf8'),
    readBytes,
    exists: (path) => statSync(at(path), { throwIfNoEntry: false }) !== undefined,
    isFolder: (path) => statSync(at(path), { throwIfNoEntry: false })?.isDirectory() === true,
    names: (folder) => (tree.isFolder(folder) ? namesOnDisk(at(folder)) : []),
    list: (isData = () => false) =>
      listRecordFiles(
        repository,
        (folder) => foldersAndRecords(join(repository.root, folder)),
        undefined,
        isData,
      ),
  };
  return tree;
}

function namesOnDisk(folder: string): TreeName[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      if (stat === undefined) return [];
      const isFolder = stat.isDirectory();
      return [
        {
          name,
          isFolder,
          isExecutable: !isFolder && (stat.mode & 0o100) !== 0,
          size: stat.size,
        },
      ];
    });
}

interface Found {
  readonly name: string;
  readonly isFolder: boolean;
}

/** Without asking for the size of each; links to folders are not followed. */
const foldersAndRecords = (folder: string): Found[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || isRecordFile(entry.name))
    .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));

/**
 * The files of a commit. Its list of names is read once by `git ls-tree`, DVC's own files by one `git cat-file --batch`.
 *
 * @param revision what git understands: a branch, a tag, `HEAD~1`, a hash
 * @throws GIT_REVISION_UNKNOWN
 */
export function revisionTree(repository: Repository, revision: string): FileTree {
  const files = readRevision(repository.root, revision);
  const readBytes = (path: string): Buffer | undefined => files.read(path);
  const tree: FileTree = {
    commit: files.commit,
    readText: (path) => readBytes(path)?.toString('utf8'),
    readBytes,
    exists: (path) => files.has(path) || files.folder(path) !== undefined,
    isFolder: (path) => files.folder(path) !== undefined,
    names: (folder) => files.folder(folder) ?? [],
    list: (isData = () => false) =>
      listRecordFiles(
        repository,
        (folder) =>
          (files.folder(folder) ?? []).filter(({ name, isFolder }) => isFolder || isRecordFile(name)),
        (file) => tree.readText(file),
        isData,
      ),
  };
  return tree;
}

function* listRecordFiles(
  repository: Repository,
  entries: (folder: string) => readonly Found[],
  readText: ((path: string) => string | undefined) | undefined,
  isData: (folder: string) => boolean,
): Generator<string> {
  const { root } = repository;
  const inside = (file: string): string =>
    file
      .slice(root.length + 1)
      .split(sep)
      .join('/');
  const dvcIgnore = new IgnoreRules(
    root,
    readText === undefined ? {} : { readText: (file) => readText(inside(file)) },
  );
  // a commit has only what git kept
  const git = readText === undefined ? findUp('.git', root) : undefined;
  const gitIgnore = git === undefined ? undefined : new IgnoreRules(git, { fileName: '.gitignore' });
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const at = join(root, folder);
    const isLeftOut = ({ name, isFolder }: Found): boolean =>
      dvcIgnore.ignores(at, name, isFolder) || gitIgnore?.ignores(at, name, isFolder) === true;
    const found = entries(folder).filter((entry) => !isLeftOut(entry));
    const path = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
    for (const { name, isFolder } of found) if (!isFolder) yield path(name);
    const below = found
      .filter(({ name, isFolder }) => isFolder && !isData(path(name)))
      .map(({ name }) => path(name));
    folders.push(...below.reverse());
  }
}
