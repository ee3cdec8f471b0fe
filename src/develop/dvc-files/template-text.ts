import { pipelineInvalid } from './dvc-errors.ts';
import { floatText } from './python-text.ts';
import { isList, isMap, textOf, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

const placeholder = /(?<!\\)\$\{(.*?)\}/g;

/** The values that `${…}` may name. */
export type Names = YamlMap;

/**
 * Replaces `${a.b[0]}` in every string of a value. A string that is one placeholder and nothing else becomes the
 * value itself; inside a longer one only plain values may stand, except a map in `cmd`, which becomes flags.
 *
 * @throws PIPELINE_INVALID naming what is not defined
 */
export function fillIn(value: YamlValue, names: Names, where: string): YamlValue {
  if (isMap(value)) {
    return new Map([...value].map(([key, item]) => [fillKey(key, names, where), fillIn(item, names, `${where}.${textOf(key) ?? ''}`)]));
  }
  if (isList(value)) return value.map((item) => fillIn(item, names, where));
  return typeof value === 'string' ? fillString(value, names, where) : value;
}

function fillKey(key: YamlScalar, names: Names, where: string): YamlScalar {
  if (typeof key !== 'string') return key;
  const filled = fillString(key, names, where);
  return isMap(filled) || isList(filled) ? key : filled;
}

function fillString(text: string, names: Names, where: string): YamlValue {
  const found = [...text.matchAll(placeholder)];
  const isCommand = where.endsWith('.cmd');
  if (found.length === 1 && found[0]?.[0] === text && !isCommand) return lookUp(found[0][1] ?? '', names, where);
  return text
    .replace(placeholder, (_, path: string) => wordsOf(lookUp(path, names, where), path, isCommand, where))
    .replaceAll('\\${', '${');
}

/** Value at `a.b[0]`. */
export function lookUp(path: string, names: Names, where: string): YamlValue {
  const keys = path.trim().replaceAll('[', '.').replaceAll(']', '').split('.');
  const found = valueAt(names, keys);
  if (found === undefined) throw pipelineInvalid(where, `\${${path}} is not defined in params.yaml or vars`);
  return found;
}

/** Value at a path of keys and list positions; undefined where there is none. */
export function valueAt(value: YamlValue, keys: readonly string[]): YamlValue | undefined {
  let at: YamlValue | undefined = value;
  for (const key of keys) {
    if (isMap(at)) at = at.get(key) ?? [...at].find(([name]) => textOf(name) === key)?.[1] ?? (at.has(key) ? null : undefined);
    else if (isList(at) && /^\d+$/.test(key)) at = at[Number(key)];
    else return undefined;
  }
  return at;
}

function wordsOf(value: YamlValue, path: string, isCommand: boolean, where: string): string {
  if (isMap(value) && isCommand) return flagsOf(value, path, where);
  if (isMap(value) || isList(value)) throw pipelineInvalid(where, `\${${path}} is a list or map, which can't stand inside a text`);
  return scalarWord(value);
}

/** As Python's `str`, except that truth is written in lower case. */
export function scalarWord(value: YamlScalar): string {
  if (value === null) return 'None';
  if (typeof value !== 'number') return String(value);
  return floatText(value).replace(/^(-?)\./, '$1');
}

/** `--key value` for each entry; true is a bare flag, false nothing, a list its items. */
function flagsOf(map: YamlMap, path: string, where: string): string {
  const flags: string[] = [];
  const add = (value: YamlValue, key: string): void => {
    if (isMap(value)) for (const [inner, item] of value) add(item, `${key === '' ? '' : `${key}.`}${textOf(inner) ?? ''}`);
    else if (isList(value)) {
      const items = value.map((item) => {
        if (isMap(item) || isList(item)) throw pipelineInvalid(where, `\${${path}} holds a list inside a list`);
        return shellWord(item);
      });
      if (items.length > 0) flags.push(`--${key} ${items.join(' ')}`);
    } else if (value === true) flags.push(`--${key}`);
    else if (value !== false) flags.push(`--${key} ${shellWord(value)}`);
  };
  add(map, '');
  return flags.join(' ');
}

function shellWord(value: YamlScalar): string {
  if (typeof value !== 'string') return value === true ? 'True' : value === false ? 'False' : scalarWord(value);
  return value !== '' && /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`;
}
