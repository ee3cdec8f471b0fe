import { EngineCannot, TemplateFault, UndefinedUsed } from './faults.ts';
import { reprFloat } from './float-text.ts';

export { reprFloat } from './float-text.ts';

/** A value as a template sees it. Whole numbers are JavaScript numbers; Python's float has its own class. */
export type Value =
  | string
  | number
  | boolean
  | null
  | Float
  | Markup
  | Undefined
  | Callable
  | Namespace
  | Generator
  | Slice
  | Value[]
  | Map<Value, Value>;

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Text that counts as escaped: what is joined with it is escaped too, which only Jinja2 does. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

class Sequence extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}
/** A tuple prints and compares unlike a list, and is otherwise the same. */
export class Tuple extends Sequence {}
/** What `groupby` answers: a pair whose parts have names. */
export class Group extends Tuple {}
/** What range() answers: not a list, though it is walked and indexed like one. */
export class Range extends Sequence {
  written = 'range(0, 0)';
}
/** What items(), keys() and values() of a dict answer: walked like a list, but without places. */
export class DictView extends Sequence {
  written = 'dict_items';
}
export const tuple = (...items: Value[]): Tuple => Object.assign(new Tuple(), items);
export const view = (written: string, items: Iterable<Value>): DictView =>
  Object.assign(new DictView(), [...items], { written });

/** What can be walked once: `map`, `select` and their like. It is true even when nothing is in it. */
export class Generator {
  readonly name: string;
  #make: (() => Value[]) | undefined;
  constructor(make: () => Value[], name = 'generator') {
    this.#make = make;
    this.name = name;
  }
  /** all that is left; nothing from then on */
  take(): Value[] {
    const items = this.#make?.() ?? [];
    this.#make = undefined;
    return items;
  }
  first(): Value | undefined {
    const [first, ...rest] = this.take();
    this.#make = (): Value[] => rest;
    return first;
  }
}

/** Any use of it stops the rendering, as with Jinja2's StrictUndefined. */
export class Undefined {
  readonly reason: string;
  /** false, empty, and prints as nothing: what an inline `if` without `else` leaves */
  readonly isLenient: boolean;
  constructor(reason: string, isLenient = false) {
    this.reason = reason;
    this.isLenient = isLenient;
  }
}

/** Python's collections.OrderedDict, which is what a template finds under `cookiecutter`. */
export class OrderedDict extends Map<Value, Value> {}

export type Keywords = ReadonlyMap<string, Value>;

export class Callable {
  readonly name: string;
  readonly call: (args: readonly Value[], keywords: Keywords) => Value;
  /** attributes, as `loop.index` or a module's macros */
  readonly attributes: ReadonlyMap<string, Value> | undefined;
  /** Python's class, for messages */
  readonly type: string;
  constructor(
    name: string,
    call: (args: readonly Value[], keywords: Keywords) => Value,
    attributes?: ReadonlyMap<string, Value>,
    type = 'function',
  ) {
    this.name = name;
    this.call = call;
    this.attributes = attributes;
    this.type = type;
  }
}

export class Namespace {
  readonly values: Map<string, Value>;
  constructor(values: Map<string, Value>) {
    this.values = values;
  }
}

/** `[start:stop:step]` between its parsing and its use. */
export class Slice {
  readonly parts: readonly [Value, Value, Value];
  constructor(parts: readonly [Value, Value, Value]) {
    this.parts = parts;
  }
}

/** Stops on an undefined value, as nearly every use of one does; and on markup, which joins in ways of its own. */
export function defined(value: Value): Exclude<Value, Undefined | Markup> {
  if (value instanceof Undefined) throw new UndefinedUsed(value.reason);
  if (value instanceof Markup) throw new EngineCannot('escaped text joins in ways of its own');
  return value;
}

/** Of two undefined operands Python asks the strict one first. */
export function bothDefined(left: Value, right: Value): void {
  if (isLenient(left)) defined(right);
  defined(left);
  defined(right);
}

const isLenient = (value: Value): boolean => value instanceof Undefined && value.isLenient;

/** Python's own list: neither a tuple nor a range nor a view. */
export const isList = (value: Value): value is Value[] =>
  Array.isArray(value) && !(value instanceof Sequence);

export function typeName(value: Value): string {
  if (value === null) return 'None';
  if (value instanceof OrderedDict) return 'collections.OrderedDict object';
  if (value instanceof Namespace) return 'jinja2.utils.Namespace object';
  if (value instanceof Group) return 'jinja2.filters._GroupTuple object';
  if (value instanceof Callable && value.type === 'module') return 'jinja2.environment.TemplateModule object';
  return `${className(value)} object`;
}

export function className(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (value instanceof Float) return 'float';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Range) return 'range';
  if (value instanceof DictView) return value.written;
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'dict';
  if (value instanceof Generator) return value.name;
  if (value instanceof Callable) return value.type;
  return 'object';
}

export function truth(value: Value): boolean {
  if (isLenient(value)) return false;
  if (value instanceof Markup) return value.text !== '';
  const known = defined(value);
  if (known === null) return false;
  if (typeof known === 'boolean') return known;
  if (typeof known === 'string') return known !== '';
  if (typeof known === 'number') return known !== 0;
  if (known instanceof Float) return known.value !== 0;
  if (Array.isArray(known)) return known.length > 0;
  if (known instanceof Map) return known.size > 0;
  return true;
}

/** Python's str(). */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return isLenient(value) ? '' : repr(defined(value));
  return repr(value);
}

/** Python's repr(). */
export function repr(value: Value): string {
  if (value instanceof Undefined) return 'Undefined';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return reprText(value);
  if (value instanceof Float) return reprFloat(value.value);
  if (value instanceof DictView) return `${value.written}([${reprItems(value)}])`;
  if (value instanceof Range) return value.written;
  if (value instanceof Tuple)
    return value.length === 1 ? `(${repr(value[0] ?? null)},)` : `(${reprItems(value)})`;
  if (Array.isArray(value)) return `[${reprItems(value)}]`;
  if (value instanceof OrderedDict)
    throw new EngineCannot('an OrderedDict prints differently in every Python');
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`;
  if (value instanceof Slice) return `slice(${value.parts.map(repr).join(', ')})`;
  throw new EngineCannot(`how a ${typeName(value)} prints depends on the Python`);
}

const reprItems = (items: readonly Value[]): string => Array.from(items, repr).join(', ');

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\\' || character === quote) out += `\\${character}`;
    else if (character === '\n') out += '\\n';
    else if (character === '\r') out += '\\r';
    else if (character === '\t') out += '\\t';
    else if (code < 0x20 || code === 0x7f || (code >= 0x80 && code <= 0xa0) || code === 0xad) {
      out += `\\x${code.toString(16).padStart(2, '0')}`;
    } else if (code > 0xff && /[\p{C}\p{Z}]/u.test(character)) {
      out +=
        code > 0xffff
          ? `\\U${code.toString(16).padStart(8, '0')}`
          : `\\u${code.toString(16).padStart(4, '0')}`;
    } else out += character;
  }
  return quote + out + quote;
}

/** A number out of int, bool or float; undefined for anything else. */
export function numeric(value: Value): { value: number; isFloat: boolean } | undefined {
  if (typeof value === 'number') return { value, isFloat: false };
  if (typeof value === 'boolean') return { value: value ? 1 : 0, isFloat: false };
  if (value instanceof Float) return { value: value.value, isFloat: true };
  return undefined;
}

export function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new EngineCannot('whole numbers beyond 2^53 need Python');
  return Object.is(value, -0) ? 0 : value;
}

/** The form under which a value is a key of a dict. */
export function keyOf(value: Value): Value {
  if (isLenient(value)) throw new EngineCannot('an undefined key needs Python');
  const known = defined(value);
  if (typeof known === 'string' || typeof known === 'number' || known === null) return known;
  if (isList(known) || known instanceof Map)
    throw new TemplateFault(`unhashable type: '${className(known)}'`);
  // 1, 1.0 and True are one key in Python
  throw new EngineCannot(`a ${className(known)} as key of a dict needs Python`);
}

export function equal(left: Value, right: Value): boolean {
  if (isLenient(left) || isLenient(right)) {
    if (left instanceof Undefined && right instanceof Undefined) {
      defined(left.isLenient ? (right.isLenient ? null : right) : left);
      return true;
    }
    return false;
  }
  defined(left);
  defined(right);
  const a = numeric(left);
  const b = numeric(right);
  if (a !== undefined || b !== undefined) return a?.value === b?.value;
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left instanceof DictView || right instanceof DictView)
      throw new EngineCannot('views of a dict compare in a way of their own');
    if (kindOf(left) !== kindOf(right) || left.length !== right.length) return false;
    return left.every((item, index) => same(item, right[index] ?? null));
  }
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size &&
      [...left].every(([key, item]) => right.has(key) && same(item, right.get(key) ?? null))
    );
  }
  return left === right;
}

/** What containers ask of their items: the very same object is equal to itself, even when it is undefined. */
const same = (left: Value, right: Value): boolean => left === right || equal(left, right);

const kindOf = (value: Value[]): string =>
  value instanceof Tuple ? 'tuple' : value instanceof Range ? 'range' : 'list';

/** Python's order: negative, zero or positive. */
export function compare(left: Value, right: Value): number {
  bothDefined(left, right);
  const a = numeric(left);
  const b = numeric(right);
  if (a !== undefined && b !== undefined) return a.value - b.value;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  const isOrdered = (value: Value): value is Value[] => isList(value) || value instanceof Tuple;
  if (isOrdered(left) && isOrdered(right) && kindOf(left) === kindOf(right)) {
    for (const [index, item] of left.entries()) {
      if (index >= right.length) return 1;
      const other = right[index] ?? null;
      if (!same(item, other)) return compare(item, other);
    }
    return left.length - right.length;
  }
  if (left instanceof DictView || right instanceof DictView)
    throw new EngineCannot('views of a dict compare in a way of their own');
  throw new TemplateFault(
    `'<' not supported between instances of '${className(left)}' and '${className(right)}'`,
  );
}

/** By code point, as Python, not by UTF-16 unit. */
export function compareText(left: string, right: string): number {
  const a = Array.from(left);
  const b = Array.from(right);
  for (const [index, character] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (character !== other) return (character.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  }
  return a.length - b.length;
}

export function isIterable(value: Value): boolean {
  return (
    typeof value === 'string' ||
    Array.isArray(value) ||
    value instanceof Map ||
    value instanceof Generator ||
    value instanceof Markup ||
    isLenient(value)
  );
}

export function iterate(value: Value): Value[] {
  if (isLenient(value)) return [];
  const known = defined(value);
  if (typeof known === 'string') return Array.from(known);
  if (Array.isArray(known)) return Array.from(known);
  if (known instanceof Map) return [...known.keys()];
  if (known instanceof Generator) return known.take();
  if (known instanceof Callable) throw new EngineCannot(`walking a ${typeName(known)} needs Python`);
  throw new TemplateFault(`'${className(known)}' object is not iterable`);
}

export function length(value: Value): number {
  if (isLenient(value)) return 0;
  const known = defined(value);
  if (typeof known === 'string') return Array.from(known).length;
  if (Array.isArray(known)) return known.length;
  if (known instanceof Map) return known.size;
  if (known instanceof Callable && known.type !== 'function')
    throw new EngineCannot(`the length of a ${typeName(known)} needs Python`);
  throw new TemplateFault(`object of type '${className(known)}' has no len()`);
}

export function contains(container: Value, item: Value): boolean {
  if (isLenient(container)) return false;
  const known = defined(container);
  if (typeof known === 'string') {
    if (item instanceof Markup) return known.includes(item.text);
    if (typeof item !== 'string')
      throw new TemplateFault(`'in <string>' requires string as left operand, not ${className(item)}`);
    return known.includes(item);
  }
  if (known instanceof Map) return !isLenient(item) && known.has(keyOf(item));
  if (known instanceof Generator) throw new EngineCannot('looking for an item in a generator needs Python');
  return iterate(known).some((each) => same(each, item));
}

/** `value[start:stop:step]` */
export function slice(value: Value, { parts }: Slice): Value {
  if (value instanceof Range) throw new EngineCannot('a part of a range needs Python');
  const canSlice = typeof value === 'string' || (Array.isArray(value) && !(value instanceof DictView));
  const whole = (part: Value): boolean =>
    part === null || typeof part === 'number' || typeof part === 'boolean';
  if (!canSlice || !parts.every(whole))
    throw new TemplateFault(`'${className(value)}' object is not subscriptable so`);
  const items = iterate(value);
  const at = (part: Value): number | undefined => numeric(part)?.value;
  const step = at(parts[2]) ?? 1;
  if (step === 0) throw new TemplateFault('slice step cannot be zero');
  const [low, high] = step > 0 ? [0, items.length] : [-1, items.length - 1];
  const clamp = (part: number | undefined, otherwise: number): number => {
    if (part === undefined) return otherwise;
    return Math.min(Math.max(part < 0 ? part + items.length : part, low), high);
  };
  const start = clamp(at(parts[0]), step > 0 ? low : high);
  const stop = clamp(at(parts[1]), step > 0 ? high : low);
  const taken: Value[] = [];
  for (let index = start; step > 0 ? index < stop : index > stop; index += step)
    taken.push(items[index] ?? null);
  if (typeof value === 'string') return taken.map(str).join('');
  return value instanceof Tuple ? tuple(...taken) : taken;
}

/** What JSON holds, as template values; objects keep the order of their keys. */
export function fromJson(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') return Number.isInteger(json) ? json : new Float(json);
  if (Array.isArray(json)) return json.map(fromJson);
  if (json instanceof Map) return new Map([...json].map(([key, item]) => [fromJson(key), fromJson(item)]));
  return new Map(Object.entries(json).map(([key, item]) => [key, fromJson(item)]));
}

/** Python's json.dumps: `indent` undefined means one line. */
export function dumpJson(value: Value, indent: number | undefined, sortKeys: boolean, depth = 0): string {
  if (value instanceof Markup) return asciiJson(value.text);
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (value instanceof Float) return reprFloat(value.value).replace('nan', 'NaN').replace('inf', 'Infinity');
  if (typeof value === 'string') return asciiJson(value);
  const lineOf = (level: number): string =>
    indent === undefined ? '' : `\n${' '.repeat(Math.max(0, indent) * level)}`;
  const inner = lineOf(depth + 1);
  const outer = lineOf(depth);
  const between = indent === undefined ? ', ' : `,${inner}`;
  if (isList(value) || value instanceof Tuple) {
    if (value.length === 0) return '[]';
    return `[${inner}${Array.from(value, (item) => dumpJson(item, indent, sortKeys, depth + 1)).join(between)}${outer}]`;
  }
  if (value instanceof Map) {
    if (value.size === 0) return '{}';
    const entries = [...value];
    if (sortKeys) entries.sort(([a], [b]) => compare(a, b));
    const lines = entries.map(
      ([key, item]) => `${asciiJson(jsonKey(key))}: ${dumpJson(item, indent, sortKeys, depth + 1)}`,
    );
    return `{${inner}${lines.join(between)}${outer}}`;
  }
  throw new TemplateFault(`Object of type ${className(value)} is not JSON serializable`);
}

const jsonKey = (key: Value): string => (key === null ? 'null' : str(key));

const asciiJson = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) =>
    unit === '\u007f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
