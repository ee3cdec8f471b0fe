import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { configOf, mergedSections } from '../dvc-files/config.ts';
import type { OnProgress } from '../dvc-files/progress.ts';
import { findUp } from '../../platform/home.ts';
import { openRepository, repositoryAt } from '../dvc-files/repository.ts';
import { isTreeHash } from '../dvc-files/tree.ts';
import type { Content } from '../dvc-files/content.ts';
import { bringForeign, findForeign } from './foreign-data.ts';
import { openForeign } from './foreign-repository.ts';
import { placeOf } from './import-data.ts';
import { remoteNamed } from './open-store.ts';
import { foreignPathMissing, importPathTaken } from './remote-errors.ts';
import { objectKey, oldObjectKey } from './remote-store.ts';
import { bringSource, openSource } from './url-source.ts';
import { Caches } from './used.ts';

export interface GetOptions {
  readonly out?: string | undefined;
  readonly isForced?: boolean;
  readonly jobs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface Got {
  /** absolute */
  readonly path: string;
  readonly content: Content;
}

export interface RepoPath {
  readonly url: string;
  readonly path: string;
  readonly rev?: string | undefined;
  readonly remote?: string | undefined;
}

/**
 * Brings data or plain files of another repository, without remembering where they came from.
 *
 * @throws FOREIGN_REPOSITORY_UNREACHABLE, FOREIGN_PATH_MISSING, IMPORT_PATH_TAKEN
 */
export function getFromRepository(
  folder: string,
  { url, path, rev, remote }: RepoPath,
  options: GetOptions,
): Promise<Got> {
  return place(folder, path, options, async (caches) => {
    const foreign = await openForeign(url, { rev, folder, mayBeUncommitted: true });
    return bringForeign(foreign, findForeign(foreign, path), caches, { ...options, remote });
  });
}

/** @throws IMPORT_URL_MISSING, IMPORT_PATH_TAKEN */
export function getFromUrl(
  folder: string,
  url: string,
  fsConfig: ReadonlyMap<string, string>,
  options: GetOptions,
): Promise<Got> {
  return place(folder, url, options, async (caches) => {
    const config =
      findUp('.dvc', folder) === undefined
        ? configOf(mergedSections(join(folder, '.dvc')), join(folder, '.dvc'))
        : openRepository(folder).config;
    const source = await openSource(url, { folder, config, fsConfig, jobs: options.jobs });
    try {
      return await bringSource(source, caches.current, options.jobs, options.onProgress);
    } finally {
      await source.store.close();
    }
  });
}

/** The address of an object at the other repository's remote. */
export async function addressOf(folder: string, { url, path, rev, remote }: RepoPath): Promise<string> {
  const foreign = await openForeign(url, { rev, folder, mayBeUncommitted: true });
  const [used] = findForeign(foreign, path).used;
  if (used === undefined) throw foreignPathMissing(url, path, foreign.commit);
  const { url: base } = remoteNamed(foreign.repository.config, remote ?? used.out.remote);
  return `${base.replace(/\/+$/, '')}/${(used.hashName === 'md5' ? objectKey : oldObjectKey)(used.md5)}`;
}

/** Brings into a cache of its own beside the place, and moves the files from there: no repository is needed. */
async function place(
  folder: string,
  from: string,
  options: GetOptions,
  bring: (caches: Caches) => Promise<Content>,
): Promise<Got> {
  const path = placeOf(folder, from, options.out);
  if (existsSync(path) && options.isForced !== true)
    throw importPathTaken(relative(folder, path), statSync(path).isDirectory());
  mkdirSync(dirname(path), { recursive: true });
  const draft = mkdtempSync(join(dirname(path), '.tilth-get-'));
  const plain = repositoryAt(draft);
  const caches = new Caches({
    ...plain,
    config: { ...plain.config, cacheFolder: draft },
    cache: join(draft, 'files', 'md5'),
  });
  try {
    const content = await bring(caches);
    const entries = isTreeHash(content.md5)
      ? caches.current.readTree(content.md5, path)
      : [{ md5: content.md5, relpath: '' }];
    const whole = join(draft, 'whole');
    const left = new Map<string, number>();
    for (const { md5 } of entries) left.set(md5, (left.get(md5) ?? 0) + 1);
    for (const { md5, relpath } of entries) {
      const to = relpath === '' ? whole : join(whole, relpath);
      mkdirSync(dirname(to), { recursive: true });
      const rest = (left.get(md5) ?? 1) - 1;
      left.set(md5, rest);
      // the last file of a content takes the object itself
      if (rest === 0) renameSync(caches.current.pathOf(md5), to);
      else copyFileSync(caches.current.pathOf(md5), to);
      chmodSync(to, 0o644);
    }
    if (entries.length === 0) mkdirSync(whole, { recursive: true });
    rmSync(path, { recursive: true, force: true });
    renameSync(whole, path);
    return { path, content };
  } finally {
    caches.close();
    rmSync(draft, { recursive: true, force: true });
  }
}
