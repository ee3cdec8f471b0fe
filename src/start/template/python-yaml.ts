import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Pair, type Scalar } from 'yaml';
import { Float, str, type Value } from './jinja/values.ts';

/**
 * A YAML document as PyYAML's safe loader reads it: the scalars of YAML 1.1, so that `yes` is true, `010` is eight and `1:30`
 * is ninety. Dates become the text that Python prints for them.
 *
 * @throws Error when it can't be read
 * @see https://yaml.org/type/
 */
export function parsePythonYaml(text: string): Value {
  const unprintable = /[^\t\n\r -~\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.exec(text);
  if (unprintable !== null) throw new Error('special characters are not allowed');
  const documents = parseAllDocuments(text.replace(/^\uFEFF/, ''), {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    merge: false,
    logLevel: 'silent',
  });
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined) return null;
  if (second !== undefined) throw new Error('it holds more than one document');
  const [fault] = document.errors;
  if (fault !== undefined) throw fault;
  const follow = (node: unknown, depth: number): Value => {
    if (depth > 100) throw new Error('it is nested too deeply');
    if (node === null || node === undefined) return null;
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) throw new Error(`found undefined alias ${node.source}`);
      return follow(target, depth + 1);
    }
    if (isSeq(node)) return node.items.map((item) => follow(item, depth + 1));
    if (isMap(node)) return mapping(node.items, (child) => follow(child, depth + 1));
    if (isScalar(node)) return scalar(node, text);
    throw new Error('it holds something unknown');
  };
  return follow(document.contents, 0);
}

function mapping(pairs: readonly Pair<unknown, unknown>[], follow: (node: unknown) => Value): Value {
  const own = new Map<Value, Value>();
  const merged: Map<Value, Value>[] = [];
  for (const { key, value } of pairs) {
    if (isScalar(key) && key.type === 'PLAIN' && key.value === '<<') {
      const from = follow(value);
      const each = Array.isArray(from) ? from : [from];
      for (const one of each) {
        if (!(one instanceof Map)) throw new Error('expected a mapping for merging');
        merged.push(one);
      }
      continue;
    }
    const isValueKey = isScalar(key) && key.type === 'PLAIN' && key.value === '=';
    own.set(isValueKey ? '=' : follow(key), follow(value));
  }
  // of several the first counts, and what stands here goes before them all
  const all = new Map<Value, Value>();
  for (const one of merged.toReversed()) for (const [key, value] of one) all.set(key, value);
  for (const [key, value] of own) all.set(key, value);
  return all;
}

const core = 'tag:yaml.org,2002:';

function scalar(node: Scalar, source: string): Value {
  const value = typeof node.value === 'string' ? node.value : '';
  // PyYAML adds no line end to a block that the end of the file cuts off
  const isCutOff = node.type?.startsWith('BLOCK') === true && !source.endsWith('\n');
  const text = isCutOff && (node.range?.[1] ?? 0) >= source.length ? value.replace(/\n$/, '') : value;
  const isPlain = node.type === 'PLAIN' || node.type === undefined;
  const tag = node.tag?.startsWith(core) === true ? node.tag.slice(core.length) : undefined;
  if (node.tag !== undefined && tag === undefined)
    throw new Error(`could not determine a constructor for the tag '${node.tag}'`);
  const kind = tag ?? (isPlain ? plainKind(text) : 'str');
  switch (kind) {
    case 'str':
      return text;
    case 'null':
      return null;
    case 'bool':
      return /^(?:yes|true|on)$/i.test(text);
    case 'int':
      return whole(text);
    case 'float':
      return fraction(text);
    case 'timestamp':
      return pythonTime(text);
    default:
      throw new Error(`could not determine a constructor for the tag '${core}${kind}'`);
  }
}

// the last two have a meaning as keys only
type Kind = 'merge' | 'value' | 'str' | 'null' | 'bool' | 'int' | 'float' | 'timestamp';

const kinds: readonly (readonly [Kind, RegExp])[] = [
  ['merge', /^<<$/],
  ['value', /^=$/],
  ['bool', /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    'float',
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    'int',
    /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  ['null', /^(?:~|null|Null|NULL|)$/],
  [
    'timestamp',
    /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$/,
  ],
];

const plainKind = (text: string): Kind => kinds.find(([, pattern]) => pattern.test(text))?.[0] ?? 'str';

function whole(text: string): Value {
  const digits = text.replaceAll('_', '');
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/.exec(digits) ?? [];
  let value: bigint;
  if (/^0[bx]/.test(rest)) value = BigInt(rest);
  else if (/^0./.test(rest)) value = BigInt(`0o${rest.slice(1)}`);
  else if (rest.includes(':')) value = rest.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
  else value = BigInt(rest);
  if (sign === '-') value = -value;
  // beyond what a number holds exactly, its text is all that is ever rendered of it
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

function fraction(text: string): Value {
  const digits = text.replaceAll('_', '').toLowerCase();
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/.exec(digits) ?? [];
  const factor = sign === '-' ? -1 : 1;
  if (rest === '.inf') return new Float(factor * Infinity);
  if (rest === '.nan') return new Float(NaN);
  const size = rest.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  if (Number.isNaN(size)) throw new Error(`could not convert string to float: ${text}`);
  return new Float(factor * size);
}

/** `str()` of the date or datetime that PyYAML makes of a timestamp. */
function pythonTime(text: string): string {
  const parts =
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d*))?(?:[ \t]*(?:(Z)|([-+])(\d{1,2})(?::(\d{2}))?))?)?$/.exec(
      text,
    );
  if (parts === null) throw new Error(`${text} is no timestamp`);
  const [, year = '', month = '', day = '', hour, minute, second, part, utc, sign, zoneHour, zoneMinute] =
    parts;
  const two = (digits: string | undefined): string => (digits ?? '').padStart(2, '0');
  const date = `${year}-${two(month)}-${two(day)}`;
  const isReal =
    !Number.isNaN(Date.parse(`${date}T00:00:00Z`)) &&
    new Date(`${date}T00:00:00Z`).toISOString().startsWith(date) &&
    Number(hour ?? 0) < 24 &&
    Number(minute ?? 0) < 60 &&
    Number(second ?? 0) < 60;
  if (!isReal) throw new Error(`${text} is no time that there is`);
  if (hour === undefined) return date;
  const micro = (part ?? '').slice(0, 6).padEnd(6, '0');
  const zone =
    utc !== undefined
      ? '+00:00'
      : sign === undefined
        ? ''
        : `${sign}${two(zoneHour)}:${two(zoneMinute ?? '0')}`;
  return `${date} ${two(hour)}:${two(minute)}:${two(second)}${Number(micro) === 0 ? '' : `.${micro}`}${zone}`;
}

/** The keys of a mapping as Python's `str()` makes them. */
export const withTextKeys = (value: Value): Map<string, Value> | undefined =>
  value instanceof Map ? new Map([...value].map(([key, item]) => [str(key), item])) : undefined;
