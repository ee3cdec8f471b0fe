import type { Document, Node, Scalar } from 'yaml';
import { fileUnreadable } from './dvc-errors.ts';
import { yamlPackage } from './lazy-packages.ts';
import { readPlainYaml } from './yaml-plain.ts';
import { isList, isMap as isYamlMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

const booleans = /^(?:true|True|TRUE|false|False|FALSE)$/;
const nulls = /^(?:~|null|Null|NULL|)$/;
const integers = /^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$/;
const floats =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const dates =
  /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/;

/** What an unquoted word is under YAML 1.2, as DVC's parser decides it. */
export function kindOfPlain(text: string): 'null' | 'bool' | 'float' | 'int' | 'date' | 'special' | 'string' {
  if (nulls.test(text)) return 'null';
  if (booleans.test(text)) return 'bool';
  if (floats.test(text)) return 'float';
  if (/^[-+0-9]/.test(text) && integers.test(text)) return 'int';
  if (dates.test(text)) return 'date';
  return text === '<<' || text === '=' ? 'special' : 'string';
}

/**
 * Reads YAML as DVC does: version 1.2, integers and floats kept apart.
 *
 * @param name of the file, for messages
 * @throws DVC_FILE_UNREADABLE
 */
export function readYaml(text: string, name: string): YamlValue {
  const plain = readPlainYaml(text, (word) => plainScalar(word, name));
  return plain === undefined ? readAnyYaml(text, name) : plain;
}

/** The same by a parser of the whole of YAML. */
export function readAnyYaml(text: string, name: string): YamlValue {
  const document = yamlPackage().parseDocument(text, { schema: 'failsafe', merge: false, uniqueKeys: true });
  const fault = document.errors[0];
  if (fault !== undefined) throw fileUnreadable(name, fault.message);
  return document.contents === null ? null : convert(document.contents, document, name);
}

/** The same for a file that holds a map; an empty file is an empty map. */
export function readYamlMap(text: string, name: string): YamlMap {
  const value = readYaml(text, name) ?? new Map();
  if (isYamlMap(value)) return value;
  throw fileUnreadable(name, 'it should hold keys and values');
}

function convert(node: Node, document: Document, name: string): YamlValue {
  const { isAlias, isMap, isScalar, isSeq } = yamlPackage();
  if (isAlias(node)) {
    const target = node.resolve(document);
    if (target === undefined) throw fileUnreadable(name, `the alias *${node.source} has no anchor`);
    return convert(target, document, name);
  }
  if (isScalar(node)) return scalarOf(node, name);
  // an alias is the very value that it names, so that it is written as an alias again
  const known = converted.get(node);
  if (known !== undefined) return known;
  if (isSeq(node)) return keep(node, node.items.map((item) => convert(item as Node, document, name)));
  if (!isMap(node)) throw fileUnreadable(name, 'it holds something that is neither map, list nor scalar');
  const map = new Map<YamlScalar, YamlValue>();
  for (const { key, value } of node.items) {
    const at = convert(key as Node, document, name);
    if (isYamlMap(at) || isList(at)) throw fileUnreadable(name, 'a key is a list or map');
    const held = value === null ? null : convert(value as Node, document, name);
    if (at === '<<' && isYamlMap(held)) merge(map, held);
    else map.set(at, held);
  }
  return keep(node, map);
}

const converted = new WeakMap<Node, YamlMap | readonly YamlValue[]>();

function keep<T extends YamlMap | readonly YamlValue[]>(node: Node, value: T): T {
  converted.set(node, value);
  return value;
}

function merge(into: Map<YamlScalar, YamlValue>, from: YamlMap): void {
  for (const [key, value] of from) if (!into.has(key)) into.set(key, value);
}

function scalarOf(node: Scalar, name: string): YamlScalar {
  const text = typeof node.value === 'string' ? node.value : '';
  if (node.type !== undefined && node.type !== 'PLAIN') return text;
  return plainScalar(text, name);
}

/** What a word without quotes stands for. */
function plainScalar(text: string, name: string): YamlScalar {
  switch (kindOfPlain(text)) {
    case 'null':
      return null;
    case 'bool':
      return text.toLowerCase() === 'true';
    case 'int':
      return integerOf(text.replaceAll('_', ''));
    case 'float':
      return floatOf(text.replaceAll('_', '').toLowerCase());
    case 'date':
      throw fileUnreadable(name, `the date ${text} is not quoted; DVC refuses dates`);
    default:
      return text;
  }
}

function integerOf(text: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n;
  const digits = text.replace(/^[-+]/, '');
  return sign * BigInt(/^0[box]/.test(digits) ? digits : digits.replace(/^0+(?=\d)/, ''));
}

function floatOf(text: string): number {
  if (text.endsWith('.inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return text === '.nan' ? NaN : Number(text);
}
