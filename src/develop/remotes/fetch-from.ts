import type { Cache } from '../dvc-files/cache.ts';
import { fileFailure } from '../dvc-files/dvc-errors.ts';
import type { HashName } from '../dvc-files/dvc-file.ts';
import { legacyHashOfFile } from '../dvc-files/legacy-hash.ts';
import { Steps } from '../dvc-files/progress.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import { TilthError } from '../../platform/errors.ts';
import { inParallel } from './in-parallel.ts';
import { objectDamaged } from './remote-errors.ts';
import type { RemoteStore } from './remote-store.ts';
import type { OutsAtStore } from './stores-of.ts';
import type { Fetched, MissingObject, TransferOptions } from './transfer.ts';
import { usedEntries } from './used.ts';

/** Brings outs from one remote into a cache: the `.dir` objects first, because they tell what is needed. */
export async function fetchFrom(
  group: Pick<OutsAtStore, 'store' | 'jobs' | 'keyOf' | 'hashName' | 'outs'>,
  cache: Cache,
  options: Pick<TransferOptions, 'onProgress'>,
): Promise<Fetched> {
  const { store, jobs, keyOf, hashName, outs } = group;
  const missing: MissingObject[] = [];
  let broughtCount = 0;
  const bring = async (objects: ReadonlyMap<string, string>): Promise<void> => {
    const steps = new Steps(`fetching from ${store.place}`, objects.size, options.onProgress);
    await inParallel(objects, jobs, async ([md5, path]) => {
      if (await bringObject(store, keyOf(md5), cache, md5, hashName)) {
        broughtCount += 1;
        steps.file(0);
      } else missing.push({ md5, path });
    });
  };
  const tops = new Map<string, string>();
  for (const { md5, out } of outs) if (!cache.has(md5)) tops.set(md5, out.path);
  await bring(tops);
  const files = new Map<string, string>();
  for (const one of outs) {
    if (!isTreeHash(one.md5) || !cache.has(one.md5)) continue;
    for (const { md5, relpath } of usedEntries(one, cache))
      if (!files.has(md5)) files.set(md5, `${one.out.path}/${relpath}`);
  }
  const holds = cache.holder(files.size);
  for (const md5 of files.keys()) if (holds(md5)) files.delete(md5);
  await bring(files);
  return { broughtCount, missing };
}

/** @returns false when the remote does not have it */
async function bringObject(
  store: RemoteStore,
  key: string,
  cache: Cache,
  md5: string,
  hashName: HashName,
): Promise<boolean> {
  const draft = cache.draft();
  try {
    const found = await store.get(key, draft);
    const wanted = md5.slice(0, 32);
    if (found !== wanted && !(hashName === 'md5-dos2unix' && legacyHashOfFile(draft) === wanted))
      throw objectDamaged(store.place, key, found);
  } catch (thrown) {
    if (thrown instanceof TilthError && thrown.code === 'REMOTE_OBJECT_MISSING') return false;
    throw fileFailure(cache.pathOf(md5), thrown);
  }
  cache.keepDraft(draft, md5);
  return true;
}
