import type { Cache } from '../dvc-files/cache.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import type { OutsAtStore } from './stores-of.ts';
import { usedEntries } from './used.ts';

/** Objects that outs need and a remote lacks. */
export interface Lacking {
  /** md5 → the path that needs it, absolute */
  readonly files: ReadonlyMap<string, string>;
  /** `.dir` objects, in the same form */
  readonly folders: ReadonlyMap<string, string>;
  /** md5s of the files of a `.dir` that was looked into */
  readonly filesOf: (md5: string) => readonly string[];
  /** every `.dir` whose files were all looked at, whether the remote lacks something of it or not */
  readonly looked: readonly string[];
}

/** Asks a remote what it lacks; of a folder whose `.dir` is not in the cache only that one is known of. */
export async function lackingIn(
  { store, jobs, keyOf, whole, outs }: OutsAtStore,
  cache: Cache,
): Promise<Lacking> {
  const files = new Map<string, string>();
  const folders = new Map<string, string>();
  for (const { md5, out } of outs) (isTreeHash(md5) ? folders : files).set(md5, out.path);
  const dirs = [...folders.keys()];
  const thereDirs = await store.existing(dirs.map(keyOf), jobs);
  const entries = new Map<string, readonly string[]>();
  const looked = new Set<string>();
  for (const one of outs) {
    const { md5, out, inside } = one;
    if (!isTreeHash(md5) || !cache.has(md5)) continue;
    // on a disk of this machine each file is looked at: that is cheap, and mends what somebody removed
    if (!store.isLocal && whole.has(md5) && thereDirs.has(keyOf(md5))) continue;
    const used = usedEntries(one, cache);
    if (inside === undefined) looked.add(md5);
    entries.set(md5, [...(entries.get(md5) ?? []), ...used.map((entry) => entry.md5)]);
    for (const entry of used) if (!files.has(entry.md5)) files.set(entry.md5, `${out.path}/${entry.relpath}`);
  }
  const there = await store.existing([...files.keys()].map(keyOf), jobs);
  for (const md5 of files.keys()) if (there.has(keyOf(md5))) files.delete(md5);
  for (const md5 of dirs) if (thereDirs.has(keyOf(md5))) folders.delete(md5);
  return { files, folders, filesOf: (md5) => entries.get(md5) ?? [], looked: [...looked] };
}
