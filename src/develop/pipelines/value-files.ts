import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { Cache } from '../dvc-files/cache.ts';
import { revisionTree, workingTree } from '../dvc-files/file-tree.ts';
import { parseValues, readTextFromDisk } from '../dvc-files/params-file.ts';
import { readPipeline, type PipelineFile } from '../dvc-files/pipeline-file.ts';
import { filesAt, recordedText } from '../dvc-files/recorded-text.ts';
import type { Repository } from '../dvc-files/repository.ts';
import { paramAt, stagePath } from '../dvc-files/stage.ts';
import { readableIndex, textIn, type Index } from '../dvc-files/stored.ts';
import { isWithin } from '../dvc-files/targets.ts';
import { isMap, type YamlMap, type YamlScalar, type YamlValue } from '../dvc-files/yaml-value.ts';
import { defaultParams } from '../dvc-files/lock-file.ts';
import { messageOf } from '../../platform/errors.ts';

/** What a file of metrics or params holds, or why it could not be read: a class of dvc's errors, and words. */
export type FileValues = { readonly values: YamlValue } | { readonly error: FileFault };

export interface FileFault {
  readonly type: string;
  readonly message: string;
}

/** Path, as the person sees it → its values. */
export type Values = ReadonlyMap<string, FileValues>;

export type ValueKind = 'metrics' | 'params';

export interface ValueScope {
  /** where the person stands */
  readonly folder: string;
  /** only these files */
  readonly targets?: readonly string[];
  /** of params, only those that stages depend on */
  readonly isDepsOnly?: boolean;
}

/** One revision of a repository, with what its `dvc.yaml` files say at their top. */
export interface Revision {
  readonly index: Index;
  readonly files: readonly PipelineFile[];
}

/** @param name what git understands; `workspace` is the working tree */
export function openRevision(repository: Repository, name: string): Revision {
  const tree = name === 'workspace' ? workingTree(repository) : revisionTree(repository, name);
  const index = readableIndex(repository, tree);
  const readText = textIn(repository, tree);
  const isBroken = (file: string): boolean => index.broken.some((one) => one.file === file);
  const files = [...tree.list()].flatMap((path) => {
    const file = join(repository.root, path);
    return basename(path) !== 'dvc.yaml' || isBroken(file) ? [] : (readPipeline(file, { readText }) ?? []);
  });
  return { index, files };
}

/** Metrics, or params, that a revision has. */
export const valuesAt = (kind: ValueKind, revision: Revision, scope: ValueScope): Values =>
  new Map([
    ...(kind === 'metrics' ? metricsAt(revision, scope) : paramsAt(revision, scope)),
    // what its records would have named can't be known, but that there is something
    ...revision.index.broken.map(({ file, reason }): [string, FileValues] => [
      relative(scope.folder, file),
      { error: { type: 'YAMLFileCorruptedError', message: messageOf(reason) } },
    ]),
  ]);

/** Numbers and words of all metrics files. */
function metricsAt({ index, files }: Revision, { folder, targets = [] }: ValueScope): Values {
  const known = [
    ...index.outs.filter(({ kind }) => kind === 'metric').map(({ path }) => path),
    ...files.flatMap((file) => file.metrics.map((path) => resolve(dirname(file.file), path))),
  ];
  const wanted = targets.map((target) => resolve(folder, target));
  return readAll(index, folder, chosen(known, wanted), metricsOnly);
}

/** Params that stages have, those in `params.yaml`, and files of params at the top of a `dvc.yaml`. */
function paramsAt(
  { index, files }: Revision,
  { folder, targets = [], isDepsOnly = false }: ValueScope,
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
  const isWhole = (path: string): boolean => [...wholly].some((one) => isWithin(path, one));
  const found = readAll(
    index,
    folder,
    chosen([...new Set([...wholly, ...keys.keys()])], wanted),
    (values, path) =>
      isWhole(path) || !isMap(values) ? values : chosenKeys(values, keys.get(path) ?? []),
  );
  return new Map(
    [...found].filter(
      ([path, file]) => !('error' in file && file.error.type === notThere && wholly.has(resolve(folder, path))),
    ),
  );
}

/** Those of `a.b` in the maps that they stand in. */
function chosenKeys(values: YamlMap, keys: Iterable<string>): YamlMap {
  const found = new Map<YamlScalar, YamlValue>();
  for (const [key, value] of [...keys].flatMap((one) => paramAt(values, one))) {
    const names = key.split('.');
    let at = found;
    for (const name of names.slice(0, -1)) {
      const known = at.get(name);
      const next = new Map<YamlScalar, YamlValue>(known !== undefined && isMap(known) ? known : []);
      at.set(name, next);
      at = next;
    }
    at.set(names.at(-1) ?? '', value);
  }
  return found;
}

function chosen(known: readonly string[], wanted: readonly string[]): string[] {
  if (wanted.length === 0) return [...new Set(known)];
  return [
    ...new Set([
      ...wanted,
      ...known.filter((path) => wanted.some((one) => path === one || path.startsWith(`${one}/`))),
    ]),
  ];
}

const notThere = 'FileNotFoundError';

function readAll(
  index: Index,
  folder: string,
  paths: readonly string[],
  select: (values: YamlValue, path: string) => YamlValue,
): Values {
  const cache = new Cache(index.repository);
  try {
    const files = new Set(paths.flatMap((path) => filesAt(index, cache, path)));
    return new Map([...files].map((path) => [relative(folder, path), readOne(index, cache, path, select)]));
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
    return valuesIn(recordedText(index, cache, path), path, select);
  } catch (reason) {
    return { error: { type: 'FileMissingError', message: messageOf(reason) } };
  }
}

function valuesIn(
  text: string | undefined,
  path: string,
  select: (values: YamlValue, path: string) => YamlValue,
): FileValues {
  if (text === undefined) return { error: { type: notThere, message: `${basename(path)} is not there` } };
  try {
    return { values: select(parseValues(text, basename(path)) ?? new Map(), path) };
  } catch (reason) {
    const format = formats[extname(path).toLowerCase()] ?? 'YAML';
    return { error: { type: `${format}FileCorruptedError`, message: messageOf(reason) } };
  }
}

const formats: Readonly<Record<string, string>> = { '.json': 'JSON', '.toml': 'TOML', '.py': 'Python' };

/** What files hold where nothing is versioned. */
export const valuesOutside = (kind: ValueKind, { folder, targets = [] }: ValueScope): Values =>
  new Map(
    targets.map((target) => {
      const path = resolve(folder, target);
      return [relative(folder, path), valuesIn(readTextFromDisk(path), path, kind === 'metrics' ? metricsOnly : (values) => values)];
    }),
  );

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
