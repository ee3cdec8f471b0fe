import { pipelineInvalid } from './dvc-errors.ts';
import { floatText } from './python-text.ts';
import { isList, isMap, textOf, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

const placeholder = /(?<!\\)\$\{(.*?)\}/g;
const grammar = /^[^.[\]]+(?:\.[^.[\]]+|\[[^.[\]]+\])*$/;

/** Finds the value that a placeholder names; undefined when nobody defined it. */
export type LookUp = (keys: readonly string[]) => YamlValue | undefined;

/** How a map in `cmd` becomes flags: dvc's `parsing.bool` and `parsing.list` settings. */
export interface FlagStyle {
  readonly bool: 'store_true' | 'boolean_optional';
  readonly list: 'nargs' | 'append';
}

export const usualFlags: FlagStyle = { bool: 'store_true', list: 'nargs' };

interface Filling {
  readonly lookUp: LookUp;
  /** for messages: `dvc.yaml: stages.train.cmd` */
  readonly where: string;
  /** whether a map or list may take the place of a whole string, and a map that of flags */
  readonly allows: 'scalars' | 'scalars and flags' | 'anything';
  readonly flags?: FlagStyle;
}

/**
 * Replaces `${a.b[0]}` in every string of a value, keys too. A string that is one placeholder and nothing else becomes
 * the value itself.
 *
 * @throws PIPELINE_INVALID naming what is not defined
 */
export function fillIn(value: YamlValue, filling: Filling): YamlValue {
  if (isMap(value))
    return new Map([...value].map(([key, item]) => [fillKey(key, filling), fillIn(item, filling)]));
  if (isList(value)) return value.map((item) => fillIn(item, filling));
  return typeof value === 'string' ? fillString(value, filling) : value;
}

function fillKey(key: YamlScalar, filling: Filling): YamlScalar {
  if (typeof key !== 'string') return key;
  const filled = fillString(key, filling);
  if (isMap(filled) || isList(filled))
    throw pipelineInvalid(filling.where, `${key} is a list or map, which can't be a key`);
  return filled;
}

function fillString(text: string, filling: Filling): YamlValue {
  if (!text.includes('${')) return text;
  const found = [...text.matchAll(placeholder)];
  const { allows, where, flags = usualFlags } = filling;
  const valueOf = (path: string): YamlValue => {
    const value = find(path, filling);
    const isWhole = isMap(value) || isList(value);
    if (!isWhole || allows === 'anything' || (allows === 'scalars and flags' && isMap(value))) return value;
    throw pipelineInvalid(where, `\${${path}} is a list or map, which can't stand here`);
  };
  if (found.length === 1 && found[0]?.[0] === text) {
    const value = valueOf(found[0][1] ?? '');
    // a command is a text in any case
    return isMap(value) && allows === 'scalars and flags' ? flagsOf(value, text, where, flags) : value;
  }
  return text
    .replace(placeholder, (_, path: string) => {
      const value = valueOf(path);
      if (isMap(value)) return flagsOf(value, path, where, flags);
      if (isList(value))
        throw pipelineInvalid(where, `\${${path}} is a list, which can't stand inside a text`);
      return scalarWord(value);
    })
    .replaceAll('\\${', '${');
}

function find(path: string, { lookUp, where }: Filling): YamlValue {
  if (!grammar.test(path)) throw pipelineInvalid(where, `\${${path}} is not of the form \${a.b[0]}`);
  const found = lookUp(keysOf(path));
  if (found === undefined) throw pipelineInvalid(where, `\${${path}} is not defined in params.yaml or vars`);
  return found;
}

/** `a.b[0]` is a, b, 0 */
export const keysOf = (path: string): string[] =>
  path
    .replaceAll('[', '.')
    .replaceAll(']', '')
    .split('.')
    .map((key) => key.trim());

/** @throws PIPELINE_INVALID where a text that may not be filled in has a placeholder */
export function requirePlainText(value: YamlValue | undefined, where: string): void {
  if (isMap(value))
    for (const [key, item] of value) [key, item].forEach((one) => requirePlainText(one, where));
  else if (isList(value)) value.forEach((one) => requirePlainText(one, where));
  else if (typeof value === 'string' && value.search(placeholder) !== -1)
    throw pipelineInvalid(where, `${value} can't have placeholders here`);
}

/** Value at a path of keys and list positions, which may count from the end; undefined where there is none. */
export function valueAt(value: YamlValue, keys: readonly string[]): YamlValue | undefined {
  let at: YamlValue | undefined = value;
  for (const key of keys) {
    if (isMap(at)) at = at.get(key);
    else if (isList(at) && /^-?\d+$/.test(key)) at = at.at(Number(key));
    else return undefined;
  }
  return at;
}

/** As Python's `str`, except that truth is written in lower case. */
export function scalarWord(value: YamlScalar): string {
  if (value === null) return 'None';
  if (typeof value !== 'number') return String(value);
  return floatText(value).replace(/^(-?)\./, '$1');
}

/** `--key value` for each entry; true is a bare flag, false nothing, a list its items. */
function flagsOf(map: YamlMap, path: string, where: string, style: FlagStyle): string {
  const flags: string[] = [];
  const add = (value: YamlValue, key: string): void => {
    if (isMap(value))
      for (const [inner, item] of value) add(item, `${key === '' ? '' : `${key}.`}${textOf(inner) ?? ''}`);
    else if (isList(value)) {
      const items = value.map((item) => {
        if (isMap(item) || isList(item))
          throw pipelineInvalid(where, `\${${path}} holds a list inside a list`);
        return shellWord(item);
      });
      if (style.list === 'append') flags.push(...items.map((item) => `--${key} ${item}`));
      else if (items.length > 0) flags.push(`--${key} ${items.join(' ')}`);
    } else if (value === true) flags.push(`--${key}`);
    else if (value === false) flags.push(...(style.bool === 'boolean_optional' ? [`--no-${key}`] : []));
    else flags.push(`--${key} ${shellWord(value)}`);
  };
  add(map, '');
  return flags.join(' ');
}

function shellWord(value: YamlScalar): string {
  if (typeof value !== 'string')
    return value === true ? 'True' : value === false ? 'False' : scalarWord(value);
  return value !== '' && /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`;
}
