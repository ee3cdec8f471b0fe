import { pythonRepr } from '../dvc-files/value-json.ts';
import {
  equalValues,
  isList,
  isMap,
  textOf,
  yamlMap,
  type YamlMap,
  type YamlScalar,
  type YamlValue,
} from '../dvc-files/yaml-value.ts';
import type { Values } from './value-files.ts';

/** One metric or param in two revisions; null where there is none. */
export interface Difference {
  readonly path: string;
  readonly key: string;
  readonly old: YamlScalar;
  readonly new: YamlScalar;
  /** of numbers only */
  readonly diff: number | bigint | undefined;
}

/** What differs between two revisions, or, with `isAll`, everything; by path and key. */
export function differencesOf(old: Values, now: Values, isAll: boolean): Difference[] {
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path) => {
    const before = flat(old, path);
    const after = flat(now, path);
    const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
    return keys.flatMap((key): Difference[] => {
      const [one, other] = [before.get(key) ?? null, after.get(key) ?? null];
      if (!isAll && equalValues(one, other)) return [];
      return [{ path, key, old: one, new: other, diff: distance(one, other) }];
    });
  });
}

function flat(values: Values, path: string): Map<string, YamlScalar> {
  const file = values.get(path);
  const found = new Map<string, YamlScalar>();
  if (file === undefined || 'error' in file) return found;
  const add = (value: YamlValue, key: string): void => {
    if (isMap(value) && value.size > 0)
      for (const [name, item] of value)
        add(item, key === '' ? (textOf(name) ?? '') : `${key}.${textOf(name) ?? ''}`);
    else found.set(key, isMap(value) || isList(value) ? pythonRepr(value) : value);
  };
  add(file.values, '');
  return found;
}

function distance(one: YamlScalar, other: YamlScalar): number | bigint | undefined {
  const [old, now] = [numberOf(one), numberOf(other)];
  if (old === undefined || now === undefined) return undefined;
  return typeof old === 'bigint' && typeof now === 'bigint' ? now - old : Number(now) - Number(old);
}

function numberOf(value: YamlScalar): number | bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
}

/** `{"params.yaml": {"lr": {"old": 0.1, "new": 0.2, "diff": 0.1}}}` */
export function differencesMap(differences: readonly Difference[]): YamlMap {
  const files = new Map<string, Map<string, YamlValue>>();
  for (const { path, key, ...one } of differences) {
    const file = files.get(path) ?? new Map<string, YamlValue>();
    file.set(key, yamlMap({ old: one.old, new: one.new, diff: one.diff }));
    files.set(path, file);
  }
  return files;
}
