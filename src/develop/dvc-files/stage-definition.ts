import { dirname, resolve } from 'node:path';
import { pipelineInvalid } from './dvc-errors.ts';
import { defaultParams } from './lock-file.ts';
import { stagePath, type Stage, type StageOut, type StageParams } from './stage.ts';
import type { TemplateNames, UsedParams } from './template-names.ts';
import { fillIn, usualFlags, type FlagStyle } from './template-text.ts';
import { equalValues, isList, isMap, textOf, type YamlMap, type YamlValue } from './yaml-value.ts';

const stageKeys = new Set([
  'cmd',
  'wdir',
  'deps',
  'params',
  'vars',
  'outs',
  'metrics',
  'plots',
  'frozen',
  'meta',
  'desc',
  'always_changed',
]);

export interface Definition {
  readonly name: string;
  readonly template: YamlMap;
  /** the `dvc.yaml`, absolute */
  readonly file: string;
  /** for messages: `dvc.yaml: stages.train` */
  readonly where: string;
  readonly isGenerated: boolean;
  readonly flags?: FlagStyle;
  /** parameters that its group took */
  readonly used?: UsedParams;
}

/**
 * One stage, its placeholders filled in.
 *
 * @throws PIPELINE_INVALID
 */
export function stageOf(definition: Definition, names: TemplateNames): Stage {
  const { name, template, file, where, flags = usualFlags } = definition;
  const unknown = [...template.keys()].find((key) => !stageKeys.has(String(key)));
  if (unknown !== undefined)
    throw pipelineInvalid(where, `it has a key that stages don't have: ${String(unknown)}`);
  const written = fillIn(template.get('wdir') ?? '.', {
    lookUp: lookUpIn(names),
    where: `${where}.wdir`,
    allows: 'scalars',
  });
  const folder = resolve(dirname(file), textOf(written) ?? '.');
  const used = new Map([...(definition.used ?? [])].map(([from, keys]) => [from, new Set(keys)]));
  const local = template.has('vars') ? names.with() : names;
  local.loadVars(template.get('vars'), folder, where);
  const filled = new Map<string, YamlValue>();
  for (const [key, value] of template) {
    if (key === 'vars' || key === 'wdir') continue;
    const allows = key === 'cmd' ? 'scalars and flags' : 'scalars';
    filled.set(
      String(key),
      fillIn(value, { lookUp: lookUpIn(local, used), where: `${where}.${String(key)}`, allows, flags }),
    );
  }
  const stage: Stage = {
    name,
    file,
    folder,
    cmd: commandOf(filled.get('cmd'), where),
    deps: listOf(filled.get('deps'), `${where}.deps`).map((one) => pathOf(one, `${where}.deps`)),
    params: paramsOf(listOf(filled.get('params'), `${where}.params`)),
    outs: (['outs', 'metrics', 'plots'] as const).flatMap((key) =>
      listOf(filled.get(key), `${where}.${key}`).flatMap((one) => outsOf(one, kinds[key], `${where}.${key}`)),
    ),
    isFrozen: filled.get('frozen') === true,
    isAlwaysChanged: filled.get('always_changed') === true,
    description: textOf(filled.get('desc')),
    isParametrized:
      definition.isGenerated ||
      template.has('vars') ||
      !equalValues(
        new Map(template),
        new Map([...(template.has('wdir') ? ([['wdir', written]] as const) : []), ...filled]),
      ),
    used,
  };
  requireOnce(stage, where);
  return stage;
}

const kinds = { outs: 'out', metrics: 'metric', plots: 'plot' } as const;

/** @param used gets the parameters that are looked up */
export function lookUpIn(
  names: TemplateNames,
  used?: Map<string, Set<string>>,
): (keys: readonly string[]) => YamlValue | undefined {
  return (keys) => {
    const found = names.valueAt(keys);
    if (used !== undefined)
      for (const { file, key } of names.sourcesOf(keys))
        used.set(file, (used.get(file) ?? new Set()).add(key));
    return found;
  };
}

function commandOf(cmd: YamlValue | undefined, where: string): string | string[] {
  if (isList(cmd) && cmd.length > 0) return cmd.map((one) => textOf(one) ?? '');
  const text = textOf(cmd);
  if (text === undefined || text === '') throw pipelineInvalid(where, 'it has no cmd');
  return text;
}

function listOf(value: YamlValue | undefined, where: string): readonly YamlValue[] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value;
  throw pipelineInvalid(where, 'it should be a list');
}

function pathOf(value: YamlValue, where: string): string {
  const path = textOf(value);
  if (path === undefined || path === '') throw pipelineInvalid(where, 'it should be a list of paths');
  return path;
}

function paramsOf(entries: readonly YamlValue[]): StageParams[] {
  const keys = new Map<string, string[]>();
  for (const entry of entries) {
    if (isMap(entry)) {
      for (const [file, names] of entry) {
        const path = textOf(file) ?? '';
        keys.set(path, [
          ...(keys.get(path) ?? []),
          ...(isList(names) ? names.map((one) => textOf(one) ?? '') : []),
        ]);
      }
    } else keys.set(defaultParams, [...(keys.get(defaultParams) ?? []), textOf(entry) ?? '']);
  }
  return [...keys].map(([file, names]) => ({ file, keys: [...new Set(names)] }));
}

/** `path`, or `path: {cache: false, persist: true}`, or a map of several; a plot may have a list of flags */
function outsOf(entry: YamlValue, kind: StageOut['kind'], where: string): StageOut[] {
  if (!isMap(entry))
    return [{ path: pathOf(entry, where), isCached: true, isKept: false, kind, flags: new Map() }];
  return [...entry].map(([path, written]) => {
    const first = isList(written) ? written[0] : written;
    if (first === null || !isMap(first))
      throw pipelineInvalid(where, `${textOf(path) ?? ''}: it should hold flags such as cache: false`);
    const flags: YamlMap = first;
    requireFlags(flags, kind, `${where}: ${textOf(path) ?? ''}`);
    return {
      path: pathOf(path, where),
      isCached: flags.get('cache') !== false,
      isKept: flags.get('persist') === true,
      kind,
      flags,
    };
  });
}

const switches = new Set(['cache', 'persist', 'checkpoint', 'push', 'header']);
const texts = new Set(['remote', 'desc', 'type']);
const flagsOfOuts = new Set([...switches, ...texts, 'labels', 'meta']);
const flagsOfPlots = new Set([...flagsOfOuts, 'template', 'x', 'y', 'x_label', 'y_label', 'title']);

/** A flag that dvc does not know makes it refuse the whole file, so that it must not pass here either. */
function requireFlags(flags: YamlMap, kind: StageOut['kind'], where: string): void {
  for (const [key, value] of flags) {
    const name = textOf(key) ?? '';
    if (!(kind === 'plot' ? flagsOfPlots : flagsOfOuts).has(name) || (name === 'header' && kind !== 'plot'))
      throw pipelineInvalid(where, `an output has no flag ${name}`);
    if (switches.has(name) && typeof value !== 'boolean')
      throw pipelineInvalid(where, `${name} should be true or false`);
    if (texts.has(name) && typeof value !== 'string')
      throw pipelineInvalid(where, `${name} should be a text`);
  }
}

/** A path twice in one stage could not be told apart in `dvc.lock`. */
function requireOnce(stage: Stage, where: string): void {
  const deps = new Set(stage.deps.map((path) => stagePath(stage, path)));
  const outs = new Set<string>();
  for (const { path } of stage.outs) {
    const at = stagePath(stage, path);
    if (deps.has(at)) throw pipelineInvalid(where, `${path} is both an output and a dependency`);
    if (outs.has(at)) throw pipelineInvalid(where, `the output ${path} is written twice`);
    outs.add(at);
  }
  if (deps.size < stage.deps.length) {
    const twice = stage.deps.find(
      (path, at) =>
        stage.deps.findIndex((other) => stagePath(stage, other) === stagePath(stage, path)) !== at,
    );
    throw pipelineInvalid(where, `the dependency ${twice ?? ''} is written twice`);
  }
}
