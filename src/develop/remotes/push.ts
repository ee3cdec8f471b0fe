import type { Repository } from '../dvc-files/repository.ts';
import { Steps } from '../dvc-files/progress.ts';
import { inParallel } from './in-parallel.ts';
import { lackingIn } from './lacking.ts';
import { pushRunCache } from './run-cache-transfer.ts';
import { storesOf } from './stores-of.ts';
import type { MissingObject, TransferOptions } from './transfer.ts';
import { Caches, usedOuts } from './used.ts';

export interface Pushed {
  /** objects that went to a remote, `.dir` objects and entries of the run cache among them */
  readonly sentCount: number;
  /** recorded, but neither in the cache nor at the remote */
  readonly missing: readonly MissingObject[];
}

/**
 * Sends what a remote lacks. Of a folder the `.dir` object goes last and only when all its files are there, because its
 * presence promises them; so an interrupted push is taken up where it ended, and nobody ever pulls half of a folder.
 *
 * @throws REMOTE_NOT_SET, REMOTE_UNKNOWN, REMOTE_UNAVAILABLE, REMOTE_REFUSED, DATA_TARGET_UNKNOWN
 */
export async function push(repository: Repository, options: TransferOptions): Promise<Pushed> {
  const caches = new Caches(repository);
  try {
    let sentCount = options.runCache === true ? await pushRunCache(repository, options) : 0;
    const missing: MissingObject[] = [];
    const wanted = usedOuts(repository, options).filter(({ out }) => out.isPushed);
    for (const group of await storesOf(repository, wanted, options)) {
      const { store, jobs, keyOf, whole } = group;
      const cache = caches.of(group.hashName);
      try {
        const lacking = await lackingIn(group, cache);
        const holds = cache.holder(lacking.files.size + lacking.folders.size);
        const lost = new Map([...lacking.files, ...lacking.folders].filter(([md5]) => !holds(md5)));
        const files = [...lacking.files.keys()].filter((md5) => !lost.has(md5));
        const isWhole = (md5: string): boolean =>
          !lost.has(md5) && !lacking.filesOf(md5).some((file) => lost.has(file));
        const folders = [...lacking.folders.keys()].filter(isWhole);
        const steps = new Steps(
          `sending to ${store.place}`,
          files.length + folders.length,
          options.onProgress,
        );
        const send = async (md5: string): Promise<void> => {
          await store.put(keyOf(md5), cache.pathOf(md5));
          steps.file(0);
        };
        await inParallel(files, jobs, send);
        await inParallel(folders, jobs, send);
        whole.keep(lacking.looked.filter(isWhole));
        sentCount += files.length + folders.length;
        for (const [md5, path] of lost) missing.push({ md5, path });
      } finally {
        await store.close();
      }
    }
    return { sentCount, missing };
  } finally {
    caches.close();
  }
}
