import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from './dvc-file.ts';
import { compareCodePoints } from './python-text.ts';
import type { Content } from './workspace.ts';
import { readYamlMap } from './yaml-read.ts';
import { isList, isMap, textOf, yamlMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

export interface LockedPath extends Content {
  readonly path: string;
}

/** What a stage ran with and made, the last time. */
export interface LockedStage {
  readonly cmd: string | readonly string[];
  readonly deps: readonly LockedPath[];
  /** file → key → value */
  readonly params: ReadonlyMap<string, ReadonlyMap<string, YamlValue>>;
  readonly outs: readonly LockedPath[];
}

/** Stages of `dvc.lock` by name; an absent file has none. */
export function readLockFile(file: string): ReadonlyMap<string, LockedStage> {
  const stages = readStages(file);
  return new Map([...stages].flatMap(([name, stage]) => (isMap(stage) ? [[String(name), lockedStageOf(stage)]] : [])));
}

/** Replaces one stage in `dvc.lock` and leaves all others, in their order, as they are. */
export function writeLockedStage(file: string, name: string, stage: LockedStage): void {
  const before = existsSync(file) ? readYamlMap(readFileSync(file, 'utf8'), file) : new Map<YamlScalar, YamlValue>();
  const document = new Map(before.size === 0 ? [['schema', '2.0']] : before) as Map<YamlScalar, YamlValue>;
  document.set('stages', new Map([...readStages(file), [name, stageValue(stage)]]));
  const text = writeYaml(document);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) replaceFile(file, text);
}

function readStages(file: string): YamlMap {
  if (!existsSync(file)) return new Map();
  const stages = readYamlMap(readFileSync(file, 'utf8'), file).get('stages');
  return isMap(stages) ? stages : new Map();
}

function stageValue(stage: LockedStage): YamlMap {
  const params = [...stage.params]
    .sort(([left], [right]) => Number(right === defaultParams) - Number(left === defaultParams) || compareCodePoints(left, right))
    .map(([file, values]): [string, YamlMap] => [
      file,
      new Map([...values].sort(([left], [right]) => compareCodePoints(left, right))),
    ]);
  return yamlMap({
    cmd: stage.cmd,
    deps: pathsValue(stage.deps),
    params: params.length === 0 ? undefined : new Map(params),
    outs: pathsValue(stage.outs),
  });
}

export const defaultParams = 'params.yaml';

const pathsValue = (paths: readonly LockedPath[]): YamlValue | undefined =>
  paths.length === 0
    ? undefined
    : paths
        .toSorted((left, right) => compareCodePoints(left.path, right.path))
        .map(({ path, md5, size, nfiles }) =>
          yamlMap({ path, hash: 'md5', md5, size: BigInt(size), nfiles: nfiles === undefined ? undefined : BigInt(nfiles) }),
        );

function lockedStageOf(stage: YamlMap): LockedStage {
  const cmd = stage.get('cmd');
  const params = stage.get('params');
  return {
    cmd: isList(cmd) ? cmd.map((one) => textOf(one) ?? '') : (textOf(cmd) ?? ''),
    deps: pathsOf(stage.get('deps')),
    outs: pathsOf(stage.get('outs')),
    params: isMap(params)
      ? new Map([...params].map(([file, values]) => [String(file), isMap(values) ? stringKeys(values) : new Map<string, YamlValue>()]))
      : new Map(),
  };
}

const stringKeys = (map: YamlMap): ReadonlyMap<string, YamlValue> =>
  new Map([...map].map(([key, value]) => [String(key), value]));

const pathsOf = (value: YamlValue | undefined): LockedPath[] =>
  (isList(value) ? value : []).filter(isMap).map((entry) => {
    const nfiles = entry.get('nfiles');
    return {
      path: textOf(entry.get('path')) ?? '',
      md5: textOf(entry.get('md5')) ?? '',
      size: Number(entry.get('size') ?? 0),
      ...(typeof nfiles === 'bigint' ? { nfiles: Number(nfiles) } : {}),
    };
  });
