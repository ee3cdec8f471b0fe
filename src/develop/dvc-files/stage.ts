import { resolve } from 'node:path';
import { isUrl } from './dvc-file.ts';
import type { ReadParams } from './params-file.ts';
import { scalarWord } from './template-text.ts';
import type { UsedParams } from './template-names.ts';
import { isList, isMap, textOf, type YamlMap, type YamlValue } from './yaml-value.ts';

export interface StageOut {
  /** as written, relative to the stage's folder */
  readonly path: string;
  /** false: left to git, hashed but not kept */
  readonly isCached: boolean;
  /** true: not deleted before the stage runs */
  readonly isKept: boolean;
  readonly kind: 'out' | 'metric' | 'plot';
  /** all flags as written: cache, persist, remote, push, desc, type, labels, meta, and of plots x, y, template, … */
  readonly flags: YamlMap;
}

export interface StageParams {
  /** as written, relative to the stage's folder */
  readonly file: string;
  /** empty: the whole file */
  readonly keys: readonly string[];
}

/** One stage of a `dvc.yaml`, placeholders filled in. */
export interface Stage {
  /** `train`, `train@1`; the only one of its name in its file */
  readonly name: string;
  /** its `dvc.yaml`, absolute */
  readonly file: string;
  /** absolute folder the command runs in */
  readonly folder: string;
  readonly cmd: string | readonly string[];
  readonly deps: readonly string[];
  readonly params: readonly StageParams[];
  readonly outs: readonly StageOut[];
  readonly isFrozen: boolean;
  readonly isAlwaysChanged: boolean;
  readonly description: string | undefined;
  /** written with `foreach` or `matrix` or with placeholders: it can't be rewritten from what it became */
  readonly isParametrized: boolean;
  /** parameters that its placeholders took */
  readonly used: UsedParams;
}

/** Absolute path of a dependency, output or parameter file of a stage; a URL stays one. */
export const stagePath = (stage: Pick<Stage, 'folder'>, path: string): string =>
  isUrl(path) ? path : resolve(stage.folder, path);

/** A stage that neither reads nor makes anything: dvc runs it every time. */
export const isCallback = (stage: Stage): boolean =>
  stage.deps.length === 0 && stage.params.length === 0 && stage.outs.length === 0;

export const runsAlways = (stage: Stage): boolean => stage.isAlwaysChanged || isCallback(stage);

/** Values of a stage's parameters as they are now: file → key → value; a key that is missing is left out. */
export function currentParams(
  stage: Stage,
  read: ReadParams,
): ReadonlyMap<string, ReadonlyMap<string, YamlValue>> {
  return new Map(
    stage.params.map(({ file, keys }) => {
      const values = read(stagePath(stage, file));
      if (values === undefined) return [file, new Map<string, YamlValue>()];
      const chosen =
        keys.length === 0
          ? [...values.entries()].map(([key, value]): [string, YamlValue] => [scalarWord(key), value])
          : keys.flatMap((key) => paramAt(values, key));
      return [file, new Map(chosen)];
    }),
  );
}

/** `train.layers.0` of a file of parameters: none or one. */
export function paramAt(values: YamlMap, key: string): [string, YamlValue][] {
  let at: YamlValue | undefined = values;
  for (const part of key.split('.')) {
    if (isMap(at)) at = at.has(part) ? at.get(part) : [...at].find(([name]) => textOf(name) === part)?.[1];
    else if (isList(at) && /^\d+$/.test(part)) at = at[Number(part)];
    else at = undefined;
    if (at === undefined) return [];
  }
  return [[key, at]];
}
