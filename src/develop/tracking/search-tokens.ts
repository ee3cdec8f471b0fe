import type { TilthError } from '../../platform/errors.ts';
import { searchInvalid } from './search-errors.ts';

export interface Token {
  /** `unclosed` is a quote without its end, `stray` a character that begins nothing */
  readonly kind: 'word' | 'number' | 'quoted' | 'operator' | 'mark' | 'unclosed' | 'stray';
  readonly text: string;
  readonly at: number;
}

/** What would have fitted at a place. */
export type Wanted =
  | { readonly kind: 'field' }
  | { readonly kind: 'number' }
  | { readonly kind: 'text'; readonly field: { readonly family: string; readonly key: string } }
  | { readonly kind: 'word'; readonly text: string };

const patterns: readonly [Token['kind'], RegExp][] = [
  ['number', /(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(?![\p{L}\p{N}_.])/iuy],
  // a trailing dot waits for a quoted key
  ['word', /[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}\p{N}_]+)*\.?/uy],
  // doubled and escaped quotes do not end a text, and stay in it as they are written: so MLflow reads them
  ['quoted', /'(?:''|\\'|[^'])*'|"(?:""|\\"|[^"])*"|`[^`]*`/y],
  ['unclosed', /['"`].*/sy],
  ['operator', /!=|<>|<=|>=|==|=|<|>/y],
  ['mark', /[(),+\-*/]/y],
  ['stray', /[\p{L}\p{N}_.]+|./suy],
];

/** Cuts a search expression into tokens; never fails. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  const space = /\s*/y;
  for (let at = 0; ; ) {
    space.lastIndex = at;
    at += space.exec(source)?.[0].length ?? 0;
    if (at >= source.length) return tokens;
    const token = cut(source, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function cut(source: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) return { kind, text, at };
  }
  return { kind: 'stray', text: source.slice(at, at + 1), at };
}

/** The entries of a list whose commas may also stand in quotes or parentheses: ``metrics.`a,b`, max(params.x)``. */
export function listOf(source: string): string[] {
  const entries: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { kind, text, at } of tokensOf(source)) {
    if (kind !== 'mark') continue;
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (text !== ',' || depth > 0) continue;
    entries.push(source.slice(start, at));
    start = at + 1;
  }
  entries.push(source.slice(start));
  return entries.map((entry) => entry.trim()).filter((entry) => entry !== '');
}

/** Walks over the tokens of an expression, and remembers what would have fitted where it stands. */
export class Reader {
  readonly source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #wanted: Wanted[] = [];

  constructor(source: string) {
    this.source = source;
    this.#tokens = tokensOf(source);
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#next + ahead];
  }

  skip(): void {
    this.#next += 1;
    this.#wanted = [];
  }

  want(wanted: Wanted): void {
    this.#wanted.push(wanted);
  }

  get wanted(): readonly Wanted[] {
    return this.#wanted;
  }

  /** Takes a keyword, an operator or a mark, in any case of its letters. */
  take(...texts: readonly string[]): string | undefined {
    const token = this.peek();
    const isPlain = token?.kind === 'word' || token?.kind === 'operator' || token?.kind === 'mark';
    const found = isPlain ? texts.find((text) => text === token.text.toUpperCase()) : undefined;
    if (found === undefined) for (const text of texts) this.want({ kind: 'word', text });
    else this.skip();
    return found;
  }

  /** @throws when the next token is another one */
  require(...texts: readonly string[]): string {
    const found = this.take(...texts);
    if (found === undefined) throw this.fail();
    return found;
  }

  /** @throws unless everything was read */
  requireEnd(): void {
    if (this.peek() !== undefined) throw this.fail();
  }

  /** The error for what stands here; `reason` is in MLflow's words where MLflow has some. */
  fail(reason = 'Invalid clause(s) in filter string:', hint?: string, token = this.peek()): TilthError {
    const problem = {
      at: token?.at ?? this.source.length,
      length: token?.text.length ?? 0,
      expected: inOrder(this.#wanted).map(describe),
    };
    const unclosed = token?.kind === 'unclosed' ? `the quote ${token.text.slice(0, 1)} is not closed` : undefined;
    return searchInvalid(unclosed === undefined ? reason : `${reason} ${unclosed}`, this.source, problem, hint);
  }
}

const usualFirst = ['AND', 'OR', '=', '!=', '>', '>=', '<', '<=', 'LIKE', 'ILIKE', 'IN', 'BETWEEN', 'NOT', 'IS', 'NULL', ')', ',', '(', 'NUMBER(', 'ABS(', '+', '-', '*', '/'];

/** What is wanted, each once: fields and values, then words and operators, the usual ones first. */
export function inOrder(wanted: readonly Wanted[]): Wanted[] {
  const each = new Map(wanted.map((one) => [describe(one), one]));
  const rank = (one: Wanted): number => (one.kind === 'word' ? 1 + (usualFirst.indexOf(one.text) + 1 || usualFirst.length) : 0);
  return [...each.values()].sort((a, b) => rank(a) - rank(b));
}

export function describe(wanted: Wanted): string {
  switch (wanted.kind) {
    case 'field':
      return 'a field';
    case 'number':
      return 'a number';
    case 'text':
      return 'a text in quotes';
    case 'word':
      return wanted.text.endsWith('(') ? wanted.text.toLowerCase() : wanted.text;
  }
}
