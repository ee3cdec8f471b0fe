import { readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { call } from '../../platform/client.ts';
import { messageOf } from '../../platform/errors.ts';
import { note, type CommonFlags } from '../../platform/terminal.ts';
import { declaredDatasets, type DeclaredDataset } from '../contracts/declared-datasets.ts';
import { pathMissing } from '../dvc-files/dvc-errors.ts';
import { IgnoreRules } from '../dvc-files/ignore-rules.ts';
import { openRepository, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { listFiles } from '../dvc-files/data-walk.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import type { DataProfile, FileEntry, NewDataProfileBody } from './profile-api.ts';
import { classifyProfile } from './profile.ts';
import type { ProfiledFile } from './profile-tables.ts';
import { cachedFiles, profileVersion } from './profile-version.ts';

const listedFiles = 5000;
const longestContract = 262_144;
const noticedMs = 1000;

export interface LocalProfile {
  /** null for a path that is no declared dataset */
  readonly dataset: string | null;
  readonly profile: DataProfile;
  /** with the values of classified columns masked: what may leave this machine */
  readonly body: NewDataProfileBody;
}

/**
 * Counts what a declared dataset or a path holds, as it lies in the cache, else in the working tree.
 *
 * @param word name of a dataset, or a path
 * @param md5 of a version in the cache; what is in the working tree when not given
 * @throws DATA_PATH_MISSING
 */
export async function localProfile(folder: string, word: string, md5?: string): Promise<LocalProfile> {
  const repository = openRepository(folder);
  const datasets = await declaredDatasets(folder);
  const dataset =
    datasets.find(({ name }) => name === word) ??
    datasets.find((one) => resolve(one.root, one.path) === resolve(folder, word));
  const path = dataset === undefined ? resolve(folder, word) : resolve(dataset.root, dataset.path);
  const version = md5 ?? measure(repository, path);
  const files =
    cachedFiles(repository, version, path) ??
    (md5 === undefined || measure(repository, path) === md5 ? workingFiles(repository, path) : undefined);
  if (files === undefined)
    throw pathMissing(`${repositoryPath(repository, path)}, as its version ${version.slice(0, 12)},`);
  const profile = await noticed(`Counting what ${word} holds`, profileVersion(repository, version, files));
  const text = dataset?.contractFile === undefined ? null : readFileSync(dataset.contractFile, 'utf8');
  const classes =
    text === null || dataset === undefined ? new Map<string, string>() : await classesOf(text, dataset);
  const entries = files.map(({ relpath, md5: own, size }): FileEntry => [relpath, own, size]);
  return {
    dataset: dataset?.name ?? null,
    profile,
    body: {
      profile: classifyProfile(profile, classes, dataset?.classification ?? null),
      files: entries.slice(0, listedFiles),
      filesLeftOut: Math.max(0, entries.length - listedFiles),
      contract: text !== null && Buffer.byteLength(text) <= longestContract ? text : null,
    },
  };
}

function measure(repository: Repository, path: string): string {
  const workspace = new Workspace(repository);
  try {
    const content = workspace.measure(path);
    if (content === undefined) throw pathMissing(repositoryPath(repository, path));
    return content.md5;
  } finally {
    workspace.close();
  }
}

/** Files that were never added: their md5s are not told, only their sizes. */
function workingFiles(repository: Repository, path: string): ProfiledFile[] {
  if (!statSync(path).isDirectory())
    return [{ relpath: basename(path), path, md5: '', size: statSync(path).size }];
  return listFiles(path, new IgnoreRules(repository.root)).map((file) => ({ ...file, md5: '' }));
}

/** Column → its class in the contract; a contract that can't be read has been refused before. */
async function classesOf(text: string, dataset: DeclaredDataset): Promise<Map<string, string>> {
  const { readContract } = await import('../contracts/contract.ts');
  const { tables } = readContract(text, dataset.name);
  return new Map(
    tables.flatMap(({ properties }) =>
      properties.flatMap(({ column, classification }): [string, string][] =>
        classification === undefined ? [] : [[column, classification]],
      ),
    ),
  );
}

async function noticed<T>(words: string, work: Promise<T>): Promise<T> {
  const timer = process.stderr.isTTY ? setTimeout(() => note(`${words} …`), noticedMs) : undefined;
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** Sends what a version holds to the server, which has the version; a profile that can't be made is no reason to fail. */
export async function sendProfile(
  flags: CommonFlags,
  folder: string,
  dataset: string,
  md5: string,
): Promise<boolean> {
  try {
    const { body } = await localProfile(folder, dataset, md5);
    await call(flags, 'PUT', `/api/v1/datasets/${encodeURIComponent(dataset)}/versions/${md5}/profile`, body);
    return true;
  } catch (reason) {
    note(`The server has no profile of this version of ${dataset}: ${messageOf(reason)}`);
    return false;
  }
}
