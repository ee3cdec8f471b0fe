import { EngineCannot, TemplateFault, UndefinedUsed } from './faults.ts';

/** A value as a template sees it. Whole numbers are JavaScript numbers; Python's float has its own class. */
export type Value =
  | string
  | number
  | boolean
  | null
  | Float
  | Undefined
  | Callable
  | Namespace
  | Slice
  | Value[]
  | Map<Value, Value>;

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A tuple prints and compares unlike a list, and is otherwise the same. */
export class Tuple extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}
/** What items(), keys() and values() of a dict answer: a sequence that prints in a way of its own. */
export class DictView extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}
export const view = (items: Iterable<Value>): DictView => Object.assign(new DictView(), [...items]);
export const tuple = (...items: Value[]): Tuple => Object.assign(new Tuple(), items);

/** Any use of it stops the rendering, as with Jinja2's StrictUndefined. */
export class Undefined {
  readonly reason: string;
  /** prints as nothing: what an inline `if` without `else` leaves */
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
  constructor(
    name: string,
    call: (args: readonly Value[], keywords: Keywords) => Value,
    attributes?: ReadonlyMap<string, Value>,
  ) {
    this.name = name;
    this.call = call;
    this.attributes = attributes;
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

const use = (value: Undefined): '' => {
  if (value.isLenient) return '';
  throw new UndefinedUsed(value.reason);
};

/** Stops on an undefined value, as every use of one does. */
export function defined(value: Value): Exclude<Value, Undefined> {
  return value instanceof Undefined ? use(value) : value;
}

export function typeName(value: Value): string {
  if (value === null) return 'None';
  if (value instanceof OrderedDict) return 'collections.OrderedDict object';
  if (value instanceof Callable) return 'function object';
  if (value instanceof Namespace) return 'jinja2.utils.Namespace object';
  return `${className(value)} object`;
}

export function className(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (value instanceof Float) return 'float';
  if (value instanceof Tuple) return 'tuple';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'dict';
  return 'object';
}

export function truth(value: Value): boolean {
  if (value instanceof Undefined) return use(value) !== '';
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'number') return value !== 0;
  if (value instanceof Float) return value.value !== 0;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return true;
}

/** Python's str(). */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  return repr(value);
}

/** Python's repr(). */
export function repr(value: Value): string {
  if (value instanceof Undefined) return use(value);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return reprText(value);
  if (value instanceof Float) return reprFloat(value.value);
  if (value instanceof DictView) throw new EngineCannot('a view of a dict prints in a way of its own');
  if (value instanceof Tuple)
    return value.length === 1 ? `(${repr(value[0] ?? null)},)` : `(${reprItems(value)})`;
  if (Array.isArray(value)) return `[${reprItems(value)}]`;
  if (value instanceof OrderedDict)
    throw new EngineCannot('an OrderedDict prints differently in every Python');
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`;
  throw new EngineCannot(`a ${typeName(value)} can't be printed`);
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

export function reprFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
    const sign = exponent.startsWith('-') ? '-' : '+';
    return `${mantissa}e${sign}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
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

export function equal(left: Value, right: Value): boolean {
  defined(left);
  defined(right);
  const a = numeric(left);
  const b = numeric(right);
  if (a !== undefined || b !== undefined) return a?.value === b?.value;
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left instanceof Tuple !== right instanceof Tuple || left.length !== right.length) return false;
    return left.every((item, index) => equal(item, right[index] ?? null));
  }
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size &&
      [...left].every(([key, item]) => right.has(key) && equal(item, right.get(key) ?? null))
    );
  }
  return left === right;
}

/** Python's order: negative, zero or positive. */
export function compare(left: Value, right: Value): number {
  const a = numeric(defined(left));
  const b = numeric(defined(right));
  if (a !== undefined && b !== undefined) return a.value - b.value;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (Array.isArray(left) && Array.isArray(right)) {
    for (const [index, item] of left.entries()) {
      if (index >= right.length) return 1;
      const other = right[index] ?? null;
      if (!equal(item, other)) return compare(item, other);
    }
    return left.length - right.length;
  }
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

export function iterate(value: Value): Value[] {
  const known = defined(value);
  if (typeof known === 'string') return Array.from(known);
  if (Array.isArray(known)) return Array.from(known);
  if (known instanceof Map) return [...known.keys()];
  throw new TemplateFault(`'${className(known)}' object is not iterable`);
}

export function length(value: Value): number {
  const known = defined(value);
  if (typeof known === 'string') return Array.from(known).length;
  if (Array.isArray(known)) return known.length;
  if (known instanceof Map) return known.size;
  throw new TemplateFault(`object of type '${className(known)}' has no len()`);
}

export function contains(container: Value, item: Value): boolean {
  defined(item);
  const known = defined(container);
  if (typeof known === 'string') {
    if (typeof item !== 'string') throw new TemplateFault("'in <string>' requires string as left operand");
    return known.includes(item);
  }
  if (known instanceof Map) return known.has(item);
  return iterate(known).some((each) => equal(each, item));
}

export function slice(value: Value, { parts }: Slice): Value {
  const items = typeof value === 'string' || Array.isArray(value) ? iterate(value) : undefined;
  if (items === undefined) throw new TemplateFault(`'${className(value)}' object can't be sliced`);
  const at = (part: Value): number | undefined => (part === null ? undefined : numeric(defined(part))?.value);
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
  const known = defined(value);
  if (known === null) return 'null';
  if (typeof known === 'boolean' || typeof known === 'number') return String(known);
  if (known instanceof Float) return reprFloat(known.value).replace('nan', 'NaN').replace('inf', 'Infinity');
  if (typeof known === 'string') return asciiJson(known);
  const inner = indent === undefined ? '' : `\n${' '.repeat(indent * (depth + 1))}`;
  const outer = indent === undefined ? '' : `\n${' '.repeat(indent * depth)}`;
  const between = indent === undefined ? ', ' : `,${inner}`;
  if (Array.isArray(known)) {
    if (known.length === 0) return '[]';
    return `[${inner}${Array.from(known, (item) => dumpJson(item, indent, sortKeys, depth + 1)).join(between)}${outer}]`;
  }
  if (known instanceof Map) {
    if (known.size === 0) return '{}';
    const entries = [...known].map(([key, item]) => [str(key), item] as const);
    if (sortKeys) entries.sort(([a], [b]) => compareText(a, b));
    const lines = entries.map(
      ([key, item]) => `${asciiJson(key)}: ${dumpJson(item, indent, sortKeys, depth + 1)}`,
    );
    return `{${inner}${lines.join(between)}${outer}}`;
  }
  throw new TemplateFault(`Object of type ${className(known)} is not JSON serializable`);
}

const asciiJson = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) =>
    unit === '\u007f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
