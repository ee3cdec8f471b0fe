import { join } from 'node:path';
import { Cache } from './cache.ts';
import type { HashName } from './dvc-file.ts';
import { LegacyHashes } from './legacy-hash.ts';
import { isTreeHash, treeHash, treeText, type TreeEntry } from './tree.ts';
import type { Content } from './content.ts';
import type { Workspace } from './workspace.ts';

interface Out {
  /** absolute */
  readonly path: string;
  readonly hashName: HashName;
}

/** What is at the place of an out now, hashed the way its record was; undefined when nothing is there. */
export function measureOut(workspace: Workspace, { path, hashName }: Out): Content | undefined {
  const content = workspace.measure(path);
  if (content === undefined || hashName === 'md5') return content;
  if (content.nfiles !== undefined)
    return { ...content, md5: treeHash(treeText(entriesOfOut(workspace, { path, hashName }))) };
  return { ...content, md5: new LegacyHashes(workspace.repository.state).of(path, content.md5) };
}

/** The files of an out that is a folder, in no order; none when it is not. */
export function entriesOfOut(workspace: Workspace, { path, hashName }: Out): readonly TreeEntry[] {
  const entries = workspace.entries(path) ?? [];
  if (hashName === 'md5') return entries;
  const hashes = new LegacyHashes(workspace.repository.state);
  return entries.map(({ relpath, md5 }) => ({ relpath, md5: hashes.of(join(path, relpath), md5) }));
}

const legacyCaches = new WeakMap<Workspace, Cache>();

/** The cache that holds objects of a kind of hash; that of DVC 2 lies beside that of DVC 3 and is only read. */
export function cacheFor(workspace: Workspace, hashName: HashName): Cache {
  if (hashName === 'md5') return workspace.cache;
  const known = legacyCaches.get(workspace) ?? new Cache(workspace.repository, true);
  legacyCaches.set(workspace, known);
  return known;
}

/** Whether the cache can bring back all of an out. */
export function isHeld(
  workspace: Workspace,
  { md5, hashName }: { readonly md5: string; readonly hashName: HashName },
): boolean {
  if (hashName === 'md5') return workspace.isCached(md5);
  const cache = cacheFor(workspace, hashName);
  return (
    cache.has(md5) && (!isTreeHash(md5) || cache.readTree(md5, md5).every((entry) => cache.has(entry.md5)))
  );
}
