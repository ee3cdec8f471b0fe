import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { GitFiles } from '../dvc-files/git-files.ts';
import { refuseOverlaps } from '../dvc-files/overlaps.ts';
import type { OnProgress } from '../dvc-files/progress.ts';
import { withRepositoryLock } from '../dvc-files/repository-lock.ts';
import { openRepository, type Repository } from '../dvc-files/repository.ts';
import { isInside, readIndex } from '../dvc-files/stored.ts';
import type { Content } from '../dvc-files/content.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { yamlMap, type YamlMap, type YamlValue } from '../dvc-files/yaml-value.ts';
import { bringForeign, findForeign } from './foreign-data.ts';
import { openForeign } from './foreign-repository.ts';
import { outFields, saveImport } from './import-file.ts';
import { importOutside, importPathTaken } from './remote-errors.ts';
import { bringSource, depFields, openSource } from './url-source.ts';
import { Caches } from './used.ts';

export interface ImportOptions {
  /** where to put it; a folder that is there takes it under its own name */
  readonly out?: string | undefined;
  readonly isForced?: boolean;
  /** `no-exec`: only written down; `no-download`: looked at, and written down with what it is there */
  readonly effort?: 'no-exec' | 'no-download' | 'whole';
  readonly jobs?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface Imported {
  /** absolute */
  readonly path: string;
  readonly file: string;
  /** undefined when it was not brought */
  readonly content: Content | undefined;
  /** false: the source has nothing new */
  readonly isChanged: boolean;
  /** what dvc calls the source: `data (../src)` */
  readonly source: string;
  /** files that git should be given now, absolute; none when they are staged already */
  readonly toStage: readonly string[];
}

export interface RepoImport extends ImportOptions {
  readonly url: string;
  readonly path: string;
  readonly rev?: string | undefined;
  /** of the other repository, in place of its default remote */
  readonly remote?: string | undefined;
  readonly config?: string | undefined;
}

/**
 * Takes data or plain files over from another repository, and remembers from which commit.
 *
 * @throws FOREIGN_REPOSITORY_UNREACHABLE, FOREIGN_PATH_MISSING, GIT_REVISION_UNKNOWN, IMPORT_PATH_TAKEN
 */
export function importFromRepository(folder: string, wanted: RepoImport): Promise<Imported> {
  return inPlace(folder, wanted.path, wanted, async (place) => {
    const { url, rev, remote, config, effort = 'whole' } = wanted;
    const repoFields = (revLock: string | undefined): YamlMap =>
      yamlMap({ path: wanted.path, repo: yamlMap({ url, rev, rev_lock: revLock, config, remote }) });
    const source = `${wanted.path} (${url})`;
    if (effort === 'no-exec')
      return { dep: repoFields(undefined), content: undefined, source, isLooked: false };
    const foreign = await openForeign(url, { rev, folder });
    const data = findForeign(foreign, wanted.path);
    const content =
      effort === 'whole' ? await bringForeign(foreign, data, place.caches, { ...wanted, remote }) : undefined;
    return { dep: repoFields(foreign.commit), content, source, isLooked: true };
  });
}

export interface UrlImport extends ImportOptions {
  readonly url: string;
  readonly fsConfig?: ReadonlyMap<string, string>;
}

/**
 * Takes data over from an address, and remembers by which mark to see that it changed.
 *
 * @throws IMPORT_URL_MISSING, IMPORT_PATH_TAKEN, REMOTE_UNAVAILABLE, REMOTE_REFUSED
 */
export function importFromUrl(folder: string, wanted: UrlImport): Promise<Imported> {
  return inPlace(folder, wanted.url, wanted, async (place) => {
    const { effort = 'whole', fsConfig = new Map(), jobs, onProgress } = wanted;
    const path = pathInDep(place.repository, wanted.url, folder, dirname(place.file));
    const extra: [string, YamlValue][] = fsConfig.size === 0 ? [] : [['fs_config', new Map(fsConfig)]];
    const withExtra = (dep: YamlMap): YamlMap => new Map([...dep, ...extra]);
    if (effort === 'no-exec')
      return {
        dep: withExtra(yamlMap({ hash: 'md5', path })),
        content: undefined,
        source: path,
        isLooked: false,
      };
    const source = await openSource(wanted.url, { folder, config: place.repository.config, fsConfig, jobs });
    try {
      const needsBytes = effort === 'whole' || source.files[0]?.mark === undefined;
      const content = needsBytes
        ? await bringSource(source, place.caches.current, jobs, onProgress)
        : undefined;
      return {
        dep: withExtra(depFields(source, path, content)),
        content: effort === 'whole' ? content : undefined,
        source: path,
        isLooked: true,
      };
    } finally {
      await source.store.close();
    }
  });
}

/** A path in the repository is kept relative to the `.dvc` file, any other as it was given. */
function pathInDep(repository: Repository, url: string, folder: string, fileFolder: string): string {
  const path = resolve(folder, url);
  const isOwn = !/^\w[\w+.-]*:\/\//.test(url) && existsSync(path) && isInside(repository, path);
  return isOwn ? relative(fileFolder, path).split(sep).join('/') : url;
}

interface Place {
  readonly repository: Repository;
  readonly caches: Caches;
  /** the `.dvc` file */
  readonly file: string;
}

interface Brought {
  readonly dep: YamlMap;
  readonly content: Content | undefined;
  readonly source: string;
  readonly isLooked: boolean;
}

/** Everything about an import but where it comes from. */
async function inPlace(
  folder: string,
  from: string,
  options: ImportOptions,
  bring: (place: Place) => Promise<Brought>,
): Promise<Imported> {
  const repository = openRepository(folder);
  const path = placeOf(folder, from, options.out);
  if (!isInside(repository, path)) throw importOutside(path, repository.root);
  if (existsSync(path) && options.isForced !== true)
    throw importPathTaken(relative(folder, path), statSync(path).isDirectory());
  const file = `${path}.dvc`;
  return withRepositoryLock(repository, async () => {
    const index = readIndex(repository);
    const isRecorded = index.outs.some((out) => out.path === path && out.source.file === file);
    refuseOverlaps(index, isRecorded ? [] : [path]);
    const caches = new Caches(repository);
    const workspace = new Workspace(repository, { onProgress: options.onProgress });
    try {
      const { dep, content, source, isLooked } = await bring({ repository, caches, file });
      const git = new GitFiles(repository);
      git.ignore(path);
      if (content !== undefined) workspace.restore(path, content.md5, options.isForced === true);
      saveImport({ file, dep, out: outFields(path, file, content), isLooked });
      git.track(file);
      return { path, file, content, isChanged: true, source, toStage: git.settle() };
    } finally {
      workspace.close();
      caches.close();
    }
  });
}

/** `data/x` of a source becomes `x` here, in `out` where that is a folder, else at `out`. */
export function placeOf(folder: string, from: string, out: string | undefined): string {
  const path = /^\w[\w+.-]*:\/\//.test(from) ? (/^[^?#]*/.exec(from)?.[0] ?? from) : from;
  const name = basename(posix.normalize(path));
  if (out === undefined || out === '') return resolve(folder, name);
  const at = resolve(folder, out);
  return statSync(at, { throwIfNoEntry: false })?.isDirectory() === true ? join(at, name) : at;
}
