import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git, openRepository, type Repository } from '../dvc-files/repository.ts';
import { isTreeHash, treeEntries, type TreeEntry } from '../dvc-files/tree.ts';
import type { Workspace } from '../dvc-files/workspace.ts';
import { openStore, remoteNamed } from '../remotes/open-store.ts';
import { objectKey, oldObjectKey, type RemoteStore } from '../remotes/remote-store.ts';
import { Caches, usedEntries, usedOuts, type Scope, type UsedOut } from '../remotes/used.ts';
import { lostFolder, noGarbageScope } from './data-errors.ts';

export interface GarbageScope {
  readonly workspace?: boolean;
  readonly allBranches?: boolean;
  readonly allTags?: boolean;
  readonly allCommits?: boolean;
  readonly allExperiments?: boolean;
  /** a revision */
  readonly rev?: string | undefined;
  /** how many commits back from `rev` or from each branch */
  readonly num?: number | undefined;
  /** YYYY-MM-DD: commits from then on */
  readonly date?: string | undefined;
  /** folders of other repositories that share the cache */
  readonly projects?: readonly string[];
}

export interface GarbageOptions extends GarbageScope {
  /** false: objects that a `.dir` object outside of the cache names are taken for lost */
  readonly mayLoseFolders: boolean;
  /** also at a remote; `''` is the default one */
  readonly remote?: string | undefined;
  /** keep only what the remote lacks */
  readonly isOnlyNotInRemote?: boolean;
  /** true: records that can't be read keep nothing */
  readonly skipFailed?: boolean;
}

/** Objects that nothing in the scope needs. */
export interface Garbage {
  readonly scope: string;
  /** absolute paths of objects in the cache */
  readonly objects: readonly string[];
  /** bytes */
  readonly size: number;
  /** keys at the remote; none unless it was asked for */
  readonly remoteKeys: readonly string[];
  readonly remote: string | undefined;
}

/**
 * Looks for objects of the cache, and of a remote, that neither the workspace nor the scope's commits need.
 *
 * @throws DATA_GARBAGE_SCOPE without a scope; DATA_FOLDER_LISTING_LOST
 */
export async function findGarbage(workspace: Workspace, options: GarbageOptions): Promise<Garbage> {
  const { repository } = workspace;
  refuseWithoutScope(options);
  const store =
    options.remote === undefined
      ? undefined
      : await openStore(remoteNamed(repository.config, options.remote === '' ? undefined : options.remote));
  try {
    const used = new Set<string>();
    for (const one of [repository, ...(options.projects ?? []).map((folder) => openRepository(folder))]) {
      for (const md5 of await usedBy(one, options, store)) used.add(md5);
    }
    if (store !== undefined && options.isOnlyNotInRemote === true) await dropThere(store, used);
    const objects = objectsIn(repository).filter(({ md5 }) => !used.has(md5));
    const keys =
      store === undefined || options.isOnlyNotInRemote === true ? [] : await unusedKeys(store, used);
    return {
      scope: describeScope(options),
      objects: objects.map(({ path }) => path),
      size: objects.reduce((sum, { path }) => sum + lstatSync(path).size, 0),
      remoteKeys: keys,
      remote: store?.place,
    };
  } finally {
    await store?.close();
  }
}

/** Deletes what `findGarbage` found. */
export async function removeGarbage(
  { config }: Repository,
  garbage: Garbage,
  remote: string | undefined,
): Promise<void> {
  for (const object of garbage.objects) rmSync(object, { recursive: true, force: true });
  if (remote === undefined || garbage.remoteKeys.length === 0) return;
  const store = await openStore(remoteNamed(config, remote === '' ? undefined : remote));
  try {
    await store.remove(garbage.remoteKeys);
  } finally {
    await store.close();
  }
}

function refuseWithoutScope(scope: GarbageScope): void {
  const { workspace, allBranches, allTags, allCommits, allExperiments, rev, date, num } = scope;
  if (
    ![workspace, allBranches, allTags, allCommits, allExperiments].includes(true) &&
    rev === undefined &&
    date === undefined &&
    num === undefined
  ) {
    throw noGarbageScope(
      'Say what to keep: --workspace, --all-branches, --all-tags, --all-commits, --all-experiments, --rev or --date.',
    );
  }
  if (num !== undefined && rev === undefined && allBranches !== true)
    throw noGarbageScope('--num goes with --rev or --all-branches.');
}

async function usedBy(
  repository: Repository,
  options: GarbageOptions,
  store: RemoteStore | undefined,
): Promise<Set<string>> {
  const scope: Scope = {
    ...(options.allBranches === true ? { allBranches: true } : {}),
    ...(options.allTags === true ? { allTags: true } : {}),
    ...(options.allCommits === true ? { allCommits: true } : {}),
    revisions: revisionsOf(repository, options),
    skipsBroken: options.skipFailed === true,
  };
  const caches = new Caches(repository);
  const used = new Set<string>();
  try {
    for (const out of usedOuts(repository, scope)) {
      used.add(out.md5);
      if (!isTreeHash(out.md5)) continue;
      const cache = caches.of(out.hashName);
      const entries = cache.has(out.md5) ? usedEntries(out, cache) : await listingAt(store, out);
      if (entries !== undefined) for (const { md5 } of entries) used.add(md5);
      else if (!options.mayLoseFolders) throw lostFolder(out.out.path);
    }
    return used;
  } finally {
    caches.close();
  }
}

/** The listing of a folder from the remote: without it the folder's files there would look like garbage. */
async function listingAt(
  store: RemoteStore | undefined,
  { md5, hashName }: UsedOut,
): Promise<readonly TreeEntry[] | undefined> {
  if (store === undefined) return undefined;
  const key = hashName === 'md5' ? objectKey(md5) : oldObjectKey(md5);
  if ((await store.existing([key], 1)).size === 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tilth-gc-'));
  try {
    await store.get(key, join(folder, 'listing'));
    return treeEntries(readFileSync(join(folder, 'listing'), 'utf8'), key);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function revisionsOf(
  { root }: Repository,
  { rev, num = 1, allBranches, allExperiments, date }: GarbageOptions,
): string[] {
  const lines = (args: readonly string[]): string[] =>
    git(root, args)
      .output.split('\n')
      .filter((line) => line !== '');
  const branches =
    allBranches === true && num > 1 ? lines(['for-each-ref', '--format=%(objectname)', 'refs/heads']) : [];
  // a revision that git does not know fails where its tree is read
  const starts = [...(rev === undefined ? [] : [rev]), ...branches];
  return [
    ...starts.flatMap((start) =>
      num === 1 ? [start] : lines(['rev-list', '--first-parent', `--max-count=${num}`, start]),
    ),
    ...(date === undefined ? [] : lines(['rev-list', '--all', `--since=${date}T00:00:00`])),
    ...(allExperiments === true ? lines(['for-each-ref', '--format=%(objectname)', 'refs/exps']) : []),
  ];
}

/** All objects of both kinds of cache. */
function objectsIn(repository: Repository): { path: string; md5: string }[] {
  return [repository.cache, repository.config.cacheFolder].flatMap((folder) =>
    namesIn(folder)
      .filter((prefix) => /^[0-9a-f]{2}$/.test(prefix))
      .flatMap((prefix) =>
        namesIn(join(folder, prefix)).map((name) => ({
          path: join(folder, prefix, name),
          md5: (prefix + name).replace(/\.unpacked$/, ''),
        })),
      )
      .filter(({ md5 }) => /^[0-9a-f]{32}(?:\.dir)?$/.test(md5)),
  );
}

const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

async function dropThere(store: RemoteStore, used: Set<string>): Promise<void> {
  const md5s = [...used];
  const there = await store.existing(
    md5s.flatMap((md5) => [objectKey(md5), oldObjectKey(md5)]),
    store.jobs,
  );
  for (const md5 of md5s) if (there.has(objectKey(md5)) || there.has(oldObjectKey(md5))) used.delete(md5);
}

const objectPattern = /^(?:files\/md5\/)?([0-9a-f]{2})\/([0-9a-f]{30}(?:\.dir)?)$/;

async function unusedKeys(store: RemoteStore, used: ReadonlySet<string>): Promise<string[]> {
  return (await store.list('')).filter((key) => {
    const [, prefix, rest] = objectPattern.exec(key) ?? [];
    return prefix !== undefined && rest !== undefined && !used.has(prefix + rest);
  });
}

/** What is kept, in words for the question. */
function describeScope({
  allBranches,
  allTags,
  allCommits,
  allExperiments,
  rev,
  num = 1,
  date,
  isOnlyNotInRemote,
  projects = [],
}: GarbageOptions): string {
  const commits = num > 1 ? `last ${num} commits from all git branches` : 'all git branches';
  const parts = ['the workspace'];
  if (allCommits === true) parts.push('all git commits');
  else {
    if (allBranches === true) parts.push(commits);
    if (allTags === true) parts.push('all git tags');
    if (date !== undefined) parts.push(`all git commits since ${date}`);
    if (rev !== undefined) parts.push(`last ${num} commits from ${rev}`);
  }
  if (allExperiments === true) parts.push('all experiments');
  const repositories =
    projects.length === 0
      ? 'of the current repo'
      : `of the current and the following repos:\n${projects.map((one) => `  - ${one}`).join('\n')}`;
  return `${parts.join(' and ')}${isOnlyNotInRemote === true ? ' that are not present in the DVC remote' : ''} ${repositories}`;
}
