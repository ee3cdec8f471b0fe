import { fileUnreadable } from './dvc-errors.ts';
import type { YamlMap, YamlScalar, YamlValue } from './yaml-value.ts';

/**
 * Values that a Python file assigns as literals: `LR = 0.1`, `DEPTH: int = 3`, those of classes under the class's name,
 * and what `__init__` assigns to `self`. Nothing is executed, and what is computed is left out.
 *
 * @throws DVC_FILE_UNREADABLE where a text or bracket is never closed
 */
export function readPythonLiterals(text: string, name: string): YamlMap {
  return blockValues(logicalLines(text, name), { at: 0 }, 0, /^([A-Za-z_]\w*)/);
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Lines as Python counts them: brackets, triple quotes and backslashes go on; comments are gone. */
function logicalLines(text: string, name: string): Line[] {
  const lines: Line[] = [];
  let line = '';
  let depth = 0;
  const push = (): void => {
    if (line.trim() !== '')
      lines.push({
        indent: /^[ \t]*/.exec(line)?.[0].replaceAll('\t', '        ').length ?? 0,
        text: line.trim(),
      });
    line = '';
  };
  const pieces = /"""|'''|\\\r?\n|\r?\n|#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[^"'#\\\r\n]+|./gsu;
  for (let match = pieces.exec(text); match !== null; match = pieces.exec(text)) {
    const [piece] = match;
    if (piece === '"""' || piece === "'''") {
      const end = closing(text, pieces.lastIndex, piece);
      if (end === -1) throw fileUnreadable(name, `a text that ${piece} opens is never closed`);
      line += text.slice(match.index, end + 3);
      pieces.lastIndex = end + 3;
    } else if (/^\\?\r?\n$/.test(piece)) {
      if (piece.startsWith('\\') || depth > 0) line += ' ';
      else push();
    } else if (!piece.startsWith('#')) {
      if (!/^["']/.test(piece)) depth += count(piece, /[([{]/g) - count(piece, /[)\]}]/g);
      line += piece;
    }
  }
  push();
  if (depth > 0) throw fileUnreadable(name, 'a bracket is never closed');
  return lines;
}

const count = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

function closing(text: string, from: number, quotes: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(quotes, at)) return at;
  }
  return -1;
}

function blockValues(
  lines: readonly Line[],
  cursor: { at: number },
  indent: number,
  target: RegExp,
): YamlMap {
  const found = new Map<YamlScalar, YamlValue>();
  for (let line = lines[cursor.at]; line !== undefined && line.indent >= indent; line = lines[cursor.at]) {
    cursor.at += 1;
    const next = lines[cursor.at]?.indent ?? 0;
    const named = /^class\s+(\w+)/.exec(line.text)?.[1];
    if (next > line.indent && named !== undefined) found.set(named, blockValues(lines, cursor, next, target));
    else if (next > line.indent && /^def\s+__init__\b/.test(line.text)) {
      for (const [key, value] of blockValues(lines, cursor, next, /^self\.([A-Za-z_]\w*)/))
        found.set(key, value);
    } else if (
      /^(?:async\s|def\s|if\s|for\s|while\s|with\s|try\s*:|else|elif|except|finally|@)/.test(line.text)
    )
      skipDeeper(lines, cursor, line.indent);
    else for (const statement of line.text.split(/;\s*/)) assign(found, statement, target);
  }
  return found;
}

function skipDeeper(lines: readonly Line[], cursor: { at: number }, indent: number): void {
  while ((lines[cursor.at]?.indent ?? 0) > indent) cursor.at += 1;
}

function assign(into: Map<YamlScalar, YamlValue>, statement: string, target: RegExp): void {
  const name = target.exec(statement);
  const rest = name === null ? null : /^\s*(?::[^=]+)?=(?!=)\s*(.*)$/s.exec(statement.slice(name[0].length));
  const value = rest === null ? undefined : new Literal(rest[1] ?? '').whole();
  if (name?.[1] !== undefined && value !== undefined) into.set(name[1], value);
}

const notALiteral = Symbol('not a literal');

class Literal {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined when it is anything but one literal. */
  whole(): YamlValue | undefined {
    try {
      const first = this.#value();
      const value = this.#isNext(',') ? this.#rest([first], undefined) : first;
      this.#spaces();
      return this.#at === this.#text.length ? value : undefined;
    } catch (thrown) {
      if (thrown === notALiteral) return undefined;
      throw thrown;
    }
  }

  #value(): YamlValue {
    this.#spaces();
    if (this.#isNext('[')) return this.#rest([], ']');
    if (this.#isNext('{')) return this.#map();
    if (this.#isNext('(')) return this.#tuple();
    const text = this.#take(/(?:[rRuU]?)(?:"""|'''|"|')/y);
    if (text !== undefined) return this.#string(text);
    const number = this.#take(
      /[-+]?\s*(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?)(?![\w.])/y,
    );
    if (number !== undefined) return numberOf(number.replaceAll(/[_\s]/g, ''));
    const word = this.#take(/(?:True|False|None)\b/y);
    if (word === undefined) throw notALiteral;
    return word === 'None' ? null : word === 'True';
  }

  #tuple(): YamlValue {
    if (this.#isNext(')')) return [];
    const first = this.#value();
    if (this.#isNext(')')) return first;
    if (!this.#isNext(',')) throw notALiteral;
    return this.#rest([first], ')');
  }

  #rest(items: YamlValue[], end: string | undefined): YamlValue {
    for (;;) {
      this.#spaces();
      if (end === undefined ? this.#at === this.#text.length : this.#isNext(end)) return items;
      items.push(this.#value());
      if (this.#isNext(',')) continue;
      if (end === undefined ? this.#at === this.#text.length : this.#isNext(end)) return items;
      throw notALiteral;
    }
  }

  #map(): YamlValue {
    const map = new Map<YamlScalar, YamlValue>();
    for (;;) {
      if (this.#isNext('}')) return map;
      const key = this.#value();
      if (key instanceof Map || Array.isArray(key) || !this.#isNext(':')) throw notALiteral;
      map.set(key as YamlScalar, this.#value());
      if (this.#isNext(',')) continue;
      if (this.#isNext('}')) return map;
      throw notALiteral;
    }
  }

  /** @param opening with its prefix; texts side by side are one */
  #string(opening: string): string {
    const quotes = opening.replace(/^[a-zA-Z]+/, '');
    const end = closing(this.#text, this.#at, quotes);
    if (end === -1) throw notALiteral;
    const raw = this.#text.slice(this.#at, end);
    this.#at = end + quotes.length;
    const text = /^[rR]/.test(opening) ? raw : unescaped(raw);
    this.#spaces();
    const next = this.#take(/(?:[rRuU]?)(?:"""|'''|"|')/y);
    return next === undefined ? text : text + this.#string(next);
  }

  #isNext(mark: string): boolean {
    this.#spaces();
    if (!this.#text.startsWith(mark, this.#at)) return false;
    this.#at += mark.length;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #spaces(): void {
    this.#take(/\s*/y);
  }
}

function numberOf(text: string): YamlScalar {
  const digits = text.replace(/^[-+]/, '');
  const isNegative = text.startsWith('-');
  if (/^(?:0[xob]|\d+$)/i.test(digits)) return BigInt(digits) * (isNegative ? -1n : 1n);
  return Number(digits) * (isNegative ? -1 : 1);
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};

const unescaped = (raw: string): string =>
  raw.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(.))/gsu,
    (whole, x, u, long, octal: string | undefined, one: string | undefined) => {
      const hex = (x ?? u ?? long) as string | undefined;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      return escapes[one ?? ''] ?? (one === '\\' || one === '"' || one === "'" ? one : whole);
    },
  );
