import { Float, type Value } from './jinja/values.ts';

/**
 * JSON as Python reads it: keys in the order of the text even where they look like numbers, 1 told from 1.0, NaN and
 * Infinity known.
 *
 * @param Dict what an object becomes: cookiecutter reads its own file and typed answers into Python's OrderedDict
 * @throws SyntaxError with line and column, in Python's words
 */
export function parseJson(text: string, Dict: new () => Map<Value, Value> = Map): Value {
  const reader = new Reader(text, Dict);
  return reader.document();
}

const words: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', new Float(Number.NaN)],
  ['Infinity', new Float(Number.POSITIVE_INFINITY)],
  ['-Infinity', new Float(Number.NEGATIVE_INFINITY)],
]);

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Reader {
  readonly #text: string;
  readonly #Dict: new () => Map<Value, Value>;
  #at = 0;

  constructor(text: string, Dict: new () => Map<Value, Value>) {
    this.#text = text;
    this.#Dict = Dict;
  }

  document(): Value {
    if (this.#text.startsWith('\ufeff')) this.#fail('Unexpected UTF-8 BOM (decode using utf-8-sig)');
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('Extra data');
    return value;
  }

  #value(): Value {
    this.#space();
    const next = this.#text[this.#at];
    if (next === '{') return this.#object();
    if (next === '[') return this.#array();
    if (next === '"') return this.#string();
    const number = this.#match(/-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y);
    if (number !== undefined) {
      const [digits, fraction, exponent] = number;
      if (fraction !== undefined || exponent !== undefined) return new Float(Number(digits));
      // a whole number that JavaScript can't hold prints as its digits
      return Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;
    }
    const [word] = this.#match(/null|true|false|NaN|-?Infinity/y) ?? [];
    if (word === undefined) return this.#fail('Expecting value');
    return words.get(word) ?? null;
  }

  #object(): Value {
    const entries = new this.#Dict();
    this.#at += 1;
    this.#space();
    if (this.#takes('}')) return entries;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail('Expecting property name enclosed in double quotes');
      const key = this.#string();
      this.#space();
      if (!this.#takes(':')) this.#fail("Expecting ':' delimiter");
      entries.set(key, this.#value());
      this.#space();
      if (this.#takes('}')) return entries;
      if (!this.#takes(',')) this.#fail("Expecting ',' delimiter");
    }
  }

  #array(): Value {
    const items: Value[] = [];
    this.#at += 1;
    this.#space();
    if (this.#takes(']')) return items;
    for (;;) {
      items.push(this.#value());
      this.#space();
      if (this.#takes(']')) return items;
      if (!this.#takes(',')) this.#fail("Expecting ',' delimiter");
    }
  }

  #string(): string {
    const start = this.#at;
    this.#at += 1;
    let text = '';
    for (;;) {
      // oxlint-disable-next-line no-control-regex
      text += this.#match(/[^"\\\u0000-\u001f]*/y)?.[0] ?? '';
      const next = this.#text[this.#at];
      if (next === undefined || (next === '\\' && this.#at + 1 === this.#text.length))
        this.#fail('Unterminated string starting at', start);
      if (this.#takes('"')) return text;
      if (next !== '\\') this.#fail('Invalid control character at');
      const [, code, letter] =
        this.#match(/\\(?:u([\da-fA-F]{4})|(["\\/bfnrt]))/y) ?? this.#fail('Invalid \\escape');
      text +=
        code === undefined ? (escapes[letter ?? ''] ?? '') : String.fromCharCode(Number.parseInt(code, 16));
    }
  }

  #space(): void {
    this.#match(/[ \t\n\r]*/y);
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }

  #fail(what: string, at = this.#at): never {
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    const column = at - before.lastIndexOf('\n');
    throw new SyntaxError(`${what}: line ${line} column ${column} (char ${at})`);
  }
}
