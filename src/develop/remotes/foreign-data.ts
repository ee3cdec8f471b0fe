import { posix, relative, sep } from 'node:path';
import type { Cache } from '../dvc-files/cache.ts';
import type { OnProgress } from '../dvc-files/progress.ts';
import { isRecordFile } from '../dvc-files/file-tree.ts';
import type { Recorded, RecordedStage } from '../dvc-files/stored.ts';
import { isTreeHash, treeText, type TreeEntry } from '../dvc-files/tree.ts';
import type { Content } from '../dvc-files/content.ts';
import type { ForeignRepository } from './foreign-repository.ts';
import { fetchFrom } from './fetch-from.ts';
import { folderStore } from './folder-store.ts';
import { foreignPathMissing, missingAtRemote } from './remote-errors.ts';
import { objectKey, oldObjectKey } from './remote-store.ts';
import { storesOf, type OutsAtStore } from './stores-of.ts';
import { usedEntries, type Caches, type UsedOut } from './used.ts';

interface FetchForeign {
  readonly remote?: string | undefined;
  readonly jobs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What lies at a path of another repository. */
export interface ForeignData {
  readonly isFolder: boolean;
  /** of git, relative to its root */
  readonly gitFiles: readonly string[];
  /** of dvc: whole outs, or a part of one */
  readonly used: readonly UsedOut[];
  /** the path, relative to the repository's root */
  readonly path: string;
}

/** @throws FOREIGN_PATH_MISSING */
export function findForeign(foreign: ForeignRepository, given: string): ForeignData {
  const { repository, index, tree } = foreign;
  const path = posix
    .normalize(given.split(sep).join('/'))
    .replace(/^\/+|\/+$/g, '')
    .replace(/^\.$/, '');
  const outs = index.stages.flatMap((stage) =>
    stage.outs.map((out) => ({ stage, out, at: relative(repository.root, out.path).split(sep).join('/') })),
  );
  const holder = outs.find(
    ({ out, at }) => out.md5 !== undefined && out.isCached && (at === path || path.startsWith(`${at}/`)),
  );
  if (holder !== undefined) {
    const inside = holder.at === path ? undefined : path.slice(holder.at.length + 1);
    const used = usedOf(holder.stage, holder.out, inside);
    return { isFolder: inside === undefined && isTreeHash(used.md5), gitFiles: [], used: [used], path };
  }
  const isFolder = path === '' || tree.isFolder(path);
  const below = outs.filter(
    ({ out, at }) => out.md5 !== undefined && out.isCached && (path === '' || at.startsWith(`${path}/`)),
  );
  if (!tree.exists(path) && path !== '' && below.length === 0)
    throw foreignPathMissing(foreign.url, given, foreign.commit);
  if (!isFolder && below.length === 0) return { isFolder, gitFiles: [path], used: [], path };
  return {
    isFolder: true,
    gitFiles: filesBelow(foreign, path),
    used: below.map(({ stage, out }) => usedOf(stage, out, undefined)),
    path,
  };
}

const usedOf = (stage: RecordedStage, out: Recorded, inside: string | undefined): UsedOut => ({
  stage,
  out,
  md5: out.md5 ?? '',
  hashName: out.hashName,
  inside,
});

function filesBelow({ tree }: ForeignRepository, folder: string): string[] {
  return tree.names(folder).flatMap(({ name, isFolder }) => {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (isFolder)
      return name === '.dvc' || name === '.git' ? [] : filesBelow({ tree } as ForeignRepository, path);
    return isRecordFile(name) ? [] : [path];
  });
}

/**
 * Brings data of another repository into our cache.
 *
 * @returns its content as an out of ours has it
 * @throws REMOTE_OBJECTS_MISSING, FOREIGN_PATH_MISSING and what the other one's remote throws
 */
export async function bringForeign(
  foreign: ForeignRepository,
  data: ForeignData,
  caches: Caches,
  options: FetchForeign,
): Promise<Content> {
  await fetchForeign(foreign, data.used, caches, options);
  const cache = caches.current;
  const entries: TreeEntry[] = [];
  for (const path of data.gitFiles) {
    const md5 = cache.addBytes(foreign.tree.readBytes(path) ?? Buffer.alloc(0));
    entries.push({ md5, relpath: data.path === '' ? path : path.slice(data.path.length + 1) });
  }
  let isFolder = data.isFolder;
  for (const used of data.used) {
    const at = relative(foreign.repository.root, used.out.path).split(sep).join('/');
    const [whole] = data.used;
    if (used === whole && at === data.path && used.hashName === 'md5') {
      const found = isTreeHash(used.md5) ? usedEntries(used, cache) : undefined;
      return {
        md5: used.md5,
        size: sizeOf(cache, found ?? [{ md5: used.md5, relpath: '' }]),
        ...(found === undefined ? {} : { nfiles: found.length }),
      };
    }
    const inner = isTreeHash(used.md5)
      ? usedEntries(used, caches.of(used.hashName))
      : [{ md5: used.md5, relpath: '' }];
    if (used.inside !== undefined) {
      if (inner.length === 0) throw foreignPathMissing(foreign.url, data.path, foreign.commit);
      isFolder = !inner.some(({ relpath }) => relpath === used.inside);
    }
    for (const { md5, relpath } of inner) {
      const path = [at, relpath].filter((part) => part !== '').join('/');
      entries.push({
        md5: current(caches, used, md5),
        relpath: path === data.path ? '' : data.path === '' ? path : path.slice(data.path.length + 1),
      });
    }
  }
  const [only] = entries;
  if (!isFolder && only !== undefined) return { md5: only.md5, size: sizeOf(cache, [only]) };
  const md5 = cache.addBytes(Buffer.from(treeText(entries)), '.dir');
  return { md5, size: sizeOf(cache, entries), nfiles: entries.length };
}

/** What DVC 2 recorded is taken over with the hash of DVC 3. */
const current = (caches: Caches, used: UsedOut, md5: string): string =>
  used.hashName === 'md5'
    ? md5
    : caches.current.addFile(caches.old.pathOf(md5), caches.old.stat(md5)?.size ?? 0);

const sizeOf = (cache: Cache, entries: readonly TreeEntry[]): number =>
  entries.reduce((sum, { md5 }) => sum + (cache.stat(md5)?.size ?? 0), 0);

/** Brings objects of another repository's outs: from its cache when it lies here, else from its remote. */
async function fetchForeign(
  foreign: ForeignRepository,
  used: readonly UsedOut[],
  caches: Caches,
  options: FetchForeign,
): Promise<void> {
  const { repository } = foreign;
  let lacking = used;
  if (foreign.isHere) {
    for (const hashName of ['md5', 'md5-dos2unix'] as const) {
      const outs = used.filter((one) => one.hashName === hashName);
      const store = folderStore(repository.config.cacheFolder);
      await fetchFrom(groupOf(store, hashName, outs), caches.of(hashName), options).catch(() => undefined);
    }
    lacking = used.filter((one) => !isWhole(one, caches.of(one.hashName)));
  }
  for (const group of await storesOf(repository, lacking, options)) {
    try {
      const { missing } = await fetchFrom(group, caches.of(group.hashName), options);
      if (missing.length > 0)
        throw missingAtRemote(
          missing.map(({ md5, path }) => ({ md5, path: relative(repository.root, path) })),
          'import',
        );
    } finally {
      await group.store.close();
    }
  }
}

const groupOf = (
  store: OutsAtStore['store'],
  hashName: OutsAtStore['hashName'],
  outs: readonly UsedOut[],
): Pick<OutsAtStore, 'store' | 'jobs' | 'keyOf' | 'hashName' | 'outs'> => ({
  store,
  jobs: 1,
  hashName,
  keyOf: hashName === 'md5' ? objectKey : oldObjectKey,
  outs,
});

function isWhole(one: UsedOut, cache: Cache): boolean {
  if (!cache.has(one.md5)) return false;
  return usedEntries(one, cache).every(({ md5 }) => cache.has(md5));
}
