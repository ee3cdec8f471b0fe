import type { HashName } from '../dvc-files/dvc-file.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { openStore, remoteNamed } from './open-store.ts';
import { objectKey, oldObjectKey, type RemoteStore } from './remote-store.ts';
import type { UsedOut } from './used.ts';
import { WholeFolders } from './whole-folders.ts';

/** Outs whose objects lie at one remote and under one kind of key. */
export interface OutsAtStore {
  readonly store: RemoteStore;
  /** as the config names it */
  readonly remote: string;
  readonly jobs: number;
  readonly hashName: HashName;
  readonly keyOf: (md5: string) => string;
  readonly whole: WholeFolders;
  readonly outs: readonly UsedOut[];
}

/**
 * Outs by the remote they belong to and the kind of their hash; no remote is needed where there are no outs.
 *
 * @throws REMOTE_NOT_SET, REMOTE_UNKNOWN, REMOTE_SCHEME_UNKNOWN
 */
export async function storesOf(
  repository: Repository,
  outs: readonly UsedOut[],
  options: { readonly remote?: string | undefined; readonly jobs?: number | undefined },
): Promise<OutsAtStore[]> {
  const groups = new Map<string, UsedOut[]>();
  for (const one of outs) {
    const { name } = remoteNamed(repository.config, options.remote ?? one.out.remote);
    const key = `${one.hashName} ${name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return Promise.all(
    [...groups].map(async ([key, group]): Promise<OutsAtStore> => {
      const hashName: HashName = key.startsWith('md5 ') ? 'md5' : 'md5-dos2unix';
      const remote = remoteNamed(repository.config, key.slice(hashName.length + 1));
      const store = await openStore(remote, options.jobs);
      const keyOf = hashName === 'md5' ? objectKey : oldObjectKey;
      return {
        store,
        remote: remote.name,
        jobs: options.jobs ?? store.jobs,
        hashName,
        keyOf,
        whole: new WholeFolders(repository, store.place),
        outs: group,
      };
    }),
  );
}
