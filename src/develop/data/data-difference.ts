import { compareCodePoints } from '../dvc-files/python-text.ts';
import type { DataEntry, DataNode } from './data-tree.ts';
import { findNode } from './data-tree.ts';

/** How one path differs between two trees of data; `unknown` where a listing is not in the cache. */
export interface DataChange {
  readonly kind: 'added' | 'deleted' | 'modified' | 'renamed' | 'unchanged' | 'unknown';
  readonly old: DataEntry | undefined;
  readonly new: DataEntry | undefined;
}

export interface DifferenceOptions {
  /** folders that have a hash are compared by it alone, and not entered */
  readonly isShallow?: boolean;
  /** a path counts as changed only where both sides have a hash, or one has lost it */
  readonly isByHash?: boolean;
  /** paths to compare; all when none is given */
  readonly roots?: readonly string[];
  /** which paths are told of; what moved between one of these and another path was added or deleted */
  readonly isMeant?: (path: string) => boolean;
}

/** Compares two trees as DVC does; what was deleted and added with the same content was renamed. */
export function dataDifference(
  before: DataNode,
  after: DataNode,
  options: DifferenceOptions = {},
): DataChange[] {
  const changes: DataChange[] = [];
  const compare = (old: DataNode | undefined, now: DataNode | undefined, isUnknown: boolean): void => {
    const kind = isUnknown ? 'unknown' : changeOf(old?.entry, now?.entry, options.isByHash === true);
    if (old?.entry !== undefined || now?.entry !== undefined)
      changes.push({ kind, old: old?.entry, new: now?.entry });
    const oldChildren = childrenOf(old, options);
    const newChildren = childrenOf(now, options);
    const isUnlisted =
      isUnknown || [old, now].some((node) => isOpen(node, options) && node?.isUnlisted === true);
    for (const [name, child] of oldChildren) compare(child, newChildren.get(name), isUnlisted);
    for (const [name, child] of newChildren)
      if (!oldChildren.has(name)) compare(undefined, child, isUnlisted);
  };
  if (options.roots === undefined) compare(before, after, false);
  else for (const root of options.roots) compare(findNode(before, root), findNode(after, root), false);
  const { isMeant } = options;
  return withRenames(isMeant === undefined ? changes : changes.filter((change) => isMeant(pathOf(change))));
}

const pathOf = ({ old, new: now }: DataChange): string => (old ?? now)?.path ?? '';

/** Whether a node's children are looked at. */
const isOpen = (node: DataNode | undefined, { isShallow }: DifferenceOptions): boolean =>
  !(isShallow === true && node?.entry?.md5 !== undefined);

const none: ReadonlyMap<string, DataNode> = new Map();
const childrenOf = (node: DataNode | undefined, options: DifferenceOptions): ReadonlyMap<string, DataNode> =>
  node !== undefined && isOpen(node, options) ? node.children : none;

function changeOf(
  old: DataEntry | undefined,
  now: DataEntry | undefined,
  isByHash: boolean,
): DataChange['kind'] {
  const byHash = changeOfHash(old?.md5, now?.md5);
  if (isByHash) return byHash;
  if (old === undefined) return now === undefined ? 'unchanged' : 'added';
  if (now === undefined) return 'deleted';
  return byHash === 'unchanged' && old.isFolder === now.isFolder ? 'unchanged' : 'modified';
}

function changeOfHash(old: string | undefined, now: string | undefined): DataChange['kind'] {
  if (old === now) return 'unchanged';
  if (old === undefined) return 'added';
  return now === undefined ? 'deleted' : 'modified';
}

function withRenames(changes: readonly DataChange[]): DataChange[] {
  const byPath = (left: DataChange, right: DataChange): number => compareKeys(pathOf(left), pathOf(right));
  const added = changes.filter(({ kind }) => kind === 'added').sort(byPath);
  const deleted = new Map<string | undefined, DataChange[]>();
  for (const change of changes.filter(({ kind }) => kind === 'deleted').sort(byPath)) {
    const queue = deleted.get(change.old?.md5);
    if (queue === undefined) deleted.set(change.old?.md5, [change]);
    else queue.push(change);
  }
  const others = changes.filter(({ kind }) => kind !== 'added' && kind !== 'deleted');
  const resolved = added.map((change): DataChange => {
    const md5 = change.new?.md5;
    const origin = md5 === undefined ? undefined : deleted.get(md5)?.shift();
    return origin === undefined ? change : { kind: 'renamed', old: origin.old, new: change.new };
  });
  return [...others, ...resolved, ...[...deleted.values()].flat()].sort(byPath);
}

/** Part by part, as Python orders tuples of names. */
function compareKeys(left: string, right: string): number {
  const one = left.split('/');
  const other = right.split('/');
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const order = compareCodePoints(one[at] ?? '', other[at] ?? '');
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

/** As DVC prints it: a folder ends with `/`. */
export const shownEntry = (entry: DataEntry | undefined): string =>
  entry === undefined ? '' : entry.isFolder ? `${entry.path}/` : entry.path;
