import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join, posix, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { spawnSync } from 'node:child_process';
import { findUp } from '../../platform/home.ts';
import { Cache } from '../dvc-files/cache.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { revisionTree, workingTree, type FileTree } from '../dvc-files/file-tree.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';
import { compareCodePoints } from '../dvc-files/python-text.ts';
import { openRepository, repositoryAt, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { readIndex, type Recorded } from '../dvc-files/stored.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import { cloneFailed } from './data-errors.ts';

/** One file or folder of a repository, as `dvc list --json` prints it. */
export interface ListedEntry {
  readonly isout: boolean;
  readonly isdir: boolean;
  readonly isexec: boolean;
  /** bytes */
  readonly size: number | null;
  readonly md5: string | null;
  readonly path: string;
}

export interface ListOptions {
  readonly path?: string | undefined;
  readonly rev?: string | undefined;
  readonly isRecursive?: boolean;
  readonly isOnlyData?: boolean;
  /** how deep, when recursive */
  readonly level?: number | undefined;
}

/**
 * What a repository holds: the files of git and the data that its `.dvc` files and `dvc.lock` record, whether it is in
 * the workspace or not.
 *
 * @param url a folder on this machine, or what `git clone` takes
 * @throws DATA_CLONE_FAILED, DATA_PATH_MISSING, GIT_REVISION_UNKNOWN
 */
export function listRepository(url: string, options: ListOptions): ListedEntry[] {
  const here = findUp('.git', resolve(url)) ?? findUp('.dvc', resolve(url));
  if (here !== undefined && !/^[a-z+]+:\/\//i.test(url)) return listIn(resolve(url), options);
  const clone = mkdtempSync(join(tmpdir(), 'tilth-clone-'));
  try {
    const done = spawnSync('git', ['clone', '-q', '--no-checkout', '--', url, clone], { encoding: 'utf8' });
    if (done.status !== 0) throw cloneFailed(url, done.stderr.trim().split('\n').at(-1) ?? '');
    return listIn(clone, { ...options, rev: options.rev ?? 'HEAD' });
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
}

function listIn(folder: string, options: ListOptions): ListedEntry[] {
  const repository = findUp('.dvc', folder) === undefined ? repositoryAt(folder) : openRepository(folder);
  const tree = options.rev === undefined ? workingTree(repository) : revisionTree(repository, options.rev);
  const merged = mergedTree(repository, tree, options.isOnlyData === true);
  const start = posix
    .normalize(options.path ?? '.')
    .replace(/^(?:\.\/)+|\/$/g, '')
    .replace(/^\.$/, '');
  const node =
    start === ''
      ? merged
      : start.split('/').reduce<Place | undefined>((at, name) => at?.children.get(name), merged);
  if (node === undefined) throw pathMissing(options.path ?? '.');
  if (!node.entry.isdir || options.level === 0) return [{ ...node.entry, path: basename(start) || '.' }];
  const found: ListedEntry[] = [];
  collect(node, '', 1, options, found);
  return found.sort((left, right) => compareCodePoints(left.path, right.path));
}

interface Place {
  entry: Omit<ListedEntry, 'path'>;
  readonly children: Map<string, Place>;
}

const folderPlace = (): Place => ({
  entry: { isout: false, isdir: true, isexec: false, size: null, md5: null },
  children: new Map(),
});

function collect(
  place: Place,
  prefix: string,
  depth: number,
  options: ListOptions,
  found: ListedEntry[],
): void {
  const isDeep = options.isRecursive === true && (options.level === undefined || depth < options.level);
  for (const [name, child] of place.children) {
    const path = prefix + name;
    if (isDeep && child.entry.isdir) collect(child, `${path}/`, depth + 1, options, found);
    else found.push({ ...child.entry, path });
  }
}

/** Files of git, with the recorded data laid over them. */
function mergedTree(repository: Repository, tree: FileTree, isOnlyData: boolean): Place {
  const root = folderPlace();
  if (!isOnlyData) addFiles(repository, tree, '', root);
  const cache = new Cache(repository);
  try {
    for (const out of readIndex(repository, tree).outs)
      if (out.isInside) addOut(repository, cache, root, out);
  } finally {
    cache.close();
  }
  return root;
}

function addFiles(
  repository: Repository,
  tree: FileTree,
  folder: string,
  place: Place,
  rules = new IgnoreRules(repository.root),
): void {
  for (const { name, isFolder, isExecutable, size } of tree.names(folder)) {
    if (rules.ignores(join(repository.root, folder), name, isFolder)) continue;
    const child: Place = {
      entry: { isout: false, isdir: isFolder, isexec: isExecutable, size: size ?? null, md5: null },
      children: new Map(),
    };
    place.children.set(name, child);
    if (isFolder) addFiles(repository, tree, folder === '' ? name : `${folder}/${name}`, child, rules);
  }
}

function placeAt(root: Place, path: string): Place {
  let place = root;
  for (const name of path.split('/')) {
    const next = place.children.get(name) ?? folderPlace();
    place.children.set(name, next);
    place = next;
  }
  return place;
}

function addOut(repository: Repository, cache: Cache, root: Place, out: Recorded): void {
  const path = repositoryPath(repository, out.path);
  // git has it, or nobody; dvc lists it as any other file
  if (!out.isCached) return;
  const place = placeAt(root, path);
  const isFolder = out.md5 !== undefined && isTreeHash(out.md5);
  place.entry = {
    isout: true,
    isdir: isFolder,
    isexec: out.fields.get('isexec') === true || (!place.entry.isdir && place.entry.isexec),
    size: out.size ?? null,
    md5: out.md5 ?? null,
  };
  if (!isFolder || out.md5 === undefined || !cache.has(out.md5)) return;
  for (const { relpath, md5 } of cache.readTree(out.md5, path)) {
    for (let end = relpath.indexOf('/'); end !== -1; end = relpath.indexOf('/', end + 1)) {
      const folder = placeAt(place, relpath.slice(0, end));
      folder.entry = { ...folder.entry, isout: true };
    }
    const file = placeAt(place, relpath);
    // a listing tells no sizes; only what is in the workspace has one
    const isThere = !file.entry.isdir;
    file.entry = {
      isout: true,
      isdir: false,
      isexec: isThere && file.entry.isexec,
      size: isThere ? file.entry.size : null,
      md5,
    };
  }
}
