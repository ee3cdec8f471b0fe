import type { Repository } from '../dvc-files/repository.ts';
import { awaitedMd5 } from '../dvc-files/stored.ts';
import type { Content } from '../dvc-files/content.ts';
import { TilthError } from '../../platform/errors.ts';
import type { FetchOptions, Fetched } from './transfer.ts';
import { bringForeign, findForeign } from './foreign-data.ts';
import { openForeign } from './foreign-repository.ts';
import { bringSource, openSource } from './url-source.ts';
import type { Caches, UsedOut } from './used.ts';

/** Brings what was imported from where it came from, at the commit that it was taken from, or from its URL. */
export async function fetchImported(
  repository: Repository,
  used: UsedOut,
  caches: Caches,
  options: FetchOptions,
): Promise<Fetched> {
  const content =
    awaitedMd5(used.stage) === undefined
      ? await fromRepository(repository, used, caches, options)
      : await fromSource(repository, used, caches, options);
  // what is there under this path now may not be what was recorded
  if (content?.md5 !== used.md5) return { broughtCount: 0, missing: [{ md5: used.md5, path: used.out.path }] };
  return { broughtCount: content.nfiles === undefined ? 1 : content.nfiles + 1, missing: [] };
}

async function fromSource(
  { root, config }: Repository,
  { stage }: UsedOut,
  caches: Caches,
  { jobs, onProgress }: FetchOptions,
): Promise<Content | undefined> {
  const [dep] = stage.record.kind === 'dvc-file' ? stage.record.dvcFile.deps : [];
  if (dep === undefined) return undefined;
  const source = await openSource(dep.path, { folder: root, config, jobs }).catch((reason: unknown) => {
    if (!(reason instanceof TilthError) || reason.code !== 'IMPORT_URL_MISSING') throw reason;
  });
  if (source === undefined) return undefined;
  try {
    return await bringSource(source, caches.current, jobs, onProgress);
  } finally {
    await source.store.close();
  }
}

async function fromRepository(
  repository: Repository,
  { stage }: UsedOut,
  caches: Caches,
  options: FetchOptions,
): Promise<Content | undefined> {
  const dep =
    stage.record.kind === 'dvc-file'
      ? stage.record.dvcFile.deps.find((one) => one.repo !== undefined)
      : undefined;
  if (dep?.repo === undefined) return undefined;
  const { url, rev, revLock } = dep.repo;
  const foreign = await openForeign(url, { rev: revLock ?? rev, folder: options.folder ?? repository.root });
  return bringForeign(foreign, findForeign(foreign, dep.path), caches, {
    jobs: options.jobs,
    onProgress: options.onProgress,
  });
}
