import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';
import { replaceFile } from '../dvc-files/dvc-file.ts';
import { pipelineInvalid } from '../dvc-files/dvc-errors.ts';
import { compareCodePoints } from '../dvc-files/python-text.ts';
import { defaultParams } from '../dvc-files/lock-file.ts';
import { editYaml } from '../dvc-files/yaml-edit.ts';
import { readYamlMap } from '../dvc-files/yaml-read.ts';
import { isMap, yamlMap, type YamlMap, type YamlScalar, type YamlValue } from '../dvc-files/yaml-value.ts';
import { writeYaml } from '../dvc-files/yaml-write.ts';
import { stageExists, stageNameInvalid } from './pipeline-errors.ts';

export interface NewOut {
  readonly path: string;
  readonly kind: 'out' | 'metric' | 'plot';
  readonly isCached: boolean;
  readonly isKept: boolean;
}

/** A stage as somebody writes it on a command line. */
export interface NewStage {
  readonly name: string;
  readonly cmd: string | readonly string[];
  /** relative to the `dvc.yaml` */
  readonly wdir: string | undefined;
  readonly deps: readonly string[];
  /** file → keys; none means the whole file */
  readonly params: ReadonlyMap<string, readonly string[]>;
  readonly outs: readonly NewOut[];
  readonly isAlwaysChanged: boolean;
  readonly description: string | undefined;
}

/** A stage as dvc writes it into `dvc.yaml`. */
export function stageFields(stage: NewStage): YamlMap {
  const outsOf = (kind: NewOut['kind']): YamlValue | undefined => {
    const outs = stage.outs
      .filter((out) => out.kind === kind)
      .toSorted((one, other) => compareCodePoints(one.path, other.path));
    return outs.length === 0 ? undefined : outs.map(outValue);
  };
  const params = paramsValue(stage.params);
  return yamlMap({
    desc: stage.description,
    cmd: stage.cmd,
    wdir: stage.wdir === undefined || stage.wdir === '' || stage.wdir === '.' ? undefined : stage.wdir,
    deps: stage.deps.length === 0 ? undefined : stage.deps.toSorted(compareCodePoints),
    params: params.length === 0 ? undefined : params,
    outs: outsOf('out'),
    metrics: outsOf('metric'),
    plots: outsOf('plot'),
    always_changed: stage.isAlwaysChanged ? true : undefined,
  });
}

function outValue({ path, isCached, isKept }: NewOut): YamlValue {
  const flags = yamlMap({ cache: isCached ? undefined : false, persist: isKept ? true : undefined });
  return flags.size === 0 ? path : new Map([[path, flags]]);
}

function paramsValue(params: NewStage['params']): YamlValue[] {
  const files = [...params].sort(([one], [other]) => compareCodePoints(one, other));
  const usual = files
    .filter(([file, keys]) => file === defaultParams && keys.length > 0)
    .flatMap(([, keys]) => keys.toSorted(compareCodePoints));
  const others = files
    .filter(([file, keys]) => file !== defaultParams || keys.length === 0)
    .map(
      ([file, keys]) =>
        new Map<YamlScalar, YamlValue>([[file, keys.length === 0 ? null : keys.toSorted(compareCodePoints)]]),
    );
  return [...usual, ...others];
}

/**
 * Writes a stage into a `dvc.yaml`; comments and other stages stay as they are.
 *
 * @throws STAGE_EXISTS, STAGE_NAME_INVALID
 */
export function writeStage(file: string, stage: NewStage, isForced: boolean): 'added' | 'changed' {
  if (/[!"#$%&'()*+,./:;<=>?@[\\\]^`{|}~]/.test(stage.name) || stage.name === '')
    throw stageNameInvalid(stage.name);
  const before = readMap(file);
  const stages = before.get('stages');
  const known: YamlMap = isMap(stages) ? stages : new Map();
  if (known.has(stage.name) && !isForced) throw stageExists(stage.name, relative(process.cwd(), file));
  save(file, before, new Map([...known, [stage.name, stageFields(stage)]]));
  return known.has(stage.name) ? 'changed' : 'added';
}

/**
 * Freezes a stage, or lets it run again.
 *
 * @param name as written: of a group, the group
 */
export function writeFrozen(file: string, name: string, isFrozen: boolean): void {
  const before = readMap(file);
  const stages = before.get('stages');
  const stage = isMap(stages) ? stages.get(name) : undefined;
  if (!isMap(stages) || !isMap(stage))
    throw pipelineInvalid(
      basename(file),
      `the stage ${name} was made by a foreach, a matrix or a placeholder, and can't be changed alone`,
    );
  const kept = [...stage].filter(([key]) => key !== 'frozen');
  const now = new Map<YamlScalar, YamlValue>(isFrozen ? [...kept, ['frozen', true]] : kept);
  save(file, before, new Map([...stages].map(([key, value]) => [key, key === name ? now : value])));
}

function readMap(file: string): YamlMap {
  if (!existsSync(dirname(file))) throw pipelineInvalid(basename(file), `${dirname(file)} does not exist`);
  return existsSync(file) ? readYamlMap(readFileSync(file, 'utf8'), basename(file)) : new Map();
}

function save(file: string, before: YamlMap, stages: YamlMap): void {
  const after = new Map<YamlScalar, YamlValue>([...before, ['stages', stages]]);
  replaceFile(
    file,
    before.size === 0 ? writeYaml(after) : editYaml(readFileSync(file, 'utf8'), basename(file), after),
  );
}
