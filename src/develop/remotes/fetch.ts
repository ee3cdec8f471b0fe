import type { Cache } from '../dvc-files/cache.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { awaitedMd5 } from '../dvc-files/stored.ts';
import { fetchFrom } from './fetch-from.ts';
import { fetchRunCache } from './run-cache-transfer.ts';
import { storesOf } from './stores-of.ts';
import type { FetchOptions, Fetched, MissingObject } from './transfer.ts';
import { Caches, usedEntries, usedOuts, type UsedOut } from './used.ts';

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
    const wanted = usedOuts(repository, { ...options, withAwaited: true }).filter(
      ({ out }) => (out.size ?? 0) <= mostBytes,
    );
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
