import type { Repository } from '../dvc-files/repository.ts';
import type { FetchOptions, Fetched } from './fetch.ts';
import type { Caches, UsedOut } from './used.ts';

/** Brings what was imported from where it came from. */
export async function fetchImported(
  _repository: Repository,
  { md5, out }: UsedOut,
  _caches: Caches,
  _options: FetchOptions,
): Promise<Fetched> {
  return Promise.resolve({ broughtCount: 0, missing: [{ md5, path: out.path }] });
}
