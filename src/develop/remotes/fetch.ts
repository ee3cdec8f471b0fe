import type { Cache } from '../dvc-files/cache.ts';
import { fileFailure } from '../dvc-files/dvc-errors.ts';
import { Steps } from '../dvc-files/progress.ts';
import type { HashName } from '../dvc-files/dvc-file.ts';
import { legacyHashOfFile } from '../dvc-files/legacy-hash.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { awaitedMd5 } from '../dvc-files/stored.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import { TilthError } from '../../platform/errors.ts';
import { inParallel } from './in-parallel.ts';
import type { MissingObject, TransferOptions } from './push.ts';
import { objectDamaged } from './remote-errors.ts';
import type { RemoteStore } from './remote-store.ts';
import { fetchRunCache } from './run-cache-transfer.ts';
import { storesOf, type OutsAtStore } from './stores-of.ts';
import { Caches, usedEntries, usedOuts, type UsedOut } from './used.ts';

export interface FetchOptions extends TransferOptions {
  /** outs that are larger are left out; bytes */
  readonly mostBytes?: number;
}

export interface Fetched {
  /** objects that came, `.dir` objects and entries of the run cache among them */
  readonly broughtCount: number;
  /** recorded, but neither in the cache nor where it should come from */
  readonly missing: readonly MissingObject[];
}

/**
 * Brings what the cache lacks. Each object is held against its md5 before it takes its name, so what a remote damaged
 * never gets in; what came stays, and the next fetch goes on from there.
 *
 * @throws REMOTE_NOT_SET, REMOTE_UNKNOWN, REMOTE_UNAVAILABLE, REMOTE_REFUSED, REMOTE_OBJECT_DAMAGED, DATA_TARGET_UNKNOWN
 */
export async function fetch(repository: Repository, options: FetchOptions): Promise<Fetched> {
  const caches = new Caches(repository);
  try {
    let broughtCount = options.runCache === true ? await fetchRunCache(repository, options) : 0;
    const missing: MissingObject[] = [];
    const { mostBytes = Infinity } = options;
    const wanted = usedOuts(repository, { ...options, withAwaited: true }).filter(({ out }) => (out.size ?? 0) <= mostBytes);
    const imported = wanted.filter(isImported);
    const lacking = wanted.filter((one) => !isImported(one) && !isHere(one, caches.of(one.hashName)));
    for (const group of await storesOf(repository, lacking, options)) {
      try {
        const fetched = await fetchFrom(group, caches.of(group.hashName), options);
        broughtCount += fetched.broughtCount;
        missing.push(...fetched.missing);
      } finally {
        await group.store.close();
      }
    }
    for (const one of imported) {
      if (isHere(one, caches.of(one.hashName))) continue;
      const { fetchImported } = await import('./import-fetch.ts');
      const fetched = await fetchImported(repository, one, caches, options);
      broughtCount += fetched.broughtCount;
      missing.push(...fetched.missing);
    }
    return { broughtCount, missing };
  } finally {
    caches.close();
  }
}

/** What came from another repository is brought from there, and what was never brought from its source. */
const isImported = ({ stage }: UsedOut): boolean =>
  stage.record.kind === 'dvc-file' &&
  (awaitedMd5(stage) !== undefined || stage.record.dvcFile.deps.some((dep) => dep.repo !== undefined));

function isHere(one: UsedOut, cache: Cache): boolean {
  if (!cache.has(one.md5)) return false;
  const entries = usedEntries(one, cache);
  const holds = cache.holder(entries.length);
  return entries.every(({ md5 }) => holds(md5));
}

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
