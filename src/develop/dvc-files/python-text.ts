import { isUtf8 } from 'node:buffer';

/** A float as Python's `repr` writes it: `1.0`, `1e-05`, `1e+16`; non-finite ones as YAML does. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (value === Infinity) return '.inf';
  if (value === -Infinity) return '-.inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16) {
    const plain = value.toString();
    // JavaScript switches to an exponent only below 1e-6, so it agrees with Python in this range
    return plain.includes('.') ? plain : `${plain}.0`;
  }
  const sign = exponent < 0 ? '-' : '+';
  return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** A string as Python's `json.dumps` writes it: ASCII only, `\uXXXX` in lower case. */
export const jsonText = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => escapeUnit(unit));

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Python's order of strings: by code point, where JavaScript's `<` goes by UTF-16 unit. */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a !== b) return order(left, right, at, a, b);
  }
  return left.length - right.length;
}

/** Units at the first difference; a whole pair lies above every single unit, a lone surrogate does not. */
function order(left: string, right: string, at: number, a: number, b: number): number {
  const isPairBefore = at > 0 && isHigh(left.charCodeAt(at - 1)) && (isLow(a) || isLow(b));
  if (isPairBefore) {
    return (left.codePointAt(at - 1) ?? 0) - (right.codePointAt(at - 1) ?? 0) || a - b;
  }
  return (left.codePointAt(at) ?? 0) - (right.codePointAt(at) ?? 0);
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** A file name as Python sees it: bytes that are not UTF-8 become lone surrogates (`surrogateescape`). */
export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const width = sequenceWidth(bytes, at);
    if (width === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += 1;
    } else {
      text += bytes.toString('utf8', at, at + width);
      at += width;
    }
  }
  return text;
}

/** Bytes of the valid character at `at`, 0 when there is none. */
function sequenceWidth(bytes: Buffer, at: number): number {
  for (let width = 1; width <= 4 && at + width <= bytes.length; width++) {
    if (isUtf8(bytes.subarray(at, at + width))) return width;
  }
  return 0;
}

/** The path to hand to the file system for a name of `decodeName`. */
export function encodePath(path: string): string | Buffer {
  if (path.isWellFormed()) return path;
  const parts: Buffer[] = [];
  for (const character of path) {
    const code = character.codePointAt(0) ?? 0;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}
