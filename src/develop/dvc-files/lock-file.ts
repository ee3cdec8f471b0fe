import { hashNameOf, replaceFile, type HashName } from './dvc-file.ts';
import { readTextFromDisk, type ReadText } from './params-file.ts';
import { compareCodePoints } from './python-text.ts';
import type { Content } from './content.ts';
import { readYamlMap } from './yaml-read.ts';
import {
  isList,
  isMap,
  textOf,
  yamlMap,
  type YamlMap,
  type YamlScalar,
  type YamlValue,
} from './yaml-value.ts';
import { writeYaml } from './yaml-write.ts';

export interface LockedPath extends Content {
  readonly path: string;
  /** absent: md5 of the bytes as they are */
  readonly hashName?: HashName;
}

/** What a stage ran with and made, the last time. */
export interface LockedStage {
  readonly cmd: string | readonly string[];
  readonly deps: readonly LockedPath[];
  /** file → key → value */
  readonly params: ReadonlyMap<string, ReadonlyMap<string, YamlValue>>;
  readonly outs: readonly LockedPath[];
}

/** The lock beside a `dvc.yaml`. */
export const lockFileOf = (pipelineFile: string): string => pipelineFile.replace(/\.ya?ml$/, '.lock');

/** Stages of a `dvc.lock` by name; an absent file has none. */
export function readLockFile(
  file: string,
  readText: ReadText = readTextFromDisk,
): ReadonlyMap<string, LockedStage> {
  const text = readText(file);
  const stages = text === undefined ? undefined : readYamlMap(text, file).get('stages');
  if (!isMap(stages)) return new Map();
  return new Map(
    [...stages].flatMap(([name, stage]) => (isMap(stage) ? [[String(name), lockedStageOf(stage)]] : [])),
  );
}

/**
 * Replaces one stage in `dvc.lock` and leaves all others, in their order, as they are.
 *
 * @returns whether the file is new, now says something else, or said it already
 */
export function writeLockedStage(file: string, name: string, stage: LockedStage): 'new' | 'changed' | 'same' {
  return changeStages(file, (stages) => new Map([...stages, [name, lockValue(stage)]]));
}

/** Takes a stage out of `dvc.lock`. */
export function removeLockedStage(file: string, name: string): void {
  if (readTextFromDisk(file) !== undefined)
    changeStages(file, (stages) => new Map([...stages].filter(([key]) => key !== name)));
}

function changeStages(file: string, change: (stages: YamlMap) => YamlMap): 'new' | 'changed' | 'same' {
  const text = readTextFromDisk(file);
  const before = text === undefined ? new Map<YamlScalar, YamlValue>() : readYamlMap(text, file);
  const document = new Map<YamlScalar, YamlValue>(before.size === 0 ? [['schema', '2.0']] : before);
  const stages = before.get('stages');
  document.set('stages', change(isMap(stages) ? stages : new Map()));
  const written = writeYaml(document);
  if (text === written) return 'same';
  replaceFile(file, written);
  return text === undefined ? 'new' : 'changed';
}

/** A stage as `dvc.lock` and the run cache keep it. */
export function lockValue(stage: LockedStage): YamlMap {
  const params = [...stage.params]
    .sort(
      ([left], [right]) =>
        Number(right === defaultParams) - Number(left === defaultParams) || compareCodePoints(left, right),
    )
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
        .map(({ path, md5, size, nfiles, isExec }) =>
          yamlMap({
            path,
            hash: 'md5',
            md5,
            size: BigInt(size),
            nfiles: nfiles === undefined ? undefined : BigInt(nfiles),
            isexec: isExec,
          }),
        );

export function lockedStageOf(stage: YamlMap): LockedStage {
  const cmd = stage.get('cmd');
  const params = stage.get('params');
  return {
    cmd: isList(cmd) ? cmd.map((one) => textOf(one) ?? '') : (textOf(cmd) ?? ''),
    deps: pathsOf(stage.get('deps')),
    outs: pathsOf(stage.get('outs')),
    params: isMap(params)
      ? new Map(
          [...params].map(([file, values]) => [
            String(file),
            isMap(values) ? stringKeys(values) : new Map<string, YamlValue>(),
          ]),
        )
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
      ...(hashNameOf(entry) === 'md5' ? {} : { hashName: 'md5-dos2unix' as const }),
      ...(typeof nfiles === 'bigint' ? { nfiles: Number(nfiles) } : {}),
      ...(entry.get('isexec') === true ? { isExec: true as const } : {}),
    };
  });
