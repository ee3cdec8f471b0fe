import { EngineCannot, TemplateFault } from './faults.ts';
import { exponentText, fixedText, generalText, reprFloat } from './float-text.ts';
import { padText } from './text.ts';
import {
  DictView,
  Float,
  Tuple,
  Undefined,
  className,
  defined,
  numeric,
  repr,
  str,
  type Keywords,
  type Value,
} from './values.ts';

/** Python's `%` on a string. */
export function formatPercent(pattern: string, values: Value): string {
  const items = values instanceof Tuple ? Array.from(values) : [values];
  // whatever has places or keys may have more of them than the pattern asks for
  const isMapping =
    values instanceof Map ||
    values instanceof Undefined ||
    (Array.isArray(values) && !(values instanceof Tuple) && !(values instanceof DictView));
  let next = 0;
  let isNamed = false;
  const take = (): Value => {
    const item = items[next];
    if (item === undefined) throw new TemplateFault('not enough arguments for format string');
    next += 1;
    return item;
  };
  const out = pattern.replace(
    /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?([hlL]?)([^])?/g,
    (
      _whole,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      _size,
      kind: string | undefined,
    ) => {
      if (kind === undefined) throw new TemplateFault('incomplete format');
      if (width === '*' || precision === '*') throw new EngineCannot('a width that is given needs Python');
      if (key !== undefined && !(values instanceof Map)) throw new TemplateFault('format requires a mapping');
      if (kind === '%') return '%';
      if (!'diouxXeEfFgGcrsa'.includes(kind))
        throw new TemplateFault(`unsupported format character '${kind}'`);
      isNamed ||= key !== undefined;
      const value = key === undefined ? take() : namedValue(values, key);
      const formatted = percentField(
        value,
        kind,
        flags,
        precision === undefined ? undefined : Number(precision),
      );
      return padField(formatted, Number(width ?? 0), flags, kind);
    },
  );
  if (!isNamed && !isMapping && next < items.length)
    throw new TemplateFault('not all arguments converted during string formatting');
  return out;
}

function namedValue(values: Value, key: string): Value {
  const found = values instanceof Map ? values.get(key) : undefined;
  if (found === undefined) throw new TemplateFault(`KeyError: '${key}'`);
  return found;
}

function padField(text: string, width: number, flags: string, kind: string): string {
  if (flags.includes('-')) return padText(text, width, ' ', 'right');
  if (!flags.includes('0') || 'rsca'.includes(kind)) return padText(text, width, ' ', 'left');
  return zeroPadded(text, width);
}

function zeroPadded(text: string, width: number): string {
  const sign = /^[-+ ]?(?:0[xXob])?/.exec(text)?.[0] ?? '';
  return sign + padText(text.slice(sign.length), width - sign.length, '0', 'left');
}

function percentField(value: Value, kind: string, flags: string, precision: number | undefined): string {
  const cut = (text: string): string => Array.from(text).slice(0, precision).join('');
  if (kind === 's') return cut(str(value));
  if (kind === 'r') return cut(repr(value));
  if (kind === 'a' || kind === 'c') throw new EngineCannot(`the format %${kind} needs Python`);
  const number = numeric('oxX'.includes(kind) ? value : defined(value));
  if (number === undefined)
    throw new TemplateFault(`%${kind} format: a real number is required, not ${className(value)}`);
  const plus = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const sign = number.value < 0 || Object.is(number.value, -0) ? '' : plus;
  if ('diu'.includes(kind)) return sign + wholeText(number.value, 10, precision);
  if ('oxX'.includes(kind)) {
    if (number.isFloat) throw new TemplateFault(`%${kind} format: an integer is required, not float`);
    const prefix = flags.includes('#') ? `0${kind}` : '';
    const digits = wholeText(number.value, kind === 'o' ? 8 : 16, precision);
    const text = digits.startsWith('-') ? `-${prefix}${digits.slice(1)}` : prefix + digits;
    return sign + (kind === 'X' ? text.toUpperCase() : text);
  }
  if (flags.includes('#')) throw new EngineCannot('the flag # for floats needs Python');
  return sign + floatText(number.value, kind, precision ?? 6);
}

function wholeText(value: number, base: number, precision: number | undefined): string {
  const whole = Math.trunc(value);
  if (!Number.isFinite(whole)) throw new TemplateFault('cannot convert float infinity or NaN to integer');
  if (!Number.isSafeInteger(whole)) throw new EngineCannot('whole numbers beyond 2^53 need Python');
  const digits = Math.abs(whole)
    .toString(base)
    .padStart(precision ?? 0, '0');
  return whole < 0 ? `-${digits}` : digits;
}

function floatText(value: number, kind: string, precision: number): string {
  const lower = kind.toLowerCase();
  const text =
    lower === 'f'
      ? fixedText(value, precision)
      : lower === 'e'
        ? exponentText(value, precision)
        : generalText(value, precision);
  return kind === lower ? text : text.toUpperCase();
}

/** `str.format`. */
export function formatBraces(pattern: string, args: readonly Value[], keywords: Keywords): string {
  let next = 0;
  let isNumbered: boolean | undefined;
  const valueOf = (field: string): Value => {
    if (/[.[]/.test(field)) throw new EngineCannot('a format with parts of a value needs Python');
    if (field === '' || /^\d+$/.test(field)) {
      if (isNumbered === (field === ''))
        throw new TemplateFault('cannot switch between manual and automatic field numbering');
      isNumbered = field !== '';
      const found = args[field === '' ? next++ : Number(field)];
      if (found === undefined)
        throw new TemplateFault('Replacement index out of range for positional args tuple');
      return found;
    }
    const found = keywords.get(field);
    if (found === undefined) throw new TemplateFault(`KeyError: '${field}'`);
    return found;
  };
  const out = pattern.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, field: string | undefined) => {
    if (found === '{{' || found === '}}') return found.charAt(0);
    if (field === undefined) {
      if (found === '{' && /\{[^}]*\{/.test(pattern))
        throw new EngineCannot('a format inside of a format needs Python');
      throw new TemplateFault(`Single '${found}' encountered in format string`);
    }
    const [, name = '', conversion, spec = ''] = /^([^!:]*)(?:!([^:]*))?(?::([^]*))?$/.exec(field) ?? [];
    const value = valueOf(name);
    if (conversion !== undefined && !['r', 's'].includes(conversion)) {
      if (conversion === 'a') throw new EngineCannot('the conversion !a needs Python');
      throw new TemplateFault(`Unknown conversion specifier '${conversion}'`);
    }
    return formatSpec(conversion === undefined ? value : conversion === 'r' ? repr(value) : str(value), spec);
  });
  return out;
}

/** format(value, spec) */
function formatSpec(value: Value, spec: string): string {
  if (spec === '') return str(value);
  const parsed = /^(?:([^])?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u.exec(spec);
  if (parsed === null) throw new EngineCannot(`the format ${spec} needs Python`);
  const [, fill, align, sign = '-', alternate, zero, width = '0', group, precision, kind] = parsed;
  if (alternate !== undefined || group !== undefined || (kind !== undefined && 'cbn%'.includes(kind)))
    throw new EngineCannot(`the format ${spec} needs Python`);
  const places = precision === undefined ? undefined : Number(precision);
  const padding = fill ?? (zero === undefined ? ' ' : '0');
  const place = (text: string, otherwise: '<' | '>'): string => {
    const side = align ?? (zero === undefined ? otherwise : '=');
    if (side === '=' && typeof value !== 'string') {
      const lead = /^[-+ ]?/.exec(text)?.[0] ?? '';
      return lead + padText(text.slice(lead.length), Number(width) - lead.length, padding, 'left');
    }
    if (side === '^') {
      const missing = Math.max(0, Number(width) - Array.from(text).length);
      return padding.repeat(Math.floor(missing / 2)) + text + padding.repeat(Math.ceil(missing / 2));
    }
    return padText(text, Number(width), padding, side === '<' ? 'right' : 'left');
  };
  if (typeof value === 'string') {
    if ((kind !== undefined && kind !== 's') || parsed[3] !== undefined || align === '=')
      throw new TemplateFault(`Invalid format specifier '${spec}' for object of type 'str'`);
    if (zero !== undefined) throw new EngineCannot('zeros before a text are a matter of the Python');
    return place(Array.from(value).slice(0, places).join(''), '<');
  }
  const number = numeric(value);
  if (number === undefined || typeof value === 'boolean') {
    if (typeof value === 'boolean') throw new EngineCannot('the format of a boolean needs Python');
    throw new TemplateFault(`unsupported format string passed to ${className(value)}.__format__`);
  }
  const lead = number.value < 0 || Object.is(number.value, -0) || sign === '-' ? '' : sign;
  if (value instanceof Float || (kind !== undefined && 'eEfFgG'.includes(kind))) {
    if (kind !== undefined && !'eEfFgG'.includes(kind))
      throw new TemplateFault(`Unknown format code '${kind}' for object of type 'float'`);
    if (kind === undefined && places !== undefined)
      throw new EngineCannot('a precision without a kind needs Python');
    const text = kind === undefined ? reprFloat(number.value) : floatText(number.value, kind, places ?? 6);
    return place(lead + text, '>');
  }
  if (places !== undefined) throw new TemplateFault('Precision not allowed in integer format specifier');
  if (kind !== undefined && !'doxX'.includes(kind))
    throw new TemplateFault(`Unknown format code '${kind}' for object of type 'int'`);
  const digits = wholeText(
    number.value,
    kind === 'o' ? 8 : kind === 'x' || kind === 'X' ? 16 : 10,
    undefined,
  );
  return place(lead + (kind === 'X' ? digits.toUpperCase() : digits), '>');
}
