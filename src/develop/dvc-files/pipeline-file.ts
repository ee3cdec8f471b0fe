import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pipelineInvalid } from './dvc-errors.ts';
import { defaultParams } from './lock-file.ts';
import { fillIn, lookUp, scalarWord, type Names } from './template-text.ts';
import { readYamlMap } from './yaml-read.ts';
import { isList, isMap, textOf, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

export interface StageOut {
  /** as written, relative to the stage's folder */
  readonly path: string;
  /** false: left to git, hashed but not kept */
  readonly isCached: boolean;
  /** true: not deleted before the stage runs */
  readonly isKept: boolean;
  readonly kind: 'out' | 'metric' | 'plot';
}

export interface StageParams {
  /** as written, relative to the stage's folder */
  readonly file: string;
  /** empty: the whole file */
  readonly keys: readonly string[];
}

/** One stage of `dvc.yaml`, placeholders filled in. */
export interface Stage {
  readonly name: string;
  readonly cmd: string | readonly string[];
  /** absolute folder the command runs in */
  readonly folder: string;
  readonly deps: readonly string[];
  readonly params: readonly StageParams[];
  readonly outs: readonly StageOut[];
  readonly isFrozen: boolean;
  readonly isAlwaysChanged: boolean;
  readonly description: string | undefined;
}

/**
 * Stages of a `dvc.yaml` in its order; `foreach` and `matrix` give one each, named `stage@item`.
 *
 * @throws PIPELINE_INVALID, DVC_FILE_UNREADABLE
 */
export function readPipelineFile(file: string): Stage[] {
  if (!existsSync(file)) return [];
  const name = basename(file);
  const document = readYamlMap(readFileSync(file, 'utf8'), name);
  const stages = document.get('stages');
  if (!isMap(stages)) return [];
  const folder = dirname(file);
  const names = topNames(document, folder, name);
  return [...stages].flatMap(([key, definition]) => {
    const stage = textOf(key) ?? '';
    if (!isMap(definition)) throw pipelineInvalid(`${name}: stage ${stage}`, 'it should hold keys and values');
    return expand(stage, definition, names, folder, `${name}: stages.${stage}`);
  });
}

/** `params.yaml` and the `vars` of the file, later ones merged over earlier ones. */
function topNames(document: YamlMap, folder: string, name: string): Names {
  const params = join(folder, defaultParams);
  const start: Names = existsSync(params) ? readYamlMap(readFileSync(params, 'utf8'), defaultParams) : new Map();
  return withVars(start, document.get('vars'), folder, name);
}

function withVars(start: Names, vars: YamlValue | undefined, folder: string, where: string): Names {
  if (vars === undefined || vars === null) return start;
  if (!isList(vars)) throw pipelineInvalid(where, 'vars should be a list of files and maps');
  let names = start;
  for (const entry of vars) {
    if (isMap(entry)) names = merge(names, entry);
    else names = merge(names, varsOfFile(textOf(entry) ?? '', folder, where));
  }
  return names;
}

/** `f.json` or `f.json:key1,key2` */
function varsOfFile(entry: string, folder: string, where: string): Names {
  const [file = '', keys] = entry.split(':', 2);
  const path = join(folder, file);
  if (!existsSync(path)) throw pipelineInvalid(where, `the file ${file} of vars does not exist`);
  const values = readParamsFile(path);
  if (keys === undefined) return values;
  return new Map(keys.split(',').map((key) => [key.trim(), lookUp(key.trim(), values, `${where}: ${file}`)]));
}

function merge(into: Names, from: Names): Names {
  const merged = new Map<YamlScalar, YamlValue>(into);
  for (const [key, value] of from) {
    const before = merged.get(key);
    merged.set(key, isMap(before) && isMap(value) ? merge(before, value) : value);
  }
  return merged;
}

/** A YAML or JSON file of values; other formats are refused by name. */
export function readParamsFile(path: string): YamlMap {
  if (!/\.(ya?ml|json)$/i.test(path)) {
    throw pipelineInvalid(basename(path), 'only YAML and JSON files of parameters are read so far, not TOML or Python');
  }
  return readYamlMap(readFileSync(path, 'utf8'), basename(path));
}

export type ParamsReader = typeof readParamsFile;

/** Reads each file once, for as long as nothing writes: many stages share one `params.yaml`. */
export function rememberingReader(): ParamsReader {
  const known = new Map<string, YamlMap>();
  return (path) => {
    const values = known.get(path) ?? readParamsFile(path);
    known.set(path, values);
    return values;
  };
}

function expand(stage: string, definition: YamlMap, names: Names, folder: string, where: string): Stage[] {
  const foreach = definition.get('foreach');
  const matrix = definition.get('matrix');
  if (foreach !== undefined) {
    const template = definition.get('do');
    if (!isMap(template)) throw pipelineInvalid(where, 'foreach needs a do');
    return foreachItems(fillIn(foreach, names, `${where}.foreach`), where).map(([key, added]) =>
      stageOf(`${stage}@${key}`, template, replaceNames(names, added), folder, where),
    );
  }
  if (matrix !== undefined) {
    const template = new Map([...definition].filter(([key]) => key !== 'matrix'));
    return matrixItems(fillIn(matrix, names, `${where}.matrix`), where).map(([key, added]) =>
      stageOf(`${stage}@${key}`, template, replaceNames(names, added), folder, where),
    );
  }
  return [stageOf(stage, definition, names, folder, where)];
}

const replaceNames = (names: Names, added: Names): Names => new Map([...names, ...added]);

function foreachItems(items: YamlValue, where: string): [string, Names][] {
  if (isMap(items)) {
    return [...items].map(([key, value]) => {
      const word = scalarWord(key);
      return [word, new Map<YamlScalar, YamlValue>([['item', value], ['key', word]])];
    });
  }
  if (!isList(items)) throw pipelineInvalid(where, 'foreach needs a list or a map');
  const isPlain = items.every((item) => !isMap(item) && !isList(item));
  return items.map((item, at) => [isPlain && !isMap(item) && !isList(item) ? scalarWord(item) : String(at), new Map([['item', item]])]);
}

function matrixItems(axes: YamlValue, where: string): [string, Names][] {
  if (!isMap(axes)) throw pipelineInvalid(where, 'matrix needs a map of lists');
  let found: { fragments: string[]; item: [YamlScalar, YamlValue][] }[] = [{ fragments: [], item: [] }];
  for (const [axis, values] of axes) {
    if (!isList(values)) throw pipelineInvalid(where, 'matrix needs a map of lists');
    found = found.flatMap(({ fragments, item }) =>
      values.map((value, at) => {
        const fragment = isMap(value) || isList(value) ? `${textOf(axis) ?? ''}${at}` : scalarWord(value);
        return { fragments: [...fragments, fragment], item: [...item, [axis, value] as [YamlScalar, YamlValue]] };
      }),
    );
  }
  return found.map(({ fragments, item }) => {
    const key = fragments.join('-');
    return [key, new Map<YamlScalar, YamlValue>([['item', new Map(item)], ['key', key]])];
  });
}

function stageOf(name: string, template: YamlMap, names: Names, file: string, where: string): Stage {
  const written = fillIn(template.get('wdir') ?? '.', names, `${where}.wdir`);
  const folder = resolve(file, textOf(written) ?? '.');
  const local = withVars(names, template.get('vars'), folder, where);
  const filled = fillIn(new Map([...template].filter(([key]) => key !== 'vars' && key !== 'wdir')), local, where);
  if (!isMap(filled)) throw pipelineInvalid(where, 'it should hold keys and values');
  return {
    name,
    cmd: commandOf(filled.get('cmd'), where),
    folder,
    deps: listOf(filled.get('deps'), `${where}.deps`).map((one) => cleanPath(textOf(one) ?? '')),
    params: paramsOf(listOf(filled.get('params'), `${where}.params`)),
    outs: [
      ...listOf(filled.get('outs'), where).flatMap((one) => outsOf(one, 'out')),
      ...listOf(filled.get('metrics'), where).flatMap((one) => outsOf(one, 'metric')),
      ...listOf(filled.get('plots'), where).flatMap((one) => outsOf(one, 'plot')),
    ],
    isFrozen: filled.get('frozen') === true,
    isAlwaysChanged: filled.get('always_changed') === true,
    description: textOf(filled.get('desc')),
  };
}

function commandOf(cmd: YamlValue | undefined, where: string): string | string[] {
  if (isList(cmd)) return cmd.map((one) => textOf(one) ?? '');
  const text = textOf(cmd);
  if (text === undefined || text === '') throw pipelineInvalid(where, 'it has no cmd');
  return text;
}

function listOf(value: YamlValue | undefined, where: string): readonly YamlValue[] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value;
  throw pipelineInvalid(where, 'it should be a list');
}

function paramsOf(entries: readonly YamlValue[]): StageParams[] {
  const keys = new Map<string, string[]>();
  for (const entry of entries) {
    if (isMap(entry)) {
      for (const [file, names] of entry) {
        const path = cleanPath(textOf(file) ?? '');
        keys.set(path, [...(keys.get(path) ?? []), ...(isList(names) ? names.map((one) => textOf(one) ?? '') : [])]);
      }
    } else keys.set(defaultParams, [...(keys.get(defaultParams) ?? []), textOf(entry) ?? '']);
  }
  return [...keys].map(([file, names]) => ({ file, keys: [...new Set(names)] }));
}

/** `path`, or `path: {cache: false, persist: true}`, or a map of several */
function outsOf(entry: YamlValue, kind: StageOut['kind']): StageOut[] {
  if (!isMap(entry)) return [{ path: cleanPath(textOf(entry) ?? ''), isCached: true, isKept: false, kind }];
  return [...entry].map(([path, flags]) => ({
    path: cleanPath(textOf(path) ?? ''),
    isCached: !(isMap(flags) && flags.get('cache') === false),
    isKept: isMap(flags) && flags.get('persist') === true,
    kind,
  }));
}

/** `./a//b/` is `a/b` */
function cleanPath(path: string): string {
  if (path.startsWith('/')) return path;
  return relative('/x/y/z', resolve('/x/y/z', path)).split(sep).join('/') || '.';
}

/** Values of a stage's parameters as they are now: file → key → value; a key that is missing is left out. */
export function currentParams(
  stage: Stage,
  read: ParamsReader = readParamsFile,
): ReadonlyMap<string, ReadonlyMap<string, YamlValue>> {
  return new Map(
    stage.params.map(({ file, keys }) => {
      const path = join(stage.folder, file);
      if (!existsSync(path)) return [file, new Map<string, YamlValue>()];
      const values = read(path);
      const chosen = keys.length === 0 ? [...values].map(([key]) => scalarWord(key)) : keys;
      return [file, new Map(chosen.flatMap((key): [string, YamlValue][] => paramAt(values, key)))];
    }),
  );
}

function paramAt(values: YamlMap, key: string): [string, YamlValue][] {
  let at: YamlValue | undefined = values;
  for (const part of key.split('.')) {
    if (isMap(at)) at = [...at].find(([name]) => textOf(name) === part)?.[1];
    else if (isList(at) && /^\d+$/.test(part)) at = at[Number(part)];
    else at = undefined;
    if (at === undefined) return [];
  }
  return [[key, at]];
}

