import { invalidParameter } from './mlflow-wire.ts';

/** What a filter may name on one kind of thing. */
export interface SearchGrammar {
  /** `metrics.`, `tags.`, …: each way of writing a prefix, and the family that it means */
  readonly families: Readonly<Record<string, Family>>;
  /** names without prefix, or after `attributes.`: each way of writing one */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** names of the `dataset` family */
  readonly datasetKeys?: readonly string[];
  /** may `IS NULL` follow a param or tag? */
  readonly allowsNull?: boolean;
}

export type Family = 'metric' | 'param' | 'tag' | 'attribute' | 'dataset';
export interface Attribute {
  readonly name: string;
  readonly type: 'number' | 'text';
  /** may a list follow `IN`? */
  readonly takesList?: boolean;
}

export type NumberOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type TextOperator = '=' | '!=' | 'LIKE' | 'ILIKE';

/** A condition on one field. */
export type Comparison = { readonly family: Family; readonly key: string } & (
  | { readonly operator: NumberOperator; readonly value: number }
  | { readonly operator: TextOperator; readonly value: string }
  | { readonly operator: 'IN' | 'NOT IN'; readonly value: readonly string[] }
  | { readonly operator: 'IS NULL' | 'IS NOT NULL'; readonly value: null }
);

/** MLflow's grammar knows only `and`; the tree is ready for more. */
export type Filter =
  | { readonly kind: 'compare'; readonly compare: Comparison }
  | { readonly kind: 'and'; readonly parts: readonly Filter[] };

export interface Order {
  readonly family: Family;
  readonly key: string;
  readonly isAscending: boolean;
}

export const everything: Filter = { kind: 'and', parts: [] };

/** All conditions of a filter that has no alternatives. */
export const conditionsOf = (filter: Filter): readonly Comparison[] =>
  filter.kind === 'compare' ? [filter.compare] : filter.parts.flatMap(conditionsOf);

/**
 * Parses MLflow's search expression: `metrics.auc > 0.7 AND params.depth = '3' AND tags."my key" LIKE 'a%'`.
 *
 * @throws INVALID_PARAMETER_VALUE saying where it stops being one
 */
export function parseFilter(source: string | undefined, grammar: SearchGrammar): Filter {
  if (source === undefined || source.trim() === '') return everything;
  const reader = new Reader(source);
  const parts: Filter[] = [];
  do {
    parts.push({ kind: 'compare', compare: readComparison(reader, grammar) });
  } while (reader.takeWord('AND'));
  const rest = reader.peek();
  if (rest !== undefined) throw reader.fail(rest, 'expected AND, or the end');
  return { kind: 'and', parts };
}

/**
 * Parses one entry of `order_by`: `metrics.auc DESC`, `start_time`, ``params.`my key` ASC``.
 *
 * @throws INVALID_PARAMETER_VALUE
 */
export function parseOrder(source: string, grammar: SearchGrammar): Order {
  const reader = new Reader(source);
  const { family, key } = readName(reader, grammar);
  const isDescending = reader.takeWord('DESC');
  if (!isDescending) reader.takeWord('ASC');
  const rest = reader.peek();
  if (rest !== undefined) throw invalidParameter(`Invalid order_by clause '${source}': ${rest.text} is neither ASC nor DESC.`);
  return { family, key, isAscending: !isDescending };
}

function readComparison(reader: Reader, grammar: SearchGrammar): Comparison {
  const name = readName(reader, grammar);
  const isNumber = name.family === 'metric' || name.attribute?.type === 'number';
  const field = { family: name.family, key: name.key };

  if (reader.takeWord('IS')) {
    const isNot = reader.takeWord('NOT');
    if (!reader.takeWord('NULL')) throw reader.fail(reader.peek(), 'expected NULL');
    if (grammar.allowsNull !== true || (name.family !== 'param' && name.family !== 'tag')) {
      throw invalidParameter(`IS NULL and IS NOT NULL are for params and tags, not for ${name.family} '${name.key}'.`);
    }
    return { ...field, operator: isNot ? 'IS NOT NULL' : 'IS NULL', value: null };
  }

  const isNot = reader.takeWord('NOT');
  if (reader.takeWord('IN')) {
    if (name.family !== 'dataset' && name.attribute?.takesList !== true) {
      throw invalidParameter(`A list can't be compared with ${name.family} '${name.key}'.`);
    }
    return { ...field, operator: isNot ? 'NOT IN' : 'IN', value: readList(reader) };
  }
  if (isNot) throw reader.fail(reader.peek(), 'expected IN');

  const operator = reader.takeOperator();
  if (isNumber) {
    if (!isNumberOperator(operator)) throw invalidParameter(`Invalid comparator '${operator}' for the number '${name.key}'.`);
    return { ...field, operator, value: reader.takeNumber(name.key) };
  }
  if (!isTextOperator(operator)) throw invalidParameter(`Invalid comparator '${operator}' for the text '${name.key}'.`);
  return { ...field, operator, value: reader.takeText(name.key) };
}

interface Name {
  readonly family: Family;
  readonly key: string;
  readonly attribute?: Attribute;
}

function readName(reader: Reader, grammar: SearchGrammar): Name {
  const first = reader.peek();
  if (first === undefined || (first.kind !== 'word' && first.kind !== 'quoted')) throw reader.fail(first, 'expected a field');
  reader.skip();
  const dot = first.kind === 'word' ? first.text.indexOf('.') : -1;
  const prefix = dot > 0 ? first.text.slice(0, dot) : undefined;
  const plain = first.kind === 'quoted' ? first.text.slice(1, -1) : dot > 0 ? first.text.slice(dot + 1) : first.text;
  const family = prefix === undefined ? 'attribute' : grammar.families[prefix];
  if (family === undefined) {
    throw invalidParameter(
      `Invalid entity type '${prefix}' in ${reader.quoted()}.`,
      `Fields start with one of ${Object.keys(grammar.families).join(', ')}, or are one of ${Object.keys(grammar.attributes).join(', ')}.`,
    );
  }
  const key = plain === '' ? reader.takeQuotedKey() : plain;
  if (family === 'attribute') {
    const attribute = grammar.attributes[key];
    if (attribute === undefined) {
      throw invalidParameter(`Invalid attribute key '${key}' specified.`, `Valid keys are ${Object.keys(grammar.attributes).join(', ')}.`);
    }
    return { family, key: attribute.name, attribute };
  }
  if (family === 'dataset' && grammar.datasetKeys?.includes(key) !== true) {
    throw invalidParameter(`Invalid dataset key '${key}' specified.`, `Valid keys are ${(grammar.datasetKeys ?? []).join(', ')}.`);
  }
  return { family, key };
}

function readList(reader: Reader): string[] {
  reader.takeMark('(');
  const values = [reader.takeText('the list')];
  while (reader.peek()?.text === ',') {
    reader.skip();
    if (reader.peek()?.text === ')') break;
    values.push(reader.takeText('the list'));
  }
  reader.takeMark(')');
  return values;
}

const isNumberOperator = (operator: string): operator is NumberOperator => /^(=|!=|<=?|>=?)$/.test(operator);
const isTextOperator = (operator: string): operator is TextOperator => /^(=|!=|I?LIKE)$/.test(operator);

interface Token {
  readonly kind: 'word' | 'number' | 'quoted' | 'operator' | 'mark';
  readonly text: string;
  readonly at: number;
}

const tokenPatterns: readonly [Token['kind'], RegExp][] = [
  ['number', /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?(?![\w.])/iy],
  // a key may hold dots, dashes, slashes; one with a space or colon is quoted
  ['word', /^[A-Za-z_][\w./-]*/y],
  ['operator', /^(!=|<>|<=|>=|=|<|>)/y],
  ['mark', /^[(),;]/y],
];

/** Cuts a search expression into tokens. */
class Reader {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(source: string) {
    this.#source = source;
    let at = 0;
    for (;;) {
      at += /^\s*/.exec(source.slice(at))?.[0].length ?? 0;
      if (at >= source.length) break;
      const token = this.#cut(at);
      this.#tokens.push(token.token);
      at += token.length;
    }
  }

  #cut(at: number): { token: Token; length: number } {
    const rest = this.#source.slice(at);
    const quote = rest[0];
    if (quote === "'" || quote === '"' || quote === '`') {
      const end = rest.indexOf(quote, 1);
      if (end < 0) throw invalidParameter(`Invalid clause(s) in filter string: the quote ${quote} at ${at + 1} is not closed.`);
      return { token: { kind: 'quoted', text: rest.slice(0, end + 1), at }, length: end + 1 };
    }
    for (const [kind, pattern] of tokenPatterns) {
      pattern.lastIndex = 0;
      const found = pattern.exec(rest)?.[0];
      if (found !== undefined) return { token: { kind, text: found === '<>' ? '!=' : found, at }, length: found.length };
    }
    throw invalidParameter(`Invalid clause(s) in filter string: unexpected ${JSON.stringify(quote)} at ${at + 1} of ${this.quoted()}.`);
  }

  quoted(): string {
    return `'${this.#source}'`;
  }
  peek(): Token | undefined {
    return this.#tokens[this.#next];
  }
  skip(): void {
    this.#next += 1;
  }
  fail(token: Token | undefined, expected: string): Error {
    const where = token === undefined ? 'its end' : `'${token.text}' at ${token.at + 1}`;
    return invalidParameter(`Invalid clause(s) in filter string: ${expected} instead of ${where} in ${this.quoted()}.`);
  }
  takeWord(word: string): boolean {
    const token = this.peek();
    if (token?.kind !== 'word' || token.text.toUpperCase() !== word) return false;
    this.skip();
    return true;
  }
  takeMark(mark: string): void {
    const token = this.peek();
    if (token?.text !== mark) throw this.fail(token, `expected ${mark}`);
    this.skip();
  }
  takeOperator(): string {
    const token = this.peek();
    const text = token?.text.toUpperCase() ?? '';
    const isOperator = token?.kind === 'operator' || (token?.kind === 'word' && (text === 'LIKE' || text === 'ILIKE'));
    if (!isOperator) throw this.fail(token, 'expected a comparison');
    this.skip();
    return text;
  }
  takeNumber(key: string): number {
    const token = this.peek();
    if (token?.kind !== 'number') throw invalidParameter(`Expected numeric value type for '${key}'. Found ${token?.text ?? 'nothing'}.`);
    this.skip();
    return Number(token.text);
  }
  takeText(key: string): string {
    const token = this.peek();
    if (token?.kind !== 'quoted' || token.text.startsWith('`')) {
      throw invalidParameter(`Expected a quoted string value for ${key} (e.g. 'my-value'). Got value ${token?.text ?? 'nothing'}.`);
    }
    this.skip();
    return token.text.slice(1, -1);
  }
  /** The key after `tags.` in `tags."my key"`. */
  takeQuotedKey(): string {
    const token = this.peek();
    if (token?.kind !== 'quoted' || token.text.startsWith("'")) throw this.fail(token, 'expected a key');
    this.skip();
    return token.text.slice(1, -1);
  }
}
