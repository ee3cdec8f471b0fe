import { basename, dirname } from 'node:path';
import { pipelineInvalid } from './dvc-errors.ts';
import { paramsReader, readTextFromDisk, type ReadParams, type ReadText } from './params-file.ts';
import { lookUpIn, stageOf, type Definition } from './stage-definition.ts';
import { foreachItems, matrixItems } from './stage-groups.ts';
import type { Stage } from './stage.ts';
import { TemplateNames } from './template-names.ts';
import { fillIn, type FlagStyle } from './template-text.ts';
import { readYamlMap } from './yaml-read.ts';
import { isList, isMap, textOf, yamlMap, type YamlMap, type YamlValue } from './yaml-value.ts';

/** One `dvc.yaml`, placeholders filled in. Paths at its top are relative to its folder. */
export interface PipelineFile {
  /** absolute */
  readonly file: string;
  readonly stages: readonly Stage[];
  readonly metrics: readonly string[];
  readonly params: readonly string[];
  /** id of a plot, often its path → how it is drawn */
  readonly plots: readonly (readonly [string, YamlMap])[];
  readonly artifacts: YamlMap;
  readonly datasets: readonly YamlValue[];
}

export interface PipelineReading {
  /** of the disk, unless given: of a commit, for example */
  readonly readText?: ReadText;
  /** shared between files, so that each file of parameters is read once */
  readonly readParams?: ReadParams;
  readonly flags?: FlagStyle;
}

/**
 * Reads a `dvc.yaml`; undefined when it is not there. `foreach` and `matrix` give stages named `stage@item`.
 *
 * @param file absolute
 * @throws PIPELINE_INVALID, DVC_FILE_UNREADABLE
 */
export function readPipeline(file: string, reading: PipelineReading = {}): PipelineFile | undefined {
  const { readText = readTextFromDisk } = reading;
  const text = readText(file);
  if (text === undefined) return undefined;
  const name = basename(file);
  const document = readYamlMap(text, name);
  const names = new TemplateNames(reading.readParams ?? paramsReader(readText));
  names.loadDefault(dirname(file));
  names.loadVars(document.get('vars'), dirname(file), name);
  const top = (key: string): YamlValue =>
    fillIn(document.get(key) ?? null, {
      lookUp: (keys) => names.valueAt(keys),
      where: `${name}: ${key}`,
      allows: 'anything',
    });
  return {
    file,
    stages: stagesOf(document, names, { file, name, ...reading }),
    metrics: textsOf(top('metrics'), `${name}: metrics`),
    params: textsOf(top('params'), `${name}: params`),
    plots: plotsOf(top('plots'), `${name}: plots`),
    artifacts: mapOf(top('artifacts')),
    datasets: listOf(top('datasets'), `${name}: datasets`),
  };
}

/** The stages of a `dvc.yaml` in its order; none when it is not there. */
export const readPipelineFile = (file: string, reading: PipelineReading = {}): readonly Stage[] =>
  readPipeline(file, reading)?.stages ?? [];

function stagesOf(
  document: YamlMap,
  names: TemplateNames,
  at: { file: string; name: string; flags?: FlagStyle },
): Stage[] {
  const stages = document.get('stages') ?? new Map();
  if (!isMap(stages)) throw pipelineInvalid(at.name, 'stages should be names and their definitions');
  return [...stages].flatMap(([key, definition]) => {
    const stage = textOf(key) ?? '';
    const where = `${at.name}: stages.${stage}`;
    if (!isMap(definition)) throw pipelineInvalid(where, 'it should hold keys and values');
    return expand(stage, definition, names, {
      file: at.file,
      where,
      ...(at.flags === undefined ? {} : { flags: at.flags }),
    });
  });
}

type Place = Pick<Definition, 'file' | 'where' | 'flags'>;

function expand(name: string, definition: YamlMap, names: TemplateNames, place: Place): Stage[] {
  const used = new Map<string, Set<string>>();
  const fill = (value: YamlValue, key: string): YamlValue =>
    fillIn(value, {
      lookUp: lookUpIn(names, used),
      where: `${place.where}.${key}`,
      allows: 'anything',
    });
  const foreach = definition.get('foreach');
  const matrix = definition.get('matrix');
  if (foreach === undefined && matrix === undefined)
    return [stageOf({ ...place, name, template: definition, isGenerated: false }, names)];
  const template =
    foreach === undefined
      ? new Map([...definition].filter(([key]) => key !== 'matrix'))
      : definition.get('do');
  if (!isMap(template)) throw pipelineInvalid(place.where, 'foreach needs a do');
  const items =
    foreach === undefined
      ? matrixItems(fill(matrix ?? null, 'matrix'), place.where, matrix ?? null)
      : foreachItems(fill(foreach, 'foreach'), place.where, foreach);
  return [...items].map(([key, added]) =>
    stageOf({ ...place, name: `${name}@${key}`, template, isGenerated: true, used }, names.with(added)),
  );
}

const mapOf = (value: YamlValue): YamlMap => (isMap(value) ? value : new Map());

function listOf(value: YamlValue, where: string): readonly YamlValue[] {
  if (value === null) return [];
  if (isList(value)) return value;
  throw pipelineInvalid(where, 'it should be a list');
}

const textsOf = (value: YamlValue, where: string): string[] =>
  listOf(value, where).map((one) => textOf(one) ?? '');

/** `- path`, `- id: {x: …, y: …}` or, as older files have it, a map of ids */
function plotsOf(value: YamlValue, where: string): (readonly [string, YamlMap])[] {
  const entries = isMap(value) ? [value] : listOf(value, where);
  return entries.flatMap((entry) =>
    isMap(entry)
      ? [...entry].map(([id, fields]) => [textOf(id) ?? '', mapOf(fields)] as const)
      : [[textOf(entry) ?? '', yamlMap({})] as const],
  );
}
