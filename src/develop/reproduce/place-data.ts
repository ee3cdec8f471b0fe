import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../../platform/errors.ts';
import { findUp } from '../../platform/home.ts';
import { Cache } from '../dvc-files/cache.ts';
import { hashFile, md5Of } from '../dvc-files/file-bytes.ts';
import { legacyHashOfFile } from '../dvc-files/legacy-hash.ts';
import { openRepository, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import type { Recorded } from '../dvc-files/stored.ts';
import { isTreeHash, treeEntries } from '../dvc-files/tree.ts';
import { namesOfDatasets, readData, tagPathOf } from '../repeatable/gather-data.ts';
import { objectKey, oldObjectKey, type RemoteStore } from '../remotes/remote-store.ts';
import type { Place } from './place.ts';
import { StepFailed } from './reproduce-errors.ts';

/** Data that a run had: where it has to be, and by which hash it is known. */
export interface WantedData {
  /** absolute, in the place */
  readonly path: string;
  readonly md5: string;
  readonly hashName: Recorded['hashName'];
}

/**
 * The data of a run as its tags have it, at the places that its commit gives.
 *
 * @param withStages outputs of stages too; a pipeline that runs again makes them itself
 */
export async function dataOf(
  place: Place,
  tags: Readonly<Record<string, string>>,
  withStages: boolean,
): Promise<WantedData[]> {
  if (findUp('.dvc', place.folder) === undefined) return [];
  const repository = openRepository(place.folder);
  const names = await namesOfDatasets(place.folder);
  const isRecorded = Object.keys(tags).some((key) => /^tilth\.(?:data|dataset)\./.test(key));
  return readData(repository).flatMap((recorded): WantedData[] => {
    const { path, hashName, source, md5 } = recorded;
    if (source.kind === 'stage' && !withStages) return [];
    const key = tagPathOf(repositoryPath(repository, path));
    const name = names.get(path);
    const known =
      tags[`tilth.found_data.${key}`] ??
      (name === undefined ? undefined : tags[`tilth.dataset.${name}`]) ??
      tags[`tilth.data.${key}`];
    // what was not there when it ran is not needed
    const wanted = known ?? (isRecorded ? undefined : md5);
    return wanted === undefined ? [] : [{ path, md5: wanted, hashName }];
  });
}

/**
 * Copies data by its hash into the place, from the cache of the repository here, which is only read, else from its remote. What is
 * damaged there is used as it is when there is nothing better, and told: the result then says what it does to the run.
 *
 * @returns what is worth saying
 * @throws StepFailed when a version can't be had at all
 */
export async function restoreData(
  place: Place,
  wanted: readonly WantedData[],
  onProgress: (line: string) => void,
): Promise<string[]> {
  if (wanted.length === 0) return [];
  hideFromGit(place, wanted);
  const sources = sourcesOf(place);
  const shown = ({ path }: WantedData): string => path.slice(place.folder.length + 1);
  const absent = wanted.filter(({ md5 }) => lackingOf(sources, md5).length > 0);
  const notes =
    absent.length === 0
      ? []
      : await pull(
          place,
          absent.map(({ md5 }) => md5),
          onProgress,
        );
  const missing = absent.filter(({ md5 }) => lackingOf(sources, md5).length > 0);
  if (missing.length > 0) {
    const names = missing.map((each) => `${shown(each)} (${each.md5})`).join(', ');
    const todo =
      'Bring it here from where it is: tilth data pull, or on the machine that has it: tilth data push';
    throw new StepFailed('data', `Neither the cache nor the remote has ${names}.`, todo, notes.join('\n'));
  }
  for (const [at, each] of wanted.entries()) {
    onProgress(`data ${at + 1}/${wanted.length}: ${shown(each)}`);
    const hashOf = each.hashName === 'md5' ? fileHash : legacyHashOfFile;
    const bad = copyVersion(sources, each.md5, each.path, hashOf);
    if (bad.length === 0) continue;
    notes.push(`The cached object of ${shown(each)} does not hold what its name ${bad[0] ?? ''} says.`);
    notes.push(...(await pull(place, bad, onProgress)));
    if (copyVersion(sources, each.md5, each.path, hashOf).length === 0)
      notes.push(`${shown(each)} came from the remote instead.`);
    else notes.push(`No whole copy of ${shown(each)} was found: it ran with the damaged one.`);
  }
  return notes;
}

/** Data that the commit's `.gitignore` does not name yet is no change of the code. */
function hideFromGit(place: Place, wanted: readonly WantedData[]): void {
  const file = join(place.folder, '.git', 'info', 'exclude');
  const before = readFileSync(file, 'utf8');
  const lines = wanted.map(({ path }) =>
    path.slice(place.folder.length).replace(/[[\]!*#?\\]/g, (one) => `\\${one}`),
  );
  const added = lines.filter((line) => !before.split('\n').includes(line));
  writeFileSync(file, `${before}${added.map((line) => `${line}\n`).join('')}`);
}

const fileHash = (path: string): string => hashFile(path, statSync(path).size);

/** The place's own cache, the one here, and what DVC 1 and 2 left there. */
function sourcesOf(place: Place): Cache[] {
  const own = ownRepository(place);
  const from = place.here === undefined ? undefined : findUp('.dvc', place.here);
  const here = from === undefined ? [] : [openRepository(from)];
  return [own, ...here].flatMap((repository) => [new Cache(repository), new Cache(repository, true)]);
}

/** Commands in the place keep what they make there, whatever the settings of the repository say. */
function ownRepository(place: Place): Repository {
  const root = findUp('.dvc', place.folder) ?? place.folder;
  const file = join(root, '.dvc', 'config.local');
  if (!existsSync(file)) writeFileSync(file, '[cache]\n    dir = cache\n');
  return openRepository(root);
}

const objectOf = (sources: readonly Cache[], md5: string): string | undefined =>
  sources.find((cache) => cache.has(md5))?.pathOf(md5);

/** Objects that no source has. */
function lackingOf(sources: readonly Cache[], md5: string): string[] {
  const object = objectOf(sources, md5);
  if (object === undefined) return [md5];
  if (!isTreeHash(md5)) return [];
  return treeEntries(readFileSync(object, 'utf8'), md5).flatMap((entry) =>
    objectOf(sources, entry.md5) === undefined ? [entry.md5] : [],
  );
}

/** @returns the objects of it that are not what they should be */
function copyVersion(
  sources: readonly Cache[],
  md5: string,
  path: string,
  hashOf: (path: string) => string,
): string[] {
  rmSync(path, { recursive: true, force: true });
  if (!isTreeHash(md5)) return copyObject(sources, md5, path, hashOf) ? [] : [md5];
  const whole = sources.map((cache) => cache.pathOf(md5)).filter((object) => existsSync(object));
  const object = whole.find((each) => `${md5Of(readFileSync(each))}.dir` === md5) ?? whole[0] ?? '';
  const text = readFileSync(object);
  mkdirSync(path, { recursive: true });
  const bad = treeEntries(text.toString('utf8'), md5).filter(
    (entry) => !copyObject(sources, entry.md5, join(path, entry.relpath), hashOf),
  );
  return [...(`${md5Of(text)}.dir` === md5 ? [] : [md5]), ...bad.map((entry) => entry.md5)];
}

/** The first copy that is whole; else the last one, damaged as it is. */
function copyObject(
  sources: readonly Cache[],
  md5: string,
  path: string,
  hashOf: (path: string) => string,
): boolean {
  mkdirSync(dirname(path), { recursive: true });
  return sources.some((cache) => {
    if (!cache.has(md5)) return false;
    rmSync(path, { force: true });
    copyFileSync(cache.pathOf(md5), path, constants.COPYFILE_FICLONE);
    chmodSync(path, 0o644);
    return hashOf(path) === md5;
  });
}

/**
 * Fetches objects into the place's own cache, by the settings of the repository here.
 *
 * @returns what went wrong; nothing is thrown, since what is still missing is told by its name
 */
async function pull(
  place: Place,
  wanted: readonly string[],
  onProgress: (line: string) => void,
): Promise<string[]> {
  const from = findUp('.dvc', place.here ?? place.folder);
  if (from === undefined) return [];
  const own = new Cache(ownRepository(place));
  const sources = sourcesOf(place);
  try {
    const { openStore, remoteNamed } = await import('../remotes/open-store.ts');
    const store = await openStore(remoteNamed(openRepository(from).config));
    try {
      onProgress(`asking ${store.place} for ${wanted.length} objects`);
      await pullObjects(store, own, wanted);
      const inside = wanted.filter(isTreeHash).flatMap((md5) => lackingOf(sources, md5));
      await pullObjects(store, own, inside);
      return [];
    } finally {
      await store.close();
    }
  } catch (thrown) {
    return [`The remote was asked, and did not help: ${messageOf(thrown)}`];
  }
}

async function pullObjects(store: RemoteStore, own: Cache, wanted: readonly string[]): Promise<void> {
  const keyOf = new Map<string, string>(
    wanted.flatMap((md5) => [[objectKey(md5), md5] as const, [oldObjectKey(md5), md5] as const]),
  );
  const there = await store.existing([...keyOf.keys()], store.jobs);
  for (const [key, md5] of keyOf) {
    if (!there.has(key) || own.has(md5)) continue;
    const object = own.pathOf(md5);
    const draft = `${object}.draft`;
    mkdirSync(dirname(object), { recursive: true });
    rmSync(draft, { force: true });
    // what is not what its name says is found out when it is copied
    await store.get(key, draft);
    renameSync(draft, object);
  }
}
