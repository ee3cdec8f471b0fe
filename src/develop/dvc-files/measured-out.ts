import { join } from 'node:path';
import type { HashName } from './dvc-file.ts';
import { LegacyHashes } from './legacy-hash.ts';
import { treeHash, treeText, type TreeEntry } from './tree.ts';
import type { Content, Workspace } from './workspace.ts';

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
