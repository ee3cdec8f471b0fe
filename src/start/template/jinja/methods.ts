import { EngineCannot, TemplateFault } from './faults.ts';
import { formatBraces } from './format.ts';
import {
  backwards,
  capitalizeText,
  centerText,
  expandTabs,
  foldCase,
  isCased,
  isSpace,
  padText,
  part,
  replaceText,
  splitLines,
  splitWords,
  strip,
  swapCase,
  titleText,
} from './text.ts';
import {
  Callable,
  DictView,
  Float,
  Markup,
  OrderedDict,
  Range,
  Tuple,
  className,
  compare,
  defined,
  equal,
  isList,
  iterate,
  keyOf,
  length,
  numeric,
  repr,
  truth,
  tuple,
  view,
  type Keywords,
  type Value,
} from './values.ts';

export { strip } from './text.ts';

/** A method with the names of its parameters; `!` marks one that must be given, `*` any number of them. */
interface Method<T> {
  readonly parameters: readonly string[];
  readonly run: (self: T, given: readonly (Value | undefined)[], keywords: Keywords) => Value;
}
type Methods<T> = Readonly<Record<string, Method<T>>>;

const method = <T>(parameters: string, run: Method<T>['run']): Method<T> => ({
  parameters: parameters === '' ? [] : parameters.split(' '),
  run,
});

const text = (value: Value | undefined): string => {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) defined(value);
  throw new TemplateFault(`expected a string, got ${value === undefined ? 'nothing' : className(value)}`);
};
const count = (value: Value | undefined, otherwise: number): number => {
  if (value === undefined) return otherwise;
  const known = numeric(value);
  if (known === undefined || known.isFloat)
    throw new TemplateFault(`'${className(value)}' object cannot be interpreted as an integer`);
  return known.value;
};
const characters = (value: Value | undefined): string | undefined =>
  value === undefined || value === null ? undefined : text(value);
const filling = (value: Value | undefined): string => {
  const fill = value === undefined ? ' ' : text(value);
  if (Array.from(fill).length !== 1)
    throw new TemplateFault('The fill character must be exactly one character long');
  return fill;
};

const all = (self: string, test: RegExp): boolean =>
  self !== '' && Array.from(self).every((each) => test.test(each));
/** A question that Unicode's numbers other than digits answer one by one. */
const plainly = (self: string, test: RegExp): boolean => {
  if (/[\p{No}\p{Nl}]/u.test(self)) throw new EngineCannot('numbers that are no digits need Python');
  return all(self, test);
};

function split(self: string, separator: Value | undefined, limit: number): string[] {
  if (separator === undefined || separator === null) return splitWords(self, limit);
  const by = text(separator);
  if (by === '') throw new TemplateFault('empty separator');
  const parts = self.split(by);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return [...parts.slice(0, limit), parts.slice(limit).join(by)];
}

function splitRight(self: string, separator: Value | undefined, limit: number): string[] {
  const by = separator === undefined || separator === null ? separator : backwards(text(separator));
  return split(backwards(self), by, limit).map(backwards).reverse();
}

/** The part that `start` and `end` of find, count and their like choose. */
function window(
  self: string,
  start: Value | undefined,
  end: Value | undefined,
): { from: number; text: string } | undefined {
  const size = length(self);
  const place = (value: Value | undefined, otherwise: number): number => {
    const at = value === undefined || value === null ? otherwise : count(value, 0);
    return at < 0 ? Math.max(0, at + size) : at;
  };
  const from = place(start, 0);
  const to = Math.min(place(end, size), size);
  return from > size || from > to ? undefined : { from, text: part(self, from, to) };
}

const finder = (side: 'left' | 'right', mustFind: boolean): Method<string> =>
  method('sub! start end', (self, [sub, start, end]) => {
    const wanted = text(sub);
    const within = window(self, start, end);
    const at =
      within === undefined
        ? -1
        : side === 'left'
          ? within.text.indexOf(wanted)
          : within.text.lastIndexOf(wanted);
    if (at < 0 && mustFind) throw new TemplateFault('substring not found');
    return at < 0 || within === undefined ? -1 : within.from + length(within.text.slice(0, at));
  });

const ends = (test: (self: string, part: string) => boolean): Method<string> =>
  method('prefix! start end', (self, [wanted, start, end]) => {
    const parts = wanted instanceof Tuple ? Array.from(wanted, text) : [text(wanted)];
    const within = window(self, start, end);
    return within !== undefined && parts.some((each) => test(within.text, each));
  });

const cut = (side: 'left' | 'right'): Method<string> =>
  method('sep!', (self, [separator]) => {
    const by = text(separator);
    if (by === '') throw new TemplateFault('empty separator');
    const at = side === 'left' ? self.indexOf(by) : self.lastIndexOf(by);
    if (at < 0) return side === 'left' ? tuple(self, '', '') : tuple('', '', self);
    return tuple(self.slice(0, at), by, self.slice(at + by.length));
  });

const stringMethods: Methods<string> = {
  lower: method('', (self) => self.toLowerCase()),
  upper: method('', (self) => self.toUpperCase()),
  casefold: method('', foldCase),
  title: method('', titleText),
  capitalize: method('', capitalizeText),
  swapcase: method('', swapCase),
  strip: method('chars', (self, [chars]) => strip(self, characters(chars), 'both')),
  lstrip: method('chars', (self, [chars]) => strip(self, characters(chars), 'left')),
  rstrip: method('chars', (self, [chars]) => strip(self, characters(chars), 'right')),
  split: method('sep= maxsplit=', (self, [by, limit]) => split(self, by, count(limit, -1))),
  rsplit: method('sep= maxsplit=', (self, [by, limit]) => splitRight(self, by, count(limit, -1))),
  splitlines: method('keepends=', (self, [keeps]) => splitLines(self, keeps !== undefined && truth(keeps))),
  replace: method('old! new! count', (self, [from, to, limit]) =>
    replaceText(self, text(from), text(to), count(limit, -1)),
  ),
  startswith: ends((self, wanted) => self.startsWith(wanted)),
  endswith: ends((self, wanted) => self.endsWith(wanted)),
  removeprefix: method('prefix!', (self, [prefix]) =>
    self.startsWith(text(prefix)) ? self.slice(text(prefix).length) : self,
  ),
  removesuffix: method('suffix!', (self, [suffix]) =>
    text(suffix) !== '' && self.endsWith(text(suffix)) ? self.slice(0, -text(suffix).length) : self,
  ),
  join: method('iterable!', (self, [items]) =>
    iterate(items ?? null)
      .map(text)
      .join(self),
  ),
  find: finder('left', false),
  rfind: finder('right', false),
  index: finder('left', true),
  rindex: finder('right', true),
  count: method('sub! start end', (self, [sub, start, end]) => {
    const within = window(self, start, end);
    if (within === undefined) return 0;
    return text(sub) === '' ? length(within.text) + 1 : within.text.split(text(sub)).length - 1;
  }),
  partition: cut('left'),
  rpartition: cut('right'),
  center: method('width! fillchar', (self, [width, fill]) =>
    centerText(self, count(width, 0), filling(fill)),
  ),
  ljust: method('width! fillchar', (self, [width, fill]) =>
    padText(self, count(width, 0), filling(fill), 'right'),
  ),
  rjust: method('width! fillchar', (self, [width, fill]) =>
    padText(self, count(width, 0), filling(fill), 'left'),
  ),
  zfill: method('width!', (self, [width]) => {
    const sign = /^[+-]/.exec(self)?.[0] ?? '';
    return sign + padText(self.slice(sign.length), count(width, 0) - sign.length, '0', 'left');
  }),
  expandtabs: method('tabsize=', (self, [size]) => expandTabs(self, count(size, 8))),
  isalpha: method('', (self) => all(self, /\p{L}/u)),
  isdigit: method('', (self) => plainly(self, /\p{Nd}/u)),
  isdecimal: method('', (self) => all(self, /\p{Nd}/u)),
  isnumeric: method('', (self) => {
    if (/\p{Lo}/u.test(self)) throw new EngineCannot('letters that are numbers need Python');
    return all(self, /\p{N}/u);
  }),
  isalnum: method('', (self) => all(self, /[\p{L}\p{N}]/u)),
  isspace: method('', (self) => self !== '' && Array.from(self).every(isSpace)),
  isupper: method('', isUpper),
  islower: method('', isLower),
  istitle: method('', (self) => {
    if (/[^\0-\x7f]/.test(self)) throw new EngineCannot('istitle beyond ASCII needs Python');
    return titleText(self) === self && Array.from(self).some(isCased);
  }),
  isidentifier: method('', (self) => /^[_\p{XID_Start}]\p{XID_Continue}*$/u.test(self)),
  isprintable: method('', (self) => {
    if (/[^\0-\x7f]/.test(self)) throw new EngineCannot('isprintable beyond ASCII needs Python');
    return /^[ -~]*$/.test(self);
  }),
  isascii: method('', (self) => !/[\u0080-\uffff]/.test(self)),
  format: method('*', (self, args, keywords) => formatBraces(self, args as Value[], keywords)),
};
const otherStringMethods = new Set(['encode', 'format_map', 'maketrans', 'translate']);

/** str.isupper */
export function isUpper(self: string): boolean {
  return !/[\p{Lowercase}\p{Lt}]/u.test(self) && /\p{Uppercase}/u.test(self);
}
/** str.islower */
export function isLower(self: string): boolean {
  return !/[\p{Uppercase}\p{Lt}]/u.test(self) && /\p{Lowercase}/u.test(self);
}

const indexOf = (self: Value[], item: Value | undefined): number => {
  const at = self.findIndex((each) => each === item || equal(each, item ?? null));
  if (at < 0) throw new TemplateFault(`${repr(item ?? null)} is not in list`);
  return at;
};
const tupleMethods: Methods<Value[]> = {
  index: method('value!', (self, [item]) => indexOf(self, item)),
  count: method(
    'value!',
    (self, [item]) => self.filter((each) => each === item || equal(each, item ?? null)).length,
  ),
};
const listMethods: Methods<Value[]> = {
  ...tupleMethods,
  append: method('object!', (self, [item]) => {
    self.push(item ?? null);
    return null;
  }),
  extend: method('iterable!', (self, [items]) => {
    self.push(...iterate(items ?? null));
    return null;
  }),
  insert: method('index! object!', (self, [at, item]) => {
    self.splice(count(at, 0), 0, item ?? null);
    return null;
  }),
  pop: method('index', (self, [index]) => {
    const at = count(index, -1);
    const [taken] = at < -self.length ? [] : self.splice(at, 1);
    if (taken === undefined) throw new TemplateFault('pop index out of range');
    return taken;
  }),
  remove: method('value!', (self, [item]) => {
    self.splice(indexOf(self, item), 1);
    return null;
  }),
  reverse: method('', (self) => {
    self.reverse();
    return null;
  }),
  clear: method('', (self) => {
    self.length = 0;
    return null;
  }),
  copy: method('', (self) => [...self]),
  sort: method('', (self) => {
    self.sort(compare);
    return null;
  }),
};

const dictMethods: Methods<Map<Value, Value>> = {
  items: method('', (self) =>
    view(
      viewOf(self, 'items'),
      [...self].map(([key, item]) => tuple(key, item)),
    ),
  ),
  keys: method('', (self) => view(viewOf(self, 'keys'), self.keys())),
  values: method('', (self) => view(viewOf(self, 'values'), self.values())),
  get: method('key! default', (self, [key, otherwise]) => {
    const found = self.get(keyOf(key ?? null));
    return found === undefined ? (otherwise ?? null) : found;
  }),
  copy: method('', (self) => (self instanceof OrderedDict ? new OrderedDict(self) : new Map(self))),
  clear: method('', (self) => {
    self.clear();
    return null;
  }),
  update: method('*', (self, [other, ...more], keywords) => {
    if (more.length > 0) throw new TemplateFault('update expected at most 1 argument');
    if (other instanceof Map) for (const [key, item] of other) self.set(key, item);
    else if (other !== undefined) throw new EngineCannot('update with pairs needs Python');
    for (const [key, item] of keywords) self.set(key, item);
    return null;
  }),
  pop: method('key! default', (self, [key, otherwise]) => {
    const known = keyOf(key ?? null);
    const taken = self.has(known) ? self.get(known) : otherwise;
    if (taken === undefined) throw new TemplateFault(`KeyError: ${repr(known)}`);
    self.delete(known);
    return taken;
  }),
  setdefault: method('key! default', (self, [key, otherwise]) => {
    const known = keyOf(key ?? null);
    if (!self.has(known)) self.set(known, otherwise ?? null);
    return self.get(known) ?? null;
  }),
};
const otherDictMethods = new Set(['fromkeys', 'popitem', 'move_to_end']);
const viewOf = (self: Map<Value, Value>, of: string): string =>
  `${self instanceof OrderedDict ? 'odict' : 'dict'}_${of}`;

/** Of ints and floats; booleans have the ints' too. */
const numberAttributes = new Set(
  'real imag numerator denominator conjugate bit_length bit_count to_bytes from_bytes as_integer_ratio is_integer hex fromhex'.split(
    ' ',
  ),
);

/**
 * An attribute of a Python value that is a method; undefined where Python has none of that name.
 *
 * @throws EngineCannot for one that only Python has
 */
export function methodOf(self: Value, name: string): Callable | undefined {
  if (/^__\w+__$/.test(name)) throw new EngineCannot(`${className(self)}.${name} needs Python`);
  if (typeof self === 'string') return bound(name, self, stringMethods, otherStringMethods);
  if (self instanceof Map) return bound(name, self, dictMethods, otherDictMethods);
  if (isList(self)) return bound(name, self, listMethods);
  if (self instanceof Tuple) return bound(name, self, tupleMethods);
  const isOther =
    ((self instanceof Range || self instanceof DictView) && /^[a-z]/.test(name)) ||
    ((typeof self === 'number' || typeof self === 'boolean' || self instanceof Float) &&
      numberAttributes.has(name)) ||
    (className(self) === 'generator' && /^(?:send|throw|close|gi_)/.test(name));
  if (isOther) throw new EngineCannot(`${className(self)}.${name} needs Python`);
  return undefined;
}

function bound<T extends Value>(
  name: string,
  self: T,
  methods: Methods<T>,
  others?: ReadonlySet<string>,
): Callable | undefined {
  const found = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (found !== undefined)
    return new Callable(
      name,
      (args, keywords) => found.run(self, given(name, found.parameters, args, keywords), keywords),
      undefined,
      'builtin_function_or_method',
    );
  if (others?.has(name) === true) throw new EngineCannot(`${className(self)}.${name} needs Python`);
  return undefined;
}

/** Arguments in the order of the parameters; those that end in `=` may be named. */
function given(
  name: string,
  parameters: readonly string[],
  args: readonly Value[],
  keywords: Keywords,
): readonly (Value | undefined)[] {
  if (parameters[0] === '*') return args;
  if (args.length > parameters.length)
    throw new TemplateFault(`${name}() takes at most ${parameters.length} arguments (${args.length} given)`);
  for (const key of keywords.keys()) {
    const at = parameters.indexOf(`${key}=`);
    if (at < 0 || at < args.length) throw new TemplateFault(`${name}() takes no keyword argument '${key}'`);
  }
  return parameters.map((parameter, at) => {
    const value = at < args.length ? args[at] : keywords.get(parameter.slice(0, -1));
    if (value === undefined && parameter.endsWith('!'))
      throw new TemplateFault(`${name}() misses an argument`);
    return value;
  });
}
