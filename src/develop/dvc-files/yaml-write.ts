import { floatText } from './python-text.ts';
import { kindOfPlain } from './yaml-read.ts';
import { isList, isMap, type YamlMap, type YamlScalar, type YamlValue } from './yaml-value.ts';

const lineWidth = 80;
const longestSimpleKey = 128;
const breaks = '\n\u0085\u2028\u2029';
const blanks = '\0 \t\r\n\u0085\u2028\u2029';

/**
 * Writes YAML byte for byte as DVC does, so that the two tools leave no differences in each other's files:
 * two spaces, dashes at the column of their key, long strings folded at column 80, Python's floats.
 */
export function writeYaml(value: YamlMap): string {
  const writer = new Writer(anchorsIn(value));
  writer.map(value, 0);
  return writer.finish();
}

/** Lists and maps that stand in several places, as dvc writes params of which one holds the other: named at the first place. */
function anchorsIn(value: YamlMap): ReadonlyMap<object, string> {
  const seen = new Set<object>();
  const anchors = new Map<object, string>();
  let count = 0;
  const visit = (one: YamlValue): void => {
    if (!isMap(one) && !isList(one)) return;
    if (seen.has(one)) {
      if (!anchors.has(one)) anchors.set(one, `id${String((count += 1)).padStart(3, '0')}`);
      return;
    }
    seen.add(one);
    for (const item of one.values()) visit(item);
  };
  visit(value);
  return anchors;
}

class Writer {
  readonly #anchors: ReadonlyMap<object, string>;
  readonly #written = new Set<object>();
  #text = '';
  /** code points since the last line break */
  #column = 0;

  constructor(anchors: ReadonlyMap<object, string>) {
    this.#anchors = anchors;
  }

  /** @returns true where an alias says it all */
  #anchor(value: YamlValue): boolean {
    const name = isMap(value) || isList(value) ? this.#anchors.get(value) : undefined;
    if (name === undefined || !(isMap(value) || isList(value))) return false;
    const isWritten = this.#written.has(value);
    this.#put(` ${isWritten ? '*' : '&'}${name}`);
    this.#written.add(value);
    return isWritten;
  }

  finish(): string {
    return `${this.#text}\n`;
  }

  /** Keys at `indent`; the caller stands where the first key goes. */
  map(map: YamlMap, indent: number): void {
    let isFirst = true;
    for (const [key, value] of map) {
      if (!isFirst) this.#newLine(indent);
      isFirst = false;
      const isSimple = this.#key(key, indent);
      this.#put(':');
      if (isSimple) this.#value(value, indent);
      else this.#compact(value, indent);
    }
  }

  /** @returns false for a long or broken key, which takes the form `? key` and a colon on the next line */
  #key(key: YamlScalar, indent: number): boolean {
    const text = scalarText(key);
    // the original counts the tag that it does not write
    const isSimple = lengthOf(text) + tagLength(key) < longestSimpleKey && !hasBreak(text);
    if (!isSimple) this.#put('? ');
    this.#scalar(key, indent + 2, isSimple);
    if (!isSimple) this.#newLine(indent);
    return isSimple;
  }

  /** What follows a key's colon. Lists of a map start at the map's own indent. */
  #value(value: YamlValue, indent: number): void {
    if (this.#anchor(value)) return;
    if (isMap(value) && value.size > 0) {
      this.#newLine(indent + 2);
      this.map(value, indent + 2);
    } else if (isList(value) && value.length > 0) {
      this.#newLine(indent);
      this.#list(value, indent);
    } else this.#leaf(value, indent);
  }

  /** What follows a dash: its first line stays on the same line. */
  #compact(value: YamlValue, indent: number): void {
    if (this.#anchor(value)) return;
    const isNamed = (isMap(value) || isList(value)) && this.#anchors.has(value);
    if (isNamed && isMap(value) && value.size > 0) {
      this.#newLine(indent + 2);
      this.map(value, indent + 2);
    } else if (isNamed && isList(value) && value.length > 0) {
      this.#newLine(indent + 2);
      this.#list(value, indent + 2);
    } else if (isMap(value) && value.size > 0) {
      this.#put(' ');
      this.map(value, indent + 2);
    } else if (isList(value) && value.length > 0) {
      this.#put(' ');
      this.#list(value, indent + 2);
    } else this.#leaf(value, indent);
  }

  #list(list: readonly YamlValue[], indent: number): void {
    for (const [at, item] of list.entries()) {
      if (at > 0) this.#newLine(indent);
      this.#put('-');
      // the original pads to the item's column before it sees that there is nothing to write
      if (item === null) this.#put(' ');
      else this.#compact(item, indent);
    }
  }

  #leaf(value: YamlValue, indent: number): void {
    if (value === null) return;
    this.#put(' ');
    if (isMap(value)) this.#put('{}');
    else if (isList(value)) this.#put('[]');
    else this.#scalar(value, indent + 2, false);
  }

  #scalar(value: YamlScalar, indent: number, isKey: boolean): void {
    const text = scalarText(value);
    const points = Array.from(text);
    const style = typeof value === 'string' ? styleOf(text, points, isKey) : 'plain';
    if (style === 'plain') this.#plain(points, indent, !isKey);
    else if (style === 'single') this.#single(points, indent, !isKey);
    else this.#double(points, indent, !isKey);
  }

  /** A break is taken after the space, which stays at the end of its line. */
  #plain(points: readonly string[], indent: number, canFold: boolean): void {
    for (let at = 0; at < points.length; ) {
      const end = runEnd(points, at);
      const run = points.slice(at, end);
      if (points[at] === ' ') {
        if (run.length === 1 && this.#column >= lineWidth && canFold) this.#newLine(indent);
        else this.#put(run.join(''));
      } else {
        if (this.#column + run.length > lineWidth && this.#column > indent) this.#newLine(indent);
        this.#put(run.join(''));
      }
      at = end;
    }
  }

  #single(points: readonly string[], indent: number, canFold: boolean): void {
    this.#put("'");
    for (let at = 0; at < points.length; ) {
      const end = runEnd(points, at);
      const run = points.slice(at, end).join('');
      const isInside = at > 0 && end < points.length;
      if (hasBreak(run)) {
        this.#text += run + ' '.repeat(indent);
        this.#column = indent;
      } else if (run === ' ' && this.#column > lineWidth && canFold && isInside) this.#newLine(indent);
      else this.#put(run.replaceAll("'", "''"));
      at = end;
    }
    this.#put("'");
  }

  /** Follows the original step by step: where it breaks a line depends on what it has written so far. */
  #double(points: readonly string[], indent: number, canFold: boolean): void {
    this.#put('"');
    let start = 0;
    for (let end = 0; end <= points.length; end++) {
      const point = points[end];
      if (point === undefined || needsEscape(point)) {
        if (start < end) {
          this.#put(points.slice(start, end).join(''));
          start = end;
        }
        if (point !== undefined) {
          this.#put(escapeOf(point));
          start = end + 1;
        }
      }
      const mayBreak = end > 0 && end < points.length - 1 && (point === ' ' || start >= end);
      if (!mayBreak || !canFold || this.#column + (end - start) <= lineWidth) continue;
      const isJoined = breakJoinsBySpace(points, start, end);
      this.#put(points.slice(start, Math.max(start, end)).join('') + (isJoined ? '' : '\\'));
      if (start < end) start = end;
      this.#newLine(indent);
      if (points[start] === ' ') {
        if (isJoined) start += 1;
        else this.#put('\\');
      }
    }
    this.#put('"');
  }

  #put(text: string): void {
    this.#text += text;
    this.#column += lengthOf(text);
  }

  #newLine(indent: number): void {
    this.#text += `\n${' '.repeat(indent)}`;
    this.#column = indent;
  }
}

/** `!!str`, `!!float`, … */
function tagLength(key: YamlScalar): number {
  if (typeof key === 'number') return 7;
  return key === null || typeof key === 'boolean' ? 6 : 5;
}

/** In code points, as Python counts. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) if ((text.codePointAt(at) ?? 0) > 0xffff) length -= 1;
  return length;
}

/** End of the run of spaces, of line breaks, or of other characters, that starts at `at`. */
function runEnd(points: readonly string[], at: number): number {
  const kind = runKind(points[at]);
  let end = at + 1;
  while (end < points.length && runKind(points[end]) === kind) end += 1;
  return end;
}

function runKind(point = ''): 'space' | 'break' | 'word' {
  if (point === ' ') return 'space';
  return breaks.includes(point) ? 'break' : 'word';
}

/** Whether a line break at `end` of a double-quoted string can stand for the space there, without a backslash. */
function breakJoinsBySpace(points: readonly string[], start: number, end: number): boolean {
  let next = points.indexOf(' ', end);
  if (next === -1) return false;
  const newline = points.slice(0, next).indexOf('\n', end);
  if (newline !== -1) next = newline;
  const after = points[next + 1];
  if (points[next] === '\n' && after !== ' ') return false;
  const between = points.slice(end, next);
  return (
    !between.includes('"') &&
    !between.includes("'") &&
    after !== undefined &&
    after !== ' ' &&
    after !== '\n' &&
    !(points[end - 1] === ' ' && points[end] === ' ') &&
    start !== end
  );
}

function scalarText(value: YamlScalar): string {
  if (value === null) return '';
  if (typeof value === 'number') return floatText(value);
  return String(value);
}

type Style = 'plain' | 'single' | 'double';

function styleOf(text: string, points: readonly string[], isKey: boolean): Style {
  const shape = analyse(text, points);
  const isPlain = shape.allowsPlain && kindOfPlain(text) === 'string' && !(isKey && (text === '' || shape.isMultiline));
  if (isPlain) return 'plain';
  if (text.includes("'") || text.includes('\n')) return 'double';
  return shape.allowsSingle && !(isKey && shape.isMultiline) ? 'single' : 'double';
}

/** Which styles can hold the text, by its first characters, spaces, breaks and unprintable characters. */
function analyse(text: string, points: readonly string[]): {
  allowsPlain: boolean;
  allowsSingle: boolean;
  isMultiline: boolean;
} {
  if (text === '') return { allowsPlain: true, allowsSingle: true, isMultiline: false };
  const isMultiline = hasBreak(text);
  const isEdged = /^[ \n\u0085\u2028\u2029]|[ \n\u0085\u2028\u2029]$/.test(text);
  const breakThenSpace = /[\n\u0085\u2028\u2029] /.test(text);
  const spaceThenBreak = / [\n\u0085\u2028\u2029]/.test(text);
  const isSpecial = points.some((point) => !isPrintable(point));
  return {
    allowsPlain: !(isMultiline || isEdged || isSpecial || hasIndicator(points)),
    allowsSingle: !(isSpecial || breakThenSpace || spaceThenBreak),
    isMultiline,
  };
}

function hasIndicator(points: readonly string[]): boolean {
  const start = points.slice(0, 3).join('');
  if (start === '---' || start === '...') return true;
  const first = points[0] ?? '';
  if ('#,[]{}&*!|>\'"%@`'.includes(first)) return true;
  if ('?:-'.includes(first) && isBlank(points[1])) return true;
  return points.some(
    (point, at) => at > 0 && ((point === ':' && isBlank(points[at + 1])) || (point === '#' && isBlank(points[at - 1]))),
  );
}

const isBlank = (point: string | undefined): boolean => point === undefined || blanks.includes(point);
const hasBreak = (text: string): boolean => /[\n\u0085\u2028\u2029]/.test(text);

function isPrintable(point: string): boolean {
  const code = point.codePointAt(0) ?? 0;
  if (code === 0x0a || (code >= 0x20 && code <= 0x7e)) return true;
  if (code === 0xfeff) return false;
  return code === 0x85 || (code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000;
}

const needsEscape = (point: string): boolean =>
  '"\\\u0085\u2028\u2029\ufeff'.includes(point) || point === '\n' || !isPrintable(point);

const shortEscapes: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u00a0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
};

function escapeOf(point: string): string {
  const short = shortEscapes[point];
  if (short !== undefined) return `\\${short}`;
  const code = point.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
