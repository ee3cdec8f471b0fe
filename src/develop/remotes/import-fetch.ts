import type { Repository } from '../dvc-files/repository.ts';
import type { FetchOptions, Fetched } from './fetch.ts';
import { bringForeign, findForeign } from './foreign-data.ts';
import { openForeign } from './foreign-repository.ts';
import type { Caches, UsedOut } from './used.ts';

/** Brings what was imported from where it came from, at the commit that it was taken from. */
export async function fetchImported(
  repository: Repository,
  { md5, out, stage }: UsedOut,
  caches: Caches,
  options: FetchOptions,
): Promise<Fetched> {
  const dep =
    stage.record.kind === 'dvc-file'
      ? stage.record.dvcFile.deps.find((one) => one.repo !== undefined)
      : undefined;
  if (dep?.repo === undefined) return { broughtCount: 0, missing: [{ md5, path: out.path }] };
  const { url, rev, revLock } = dep.repo;
  const foreign = await openForeign(url, { rev: revLock ?? rev, folder: options.folder ?? repository.root });
  const content = await bringForeign(foreign, findForeign(foreign, dep.path), caches, {
    jobs: options.jobs,
    onProgress: options.onProgress,
  });
  // what is there under this path now may not be what was recorded, when somebody edited the record
  if (content.md5 !== md5) return { broughtCount: 0, missing: [{ md5, path: out.path }] };
  return { broughtCount: content.nfiles === undefined ? 1 : content.nfiles + 1, missing: [] };
}
