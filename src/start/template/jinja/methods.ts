import { EngineCannot, TemplateFault } from './faults.ts';
import {
  Callable,
  defined,
  equal,
  iterate,
  length,
  numeric,
  str,
  tuple,
  view,
  className,
  repr,
  type Keywords,
  type Value,
} from './values.ts';

type Method<T> = (self: T, args: readonly Value[], keywords: Keywords) => Value;

const text = (value: Value | undefined): string => {
  if (typeof value === 'string') return value;
  throw new TemplateFault(`expected a string, got ${value === undefined ? 'nothing' : className(value)}`);
};
const count = (value: Value | undefined, otherwise: number): number => {
  if (value === undefined || value === null) return otherwise;
  const known = numeric(defined(value));
  if (known === undefined || known.isFloat)
    throw new TemplateFault(`expected a whole number, got ${className(value)}`);
  return known.value;
};

/** Python counts these among white space as well; they also end lines, all but the last. */
const separators = ['\u001c', '\u001d', '\u001e', '\u001f'];
const isSpace = (character: string): boolean =>
  (/\s/.test(character) && character !== '\ufeff') ||
  character === '\u0085' ||
  separators.includes(character);
const isCased = (character: string): boolean => character.toLowerCase() !== character.toUpperCase();
const isLetter = (character: string): boolean => /\p{L}/u.test(character);
const isUpper = (character: string): boolean => isCased(character) && character === character.toUpperCase();
const isLower = (character: string): boolean => isCased(character) && character === character.toLowerCase();
const all = (self: string, test: (character: string) => boolean): boolean =>
  self !== '' && Array.from(self).every(test);

/** str.strip and its one-sided forms. */
export function strip(self: string, characters: Value | undefined, side: 'both' | 'left' | 'right'): string {
  const set = characters === undefined || characters === null ? undefined : new Set(text(characters));
  const drop = (character: string): boolean => (set === undefined ? isSpace(character) : set.has(character));
  const items = Array.from(self);
  let from = 0;
  let to = items.length;
  if (side !== 'right') while (from < to && drop(items[from] ?? '')) from += 1;
  if (side !== 'left') while (to > from && drop(items[to - 1] ?? '')) to -= 1;
  return items.slice(from, to).join('');
}

export function splitText(self: string, separator: Value | undefined, limit: number): string[] {
  if (separator === undefined || separator === null) {
    const parts: string[] = [];
    let rest = strip(self, undefined, 'left');
    while (rest !== '') {
      if (limit >= 0 && parts.length === limit) return [...parts, strip(rest, undefined, 'right')];
      const at = Array.from(rest).findIndex(isSpace);
      const word = at < 0 ? rest : Array.from(rest).slice(0, at).join('');
      parts.push(word);
      rest = strip(rest.slice(word.length), undefined, 'left');
    }
    return parts;
  }
  const by = text(separator);
  if (by === '') throw new TemplateFault('empty separator');
  const parts = self.split(by);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return [...parts.slice(0, limit), parts.slice(limit).join(by)];
}

function splitRight(self: string, separator: Value | undefined, limit: number): string[] {
  const backwards = (word: string): string => Array.from(word).reverse().join('');
  const by = separator === undefined || separator === null ? separator : backwards(text(separator));
  return splitText(backwards(self), by, limit).map(backwards).reverse();
}

export function replaceText(self: string, from: string, to: string, limit: number): string {
  if (limit < 0) return self.replaceAll(from, () => to);
  let done = 0;
  return self.replaceAll(from, (found) => {
    done += 1;
    return done <= limit ? to : found;
  });
}

/** str.title: a letter after anything that is not a letter is upper, every other one lower. */
export function titleText(self: string): string {
  let follows = false;
  let out = '';
  for (const character of self) {
    out += follows ? character.toLowerCase() : titleCase(character);
    follows = isCased(character);
  }
  return out;
}
const titleCase = (character: string): string => {
  const upper = character.toUpperCase();
  return upper.length > character.length ? upper.charAt(0) + upper.slice(1).toLowerCase() : upper;
};

export function capitalizeText(self: string): string {
  const [first = '', ...rest] = Array.from(self);
  return titleCase(first) + rest.join('').toLowerCase();
}

export function padText(self: string, width: number, fill: string, side: 'left' | 'right' | 'both'): string {
  const missing = width - length(self);
  if (missing <= 0) return self;
  if (side === 'right') return self + fill.repeat(missing);
  if (side === 'left') return fill.repeat(missing) + self;
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + self + fill.repeat(missing - left);
}

const ends = (self: string, args: readonly Value[], test: (part: string) => boolean): boolean => {
  if (args.length > 1) throw new EngineCannot('startswith and endswith with a range need Python');
  const [wanted] = args;
  return Array.isArray(wanted) ? wanted.some((each) => test(text(each))) : test(text(wanted));
};

const finder =
  (from: 'left' | 'right', mustFind: boolean): Method<string> =>
  (self, args) => {
    if (args.length > 1) throw new EngineCannot('find with a range needs Python');
    const at = from === 'left' ? self.indexOf(text(args[0])) : self.lastIndexOf(text(args[0]));
    if (at < 0 && mustFind) throw new TemplateFault('substring not found');
    return at < 0 ? -1 : length(self.slice(0, at));
  };

const stringMethods: Readonly<Record<string, Method<string>>> = {
  lower: (self) => self.toLowerCase(),
  upper: (self) => self.toUpperCase(),
  casefold: (self) => self.toLowerCase().replaceAll('ß', 'ss'),
  title: (self) => titleText(self),
  capitalize: (self) => capitalizeText(self),
  swapcase: (self) =>
    Array.from(self, (each) => (isUpper(each) ? each.toLowerCase() : each.toUpperCase())).join(''),
  strip: (self, args) => strip(self, args[0], 'both'),
  lstrip: (self, args) => strip(self, args[0], 'left'),
  rstrip: (self, args) => strip(self, args[0], 'right'),
  split: (self, args, keywords) =>
    splitText(self, args[0] ?? keywords.get('sep'), count(args[1] ?? keywords.get('maxsplit'), -1)),
  rsplit: (self, args, keywords) =>
    splitRight(self, args[0] ?? keywords.get('sep'), count(args[1] ?? keywords.get('maxsplit'), -1)),
  splitlines: (self, args, keywords) =>
    splitLines(self, (args[0] ?? keywords.get('keepends') ?? false) === true),
  replace: (self, args) => replaceText(self, text(args[0]), text(args[1]), count(args[2], -1)),
  startswith: (self, args) => ends(self, args, (part) => self.startsWith(part)),
  endswith: (self, args) => ends(self, args, (part) => self.endsWith(part)),
  removeprefix: (self, args) => (self.startsWith(text(args[0])) ? self.slice(text(args[0]).length) : self),
  removesuffix: (self, args) =>
    args[0] !== '' && self.endsWith(text(args[0])) ? self.slice(0, -text(args[0]).length) : self,
  join: (self, args) =>
    iterate(args[0] ?? [])
      .map((item) => text(item))
      .join(self),
  find: finder('left', false),
  rfind: finder('right', false),
  index: finder('left', true),
  rindex: finder('right', true),
  count: (self, args) => (args[0] === '' ? length(self) + 1 : self.split(text(args[0])).length - 1),
  partition: (self, args) => {
    const at = self.indexOf(text(args[0]));
    return at < 0
      ? tuple(self, '', '')
      : tuple(self.slice(0, at), text(args[0]), self.slice(at + text(args[0]).length));
  },
  rpartition: (self, args) => {
    const at = self.lastIndexOf(text(args[0]));
    return at < 0
      ? tuple('', '', self)
      : tuple(self.slice(0, at), text(args[0]), self.slice(at + text(args[0]).length));
  },
  center: (self, args) => padText(self, count(args[0], 0), text(args[1] ?? ' '), 'both'),
  ljust: (self, args) => padText(self, count(args[0], 0), text(args[1] ?? ' '), 'right'),
  rjust: (self, args) => padText(self, count(args[0], 0), text(args[1] ?? ' '), 'left'),
  zfill: (self, args) => {
    const sign = /^[+-]/.exec(self)?.[0] ?? '';
    return sign + padText(self.slice(sign.length), count(args[0], 0) - sign.length, '0', 'left');
  },
  isalpha: (self) => all(self, isLetter),
  isdigit: (self) => all(self, (each) => /\p{Nd}/u.test(each)),
  isdecimal: (self) => all(self, (each) => /\p{Nd}/u.test(each)),
  isnumeric: (self) => all(self, (each) => /\p{N}/u.test(each)),
  isalnum: (self) => all(self, (each) => /[\p{L}\p{N}]/u.test(each)),
  isspace: (self) => all(self, isSpace),
  isupper: (self) => self.toUpperCase() === self && Array.from(self).some(isUpper),
  islower: (self) => self.toLowerCase() === self && Array.from(self).some(isLower),
  istitle: (self) => titleText(self) === self && Array.from(self).some(isCased),
  isidentifier: (self) => /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(self),
  isascii: (self) => !/[\u0080-\uffff]/.test(self),
  format: (self, args, keywords) => formatBraces(self, args, keywords),
};
const otherStringMethods = new Set([
  'encode',
  'expandtabs',
  'format_map',
  'isprintable',
  'maketrans',
  'translate',
]);

const listMethods: Readonly<Record<string, Method<Value[]>>> = {
  append: (self, [item]) => {
    self.push(item ?? null);
    return null;
  },
  extend: (self, [items]) => {
    self.push(...iterate(items ?? []));
    return null;
  },
  insert: (self, [at, item]) => {
    self.splice(count(at, 0), 0, item ?? null);
    return null;
  },
  pop: (self, [at]) => {
    const [taken] = self.splice(count(at, -1), 1);
    if (taken === undefined) throw new TemplateFault('pop index out of range');
    return taken;
  },
  remove: (self, [item]) => {
    const at = self.findIndex((each) => equal(each, item ?? null));
    if (at < 0) throw new TemplateFault('list.remove(x): x not in list');
    self.splice(at, 1);
    return null;
  },
  reverse: (self) => {
    self.reverse();
    return null;
  },
  index: (self, [item]) => {
    const at = self.findIndex((each) => equal(each, item ?? null));
    if (at < 0) throw new TemplateFault(`${repr(item ?? null)} is not in list`);
    return at;
  },
  count: (self, [item]) => self.filter((each) => equal(each, item ?? null)).length,
  copy: (self) => [...self],
};
const otherListMethods = new Set(['clear', 'sort']);

const dictMethods: Readonly<Record<string, Method<Map<Value, Value>>>> = {
  items: (self) => view(self.entries().map(([key, item]) => tuple(key, item))),
  keys: (self) => view(self.keys()),
  values: (self) => view(self.values()),
  get: (self, [key, otherwise]) => {
    const found = self.get(defined(key ?? null));
    return found === undefined ? (otherwise ?? null) : found;
  },
  copy: (self) => new Map(self),
  update: (self, [other], keywords) => {
    if (other instanceof Map) for (const [key, item] of other) self.set(key, item);
    for (const [key, item] of keywords) self.set(key, item);
    return null;
  },
  pop: (self, [key, otherwise]) => {
    const known = key ?? null;
    const taken = self.has(known) ? self.get(known) : otherwise;
    if (taken === undefined) throw new TemplateFault(repr(known));
    self.delete(known);
    return taken;
  },
  setdefault: (self, [key, otherwise]) => {
    const known = key ?? null;
    if (!self.has(known)) self.set(known, otherwise ?? null);
    return self.get(known) ?? null;
  },
};
const otherDictMethods = new Set(['clear', 'fromkeys', 'popitem', 'move_to_end']);

/** A method of a Python str, list or dict; undefined where Python has none of that name. */
export function methodOf(self: Value, name: string): Callable | undefined {
  const bind = <T>(
    method: Method<T> | undefined,
    owner: T,
    others: ReadonlySet<string>,
  ): Callable | undefined => {
    if (method !== undefined) return new Callable(name, (args, keywords) => method(owner, args, keywords));
    if (others.has(name) || /^__\w+__$/.test(name))
      throw new EngineCannot(`${className(self)}.${name} needs Python`);
    return undefined;
  };
  if (typeof self === 'string') return bind(own(stringMethods, name), self, otherStringMethods);
  if (Array.isArray(self)) return bind(own(listMethods, name), self, otherListMethods);
  if (self instanceof Map) return bind(own(dictMethods, name), self, otherDictMethods);
  return undefined;
}

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

const lineEnds = new RegExp(
  String.raw`\r\n|[\n\r\v\f\u0085\u2028\u2029${separators.slice(0, 3).join('')}]`,
  'g',
);

/** str.splitlines. */
export function splitLines(self: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const end of self.matchAll(lineEnds)) {
    const after = end.index + end[0].length;
    lines.push(self.slice(from, keepEnds ? after : end.index));
    from = after;
  }
  return from < self.length ? [...lines, self.slice(from)] : lines;
}

/** Python's `%` on a string. */
export function formatPercent(pattern: string, values: Value): string {
  const items = Array.isArray(values) && className(values) === 'tuple' ? Array.from(values) : [values];
  let next = 0;
  const out = pattern.replace(
    /%(?:\((\w+)\))?([-+ #0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g,
    (
      _whole,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      kind: string,
    ) => {
      if (kind === '%') return '%';
      const given = key === undefined ? items[next++] : values instanceof Map ? values.get(key) : undefined;
      if (given === undefined) throw new TemplateFault('not enough arguments for format string');
      const formatted = formatOne(
        defined(given),
        kind,
        precision === undefined ? undefined : Number(precision),
        flags.includes('+'),
      );
      const isPadded = flags.includes('0') && 'dif'.includes(kind);
      return padText(
        formatted,
        Number(width ?? 0),
        isPadded ? '0' : ' ',
        flags.includes('-') ? 'right' : 'left',
      );
    },
  );
  if (next < items.length && !(values instanceof Map))
    throw new TemplateFault('not all arguments converted during string formatting');
  return out;
}

function formatOne(value: Value, kind: string, precision: number | undefined, hasPlus: boolean): string {
  if (kind === 's') return str(value).slice(0, precision);
  if (kind === 'r') return repr(value);
  const number = numeric(value);
  if (number === undefined)
    throw new TemplateFault(`%${kind} format: a number is required, not ${className(value)}`);
  const sign = hasPlus && number.value >= 0 ? '+' : '';
  if (kind === 'd' || kind === 'i') return sign + String(Math.trunc(number.value));
  if (kind === 'f') return sign + number.value.toFixed(precision ?? 6);
  if (kind === 'x') return sign + Math.trunc(number.value).toString(16);
  throw new EngineCannot(`the format %${kind} needs Python`);
}

function formatBraces(pattern: string, args: readonly Value[], keywords: Keywords): string {
  let next = 0;
  return pattern.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field: string | undefined) => {
    if (field === undefined) return whole.charAt(0);
    if (!/^\w*$/.test(field)) throw new EngineCannot('a format with details needs Python');
    const value =
      field === '' ? args[next++] : /^\d+$/.test(field) ? args[Number(field)] : keywords.get(field);
    if (value === undefined) throw new TemplateFault(`no value for the format field '${field}'`);
    return str(value);
  });
}
