import { randomUUID } from 'node:crypto';
import type { AnyValue, NotFinite } from './traces.ts';

/**
 * Reads JSON as Python writes it, `NaN` and `Infinity` included, without losing what a JavaScript number can't tell:
 * 1.0 stays a double, and whole numbers keep all their digits; those beyond 64 bits become text. The reverse of `jsonText`.
 *
 * @throws SyntaxError
 */
export function anyValueOfJson(text: string): AnyValue {
  if (!/NaN|Infinity/.test(text)) return parse(text, undefined);
  const mark = randomUUID();
  // strings are matched first, so that these words inside of them stay
  return parse(text.replace(/"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g, (token) => (token.startsWith('"') ? token : `"${mark}${token}"`)), mark);
}

/** @param mark begins the texts that stand for numbers which are not finite */
function parse(text: string, mark: string | undefined): AnyValue {
  const read = JSON.parse as (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => AnyValue) => AnyValue;
  return read(text, (_key, value, { source }) => {
    if (typeof value === 'string') {
      return mark !== undefined && value.startsWith(mark) ? { double_value: value.slice(mark.length) as NotFinite } : { string_value: value };
    }
    if (typeof value === 'number') return numberOf(value, source ?? String(value));
    if (typeof value === 'boolean') return { bool_value: value };
    // what is inside was read before
    if (Array.isArray(value)) return { array_value: { values: value as AnyValue[] } };
    if (value === null) return {};
    return { kvlist_value: { values: Object.entries(value as Record<string, AnyValue>).map(([key, item]) => ({ key, value: item })) } };
  });
}

function numberOf(value: number, source: string): AnyValue {
  if (/[.eE]/.test(source)) return { double_value: Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity' };
  return BigInt.asIntN(64, BigInt(source)) === BigInt(source) ? { int_value: String(BigInt(source)) } : { string_value: source };
}
