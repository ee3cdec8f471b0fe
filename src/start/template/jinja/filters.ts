import { randomInt } from 'node:crypto';
import { EngineCannot, TemplateFault } from './faults.ts';
import { capitalizeText, formatPercent, padText, replaceText, splitLines, strip } from './methods.ts';
import { slugify } from './slugify.ts';
import {
  Callable,
  Float,
  Undefined,
  className,
  compare,
  contains,
  defined,
  dumpJson,
  equal,
  iterate,
  length,
  numeric,
  str,
  truth,
  tuple,
  whole,
  type Keywords,
  type Value,
} from './values.ts';

/** What a filter may ask of the engine that runs it. */
export interface FilterWorld {
  attribute(of: Value, name: Value): Value;
  filter(name: string, of: Value, args: readonly Value[], keywords: Keywords): Value;
  test(name: string, of: Value, args: readonly Value[]): boolean;
}

/** Positional and keyword arguments brought into the order of the filter's parameters. */
type Given = readonly (Value | undefined)[];
interface Filter {
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
  if (value === undefined || value === null) return otherwise;
  const known = numeric(defined(value));
  if (known === undefined) throw new TemplateFault(`expected a number, got ${className(value)}`);
  return known.value;
};
const flag = (value: Value | undefined, otherwise = false): boolean =>
  value === undefined ? otherwise : truth(value);
const orEmpty = (item: Value | undefined, reason: string): Value =>
  item === undefined ? new Undefined(reason) : item;
const lowered = (value: Value): Value => (typeof value === 'string' ? value.toLowerCase() : value);

/** The value of `a.b.0`, as `map(attribute=…)` and `sort(attribute=…)` take it. */
function path(of: Value, attribute: Value | undefined, world: FilterWorld): Value {
  if (attribute === undefined || attribute === null) return of;
  if (typeof attribute === 'number') return world.attribute(of, attribute);
  return str(attribute)
    .split('.')
    .reduce<Value>((at, part) => world.attribute(at, /^\d+$/.test(part) ? Number(part) : part), of);
}

function sorted(items: Value[], key: (item: Value) => Value, isReversed: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (isReversed ? compare(b.key, a.key) : compare(a.key, b.key)));
  return keyed.map(({ item }) => item);
}

function unique(items: Value[], key: (item: Value) => Value): Value[] {
  const seen: Value[] = [];
  return items.filter((item) => {
    const by = key(item);
    if (seen.some((each) => equal(each, by))) return false;
    seen.push(by);
    return true;
  });
}

function choose(
  of: Value,
  args: readonly Value[],
  world: FilterWorld,
  keep: boolean,
  byAttribute: boolean,
): Value {
  const rest = byAttribute ? args.slice(1) : args;
  const [test, ...testArgs] = rest;
  return iterate(of).filter((item) => {
    const value = byAttribute ? path(item, args[0], world) : item;
    return (test === undefined ? truth(value) : world.test(str(test), value, testArgs)) === keep;
  });
}

function indent(text: string, width: Value | undefined, isFirst: boolean, isBlank: boolean): string {
  const by = typeof width === 'string' ? width : ' '.repeat(number(width, 4));
  // Jinja2 adds a newline first, so that a last line that ends in one is kept
  const lines = splitLines(`${text}\n`, false);
  const [head = '', ...tail] = lines;
  const body = tail.map((line) => (isBlank || line !== '' ? by + line : line));
  return [isFirst ? by + head : head, ...body].join('\n');
}

function toInt(of: Value, otherwise: number, base: number): Value {
  if (typeof of === 'string') {
    const text = strip(of, undefined, 'both').replaceAll('_', '');
    if (base === 10 && /^[+-]?\d+$/.test(text)) return whole(Number(text));
    if (base === 10 && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text))
      return whole(Math.trunc(Number(text)));
    if (base !== 10) {
      const digits = text.toLowerCase().replace(/^([+-]?)0[xob]/, '$1');
      const parsed = Number.parseInt(digits, base);
      return Number.isNaN(parsed) ? otherwise : whole(parsed);
    }
    return otherwise;
  }
  const known = numeric(of);
  return known === undefined ? otherwise : whole(Math.trunc(known.value));
}

function round(of: Value, precision: number, method: string): Value {
  const value = number(of, 0);
  if (method !== 'common') {
    const factor = 10 ** precision;
    return new Float((method === 'ceil' ? Math.ceil(value * factor) : Math.floor(value * factor)) / factor);
  }
  const scaled = value * 10 ** precision;
  const isTie = Math.abs(scaled % 1) === 0.5;
  const rounded = isTie ? 2 * Math.round(scaled / 2) : Math.round(scaled);
  const result = rounded / 10 ** precision;
  return typeof of === 'number' && precision === 0 ? whole(result) : new Float(result);
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const escapeHtml = (of: Value): string =>
  str(of).replace(/[&<>"']/g, (character) => escapes[character] ?? character);

const filters: Readonly<Record<string, Filter>> = {
  abs: filter('', (of) => (of instanceof Float ? new Float(Math.abs(of.value)) : Math.abs(number(of, 0)))),
  attr: filter('name', (of, [name], world) => world.attribute(of, name ?? null)),
  batch: filter('linecount fill_with', (of, [size, fill]) => {
    const width = number(size, 1);
    const rows: Value[] = [];
    const items = iterate(of);
    for (let at = 0; at < items.length; at += width) {
      const row = items.slice(at, at + width);
      if (fill !== undefined && fill !== null) while (row.length < width) row.push(fill);
      rows.push(row);
    }
    return rows;
  }),
  capitalize: filter('', (of) => capitalizeText(str(of))),
  center: filter('width', (of, [width]) => padText(str(of), number(width, 80), ' ', 'both')),
  count: filter('', (of) => length(of)),
  default: filter('default_value boolean', (of, [otherwise, isBoolean]) =>
    of instanceof Undefined || (flag(isBoolean) && !truth(of)) ? (otherwise ?? '') : of,
  ),
  dictsort: filter('case_sensitive by reverse', (of, [isSensitive, by, isReversed]) => {
    if (!(of instanceof Map)) throw new TemplateFault('dictsort needs a dict');
    const position = by === 'value' ? 1 : 0;
    const pairs = [...of].map(([key, item]) => tuple(key, item));
    return sorted(
      pairs,
      (pair) => {
        const key = (pair as Value[])[position] ?? null;
        return flag(isSensitive) ? key : lowered(key);
      },
      flag(isReversed),
    );
  }),
  escape: filter('', (of) => escapeHtml(of)),
  first: filter('', (of) => orEmpty(iterate(of)[0], 'No first item, sequence was empty.')),
  float: filter('default', (of, [otherwise]) => {
    const known = numeric(defined(of));
    if (known !== undefined) return new Float(known.value);
    const text = typeof of === 'string' ? strip(of, undefined, 'both') : '';
    if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return new Float(Number(text));
    return otherwise ?? new Float(0);
  }),
  format: filter('', (of, _given, _world, { args, keywords }) =>
    formatPercent(str(of), keywords.size > 0 ? new Map<Value, Value>(keywords) : tuple(...args)),
  ),
  groupby: filter('attribute default case_sensitive', (of, [attribute, otherwise, isSensitive], world) => {
    const key = (item: Value): Value => {
      const value = path(item, attribute, world);
      return value instanceof Undefined && otherwise !== undefined ? otherwise : value;
    };
    const by = (item: Value): Value => (flag(isSensitive) ? key(item) : lowered(key(item)));
    const groups: { key: Value; shown: Value; items: Value[] }[] = [];
    for (const item of sorted(iterate(of), by, false)) {
      const last = groups.at(-1);
      if (last !== undefined && equal(last.key, by(item))) last.items.push(item);
      else groups.push({ key: by(item), shown: key(item), items: [item] });
    }
    return groups.map((group) => tuple(group.shown, group.items));
  }),
  indent: filter('width first blank', (of, [width, isFirst, isBlank]) =>
    indent(str(of), width, flag(isFirst), flag(isBlank)),
  ),
  int: filter('default base', (of, [otherwise, base]) =>
    toInt(defined(of), number(otherwise, 0), number(base, 10)),
  ),
  items: filter('', (of) => (of instanceof Map ? [...of].map(([key, item]) => tuple(key, item)) : [])),
  join: filter('d attribute', (of, [separator, attribute], world) =>
    iterate(of)
      .map((item) => str(defined(path(item, attribute, world))))
      .join(separator === undefined ? '' : str(separator)),
  ),
  jsonify: filter('indent', (of, [width]) =>
    dumpJson(of, width === null ? undefined : number(width, 4), true),
  ),
  last: filter('', (of) => orEmpty(iterate(of).at(-1), 'No last item, sequence was empty.')),
  list: filter('', (of) => iterate(of)),
  lower: filter('', (of) => str(of).toLowerCase()),
  map: filter('', (of, _given, world, { args, keywords }) => {
    const attribute = keywords.get('attribute');
    if (attribute !== undefined) {
      const otherwise = keywords.get('default');
      return iterate(of).map((item) => {
        const value = path(item, attribute, world);
        return value instanceof Undefined && otherwise !== undefined ? otherwise : value;
      });
    }
    const [name, ...rest] = args;
    return iterate(of).map((item) => world.filter(str(name ?? null), item, rest, keywords));
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
  reject: filter('', (of, _given, world, { args }) => choose(of, args, world, false, false)),
  rejectattr: filter('', (of, _given, world, { args }) => choose(of, args, world, false, true)),
  replace: filter('s new count', (of, [from, to, limit]) =>
    replaceText(str(of), str(from ?? null), str(to ?? null), number(limit, -1)),
  ),
  reverse: filter('', (of) =>
    typeof of === 'string' ? Array.from(of).reverse().join('') : iterate(of).reverse(),
  ),
  round: filter('precision method', (of, [precision, method]) =>
    round(
      of instanceof Float ? of : new Float(number(of, 0)),
      number(precision, 0),
      method === undefined ? 'common' : str(method),
    ),
  ),
  safe: filter('', (of) => str(of)),
  select: filter('', (of, _given, world, { args }) => choose(of, args, world, true, false)),
  selectattr: filter('', (of, _given, world, { args }) => choose(of, args, world, true, true)),
  slugify: filter('', (of, _given, _world, { args, keywords }) => slugify(of, args, keywords)),
  sort: filter('reverse case_sensitive attribute', (of, [isReversed, isSensitive, attribute], world) => {
    const attributes = typeof attribute === 'string' ? attribute.split(',') : [attribute];
    const key = (item: Value): Value => {
      const keys = attributes.map((each) => {
        const value = defined(path(item, each, world));
        return flag(isSensitive) ? value : lowered(value);
      });
      return keys.length === 1 ? (keys[0] ?? null) : tuple(...keys);
    };
    return sorted(iterate(of), key, flag(isReversed));
  }),
  string: filter('', (of) => str(of)),
  striptags: filter('', (of) =>
    str(of)
      .replace(/<!--[^]*?-->|<[^>]*>/g, '')
      .split(/\s+/)
      .filter(Boolean)
      .join(' '),
  ),
  sum: filter('attribute start', (of, [attribute, start], world) => {
    let total = number(start, 0);
    let isFloat = start instanceof Float;
    for (const item of iterate(of)) {
      const value = path(item, attribute, world);
      isFloat ||= value instanceof Float;
      total += number(defined(value), 0);
    }
    return isFloat ? new Float(total) : whole(total);
  }),
  title: filter('', (of) =>
    str(of)
      .split(/([-\s({[<]+)/)
      .filter((part) => part !== '')
      .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
      .join(''),
  ),
  tojson: filter('indent', (of, [width]) =>
    dumpJson(of, width === undefined || width === null ? undefined : number(width, 4), true)
      .replaceAll('<', '\\u003c')
      .replaceAll('>', '\\u003e')
      .replaceAll('&', '\\u0026')
      .replaceAll("'", '\\u0027'),
  ),
  trim: filter('chars', (of, [characters]) => strip(str(of), characters, 'both')),
  truncate: filter('length killwords end leeway', (of, [size, killWords, end, leeway]) => {
    const text = Array.from(str(of));
    const limit = number(size, 255);
    const ending = end === undefined ? '...' : str(end);
    if (text.length <= limit + number(leeway, 5)) return text.join('');
    const kept = text.slice(0, limit - length(ending)).join('');
    if (flag(killWords)) return kept + ending;
    const lastSpace = kept.lastIndexOf(' ');
    return (lastSpace < 0 ? kept : kept.slice(0, lastSpace)) + ending;
  }),
  unique: filter('case_sensitive attribute', (of, [isSensitive, attribute], world) =>
    unique(iterate(of), (item) => {
      const value = path(item, attribute, world);
      return flag(isSensitive) ? value : lowered(value);
    }),
  ),
  upper: filter('', (of) => str(of).toUpperCase()),
  wordcount: filter('', (of) => str(of).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

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
  return items.reduce((best, item) => (sign * compare(key(item), key(best)) > 0 ? item : best), first);
}

const aliases: Readonly<Record<string, string>> = { d: 'default', e: 'escape', length: 'count' };
/** Filters that look at an undefined value instead of stopping on it. */
const takesUndefined = new Set(['default']);

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
  if (!takesUndefined.has(known)) defined(of);
  const given = found.parameters.map((parameter, index) =>
    index < args.length ? args[index] : keywords.get(parameter),
  );
  return found.run(of, given, world, { args, keywords });
}

type Test = (of: Value, args: readonly Value[]) => boolean;
const order =
  (holds: (sign: number) => boolean): Test =>
  (of, [other]) =>
    holds(compare(of, other ?? null));
const same: Test = (of, [other]) => equal(of, other ?? null);

const tests: Readonly<Record<string, Test>> = {
  boolean: (of) => typeof of === 'boolean',
  callable: (of) => of instanceof Callable,
  defined: (of) => !(of instanceof Undefined),
  undefined: (of) => of instanceof Undefined,
  divisibleby: (of, [by]) => number(of, 0) % number(by, 1) === 0,
  even: (of) => number(of, 0) % 2 === 0,
  odd: (of) => Math.abs(number(of, 0) % 2) === 1,
  float: (of) => of instanceof Float,
  integer: (of) => typeof of === 'number',
  number: (of) => numeric(of) !== undefined,
  none: (of) => of === null,
  string: (of) => typeof of === 'string',
  mapping: (of) => of instanceof Map,
  sequence: (of) => typeof of === 'string' || Array.isArray(of) || of instanceof Map,
  iterable: (of) => typeof of === 'string' || Array.isArray(of) || of instanceof Map,
  true: (of) => of === true,
  false: (of) => of === false,
  lower: (of) => str(of) === str(of).toLowerCase() && str(of) !== str(of).toUpperCase(),
  upper: (of) => str(of) === str(of).toUpperCase() && str(of) !== str(of).toLowerCase(),
  in: (of, [container]) => contains(container ?? [], of),
  sameas: (of, [other]) => of === other,
  eq: same,
  equalto: same,
  '==': same,
  ne: (of, args) => !same(of, args),
  '!=': (of, args) => !same(of, args),
  lt: order((sign) => sign < 0),
  lessthan: order((sign) => sign < 0),
  '<': order((sign) => sign < 0),
  le: order((sign) => sign <= 0),
  '<=': order((sign) => sign <= 0),
  gt: order((sign) => sign > 0),
  greaterthan: order((sign) => sign > 0),
  '>': order((sign) => sign > 0),
  ge: order((sign) => sign >= 0),
  '>=': order((sign) => sign >= 0),
  filter: (of) => Object.hasOwn(filters, aliases[str(of)] ?? str(of)),
  test: (of) => Object.hasOwn(tests, str(of)),
};
const testsTakeUndefined = new Set([
  'defined',
  'undefined',
  'callable',
  'boolean',
  'none',
  'string',
  'mapping',
  'number',
  'integer',
  'float',
  'true',
  'false',
  'sameas',
]);

/** @throws EngineCannot for a test that an extension may define */
export function runTest(name: string, of: Value, args: readonly Value[]): boolean {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (test === undefined) throw new EngineCannot(`the test '${name}' is not built in`);
  if (!testsTakeUndefined.has(name)) defined(of);
  return test(of, args);
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** The functions every template may call. */
export const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['range', new Callable('range', (args) => range(args))],
  [
    'dict',
    new Callable(
      'dict',
      ([from], keywords) => new Map<Value, Value>([...(from instanceof Map ? from : []), ...keywords]),
    ),
  ],
  [
    'random_ascii_string',
    new Callable('random_ascii_string', ([size], keywords) => {
      const corpus = letters + (truth(keywords.get('punctuation') ?? false) ? punctuation : '');
      return Array.from({ length: number(size ?? keywords.get('length'), 0) }, () =>
        corpus.charAt(randomInt(corpus.length)),
      ).join('');
    }),
  ],
  ['uuid4', new Callable('uuid4', () => crypto.randomUUID())],
  [
    'cycler',
    new Callable('cycler', (items) => {
      let at = 0;
      const state = new Map<string, Value>();
      state.set('next', new Callable('next', () => items[at++ % items.length] ?? null));
      return new Callable('cycler', () => null, state);
    }),
  ],
  [
    'joiner',
    new Callable('joiner', ([separator]) => {
      let isUsed = false;
      return new Callable('joiner', () => {
        const out = isUsed ? (separator ?? ', ') : '';
        isUsed = true;
        return out;
      });
    }),
  ],
]);

function range(args: readonly Value[]): Value {
  const [first, second, third] = args.map((arg) => number(arg, 0));
  const [start, stop, step] = second === undefined ? [0, first ?? 0, 1] : [first ?? 0, second, third ?? 1];
  const items: Value[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) {
    items.push(at);
    if (items.length > 1_000_000) throw new TemplateFault('range is too long');
  }
  return items;
}
