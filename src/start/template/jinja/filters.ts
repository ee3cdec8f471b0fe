import { randomInt } from 'node:crypto';
import { EngineCannot, TemplateFault, UndefinedUsed } from './faults.ts';
import { fixedText, roundFloat } from './float-text.ts';
import { formatPercent } from './format.ts';
import { isLower, isUpper } from './methods.ts';
import { arithmetic } from './operators.ts';
import { slugify } from './slugify.ts';
import { capitalizeText, centerText, replaceText, spaces, splitLines, splitWords, strip } from './text.ts';
import {
  Callable,
  DictView,
  Float,
  Generator,
  Group,
  Markup,
  Range,
  Undefined,
  className,
  compare,
  contains,
  defined,
  dumpJson,
  equal,
  isIterable,
  isList,
  iterate,
  keyOf,
  length,
  numeric,
  repr,
  str,
  truth,
  tuple,
  whole,
  type Keywords,
  type Value,
} from './values.ts';
import { wrapText } from './wrap-text.ts';

/** What a filter may ask of the engine that runs it. */
export interface FilterWorld {
  item(of: Value, key: Value): Value;
  attribute(of: Value, name: string): Value | undefined;
  filter(name: string, of: Value, args: readonly Value[], keywords: Keywords): Value;
  test(name: string, of: Value, args: readonly Value[], keywords: Keywords): boolean;
}

/** Positional and keyword arguments brought into the order of the filter's parameters. */
type Given = readonly (Value | undefined)[];
interface Filter {
  /** `!` marks one that must be given, `*` alone any number of them */
  readonly parameters: readonly string[];
  readonly run: (
    of: Value,
    given: Given,
    world: FilterWorld,
    rest: { args: readonly Value[]; keywords: Keywords },
  ) => Value;
}
const filter = (parameters: string, run: Filter['run']): Filter => ({
  parameters: parameters === '' ? [] : parameters.split(' '),
  run,
});

const number = (value: Value | undefined, otherwise: number): number => {
  if (value === undefined) return otherwise;
  const known = numeric(defined(value));
  if (known === undefined) throw new TemplateFault(`must be a number, not ${className(value)}`);
  return known.value;
};
const wholeNumber = (value: Value | undefined, otherwise: number): number => {
  if (value instanceof Float) throw new TemplateFault("'float' object cannot be interpreted as an integer");
  return number(value, otherwise);
};
const flag = (value: Value | undefined, otherwise = false): boolean =>
  value === undefined ? otherwise : truth(value);
const given = (value: Value | undefined): value is Value => value !== undefined && value !== null;
const lowered = (value: Value): Value => (typeof value === 'string' ? value.toLowerCase() : value);
const textOf = (value: Value): string => {
  const known = defined(value);
  if (typeof known !== 'string') throw new TemplateFault(`expected a text, got ${className(known)}`);
  return known;
};

/** The value of `a.b.0`, as `map(attribute=…)` and `sort(attribute=…)` take it. */
function path(of: Value, attribute: Value | undefined, world: FilterWorld, otherwise?: Value): Value {
  if (!given(attribute)) return of;
  const parts: Value[] =
    typeof attribute === 'string'
      ? attribute.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
      : [attribute];
  return parts.reduce<Value>((at, part) => {
    const found = world.item(at, part);
    return found instanceof Undefined && given(otherwise) ? otherwise : found;
  }, of);
}

function sorted(items: Value[], key: (item: Value) => Value, isReversed: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Python sorts backwards by turning the list around, before and after
  if (isReversed) keyed.reverse();
  keyed.sort((a, b) => compare(a.key, b.key));
  if (isReversed) keyed.reverse();
  return keyed.map(({ item }) => item);
}

function unique(items: Value[], key: (item: Value) => Value): Value[] {
  const seen: Value[] = [];
  return items.filter((item) => {
    const by = key(item);
    checkHash(by);
    if (seen.some((each) => equal(each, by))) return false;
    seen.push(by);
    return true;
  });
}

/** Sets of Python hold what has a hash. */
function checkHash(value: Value): void {
  if (value instanceof Undefined && !value.isLenient) defined(value);
  if (isList(value) || value instanceof Map)
    throw new TemplateFault(`unhashable type: '${className(value)}'`);
  if (Array.isArray(value)) value.forEach(checkHash);
}

/** select, reject, selectattr and rejectattr. */
const choose =
  (keep: boolean, byAttribute: boolean): Filter['run'] =>
  (of, _given, world, { args, keywords }) => {
    const attribute = byAttribute ? args[0] : undefined;
    if (byAttribute && attribute === undefined)
      throw new TemplateFault('Missing parameter for attribute name');
    const [test, ...testArgs] = byAttribute ? args.slice(1) : args;
    return lazily(of, (items) =>
      items.filter((item) => {
        const value = path(item, attribute, world);
        const holds = test === undefined ? truth(value) : world.test(str(test), value, testArgs, keywords);
        return holds === keep;
      }),
    );
  };

/** A generator over what a filter makes of the items; an undefined value stops when it is walked. */
const lazily = (of: Value, make: (items: Value[]) => Value[]): Generator =>
  new Generator(() => (truth(of) ? make(iterate(of)) : []));

function indent(text: string, width: Value | undefined, isFirst: boolean, isBlank: boolean): string {
  const by = typeof width === 'string' ? width : ' '.repeat(Math.max(0, wholeNumber(width, 4)));
  // Jinja2 adds a newline first, so that a last line that ends in one is kept
  const [head = '', ...tail] = splitLines(`${text}\n`, false);
  const body = tail.map((line) => (isBlank || line !== '' ? by + line : line));
  return [isFirst ? by + head : head, ...body].join('\n');
}

const floatPattern = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i;

/** Python's float() of a text; undefined where it refuses. */
function readFloat(text: string): number | undefined {
  const trimmed = strip(text, undefined, 'both');
  if (/[^\0-\x7f]/.test(trimmed) && /\p{Nd}/u.test(trimmed))
    throw new EngineCannot('digits of other scripts need Python');
  if (floatPattern.test(trimmed)) return Number(trimmed.replaceAll('_', ''));
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (word === null) return undefined;
  const size = word[2]?.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY;
  return word[1] === '-' ? -size : size;
}

/** Python's int() of a text; undefined where it refuses. */
function readInt(text: string, base: number): number | undefined {
  const trimmed = strip(text, undefined, 'both').toLowerCase();
  const [, sign = '', prefix = '', digits = ''] = /^([+-]?)(0[xob])?(.*)$/s.exec(trimmed) ?? [];
  const bases: Readonly<Record<string, number>> = { '0x': 16, '0o': 8, '0b': 2 };
  const named = bases[prefix];
  let body = digits;
  let radix = base;
  if (named !== undefined && (base === 0 || base === named)) {
    radix = named;
    body = digits.replace(/^_/, '');
  } else body = prefix + digits;
  if (base === 0 && named === undefined) {
    radix = 10;
    if (/^0[\d_]/.test(body) && !/^[0_]+$/.test(body)) return undefined;
  }
  if (!/^[\da-z]+(?:_[\da-z]+)*$/.test(body)) {
    if (/\p{Nd}/u.test(body.replace(/[\d_]/g, '')))
      throw new EngineCannot('digits of other scripts need Python');
    return undefined;
  }
  const plain = body.replaceAll('_', '');
  if (!Array.from(plain).every((digit) => Number.parseInt(digit, 36) < radix)) return undefined;
  return whole(Number.parseInt(sign + plain, radix));
}

function toInt(of: Value, otherwise: Value, base: number): Value {
  const known = defined(of);
  if (typeof known === 'string') {
    if (base !== 0 && (base < 2 || base > 36)) return otherwise;
    const read = readInt(known, base);
    if (read !== undefined) return read;
    const float = readFloat(known);
    return float === undefined || !Number.isFinite(float) ? otherwise : whole(Math.trunc(float));
  }
  const value = numeric(known);
  if (value === undefined) return otherwise;
  if (Number.isNaN(value.value)) return otherwise;
  if (!Number.isFinite(value.value)) throw new TemplateFault('cannot convert float infinity to integer');
  return whole(Math.trunc(value.value));
}

function round(of: Value, precision: Value | undefined, method: string): Value {
  if (!['common', 'ceil', 'floor'].includes(method))
    throw new TemplateFault('method must be common, ceil or floor');
  const known = numeric(of);
  if (known === undefined) throw new TemplateFault(`type ${className(of)} doesn't define __round__ method`);
  const places = wholeNumber(precision, 0);
  if (method === 'common') {
    if (known.isFloat) return new Float(roundFloat(known.value, places));
    return places >= 0 ? known.value : whole(roundFloat(known.value, places));
  }
  if (places < 0) throw new EngineCannot('rounding to tens up or down needs Python');
  const factor = 10 ** places;
  const moved = method === 'ceil' ? Math.ceil(known.value * factor) : Math.floor(known.value * factor);
  return new Float(whole(moved) / factor);
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const escapeHtml = (of: Value): string =>
  of instanceof Markup
    ? of.text
    : str(of).replace(/[&<>"']/g, (character) => escapes[character] ?? character);

function stripTags(text: string): string {
  const without = (from: string, open: string, close: string): string => {
    let rest = from;
    for (;;) {
      const start = rest.indexOf(open);
      const end = start < 0 ? -1 : rest.indexOf(close, start);
      if (end < 0) return rest;
      rest = rest.slice(0, start) + rest.slice(end + close.length);
    }
  };
  const plain = splitWords(without(without(text, '<!--', '-->'), '<', '>'), -1).join(' ');
  if (plain.includes('&')) throw new EngineCannot('entities of HTML need Python');
  return plain;
}

/** Percent signs for what an address can't hold. */
const quoteUrl = (value: Value, keeps: string): string =>
  Array.from(new TextEncoder().encode(str(value)), (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w.~-]/.test(character) || keeps.includes(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');

function urlEncode(of: Value): string {
  if (of instanceof Undefined) defined(of);
  if (typeof of === 'string' || !isIterable(of)) return quoteUrl(of, '/');
  const pairs = of instanceof Map ? [...of] : iterate(of).map((pair) => iterate(pair));
  return pairs
    .map((pair) => {
      const [key, value, ...more] = pair;
      if (key === undefined || value === undefined || more.length > 0)
        throw new TemplateFault('a pair is expected');
      return [key, value].map((each) => quoteUrl(each, '').replaceAll('%20', '+')).join('=');
    })
    .join('&');
}

function fileSize(of: Value, isBinary: boolean): string {
  const known = defined(of);
  const bytes = typeof known === 'string' ? readFloat(known) : number(known, 0);
  if (bytes === undefined) throw new TemplateFault('could not convert to a number');
  const base = isBinary ? 1024 : 1000;
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const letters = Array.from('kMGTPEZY');
  const at = letters.findIndex((_, power) => bytes < base ** (power + 2));
  const power = at < 0 ? letters.length - 1 : at;
  const letter = letters[power] ?? '';
  const name = isBinary ? `${letter.toUpperCase()}iB` : `${letter}B`;
  return `${fixedText((base * bytes) / base ** (power + 2), 1)} ${name}`;
}

const filters: Readonly<Record<string, Filter>> = {
  abs: filter('', (of) => {
    const known = numeric(of);
    if (known === undefined) throw new TemplateFault(`bad operand type for abs(): '${className(of)}'`);
    return known.isFloat ? new Float(Math.abs(known.value)) : Math.abs(known.value);
  }),
  attr: filter('name!', (of, [name], world) => {
    const attribute = str(name ?? null);
    const found = world.attribute(of, attribute);
    return found === undefined ? new Undefined(noAttribute(of, attribute)) : found;
  }),
  batch: filter('linecount! fill_with', (of, [size, fill]) => {
    const width = number(size, 1);
    return new Generator(() => {
      const rows: Value[][] = [];
      let row: Value[] = [];
      for (const item of iterate(of)) {
        if (row.length === width) {
          rows.push(row);
          row = [];
        }
        row.push(item);
      }
      if (row.length > 0) {
        if (given(fill)) while (row.length < width) row.push(fill);
        rows.push(row);
      }
      return rows;
    });
  }),
  capitalize: filter('', (of) => capitalizeText(str(of))),
  center: filter('width', (of, [width]) => centerText(str(of), wholeNumber(width, 80), ' ')),
  count: filter('', (of) => length(of)),
  default: filter('default_value boolean', (of, [otherwise, isBoolean]) =>
    of instanceof Undefined || (flag(isBoolean) && !truth(of))
      ? otherwise === undefined
        ? ''
        : otherwise
      : of,
  ),
  dictsort: filter('case_sensitive by reverse', (of, [isSensitive, by, isReversed]) => {
    const position = by === undefined || by === 'key' ? 0 : by === 'value' ? 1 : undefined;
    if (position === undefined) throw new TemplateFault('You can only sort by either "key" or "value"');
    const known = defined(of);
    if (!(known instanceof Map))
      throw new TemplateFault(`'${className(known)}' object has no attribute 'items'`);
    return sorted(
      [...known].map(([key, item]) => tuple(key, item)),
      (pair) => {
        const key = (pair as Value[])[position] ?? null;
        return flag(isSensitive) ? key : lowered(key);
      },
      flag(isReversed),
    );
  }),
  escape: filter('', (of) => new Markup(escapeHtml(of))),
  filesizeformat: filter('binary', (of, [isBinary]) => fileSize(of, flag(isBinary))),
  first: filter('', (of) => {
    const first = of instanceof Generator ? of.first() : iterate(of)[0];
    return first === undefined ? new Undefined('No first item, sequence was empty.') : first;
  }),
  float: filter('default', (of, [otherwise]) => {
    const known = numeric(defined(of));
    if (known !== undefined) return new Float(known.value);
    const read = typeof of === 'string' ? readFloat(of) : undefined;
    if (read !== undefined) return new Float(read);
    return otherwise === undefined ? new Float(0) : otherwise;
  }),
  forceescape: filter('', (of) => new Markup(escapeHtml(str(of)))),
  format: filter('*', (of, _given, _world, { args, keywords }) => {
    if (args.length > 0 && keywords.size > 0)
      throw new TemplateFault("can't handle positional and keyword arguments at the same time");
    return formatPercent(str(of), keywords.size > 0 ? new Map<Value, Value>(keywords) : tuple(...args));
  }),
  groupby: filter('attribute! default case_sensitive', (of, [attribute, otherwise, isSensitive], world) => {
    const key = (item: Value): Value => path(item, attribute, world, otherwise);
    const by = (item: Value): Value => (flag(isSensitive) ? key(item) : lowered(key(item)));
    const groups: { key: Value; shown: Value; items: Value[] }[] = [];
    for (const item of sorted(iterate(of), by, false)) {
      const last = groups.at(-1);
      if (last !== undefined && equal(last.key, by(item))) last.items.push(item);
      else groups.push({ key: by(item), shown: key(item), items: [item] });
    }
    return groups.map((group) => Object.assign(new Group(), [group.shown, group.items]));
  }),
  indent: filter('width first blank', (of, [width, isFirst, isBlank]) =>
    indent(textOf(of), width, flag(isFirst), flag(isBlank)),
  ),
  int: filter('default base', (of, [otherwise, base]) =>
    toInt(of, otherwise === undefined ? 0 : otherwise, wholeNumber(base, 10)),
  ),
  items: filter('', (of) => {
    if (!(of instanceof Undefined || of instanceof Map))
      return new Generator(() => {
        throw new TemplateFault('Can only get item pairs from a mapping.');
      });
    return new Generator(() => (of instanceof Map ? [...of].map(([key, item]) => tuple(key, item)) : []));
  }),
  join: filter('d attribute', (of, [separator, attribute], world) =>
    iterate(of)
      .map((item) => str(path(item, attribute, world)))
      .join(separator === undefined ? '' : str(separator)),
  ),
  jsonify: filter('indent', (of, [width]) => dumpJson(of, jsonIndent(width, 4), true)),
  last: filter('', (of) => {
    if (of instanceof Generator) throw new TemplateFault("'generator' object is not reversible");
    const last = iterate(of).at(-1);
    return last === undefined ? new Undefined('No last item, sequence was empty.') : last;
  }),
  list: filter('', (of) => iterate(of)),
  lower: filter('', (of) => str(of).toLowerCase()),
  map: filter('*', (of, _given, world, { args, keywords }) => {
    const attribute = keywords.get('attribute');
    if (args.length === 0 && attribute !== undefined) {
      if ([...keywords.keys()].some((name) => name !== 'attribute' && name !== 'default'))
        throw new TemplateFault('Unexpected keyword argument');
      return lazily(of, (items) =>
        items.map((item) => path(item, attribute, world, keywords.get('default'))),
      );
    }
    const [name, ...rest] = args;
    return lazily(of, (items) => {
      if (name === undefined) throw new TemplateFault('map requires a filter argument');
      return items.map((item) => world.filter(str(name), item, rest, keywords));
    });
  }),
  max: filter('case_sensitive attribute', (of, [isSensitive, attribute], world) =>
    extreme(of, isSensitive, attribute, world, 1),
  ),
  min: filter('case_sensitive attribute', (of, [isSensitive, attribute], world) =>
    extreme(of, isSensitive, attribute, world, -1),
  ),
  pprint: filter('', () => {
    throw new EngineCannot('pprint needs Python');
  }),
  random: filter('', (of) => {
    const items = iterate(of);
    return items.length === 0
      ? new Undefined('No random item, sequence was empty.')
      : (items[randomInt(items.length)] ?? null);
  }),
  reject: filter('*', choose(false, false)),
  rejectattr: filter('*', choose(false, true)),
  replace: filter('old! new! count', (of, [from, to, limit]) =>
    replaceText(str(of), str(from ?? null), str(to ?? null), limit === null ? -1 : wholeNumber(limit, -1)),
  ),
  reverse: filter('', (of) => {
    if (typeof of === 'string') return Array.from(of).reverse().join('');
    if (of instanceof Generator) return iterate(of).reverse();
    const items = iterate(of).reverse();
    return new Generator(() => items, 'list_reverseiterator');
  }),
  round: filter('precision method', (of, [precision, method]) =>
    round(of, precision, method === undefined ? 'common' : str(method)),
  ),
  safe: filter('', (of) => new Markup(str(of))),
  select: filter('*', choose(true, false)),
  selectattr: filter('*', choose(true, true)),
  slice: filter('slices! fill_with', (of, [slices, fill]) => {
    const count = wholeNumber(slices, 1);
    return new Generator(() => {
      const items = iterate(of);
      if (count === 0) throw new TemplateFault('integer division or modulo by zero');
      const size = Math.floor(items.length / count);
      const longer = items.length - size * count;
      let at = 0;
      return Array.from({ length: Math.max(0, count) }, (_, index) => {
        const part = items.slice(at, at + size + (index < longer ? 1 : 0));
        at += part.length;
        if (given(fill) && index >= longer) part.push(fill);
        return part;
      });
    });
  }),
  slugify: filter('*', (of, _given, _world, { args, keywords }) => slugify(of, args, keywords)),
  sort: filter('reverse case_sensitive attribute', (of, [isReversed, isSensitive, attribute], world) => {
    const attributes = typeof attribute === 'string' ? attribute.split(',') : [attribute];
    const key = (item: Value): Value =>
      attributes.map((each) => {
        const value = path(item, each, world);
        return flag(isSensitive) ? value : lowered(value);
      });
    return sorted(iterate(of), key, flag(isReversed));
  }),
  string: filter('', (of) => (of instanceof Markup ? of : str(of))),
  striptags: filter('', (of) => stripTags(str(of))),
  sum: filter('attribute start', (of, [attribute, start], world) => {
    const items = iterate(of);
    let total: Value = start === undefined ? 0 : start;
    if (numeric(total) === undefined) throw new EngineCannot('such a sum needs Python');
    let floatCount = 0;
    for (const item of items) {
      const value = path(item, attribute, world);
      floatCount += value instanceof Float ? 1 : 0;
      total = arithmetic('+', total, value);
    }
    if (floatCount > 0 && items.length > 2)
      throw new EngineCannot('sums of floats differ between versions of Python');
    return total;
  }),
  title: filter('', (of) =>
    str(of)
      .split(new RegExp(`([-${spaces}({[<]+)`))
      .filter((part) => part !== '')
      .map((part) => {
        const [first = '', ...rest] = Array.from(part);
        return first.toUpperCase() + rest.join('').toLowerCase();
      })
      .join(''),
  ),
  tojson: filter('indent', (of, [width]) => {
    const json = dumpJson(of, jsonIndent(width), true);
    return new Markup(
      json
        .replaceAll('<', '\\u003c')
        .replaceAll('>', '\\u003e')
        .replaceAll('&', '\\u0026')
        .replaceAll("'", '\\u0027'),
    );
  }),
  trim: filter('chars', (of, [characters]) =>
    strip(str(of), given(characters) ? textOf(characters) : undefined, 'both'),
  ),
  truncate: filter('length killwords end leeway', (of, [size, killWords, end, leeway]) => {
    if (typeof defined(of) !== 'string') throw new EngineCannot('truncate of what is no text needs Python');
    const text = Array.from(textOf(of));
    const limit = wholeNumber(size, 255);
    const ending = end === undefined ? '...' : textOf(end);
    const room = given(leeway) ? wholeNumber(leeway, 5) : 5;
    const endLength = length(ending);
    if (limit < endLength || room < 0) throw new TemplateFault('expected a length that holds the end');
    if (text.length <= limit + room) return text.join('');
    const kept = text.slice(0, limit - endLength).join('');
    if (flag(killWords)) return kept + ending;
    const lastSpace = kept.lastIndexOf(' ');
    return (lastSpace < 0 ? kept : kept.slice(0, lastSpace)) + ending;
  }),
  unique: filter(
    'case_sensitive attribute',
    (of, [isSensitive, attribute], world) =>
      new Generator(() =>
        unique(iterate(of), (item) => {
          const value = path(item, attribute, world);
          return flag(isSensitive) ? value : lowered(value);
        }),
      ),
  ),
  upper: filter('', (of) => str(of).toUpperCase()),
  urlencode: filter('', urlEncode),
  urlize: filter('*', () => {
    throw new EngineCannot('urlize needs Python');
  }),
  wordcount: filter('', (of) => str(of).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  wordwrap: filter(
    'width break_long_words wrapstring break_on_hyphens',
    (of, [width, breaksWords, between, breaksAtHyphens]) =>
      wrapText(textOf(of), {
        width: wholeNumber(width, 79),
        breaksWords: flag(breaksWords, true),
        between: given(between) ? textOf(between) : '\n',
        breaksAtHyphens: flag(breaksAtHyphens, true),
      }),
  ),
  xmlattr: filter('autospace', (of, [isSpaced]) => {
    const known = defined(of);
    if (!(known instanceof Map))
      throw new TemplateFault(`'${className(known)}' object has no attribute 'items'`);
    const pairs = [...known]
      .filter(([, value]) => value !== null && !(value instanceof Undefined))
      .map(([key, value]) => {
        if (/[ \t\n\r\f\v/>=]/.test(textOf(key)))
          throw new TemplateFault(`Invalid character in attribute name: ${repr(key)}`);
        return `${escapeHtml(key)}="${escapeHtml(value)}"`;
      });
    return pairs.length > 0 && flag(isSpaced, true) ? ` ${pairs.join(' ')}` : pairs.join(' ');
  }),
};

const noAttribute = (of: Value, name: string): string =>
  `'${className(of)} object' has no attribute ${repr(name)}`;

function jsonIndent(width: Value | undefined, otherwise?: number): number | undefined {
  if (width === null) return undefined;
  if (typeof width === 'string' || width instanceof Float)
    throw new EngineCannot('such an indent needs Python');
  return width === undefined ? otherwise : number(width, 0);
}

function extreme(
  of: Value,
  isSensitive: Value | undefined,
  attribute: Value | undefined,
  world: FilterWorld,
  sign: 1 | -1,
): Value {
  const key = (item: Value): Value => {
    const value = path(item, attribute, world);
    return flag(isSensitive) ? value : lowered(value);
  };
  const items = iterate(of);
  const [first] = items;
  if (first === undefined) return new Undefined('No aggregated item, sequence was empty.');
  return items
    .slice(1)
    .reduce((best, item) => (sign * compare(key(item), key(best)) > 0 ? item : best), first);
}

const aliases: Readonly<Record<string, string>> = { d: 'default', e: 'escape', length: 'count' };

/** Filters that take escaped text for what it is; the others make escaped text of it, which only Jinja2 does. */
const takesMarkup = new Set(['escape', 'forceescape', 'safe', 'string', 'default', 'tojson', 'jsonify']);

export const isFilter = (name: string): boolean => Object.hasOwn(filters, aliases[name] ?? name);

/** @throws EngineCannot for a filter that an extension may define */
export function runFilter(
  name: string,
  of: Value,
  args: readonly Value[],
  keywords: Keywords,
  world: FilterWorld,
): Value {
  const known = aliases[name] ?? name;
  const found = Object.hasOwn(filters, known) ? filters[known] : undefined;
  if (found === undefined) throw new EngineCannot(`the filter '${name}' is not built in`);
  if (of instanceof Markup && !takesMarkup.has(known)) defined(of);
  return found.run(of, ordered(name, found.parameters, args, keywords), world, { args, keywords });
}

function ordered(
  name: string,
  parameters: readonly string[],
  args: readonly Value[],
  keywords: Keywords,
): Given {
  if (parameters[0] === '*') return [];
  const names = parameters.map((parameter) => parameter.replace('!', ''));
  if (args.length > names.length) throw new TemplateFault(`${name} takes at most ${names.length} arguments`);
  for (const key of keywords.keys()) {
    const at = names.indexOf(key);
    if (at < 0 || at < args.length)
      throw new TemplateFault(`${name} got an unexpected keyword argument '${key}'`);
  }
  return names.map((parameter, index) => {
    const value = index < args.length ? args[index] : keywords.get(parameter);
    if (value === undefined && parameters[index]?.endsWith('!') === true)
      throw new TemplateFault(`${name} misses the argument '${parameter}'`);
    return value;
  });
}

type Test = (of: Value, args: readonly Value[]) => boolean;
const order =
  (holds: (sign: number) => boolean): Test =>
  (of, [other]) =>
    holds(compare(of, other ?? null));
const same: Test = (of, [other]) => equal(of, other ?? null);
const different: Test = (of, args) => !same(of, args);
const remainder = (of: Value, by: Value | undefined): number => {
  const [a, b] = [number(defined(of), 0), number(by, 1)];
  if (b === 0) throw new TemplateFault('integer modulo by zero');
  return ((a % b) + b) % b;
};
/** The very same object; small numbers and texts are one object in Python by chance, so only singletons are certain. */
const isSame: Test = (of, [other]) => {
  const isSingleton = (value: Value | undefined): boolean =>
    value === null || value === undefined || typeof value === 'boolean';
  if (isSingleton(of) || isSingleton(other)) return of === other;
  if (typeof of === 'object' && typeof other === 'object' && !(of instanceof Float)) return of === other;
  if (typeof of !== typeof other) return false;
  throw new EngineCannot('whether two equal values are one object needs Python');
};
const isText = (of: Value): boolean => typeof of === 'string' || of instanceof Markup;

/** Tests with the number of their arguments. */
const tests: Readonly<Record<string, readonly [Test, number]>> = {
  boolean: [(of) => typeof of === 'boolean', 0],
  callable: [(of) => of instanceof Callable || of instanceof Undefined, 0],
  defined: [(of) => !(of instanceof Undefined), 0],
  undefined: [(of) => of instanceof Undefined, 0],
  divisibleby: [(of, [by]) => remainder(of, by) === 0, 1],
  even: [(of) => remainder(of, 2) === 0, 0],
  odd: [(of) => remainder(of, 2) === 1, 0],
  escaped: [(of) => of instanceof Markup, 0],
  float: [(of) => of instanceof Float, 0],
  integer: [(of) => typeof of === 'number', 0],
  number: [(of) => numeric(of) !== undefined, 0],
  none: [(of) => of === null, 0],
  string: [isText, 0],
  mapping: [(of) => of instanceof Map, 0],
  sequence: [
    (of) =>
      isText(of) || of instanceof Map || (Array.isArray(of) && !(of instanceof DictView)) || lenient(of),
    0,
  ],
  iterable: [
    (of) => {
      if (of instanceof Undefined && !of.isLenient) throw new UndefinedUsed(of.reason);
      if (of instanceof Callable) throw new EngineCannot('whether it can be walked needs Python');
      return isIterable(of);
    },
    0,
  ],
  true: [(of) => of === true, 0],
  false: [(of) => of === false, 0],
  lower: [(of) => isLower(str(of)), 0],
  upper: [(of) => isUpper(str(of)), 0],
  in: [(of, [container]) => contains(container ?? null, of), 1],
  sameas: [isSame, 1],
  eq: [same, 1],
  equalto: [same, 1],
  '==': [same, 1],
  ne: [different, 1],
  '!=': [different, 1],
  lt: [order((sign) => sign < 0), 1],
  lessthan: [order((sign) => sign < 0), 1],
  '<': [order((sign) => sign < 0), 1],
  le: [order((sign) => sign <= 0), 1],
  '<=': [order((sign) => sign <= 0), 1],
  gt: [order((sign) => sign > 0), 1],
  greaterthan: [order((sign) => sign > 0), 1],
  '>': [order((sign) => sign > 0), 1],
  ge: [order((sign) => sign >= 0), 1],
  '>=': [order((sign) => sign >= 0), 1],
  filter: [(of) => knows(isFilter, of), 0],
  test: [(of) => knows(isTest, of), 0],
};
const lenient = (of: Value): boolean => of instanceof Undefined && of.isLenient;

function knows(is: (name: string) => boolean, of: Value): boolean {
  const known = keyOf(of);
  if (typeof known !== 'string') return false;
  if (is(known)) return true;
  // an extension may have brought it
  throw new EngineCannot(`whether there is ${repr(known)} needs Jinja2`);
}

export const isTest = (name: string): boolean => Object.hasOwn(tests, name);

/** @throws EngineCannot for a test that an extension may define */
export function runTest(name: string, of: Value, args: readonly Value[], keywords: Keywords): boolean {
  const found = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (found === undefined) throw new EngineCannot(`the test '${name}' is not built in`);
  const [test, argumentCount] = found;
  if (keywords.size > 0) throw new EngineCannot('tests with named arguments need Jinja2');
  if (args.length !== argumentCount)
    throw new TemplateFault(`the test ${name} takes ${argumentCount} arguments`);
  return test(of, args);
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** The functions every template may call. */
export const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['range', new Callable('range', (args) => range(args), undefined, 'type')],
  [
    'dict',
    new Callable(
      'dict',
      ([from, ...more], keywords) => {
        if (more.length > 0) throw new TemplateFault('dict expected at most 1 argument');
        if (from !== undefined && !(defined(from) instanceof Map))
          throw new EngineCannot('dict of pairs needs Python');
        return new Map<Value, Value>([...(from instanceof Map ? from : []), ...keywords]);
      },
      undefined,
      'type',
    ),
  ],
  [
    'random_ascii_string',
    new Callable('random_ascii_string', ([size, isPunctuated], keywords) => {
      const corpus =
        letters + (truth(isPunctuated ?? keywords.get('punctuation') ?? false) ? punctuation : '');
      return Array.from({ length: Math.max(0, wholeNumber(size ?? keywords.get('length'), 0)) }, () =>
        corpus.charAt(randomInt(corpus.length)),
      ).join('');
    }),
  ],
  ['uuid4', new Callable('uuid4', () => crypto.randomUUID())],
  ['cycler', new Callable('cycler', cycler, undefined, 'type')],
  [
    'joiner',
    new Callable(
      'joiner',
      ([given], keywords) => {
        const sep = given === undefined ? keywords.get('sep') : given;
        const separator = sep === undefined ? ', ' : sep;
        let isUsed = false;
        const join = (): Value => {
          const out = isUsed ? str(separator) : '';
          isUsed = true;
          return out;
        };
        return new Callable('joiner', join, new Map(), 'jinja2.utils.Joiner');
      },
      undefined,
      'type',
    ),
  ],
]);

function cycler(items: readonly Value[]): Callable {
  if (items.length === 0) throw new TemplateFault('at least one item has to be provided');
  let at = 0;
  const state = new Map<string, Value>();
  const show = (): void => void state.set('current', items[at] ?? null);
  show();
  const next = (): Value => {
    const current = items[at] ?? null;
    at = (at + 1) % items.length;
    show();
    return current;
  };
  const reset = (): Value => {
    at = 0;
    show();
    return null;
  };
  state.set('next', new Callable('next', next, undefined, 'method'));
  state.set('reset', new Callable('reset', reset, undefined, 'method'));
  const notCalled = (): never => {
    throw new TemplateFault("'Cycler' object is not callable");
  };
  return new Callable('cycler', notCalled, state, 'jinja2.utils.Cycler');
}

function range(args: readonly Value[]): Value {
  if (args.length === 0 || args.length > 3) throw new TemplateFault('range expected 1 to 3 arguments');
  const [first, second, third] = args.map((arg) => wholeNumber(arg, 0));
  const [start, stop, step] = second === undefined ? [0, first ?? 0, 1] : [first ?? 0, second, third ?? 1];
  if (step === 0) throw new TemplateFault('range() arg 3 must not be zero');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > 1_000_000) throw new EngineCannot('such a long range needs Python');
  const items = Array.from({ length: count }, (_, index) => start + index * step);
  const written = `range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`;
  return Object.assign(new Range(), items, { written });
}
