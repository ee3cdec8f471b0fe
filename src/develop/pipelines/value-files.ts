import { basename, dirname, join, relative, resolve } from 'node:path';
import { Cache } from '../dvc-files/cache.ts';
import { revisionTree, workingTree } from '../dvc-files/file-tree.ts';
import { parseParams } from '../dvc-files/params-file.ts';
import { readPipeline, type PipelineFile } from '../dvc-files/pipeline-file.ts';
import { recordedText } from '../dvc-files/recorded-text.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { paramAt, stagePath } from '../dvc-files/stage.ts';
import { readIndex, textIn, type Index } from '../dvc-files/stored.ts';
import { isMap, type YamlMap, type YamlScalar, type YamlValue } from '../dvc-files/yaml-value.ts';
import { defaultParams } from '../dvc-files/lock-file.ts';
import { messageOf } from '../../platform/errors.ts';

/** What a file of metrics or params holds, or why it could not be read. */
export type FileValues = { readonly values: YamlValue } | { readonly error: string };

/** Path, as the person sees it → its values. */
export type Values = ReadonlyMap<string, FileValues>;

export interface ValueScope {
  /** where the person stands */
  readonly folder: string;
  /** only these files */
  readonly targets?: readonly string[];
}

/** One revision of a repository, with what its `dvc.yaml` files say at their top. */
export interface Revision {
  readonly index: Index;
  readonly files: readonly PipelineFile[];
}

/** @param name what git understands; `workspace` is the working tree */
export function openRevision(repository: Repository, name: string): Revision {
  const tree = name === 'workspace' ? workingTree(repository) : revisionTree(repository, name);
  const index = readIndex(repository, tree);
  const readText = textIn(repository, tree);
  const files = [...tree.list()].flatMap((path) =>
    basename(path) === 'dvc.yaml' ? (readPipeline(join(repository.root, path), { readText }) ?? []) : [],
  );
  return { index, files };
}

/** Numbers and words of all metrics files. */
export function metricsAt({ index, files }: Revision, { folder, targets = [] }: ValueScope): Values {
  const known = [
    ...index.outs.filter(({ kind }) => kind === 'metric').map(({ path }) => path),
    ...files.flatMap((file) => file.metrics.map((path) => resolve(dirname(file.file), path))),
  ];
  const wanted = targets.map((target) => resolve(folder, target));
  return readAll(index, folder, chosen(known, wanted), metricsOnly);
}

/**
 * Params that stages have, those in `params.yaml`, and files of params at the top of a `dvc.yaml`.
 *
 * @param isDepsOnly only what stages have
 */
export function paramsAt(
  { index, files }: Revision,
  { folder, targets = [] }: ValueScope,
  isDepsOnly = false,
): Values {
  const wholly = new Set<string>();
  const keys = new Map<string, Set<string>>();
  const addKey = (path: string, key: string): void =>
    void keys.set(path, (keys.get(path) ?? new Set()).add(key));
  if (!isDepsOnly) {
    for (const { file, params } of files) for (const path of params) wholly.add(resolve(dirname(file), path));
    for (const folderOf of new Set([index.repository.root, ...files.map(({ file }) => dirname(file))]))
      wholly.add(join(folderOf, defaultParams));
  }
  for (const { record } of index.stages) {
    if (record.kind !== 'stage') continue;
    for (const { file, keys: named } of record.stage.params) {
      const path = stagePath(record.stage, file);
      if (named.length === 0) wholly.add(path);
      for (const key of named) addKey(path, key);
    }
    if (!isDepsOnly) for (const [path, used] of record.stage.used) for (const key of used) addKey(path, key);
  }
  const wanted = targets.map((target) => resolve(folder, target));
  for (const target of wanted) wholly.add(target);
  const found = readAll(
    index,
    folder,
    chosen([...new Set([...wholly, ...keys.keys()])], wanted),
    (values, path) =>
      wholly.has(path) || !isMap(values)
        ? values
        : new Map([...(keys.get(path) ?? [])].flatMap((key) => nested(values, key))),
  );
  return new Map(
    [...found].filter(
      ([path, file]) => !('error' in file && file.error === notThere && wholly.has(resolve(folder, path))),
    ),
  );
}

const nested = (values: YamlMap, key: string): [YamlScalar, YamlValue][] => paramAt(values, key);

function chosen(known: readonly string[], wanted: readonly string[]): string[] {
  if (wanted.length === 0) return [...new Set(known)];
  return [
    ...new Set([
      ...wanted,
      ...known.filter((path) => wanted.some((one) => path === one || path.startsWith(`${one}/`))),
    ]),
  ];
}

const notThere = 'it is not there';

function readAll(
  index: Index,
  folder: string,
  paths: readonly string[],
  select: (values: YamlValue, path: string) => YamlValue,
): Values {
  const cache = new Cache(index.repository);
  try {
    return new Map(paths.map((path) => [relative(folder, path), readOne(index, cache, path, select)]));
  } finally {
    cache.close();
  }
}

function readOne(
  index: Index,
  cache: Cache,
  path: string,
  select: (values: YamlValue, path: string) => YamlValue,
): FileValues {
  try {
    const text = recordedText(index, cache, path);
    return text === undefined
      ? { error: notThere }
      : { values: select(parseParams(text, basename(path)), path) };
  } catch (reason) {
    return { error: messageOf(reason) };
  }
}

/** dvc shows numbers, words and truths, also in maps, and nothing else. */
function metricsOnly(value: YamlValue): YamlValue {
  if (!isMap(value)) return value;
  return new Map(
    [...value].flatMap(([key, item]): [YamlScalar, YamlValue][] => {
      if (item === null || Array.isArray(item)) return [];
      const kept = metricsOnly(item);
      return isMap(kept) && kept.size === 0 ? [] : [[key, kept]];
    }),
  );
}
