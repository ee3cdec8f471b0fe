import { basename, dirname } from 'node:path';
import type { HashName } from '../dvc-files/dvc-file.ts';
import { repositoryPath } from '../dvc-files/repository.ts';
import { cacheFor, entriesOfOut, measureOut } from '../dvc-files/measured-out.ts';
import type { Recorded } from '../dvc-files/stored.ts';
import { isTreeHash, type TreeEntry } from '../dvc-files/tree.ts';
import type { Workspace } from '../dvc-files/workspace.ts';

/** One file or folder of data: as recorded, or as it is in the workspace. */
export interface DataEntry {
  /** relative to the repository, with `/` */
  readonly path: string;
  /** undefined of a folder inside versioned data, and of what was never stored */
  readonly md5: string | undefined;
  readonly isFolder: boolean;
  /** bytes, where known */
  readonly size?: number;
  /** of what is recorded: which cache holds it */
  readonly hashName?: HashName;
}

/** A place in a tree of data; folders above versioned data have no entry of their own. */
export interface DataNode {
  entry: DataEntry | undefined;
  readonly children: Map<string, DataNode>;
  /** true: a folder whose listing is not in the cache */
  isUnlisted: boolean;
}

export const emptyTree = (): DataNode => ({ entry: undefined, children: new Map(), isUnlisted: false });

/** @returns the node at `path`, made with all folders above it where it was not there */
export function nodeAt(root: DataNode, path: string): DataNode {
  let node = root;
  for (const name of path === '' ? [] : path.split('/')) {
    const next = node.children.get(name) ?? emptyTree();
    node.children.set(name, next);
    node = next;
  }
  return node;
}

export function findNode(root: DataNode, path: string): DataNode | undefined {
  let node: DataNode | undefined = root;
  for (const name of path === '' ? [] : path.split('/')) node = node?.children.get(name);
  return node;
}

/** @param isDeep with the files of each folder, otherwise only what `.dvc` files and `dvc.lock` say */
export interface TreeOptions {
  readonly isDeep: boolean;
}

/** What outs record; only those that are kept in the cache, and lie in the repository. */
export function recordedTree(
  workspace: Workspace,
  outs: readonly Recorded[],
  { isDeep }: TreeOptions,
): DataNode {
  const root = emptyTree();
  for (const out of outs) {
    if (!out.isCached || !out.isInside) continue;
    const path = repositoryPath(workspace.repository, out.path);
    const node = nodeAt(root, path);
    const isFolder = out.md5 !== undefined && isTreeHash(out.md5);
    node.entry = {
      path,
      md5: out.md5,
      isFolder,
      hashName: out.hashName,
      ...(out.size === undefined ? {} : { size: out.size }),
    };
    if (isFolder && out.md5 !== undefined && isDeep) addListing(workspace, node, path, out.md5, out.hashName);
  }
  return root;
}

function addListing(
  workspace: Workspace,
  node: DataNode,
  path: string,
  md5: string,
  hashName: HashName,
): void {
  const cache = cacheFor(workspace, hashName);
  if (!cache.has(md5)) {
    node.isUnlisted = true;
    return;
  }
  addFiles(node, path, cache.readTree(md5, path), hashName);
}

/** Hangs the files of a folder below its node. */
export function addFiles(
  node: DataNode,
  path: string,
  files: readonly TreeEntry[],
  hashName: HashName,
): void {
  const folders = new Map<string, DataNode>([['.', node]]);
  const folderAt = (relpath: string): DataNode => {
    const known = folders.get(relpath);
    if (known !== undefined) return known;
    const made = emptyTree();
    made.entry = { path: `${path}/${relpath}`, md5: undefined, isFolder: true };
    folders.set(relpath, made);
    folderAt(dirname(relpath)).children.set(basename(relpath), made);
    return made;
  };
  for (const { relpath, md5 } of files) {
    const file = emptyTree();
    file.entry = { path: `${path}/${relpath}`, md5, isFolder: false, hashName };
    const slash = relpath.lastIndexOf('/');
    folderAt(slash === -1 ? '.' : relpath.slice(0, slash)).children.set(relpath.slice(slash + 1), file);
  }
}

/** What is in the workspace at the places of outs. */
export function workspaceTree(
  workspace: Workspace,
  outs: readonly Recorded[],
  { isDeep }: TreeOptions,
): DataNode {
  const root = emptyTree();
  for (const out of outs) {
    if (!out.isCached || !out.isInside) continue;
    const content = measureOut(workspace, out);
    if (content === undefined) continue;
    const path = repositoryPath(workspace.repository, out.path);
    const node = nodeAt(root, path);
    node.entry = { path, md5: content.md5, isFolder: content.nfiles !== undefined, size: content.size };
    if (content.nfiles !== undefined && isDeep)
      addFiles(node, path, entriesOfOut(workspace, out), out.hashName);
  }
  return root;
}
