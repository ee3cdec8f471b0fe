import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findUp } from '../../platform/home.ts';
import { declarationFile } from '../../start/project/declaration-file.ts';
import { openRepository, repositoryPath, type Repository } from '../dvc-files/repository.ts';
import { measureOut } from '../dvc-files/measured-out.ts';
import { stagePath } from '../dvc-files/stage.ts';
import { readIndex, type Recorded } from '../dvc-files/stored.ts';
import { Workspace } from '../dvc-files/workspace.ts';
import { fitting, type Gathered } from './gather-source.ts';

/** Data that is larger is taken to be what its `.dvc` file says: hashing it would make the command wait for seconds. */
const mostHashedBytes = 1_000_000_000;
const mostTags = 100;

/**
 * The version of all data that is there: what `.dvc` files record, and outputs of stages that other stages read. Which of it a
 * command reads is not known, so that all of it is recorded.
 */
export async function gatherData(folder: string): Promise<Gathered['tags']> {
  const root = findUp('.dvc', folder);
  if (root === undefined) return {};
  try {
    const repository = openRepository(folder);
    const present = readData(repository).filter(({ path }) => existsSync(path));
    const names = await namesOfDatasets(folder);
    const tags: Record<string, string> = {};
    for (const { path, md5 } of present.slice(0, mostTags)) {
      if (md5 === undefined) continue;
      const name = names.get(path);
      tags[name === undefined ? `tilth.data.${tagPathOf(repositoryPath(repository, path))}` : `tilth.dataset.${name}`] = md5;
    }
    const changed = changedOf(repository, present);
    if (changed.length > 0) tags['tilth.changed_data'] = fitting(changed.map(({ path }) => path));
    for (const { path, md5 } of changed.slice(0, mostTags)) if (md5 !== undefined) tags[`tilth.found_data.${tagPathOf(path)}`] = md5;
    return tags;
  } catch {
    // a broken file of dvc's is told by `tilth data status`; the command does not wait for it to be mended
    return {};
  }
}

/** Versioned data that a command may read: of `.dvc` files, and what a stage made for another one. */
export function readData(repository: Repository): Recorded[] {
  const { stages, outs } = readIndex(repository);
  const read = new Set(stages.flatMap(({ record }) => (record.kind === 'stage' ? record.stage.deps.map((dep) => stagePath(record.stage, dep)) : [])));
  return outs.filter(({ source, path, isCached, isInside }) => isInside && (source.kind === 'dvc-file' || (isCached && read.has(path))));
}

/** path → name of the datasets that `tilth.yaml` declares */
export async function namesOfDatasets(folder: string): Promise<ReadonlyMap<string, string>> {
  const root = findUp(declarationFile, folder);
  if (root === undefined) return new Map();
  const { readDeclaration } = await import('../../start/project/declaration.ts');
  return new Map(Object.entries(readDeclaration(root)?.datasets ?? {}).map(([name, { path }]) => [join(root, path), name]));
}

/** A path as the key of a tag, which has fewer letters. */
export const tagPathOf = (path: string): string => path.replaceAll(/[^\p{L}\p{N}_/.\- :]/gu, '_').slice(0, 230);

/** What is not as it was recorded, with the hash that it has instead. */
function changedOf(repository: Repository, present: readonly Recorded[]): { path: string; md5: string | undefined }[] {
  const isSmall = present.reduce((sum, { size }) => sum + (size ?? 0), 0) <= mostHashedBytes;
  if (!isSmall) return [];
  const workspace = new Workspace(repository);
  try {
    return present.flatMap((recorded) => {
      const found = measureOut(workspace, recorded)?.md5;
      return found === recorded.md5 ? [] : [{ path: repositoryPath(repository, recorded.path), md5: found }];
    });
  } finally {
    workspace.close();
  }
}
