import { join, normalize } from 'node:path';
import { pipelineInvalid } from './dvc-errors.ts';
import { defaultParams } from './lock-file.ts';
import type { ReadParams } from './params-file.ts';
import { requirePlainText, valueAt } from './template-text.ts';
import { isList, isMap, textOf, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

/** A file of parameters that placeholders took values from, with the dotted keys that they took. */
export type UsedParams = ReadonlyMap<string, ReadonlySet<string>>;

/** The values that `${…}` may name: `params.yaml` beside the `dvc.yaml`, its `vars`, a stage's own `vars`, `item` and `key`. */
export class TemplateNames {
  #values: YamlMap = new Map();
  /** file → the keys loaded from it, undefined for all */
  readonly #loaded = new Map<string, Set<string> | undefined>();
  readonly #files = new Map<string, YamlMap>();
  readonly #read: ReadParams;
  readonly #reserved: readonly string[];

  constructor(read: ReadParams, reserved: readonly string[] = []) {
    this.#read = read;
    this.#reserved = reserved;
  }

  valueAt(keys: readonly string[]): YamlValue | undefined {
    return valueAt(this.#values, keys);
  }

  /** A copy that also knows `added`; these can't be defined anew. */
  with(added: YamlMap = new Map()): TemplateNames {
    const copy = new TemplateNames(this.#read, [...this.#reserved, ...[...added.keys()].map(String)]);
    copy.#values = added.size === 0 ? this.#values : new Map([...this.#values, ...added]);
    for (const [file, keys] of this.#loaded)
      copy.#loaded.set(file, keys === undefined ? undefined : new Set(keys));
    for (const [file, values] of this.#files) copy.#files.set(file, values);
    return copy;
  }

  /** `params.yaml` where it exists. */
  loadDefault(folder: string): void {
    const values = this.#read(join(folder, defaultParams));
    if (values === undefined) return;
    this.#loaded.set(join(folder, defaultParams), undefined);
    this.#add(values, defaultParams, defaultParams, join(folder, defaultParams));
  }

  /** @throws PIPELINE_INVALID where a file is missing or a name is there already */
  loadVars(vars: YamlValue | undefined, folder: string, where: string): void {
    if (vars === undefined || vars === null) return;
    if (!isList(vars)) throw pipelineInvalid(where, 'vars should be a list of files and maps');
    requirePlainText(vars, `${where}.vars`);
    for (const [at, entry] of vars.entries()) {
      if (isMap(entry)) this.#add(entry, `vars[${at}]`, where);
      else this.#loadFile(textOf(entry) ?? '', folder, where);
    }
  }

  /** `f.json` or `f.json:key1,key2` */
  #loadFile(entry: string, folder: string, where: string): void {
    const colon = entry.indexOf(':');
    const file = colon === -1 ? entry : entry.slice(0, colon);
    const keys =
      colon === -1
        ? []
        : entry
            .slice(colon + 1)
            .split(',')
            .filter((key) => key !== '');
    const path = normalize(join(folder, file));
    if (this.#loaded.has(path)) {
      const before = this.#loaded.get(path);
      if (before === undefined && keys.length === 0) return;
      if (before === undefined || keys.length === 0 || keys.some((key) => before.has(key))) {
        throw pipelineInvalid(
          where,
          `cannot load '${entry}' of vars, as the file is loaded already, wholly or in part`,
        );
      }
    }
    const values = this.#read(path);
    if (values === undefined) throw pipelineInvalid(where, `the file ${file} of vars does not exist`);
    const missing = keys.find((key) => !values.has(key));
    if (missing !== undefined) throw pipelineInvalid(where, `${file} of vars has no ${missing}`);
    this.#add(
      keys.length === 0 ? values : new Map(keys.map((key) => [key, values.get(key) ?? null])),
      file,
      where,
      path,
    );
    this.#loaded.set(
      path,
      keys.length === 0 ? undefined : new Set([...(this.#loaded.get(path) ?? []), ...keys]),
    );
  }

  #add(values: YamlMap, source: string, where: string, path?: string): void {
    const reserved = [...values.keys()].find((key) => this.#reserved.includes(String(key)));
    if (reserved !== undefined)
      throw pipelineInvalid(where, `${source} can't define ${String(reserved)} in a foreach or matrix`);
    if (path !== undefined)
      this.#files.set(
        path,
        merge(this.#files.get(path) ?? new Map<YamlScalar, YamlValue>(), values, source, where),
      );
    this.#values = merge(this.#values, values, source, where);
  }

  /** The files, and the dotted keys of all single values, that a placeholder's value comes from; none for local ones. */
  sourcesOf(keys: readonly string[]): { file: string; key: string }[] {
    if (this.#reserved.includes(keys[0] ?? '')) return [];
    return [...this.#files].flatMap(([file, values]) =>
      leafKeys(valueAt(values, keys), keys.join('.')).map((key) => ({ file, key })),
    );
  }
}

function leafKeys(value: YamlValue | undefined, key: string): string[] {
  if (value === undefined) return [];
  if (isMap(value)) return [...value].flatMap(([name, item]) => leafKeys(item, `${key}.${String(name)}`));
  return isList(value) ? value.flatMap((item, at) => leafKeys(item, `${key}.${at}`)) : [key];
}

function merge(into: YamlMap, from: YamlMap, source: string, where: string): YamlMap {
  const merged = new Map<YamlScalar, YamlValue>(into);
  for (const [key, value] of from) {
    // dvc ignores other keys, which a placeholder could not name
    if (typeof key !== 'string') continue;
    const before = merged.get(key);
    if (isMap(before) && isMap(value)) merged.set(key, merge(before, value, source, where));
    else if (before !== undefined)
      throw pipelineInvalid(where, `cannot redefine '${key}' from '${source}', as it already exists`);
    else merged.set(key, value);
  }
  return merged;
}
