import { lstatSync, mkdirSync, readdirSync, rmSync, rmdirSync, type Stats } from 'node:fs';
import { relative } from 'node:path';
import { Cache } from './cache.ts';
import type { LinkType } from './config.ts';
import { stampOf, statOf, walkData, type DataFolder } from './data-walk.ts';
import { fileFailure, notInCache, pathMissing, unsavedData, withPath } from './dvc-errors.ts';
import { hashFile } from './file-bytes.ts';
import { HashMemory } from './hash-memory.ts';
import { IgnoreRules } from './ignore-rules.ts';
import { Links } from './links.ts';
import { refuseBusyPaths } from './path-locks.ts';
import { Steps, type OnProgress } from './progress.ts';
import { encodePath } from './python-text.ts';
import type { Content } from './content.ts';
import type { Repository } from './repository.ts';
import { survey, type SeenFile, type Surveyed, type Visit } from './survey.ts';
import { isTreeHash, treeHash, type TreeEntry } from './tree.ts';

export interface WorkspaceOptions {
  /** instead of the repository's `cache.type`, in order of preference */
  readonly linkTypes?: readonly LinkType[];
  /** told now and then of work that takes long */
  readonly onProgress?: OnProgress | undefined;
}

/** The working tree and the cache of one repository, for the length of one command. */
export class Workspace {
  readonly repository: Repository;
  readonly cache: Cache;
  readonly #memory: HashMemory;
  readonly #rules: IgnoreRules;
  readonly #links: Links;
  readonly #onProgress: OnProgress | undefined;

  constructor(repository: Repository, { linkTypes, onProgress }: WorkspaceOptions = {}) {
    this.repository = repository;
    this.cache = new Cache(repository);
    this.#memory = HashMemory.of(repository);
    this.#rules = new IgnoreRules(repository.root);
    this.#links = new Links(repository, this.cache, linkTypes);
    this.#onProgress = onProgress;
  }

  close(): void {
    this.#memory.close();
    this.#links.close();
    this.cache.close();
  }

  /**
   * What is there now, hashed only where it changed; undefined when nothing is there.
   *
   * @throws DATA_FILE_REFUSED, DATA_FILE_UNREADABLE, DVC_IGNORE_IN_DATA
   */
  measure(path: string): Content | undefined {
    const stat = withPath(path, () => statOf(path));
    if (stat === undefined) return undefined;
    if (!stat.isDirectory()) return { md5: this.#hash(path, stat), size: stat.size, ...execOf(stat) };
    return contentOf(this.#measureFolder(path));
  }

  /** The files of a folder with their hashes, in no order; undefined when no folder is there. */
  entries(path: string): readonly TreeEntry[] | undefined {
    if (statOf(path)?.isDirectory() !== true) return undefined;
    return [...md5ByPath(this.#measureFolder(path))].map(([relpath, md5]) => ({ md5, relpath }));
  }

  /**
   * Puts a file or folder into the cache; of a folder the `.dir` object goes last, because its presence promises all
   * files. With link types other than copies the workspace's files become links to the cache.
   *
   * @throws DATA_PATH_MISSING, DATA_CHANGED_MEANWHILE, DVC_PATH_BUSY, DATA_DISK_FULL, DATA_FILE_REFUSED
   */
  add(path: string): Content {
    const stat = withPath(path, () => statOf(path));
    if (stat === undefined) throw pathMissing(path);
    refuseBusyPaths(this.repository, { reads: [], writes: [path] });
    return stat.isDirectory() ? this.#addFolder(path) : { ...this.#addFile(path, stat), ...execOf(stat) };
  }

  /**
   * Brings the workspace to `md5`. What can't be brought back whole is not begun; when it is interrupted, the next time
   * goes on where it ended.
   *
   * @param isForced also when that loses a file that is nowhere else
   * @throws DATA_UNSAVED, DATA_NOT_IN_CACHE, DATA_CACHE_DAMAGED, DVC_PATH_BUSY, DATA_DISK_FULL
   */
  restore(path: string, md5: string, isForced = false): 'unchanged' | 'added' | 'modified' {
    const before = this.measure(path);
    if (before?.md5 === md5) return 'unchanged';
    refuseBusyPaths(this.repository, { reads: [], writes: [path] });
    if (isTreeHash(md5)) this.#restoreFolder(path, md5, isForced);
    else this.#restoreFile(path, md5, isForced);
    return before === undefined ? 'added' : 'modified';
  }

  /** True when the cache can bring back all of it. */
  isCached(md5: string): boolean {
    if (!isTreeHash(md5)) return this.cache.has(md5);
    const stamp = this.cache.stamp();
    if (stamp !== undefined && this.#memory.isHeld(md5, stamp)) return true;
    if (!this.cache.has(md5)) return false;
    const entries = this.cache.readTree(md5, md5);
    const holds = this.cache.holder(entries.length);
    if (!entries.every((entry) => holds(entry.md5))) return false;
    if (stamp !== undefined) this.#memory.keepHeld(md5, stamp);
    return true;
  }

  /**
   * Gives files that are links to the cache bytes of their own, writable.
   *
   * @returns how many there were
   * @throws DATA_PATH_MISSING
   */
  unprotect(path: string): number {
    const stat = statOf(path);
    if (stat === undefined) throw pathMissing(path);
    const files = stat.isDirectory() ? linkedFiles(walkData(path, this.#rules)) : isLink(path) ? [path] : [];
    for (const file of files) this.#links.unprotect(file);
    return files.length;
  }

  #hash(path: string, stat: Stats): string {
    const seenAt = Date.now();
    const known = this.#memory.find(path, stampOf(stat));
    if (known !== undefined) return known;
    const steps = new Steps('hashing', 1, this.#onProgress);
    const md5 = withPath(path, () => hashFile(path, stat.size, steps.bytes));
    this.#memory.keepFile(path, stampOf(stat), md5, seenAt);
    return md5;
  }

  #survey(path: string, visit: Visit): Surveyed {
    return survey({ path, memory: this.#memory, rules: this.#rules, onProgress: this.#onProgress }, visit);
  }

  #measureFolder(path: string): Surveyed {
    return this.#survey(path, {
      work: 'hashing',
      md5Of: (file, known, _, onBytes) =>
        known ?? withPath(file.path, () => hashFile(file.path, file.size, onBytes)),
      isDone: () => true,
      seal: treeHash,
    });
  }

  #addFolder(path: string): Content {
    let holds: ((md5: string) => boolean) | undefined;
    let tiedCount = 0;
    const added = this.#survey(path, {
      work: 'adding',
      md5Of: (file, known, fileCount, onBytes) => {
        holds ??= this.cache.holder(fileCount);
        const { md5, isTied } = this.#store(file, known, holds, onBytes);
        if (!isTied && this.#tie(file, md5)) tiedCount += 1;
        return md5;
      },
      isDone: (md5, folders) => !this.#mayNeedTies(folders) && this.isCached(md5),
      seal: (text) => this.cache.addBytes(Buffer.from(text), '.dir'),
    });
    // files that became links have other inodes now
    if (tiedCount > 0) this.#measureFolder(path);
    return contentOf(added);
  }

  #addFile(path: string, stat: Stats): Content {
    const seenAt = Date.now();
    const file = { path, size: stat.size, mtimeMs: stat.mtimeMs, isLinked: isLink(path) };
    const steps = new Steps('adding', 1, this.#onProgress);
    const known = this.#memory.find(path, stampOf(stat));
    const { md5, isTied } = this.#store(file, known, (one) => this.cache.has(one), steps.bytes);
    const stamp = !isTied && this.#tie(file, md5) ? stampOf(statOf(path) ?? stat) : stampOf(stat);
    this.#memory.keepFile(path, stamp, md5, seenAt);
    return { md5, size: stat.size };
  }

  /**
   * Sees to it that the cache has a file's bytes.
   *
   * @param known its md5, when it need not be read to know
   * @returns whether the file itself became the object, so that it is what a hard link asks for
   */
  #store(
    file: SeenFile,
    known: string | undefined,
    holds: (md5: string) => boolean,
    onBytes: (count: number) => void,
  ): { md5: string; isTied: boolean } {
    if (known !== undefined && holds(known)) return { md5: known, isTied: false };
    const type = this.#links.type();
    // a link may lead to another file system, and an empty file is never one with another
    const isCopied = isCopy(type) || file.isLinked || file.size === 0;
    try {
      if (isCopied) return { md5: this.cache.addFile(file.path, file.size, onBytes), isTied: false };
      const md5 = known ?? hashFile(file.path, file.size, onBytes);
      const isAdopted = !holds(md5) && this.cache.adoptFile(file.path, md5, file);
      return { md5, isTied: isAdopted && type === 'hardlink' };
    } catch (reason) {
      throw fileFailure(file.path, reason);
    }
  }

  #mayNeedTies(folders: readonly DataFolder[]): boolean {
    return !isCopy(this.#links.type()) || folders.some(({ linked }) => linked.size > 0);
  }

  /**
   * Makes a file of the workspace what the link type asks for, where it is something else.
   *
   * @returns true when another file is there now
   */
  #tie(file: SeenFile, md5: string): boolean {
    const type = this.#links.type();
    if (isCopy(type)) {
      if (!file.isLinked) return false;
      this.#memory.learn(file.path, this.#links.unprotect(file.path), md5);
    } else {
      if (type === 'hardlink' && file.size === 0 && !file.isLinked) return false;
      const isAsAsked = lstatSync(encodePath(file.path)).isSymbolicLink() === (type === 'symlink');
      if (isAsAsked && statOf(file.path)?.ino === this.cache.stat(md5)?.ino) return false;
      this.#memory.learn(file.path, this.#links.place(md5, file.path), md5);
    }
    return true;
  }

  #restoreFile(path: string, md5: string, isForced: boolean): void {
    this.cache.checked(md5, path);
    if (!isForced) this.#refuseUnsaved(path);
    if (statOf(path)?.isDirectory() === true)
      withPath(path, () => rmSync(encodePath(path), { recursive: true }));
    this.#links.place(md5, path);
    const seenAt = Date.now();
    const stat = statOf(path);
    if (stat !== undefined) this.#memory.keepFile(path, stampOf(stat), md5, seenAt);
  }

  #restoreFolder(path: string, md5: string, isForced: boolean): void {
    const entries = this.cache.readTree(md5, path);
    const there =
      statOf(path)?.isDirectory() === true ? md5ByPath(this.#measureFolder(path)) : new Map<string, string>();
    const wanted = new Map(entries.map((entry) => [entry.relpath, entry.md5]));
    const toPlace = entries.filter((entry) => there.get(entry.relpath) !== entry.md5);
    // nothing is touched unless everything can be brought back
    const holds = this.cache.holder(toPlace.length);
    const missing = toPlace.find((entry) => !holds(entry.md5));
    if (missing !== undefined) throw notInCache(this.#shown(`${path}/${missing.relpath}`), missing.md5);
    if (!isForced) this.#refuseUnsaved(path, (relpath, one) => wanted.get(relpath) === one);

    if (there.size === 0 && statOf(path)?.isDirectory() === false) rmSync(encodePath(path));
    for (const relpath of there.keys())
      if (!wanted.has(relpath))
        withPath(`${path}/${relpath}`, () => rmSync(encodePath(`${path}/${relpath}`)));
    if (there.size > 0) removeEmptyFolders(path);
    if (entries.length === 0) mkdirSync(encodePath(path), { recursive: true });
    const steps = new Steps('checking out', toPlace.length, this.#onProgress);
    for (const [folder, files] of byFolder(path, toPlace)) {
      const placed = (file: { md5: string; name: string }, modifiedAt: number): void => {
        this.#memory.learn(`${folder}/${file.name}`, modifiedAt, file.md5);
        steps.file(0);
      };
      if (isNothing(folder)) this.#links.placeFolder(folder, files, placed);
      else for (const file of files) placed(file, this.#links.place(file.md5, `${folder}/${file.name}`));
    }
    this.#measureFolder(path);
  }

  /** @throws DATA_UNSAVED for a file that the cache does not have, so that overwriting it would lose it */
  #refuseUnsaved(path: string, isKept: (relpath: string, md5: string) => boolean = () => false): void {
    const stat = statOf(path);
    if (stat === undefined) return;
    const files = stat.isDirectory()
      ? md5ByPath(this.#measureFolder(path))
      : new Map([['', this.#hash(path, stat)]]);
    const holds = this.cache.holder(files.size);
    for (const [relpath, md5] of files)
      if (!isKept(relpath, md5) && !holds(md5))
        throw unsavedData(this.#shown(relpath === '' ? path : `${path}/${relpath}`));
  }

  #shown(path: string): string {
    return relative(this.repository.root, path);
  }
}

const isCopy = (type: LinkType): boolean => type === 'copy' || type === 'reflink';

const execOf = ({ mode }: Stats): { isExec?: true } => ((mode & 0o100) === 0 ? {} : { isExec: true });

const contentOf = ({ md5, size, nfiles }: Surveyed): Content => ({ md5, size, nfiles });

const md5ByPath = ({ folders, md5s }: Surveyed): Map<string, string> =>
  new Map(
    folders.flatMap(({ prefix, names }, index) =>
      names.map((name, at): [string, string] => [prefix + name, md5s[index]?.[at] ?? '']),
    ),
  );

/** Files by the folder they lie in, the folders above first. */
function byFolder(path: string, entries: readonly TreeEntry[]): [string, { md5: string; name: string }[]][] {
  const folders = new Map<string, { md5: string; name: string }[]>();
  for (const { relpath, md5 } of entries) {
    const slash = relpath.lastIndexOf('/');
    const folder = slash === -1 ? path : `${path}/${relpath.slice(0, slash)}`;
    const files = folders.get(folder);
    const file = { md5, name: relpath.slice(slash + 1) };
    if (files === undefined) folders.set(folder, [file]);
    else files.push(file);
  }
  const depth = (folder: string): number => folder.split('/').length;
  return [...folders].sort(([left], [right]) => depth(left) - depth(right));
}

/** Nothing is there, or an empty folder. */
function isNothing(folder: string): boolean {
  const stat = statOf(folder);
  return stat === undefined || (stat.isDirectory() && readdirSync(encodePath(folder)).length === 0);
}

const linkedFiles = (folders: readonly DataFolder[]): string[] =>
  folders.flatMap(({ path, names, linked }) => [...linked].map((at) => `${path}/${names[at] ?? ''}`));

function isLink(path: string): boolean {
  const stat = lstatSync(encodePath(path));
  return stat.nlink > 1 || stat.isSymbolicLink();
}

/** @returns true when nothing is left in it */
function removeEmptyFolders(folder: string | Buffer): boolean {
  let isEmpty = true;
  for (const entry of readdirSync(encodeName(folder), { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([Buffer.from(encodeName(folder)), Buffer.from('/'), entry.name]);
    if (!entry.isDirectory() || !removeEmptyFolders(path) || !isRemoved(path)) isEmpty = false;
  }
  return isEmpty;
}

function isRemoved(folder: Buffer): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    // a folder without files means nothing to dvc, so one that may not be removed is no reason to stop
    return false;
  }
}

const encodeName = (path: string | Buffer): string | Buffer =>
  typeof path === 'string' ? encodePath(path) : path;
