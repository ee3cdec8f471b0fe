import { randomUUID } from 'node:crypto';
import { parsePythonJson } from '../../../platform/python-json.ts';
import { nearestDouble, powers } from './decimals.ts';

/** Numbers of a request, read without a JavaScript value for each; NaN where it has null or NaN. */
export interface NumberList {
  readonly values: Float64Array;
  /** undefined when they came as one flat list */
  readonly rowLength: number | undefined;
}

/** In which order a list of rows is given back: row after row, or column after column. */
export type NumberOrder = 'rows' | 'columns';

export interface ParsedRequest {
  readonly document: unknown;
  /** The list that was under a key `data`, when it was a list of numbers or of rows of numbers. */
  readonly numbersIn: (data: unknown) => NumberList | undefined;
}

/** Shorter bodies are read whole as quickly. */
const worthwhileBytes = 2048;
const dataKey = '"data"';
/** Stands in the document where a list was taken out; no request can name it. */
const placeholder = randomUUID();

/**
 * JSON of a request in which the bulk, lists of numbers under `data`, goes straight into arrays of numbers.
 * Any list that holds something else, or numbers that need more care than the quick way takes, is read as usual.
 *
 * @throws SyntaxError
 */
export function parseRequestJson(body: Buffer, order: NumberOrder): ParsedRequest {
  const lists: NumberList[] = [];
  let text = '';
  let copied = 0;
  if (body.length >= worthwhileBytes) {
    for (let key = body.indexOf(dataKey); key !== -1; key = body.indexOf(dataKey, key + dataKey.length)) {
      const at = listAfterKey(body, key);
      if (at === undefined || at < copied) continue;
      const read = readNumbers(body, at, order);
      if (read === undefined) continue;
      text += `${body.toString('utf8', copied, at)}"${placeholder}${lists.length}"`;
      lists.push(read);
      copied = read.end;
    }
  }
  const document = parsePythonJson(text + body.toString('utf8', copied));
  return {
    document,
    numbersIn: (data) =>
      typeof data === 'string' && data.startsWith(placeholder)
        ? lists[Number(data.slice(placeholder.length))]
        : undefined,
  };
}

const blank = 0x20;
const quote = 0x22;
const comma = 0x2c;
const plus = 0x2b;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const backslash = 0x5c;
const open = 0x5b;
const close = 0x5d;

/** Where the list begins; undefined when this is no key, or its value no list. In valid JSON only a key is followed by a colon. */
function listAfterKey(body: Buffer, key: number): number | undefined {
  if (body[key - 1] === backslash || body[key] !== quote) return undefined;
  const after = skipSpace(body, key + dataKey.length);
  if (body[after] !== colon) return undefined;
  const at = skipSpace(body, after + 1);
  return body[at] === open ? at : undefined;
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  for (
    let byte = body[at];
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
    byte = body[++at]
  );
  return at;
}

/** As many digits always fit a number exactly, so that one division or multiplication rounds as it should. */
const exactDigits = 15;

/** Where numbers are gathered until it is known how many they are. */
let gathered = new Float64Array(4096);
/** A larger one is not kept. */
const keptNumbers = 1_000_000;

/**
 * A list of numbers, or of rows of numbers that are equally long.
 *
 * @param start of its bracket
 * @returns undefined when it is not what is read here; then nothing is said about its validity
 */
export function readNumbers(
  body: Buffer,
  start: number,
  order: NumberOrder,
): (NumberList & { end: number }) | undefined {
  const read = gatherNumbers(body, start);
  if (read === undefined) return undefined;
  const { count, rowLength, end } = read;
  const isByColumn = rowLength !== undefined && order === 'columns';
  const values = isByColumn ? columnByColumn(gathered, count, rowLength) : gathered.slice(0, count);
  if (gathered.length > keptNumbers) gathered = new Float64Array(4096);
  return { values, rowLength, end };
}

function columnByColumn(rows: Float64Array, count: number, rowLength: number): Float64Array {
  const values = new Float64Array(count);
  let end = 0;
  for (let column = 0; column < rowLength; column++) {
    for (let at = column; at < count; at += rowLength) values[end++] = rows[at] as number;
  }
  return values;
}

function gatherNumbers(
  body: Buffer,
  start: number,
): { count: number; rowLength: number | undefined; end: number } | undefined {
  let values = gathered;
  let at = skipSpace(body, start + 1);
  const hasRows = body[at] === open;
  let count = 0;
  let rowLength = -1;
  let rowStart = 0;
  let hardCount = 0;
  if (hasRows) at = skipSpace(body, at + 1);
  for (;;) {
    if (count === values.length) {
      const grown = new Float64Array(values.length * 2 + 64);
      grown.set(values);
      values = gathered = grown;
    }
    let byte = body[at] as number;
    if (byte === 0x6e || byte === 0x4e) {
      const word = byte === 0x6e ? 'null' : 'NaN';
      if (body.toString('latin1', at, at + word.length) !== word) return undefined;
      at += word.length;
      values[count++] = Number.NaN;
    } else {
      // signs come as they like: reckoned with, they cost less than a branch that is guessed wrong each other time
      const negative = (byte - dot) >>> 31;
      if (negative * (byte - minus) !== 0) return undefined;
      byte = body[(at += negative)] as number;
      let whole = 0;
      const first = at;
      for (; byte >= zero && byte <= nine; byte = body[++at] as number) whole = whole * 10 + (byte - zero);
      let digits = at - first;
      if (digits === 0 || (digits > 1 && body[first] === zero)) return undefined;
      let decimals = 0;
      if (byte === dot) {
        const decimalsAt = at + 1;
        for (byte = body[++at] as number; byte >= zero && byte <= nine; byte = body[++at] as number)
          whole = whole * 10 + (byte - zero);
        decimals = at - decimalsAt;
        if (decimals === 0) return undefined;
        digits += decimals;
      }
      let value: number;
      const isPlain = byte !== 0x65 && byte !== 0x45;
      if (isPlain && digits <= exactDigits)
        value = decimals === 0 ? whole : whole / (powers[decimals] as number);
      else {
        const digitsEnd = at;
        if (!isPlain && (at = endOfExponent(body, at)) === digitsEnd) return undefined;
        const exponent = isPlain ? 0 : Number(body.toString('latin1', digitsEnd + 1, at));
        value = nearestDouble(whole, lastDigits(body, digitsEnd, decimals), decimals - exponent);
      }
      if (value !== value) {
        // asking for the text of each number costs more than reading the whole list as text
        if (++hardCount > 64 && hardCount * 16 > count) return undefined;
        value = Number(body.toString('latin1', first, at));
        if (!Number.isFinite(value)) return undefined;
      }
      values[count++] = value * (1 - 2 * negative);
    }
    // mostly nothing, or the one blank that Python writes: a call for it would be half of the work
    let next = body[at] as number;
    if (next <= blank) next = body[(at = skipSpace(body, at))] as number;
    if (next === comma) {
      if (body[++at] === blank) at++;
      if ((body[at] as number) <= blank) at = skipSpace(body, at);
      continue;
    }
    if (next !== close) return undefined;
    if (!hasRows) return { count, rowLength: undefined, end: at + 1 };
    at = skipSpace(body, at + 1);
    if (rowLength === -1) rowLength = count - rowStart;
    else if (count - rowStart !== rowLength) return undefined;
    rowStart = count;
    if (body[at] === close) return { count, rowLength, end: at + 1 };
    if (body[at] !== comma) return undefined;
    at = skipSpace(body, at + 1);
    if (body[at] !== open) return undefined;
    at = skipSpace(body, at + 1);
  }
}

/** Where the exponent ends that begins here; `start` when it is malformed. */
function endOfExponent(body: Buffer, start: number): number {
  let at = start + 1;
  if (body[at] === plus || body[at] === minus) at++;
  const digitsAt = at;
  while (isDigit(body[at])) at++;
  return at === digitsAt ? start : at;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= zero && byte <= nine;

/** The last eight digits before `end` as a whole number; fewer where the number is shorter. */
function lastDigits(body: Buffer, end: number, decimals: number): number {
  if (decimals >= 8) {
    const pair = (at: number): number => (body[at] as number) * 10 + (body[at + 1] as number) - 11 * zero;
    return pair(end - 8) * 1e6 + pair(end - 6) * 1e4 + pair(end - 4) * 100 + pair(end - 2);
  }
  let value = 0;
  let scale = 1;
  for (let at = end - 1, count = 0; count < 8 && (isDigit(body[at]) || body[at] === dot); at--) {
    if (body[at] === dot) continue;
    value += ((body[at] as number) - zero) * scale;
    scale *= 10;
    count++;
  }
  return value;
}
