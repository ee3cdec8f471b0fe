import { TilthError } from '../../platform/errors.ts';
import { searchInvalid } from './search-errors.ts';
import { Reader, type Token } from './search-tokens.ts';

/** What a filter may name on one kind of thing, and how far its expressions may go. */
export interface SearchGrammar {
  /** `metrics.`, `tags.`, …: each way of writing a prefix, and the family that it means */
  readonly families: Readonly<Record<string, Family>>;
  /** names without prefix, or after `attributes.`: each way of writing one */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** names of the `dataset` family */
  readonly datasetKeys?: readonly string[];
  /** more than MLflow's: OR, NOT, parentheses, BETWEEN, lists and IS NULL of every field */
  readonly hasLogic?: boolean;
  /** calculations with metrics and number attributes; takes one value per thing and key */
  readonly hasArithmetic?: boolean;
}

export type Family = 'metric' | 'param' | 'tag' | 'attribute' | 'dataset';
export interface Attribute {
  readonly name: string;
  readonly type: 'number' | 'text';
  /** may a list follow `IN`, where MLflow takes one? */
  readonly takesList?: boolean;
}

export interface Field {
  readonly family: Family;
  readonly key: string;
}

export type NumberOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type TextOperator = '=' | '!=' | 'LIKE' | 'ILIKE';

/** A condition on one field. */
export type Comparison = Field &
  (
    | { readonly operator: NumberOperator; readonly value: number }
    | { readonly operator: TextOperator; readonly value: string }
    | { readonly operator: 'IN' | 'NOT IN'; readonly value: readonly string[] }
    | { readonly operator: 'IS NULL' | 'IS NOT NULL'; readonly value: null }
  );

/** A number: a literal, a metric or number attribute, a param read as a number, or calculated from those. */
export type Term =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'field'; readonly field: Field; readonly isNumber: boolean }
  | { readonly kind: 'absolute'; readonly of: Term }
  | { readonly kind: '+' | '-' | '*' | '/'; readonly left: Term; readonly right: Term };

/**
 * A filter as a tree. Its logic has three values, as in SQL: a comparison with a field that a thing does not have is
 * unknown, `NOT` of unknown is unknown, and only what is true is found. So `NOT metrics.a = 1` finds exactly what
 * `metrics.a != 1` finds: things that have the metric.
 */
export type Filter =
  | { readonly kind: 'compare'; readonly compare: Comparison }
  | { readonly kind: 'calculate'; readonly left: Term; readonly operator: NumberOperator; readonly right: Term }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Filter[] }
  | { readonly kind: 'not'; readonly part: Filter };

export interface Order extends Field {
  readonly isAscending: boolean;
}

export const everything: Filter = { kind: 'and', parts: [] };

/**
 * Parses a search expression: MLflow's grammar, and where the thing's grammar says so more than that.
 *
 * ```
 * metrics.auc > 0.7 AND params.depth = '3' AND tags."my key" LIKE 'a%'
 * NOT (metrics.auc - metrics.auc_train < -0.1 OR params.model IN ('linear', 'tree'))
 * ```
 *
 * From the strongest to the weakest: `* /`, `+ -`, a comparison, `NOT`, `AND`, `OR`.
 *
 * @throws INVALID_PARAMETER_VALUE saying where it stops being one, and what would have fitted
 */
export function parseFilter(source: string | undefined, grammar: SearchGrammar): Filter {
  if (source === undefined || source.trim() === '') return everything;
  const reader = new Reader(source);
  const filter = new Parser(reader, grammar).readFilter();
  reader.requireEnd();
  return filter;
}

/**
 * Parses one entry of `order_by`: `metrics.auc DESC`, `start_time`, ``params.`my key` ASC``.
 *
 * @throws INVALID_PARAMETER_VALUE
 */
export function parseOrder(source: string, grammar: SearchGrammar): Order {
  const reader = new Reader(source);
  const { family, key } = new Parser(reader, grammar).readName();
  const isDescending = reader.take('ASC', 'DESC') === 'DESC';
  if (reader.peek() !== undefined) throw reader.fail(`Invalid order_by clause '${source}':`, 'For example: metrics.auc DESC');
  return { family, key, isAscending: !isDescending };
}

/** A field with the type of its values. */
export interface Name extends Field {
  readonly type: 'number' | 'text';
  readonly takesList: boolean;
}

const numberOperators = ['=', '!=', '<', '<=', '>', '>='] as const;
const flipped: Readonly<Record<NumberOperator, NumberOperator>> = { '=': '=', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** SQLite refuses expressions that are much deeper, and statements with many more parts. */
const deepest = 50;
const mostConditions = 250;
const mostListed = 10_000;
const mostFields = 20;

/** Reads filters, terms and names off a reader; what each may hold depends on the thing's grammar. */
export class Parser {
  readonly #reader: Reader;
  readonly #grammar: SearchGrammar;
  #depth = 0;
  #conditionCount = 0;

  constructor(reader: Reader, grammar: SearchGrammar) {
    this.#reader = reader;
    this.#grammar = grammar;
  }

  readFilter(): Filter {
    return this.#readChain('or', 'OR', () => this.#readChain('and', 'AND', () => this.#readCondition()));
  }

  #readChain(kind: 'and' | 'or', word: 'AND' | 'OR', read: () => Filter): Filter {
    const parts = [read()];
    if (word === 'AND' || this.#grammar.hasLogic === true) while (this.#reader.take(word) !== undefined) parts.push(read());
    return parts.length === 1 ? (parts[0] as Filter) : { kind, parts };
  }

  #readCondition(): Filter {
    const reader = this.#reader;
    if (this.#grammar.hasLogic === true) {
      if (reader.take('NOT') !== undefined) return { kind: 'not', part: this.#nested(() => this.#readCondition()) };
      if (reader.peek()?.text === '(' && !this.#isTermInParentheses()) {
        reader.skip();
        const filter = this.#nested(() => this.readFilter());
        reader.require(')');
        return filter;
      }
      reader.want({ kind: 'word', text: '(' });
    }
    this.#conditionCount += 1;
    if (this.#conditionCount > mostConditions) {
      throw reader.fail(`A filter may have ${mostConditions} conditions; one more begins`, 'Many values of one field fit in one list: params.depth IN (…)');
    }
    return this.#readComparison();
  }

  /** In `(a + b) / 2 > 1` the parenthesis holds a term, in `(a > 1)` a filter: what follows its end tells. */
  #isTermInParentheses(): boolean {
    let depth = 0;
    for (let ahead = 0; ; ahead++) {
      const text = this.#reader.peek(ahead)?.text;
      if (text === undefined) return false;
      if (text === '(') depth += 1;
      if (text === ')') depth -= 1;
      if (depth === 0) {
        const after = this.#reader.peek(ahead + 1);
        return after?.kind === 'operator' || /^([-+*/]|in|is|not|between|i?like)$/i.test(after?.text ?? '');
      }
    }
  }

  #nested<T>(read: () => T): T {
    if (this.#depth >= deepest) throw this.#reader.fail(`A filter may have ${deepest} levels of parentheses and NOT; one more begins`);
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #readComparison(): Filter {
    const reader = this.#reader;
    const start = reader.peek();
    const left = this.readTerm();
    const name = left.kind === 'field' && !left.isNumber ? this.#nameOf(left.field) : undefined;

    if (left.kind === 'field' && reader.take('IS') !== undefined) return this.#readNullTest(left.field, start);
    const isNegated = reader.take('NOT') !== undefined;
    const wrap = (filter: Filter): Filter => (isNegated ? { kind: 'not', part: filter } : filter);
    if (reader.take('IN') !== undefined) {
      return name?.type === 'text' ? this.#readTextList(name, isNegated, start) : wrap(this.#readNumberList(left));
    }
    if (this.#grammar.hasLogic === true && name?.type !== 'text' && reader.take('BETWEEN') !== undefined) {
      const low = this.#readNumberTerm(left);
      reader.require('AND');
      const high = this.#readNumberTerm(left);
      return wrap({ kind: 'and', parts: [this.#compared(left, '>=', low), this.#compared(left, '<=', high)] });
    }
    if (name?.type === 'text') {
      const operator = isNegated && this.#grammar.hasLogic === true ? reader.take('LIKE', 'ILIKE') : isNegated ? undefined : this.#takeTextOperator(name);
      if (operator === undefined) throw reader.fail();
      const value = this.#requireText(name);
      return wrap({ kind: 'compare', compare: { family: name.family, key: name.key, operator: operator as TextOperator, value } });
    }
    if (isNegated) throw reader.fail();
    const operator = this.#takeNumberOperator(left);
    return this.#compared(left, operator, this.#readNumberTerm(left));
  }

  /** A lone field on one side and a literal on the other is a plain comparison; all else is calculated. */
  #compared(left: Term, operator: NumberOperator, right: Term): Filter {
    const fields = fieldsOf(left, right);
    if (fields.length === 0) throw this.#reader.fail('A comparison names at least one field; one of numbers alone ends');
    if (fields.length > mostFields) throw this.#reader.fail(`A calculation may name ${mostFields} fields; one with more ends`);
    const plain = (term: Term): term is Term & { kind: 'field' } => term.kind === 'field' && !term.isNumber;
    if (plain(left) && right.kind === 'number') {
      return { kind: 'compare', compare: { ...left.field, operator, value: right.value } };
    }
    if (plain(right) && left.kind === 'number') {
      return { kind: 'compare', compare: { ...right.field, operator: flipped[operator], value: left.value } };
    }
    return { kind: 'calculate', left, operator, right };
  }

  #readNullTest(field: Field, start: Token | undefined): Filter {
    const isNot = this.#reader.take('NOT') !== undefined;
    this.#reader.require('NULL');
    if (this.#grammar.hasLogic !== true) {
      throw this.#reader.fail(`IS NULL / IS NOT NULL is not supported for '${field.family}' '${field.key}'`, undefined, start);
    }
    return { kind: 'compare', compare: { family: field.family, key: field.key, operator: isNot ? 'IS NOT NULL' : 'IS NULL', value: null } };
  }

  #readTextList(name: Name, isNegated: boolean, start: Token | undefined): Filter {
    if (this.#grammar.hasLogic !== true && !name.takesList && name.family !== 'dataset') {
      throw this.#reader.fail(`A list can't be compared with ${name.family} '${name.key}'`, undefined, start);
    }
    const value = this.#readList(() => this.#requireText(name));
    return { kind: 'compare', compare: { family: name.family, key: name.key, operator: isNegated ? 'NOT IN' : 'IN', value } };
  }

  #readNumberList(left: Term): Filter {
    if (this.#grammar.hasLogic !== true) throw this.#reader.fail("A list can't be compared with a number");
    const parts = this.#readList(() => this.#compared(left, '=', this.#readNumberTerm(left)));
    if (parts.length > mostConditions) throw this.#reader.fail(`A list of numbers may have ${mostConditions} entries`);
    return parts.length === 1 ? (parts[0] as Filter) : { kind: 'or', parts };
  }

  #readList<T>(read: () => T): T[] {
    const reader = this.#reader;
    reader.require('(');
    const values = [read()];
    // MLflow's lists are Python's: the last comma may stand alone
    while (reader.take(',') !== undefined && reader.peek()?.text !== ')') {
      values.push(read());
      if (values.length > mostListed) throw reader.fail(`A list may have ${mostListed} entries; one more begins`);
    }
    reader.require(')');
    return values;
  }

  // terms

  /** A field of any type, or a number; in a grammar with arithmetic a calculation. */
  readTerm(): Term {
    return this.#readSum('+', '-', () => this.#readSum('*', '/', () => this.#readOperand()));
  }

  /** @throws when it is a text */
  readNumberTerm(): Term {
    return this.#readNumberTerm(undefined);
  }

  #readSum(first: '+' | '*', second: '-' | '/', read: () => Term): Term {
    const start = this.#reader.peek();
    let left = read();
    if (this.#grammar.hasArithmetic !== true || (left.kind === 'field' && !this.#isNumberTerm(left))) return left;
    for (;;) {
      const kind = this.#reader.take(first, second) as '+' | '-' | '*' | '/' | undefined;
      if (kind === undefined) return left;
      const rightStart = this.#reader.peek();
      const right = read();
      this.#requireNumber(left, start);
      this.#requireNumber(right, rightStart);
      left = calculated(kind, left, right);
    }
  }

  #readOperand(): Term {
    const reader = this.#reader;
    const token = reader.peek();
    const hasLogic = this.#grammar.hasLogic === true;
    if (hasLogic && token?.kind === 'number') {
      reader.skip();
      return { kind: 'number', value: Number(token.text) };
    }
    if (hasLogic && (token?.text === '-' || token?.text === '+')) {
      reader.skip();
      const start = reader.peek();
      const of = this.#nested(() => this.#readOperand());
      this.#requireNumber(of, start);
      if (of.kind !== 'number' && this.#grammar.hasArithmetic !== true) throw reader.fail('Nothing is calculated here; a sign stands', undefined, token);
      return token.text === '+' ? of : calculated('-', { kind: 'number', value: 0 }, of);
    }
    if (this.#grammar.hasArithmetic === true) {
      if (reader.take('(') !== undefined) return this.#closed(() => this.readTerm());
      const call = reader.peek(1)?.text === '(' ? reader.take('ABS', 'NUMBER') : undefined;
      if (call !== undefined) {
        reader.skip();
        return this.#closed(() => (call === 'ABS' ? { kind: 'absolute', of: this.readNumberTerm() } : this.#readNumberOfText()));
      }
      reader.want({ kind: 'number' });
      for (const text of ['NUMBER(', 'ABS(']) reader.want({ kind: 'word', text });
    }
    const { family, key } = this.readName();
    return { kind: 'field', field: { family, key }, isNumber: false };
  }

  #closed(read: () => Term): Term {
    const term = this.#nested(read);
    this.#reader.require(')');
    return term;
  }

  /** `number(params.depth)`: what was logged as text, where it is written as a number. */
  #readNumberOfText(): Term {
    const start = this.#reader.peek();
    const { family, key } = this.readName();
    if (family !== 'param' && family !== 'tag') throw this.#reader.fail('number() reads a param or a tag as a number; another field stands', undefined, start);
    return { kind: 'field', field: { family, key }, isNumber: true };
  }

  /** The right side of a comparison with a number. */
  #readNumberTerm(left: Term | undefined): Term {
    const reader = this.#reader;
    const start = reader.peek();
    const what = left?.kind === 'field' ? (left.field.family === 'metric' ? 'metric' : `numeric attribute: ${left.field.key}`) : 'a calculation';
    const complain = (): TilthError => {
      reader.want({ kind: 'number' });
      return reader.fail(`Expected numeric value type for ${what}. Found ${start?.text ?? 'nothing'},`, undefined, start);
    };
    if (this.#grammar.hasArithmetic !== true) {
      const sign = reader.take('-') === undefined ? 1 : -1;
      const token = reader.peek();
      if (token?.kind !== 'number') throw complain();
      reader.skip();
      return { kind: 'number', value: sign * Number(token.text) };
    }
    if (start?.kind === 'quoted' && !start.text.startsWith('`')) throw complain();
    const right = this.readTerm();
    this.#requireNumber(right, start);
    return right;
  }

  #isNumberTerm(term: Term): boolean {
    return term.kind !== 'field' || term.isNumber || this.#nameOf(term.field).type === 'number';
  }

  #requireNumber(term: Term, at: Token | undefined): void {
    if (this.#isNumberTerm(term)) return;
    const { family, key } = (term as Term & { kind: 'field' }).field;
    const hint = family === 'param' || family === 'tag' ? `Read it as a number: number(${family}s.${writeKey(key)})` : undefined;
    throw this.#reader.fail(`Expected numeric value type, and ${family} '${key}' is a text,`, hint, at);
  }

  // names and values

  readName(): Name {
    const reader = this.#reader;
    const token = reader.peek();
    reader.want({ kind: 'field' });
    if (token?.kind === 'quoted' && !token.text.startsWith("'")) return this.#readQuotedName(token);
    if (token?.kind !== 'word' || isKeyword(token.text)) throw reader.fail();
    reader.skip();
    const dot = token.text.indexOf('.');
    if (dot < 0) return this.#name('attribute', token.text, token);
    const family = this.#family(token.text.slice(0, dot), token);
    const key = token.text.slice(dot + 1);
    if (!token.text.endsWith('.')) return this.#name(family, key, token);
    // the key is quoted: tags.`my key`
    const quoted = reader.peek();
    if (key !== '' || quoted?.kind !== 'quoted' || quoted.at !== token.at + token.text.length) throw reader.fail();
    reader.skip();
    return this.#name(family, quoted.text.slice(1, -1), quoted);
  }

  /** `` `run name` ``, or MLflow's `` `tag`.key ``. */
  #readQuotedName(token: Token): Name {
    const reader = this.#reader;
    const inside = token.text.slice(1, -1);
    reader.skip();
    const after = reader.peek();
    const isPrefix = after?.kind === 'stray' && after.at === token.at + token.text.length && after.text.startsWith('.');
    if (!isPrefix) return this.#name('attribute', inside, token);
    reader.skip();
    return this.#name(this.#family(inside, token), after.text.slice(1), after);
  }

  #family(prefix: string, token: Token): Family {
    const family = this.#grammar.families[prefix];
    if (family !== undefined) return family;
    const { families, attributes } = this.#grammar;
    const known = [...new Set(Object.values(families))].join(', ');
    throw searchInvalid(
      `Invalid entity type '${prefix}'. Valid values are ${known}; it stands`,
      this.#reader.source,
      { at: token.at, length: prefix.length, expected: [] },
      `Fields start with one of ${Object.keys(families).join('., ')}., or are one of ${Object.keys(attributes).join(', ')}.`,
    );
  }

  #name(family: Family, key: string, token: Token): Name {
    const { attributes, datasetKeys = [] } = this.#grammar;
    if (family === 'attribute') {
      const attribute = attributes[key];
      if (attribute === undefined) throw this.#unknownKey('attribute', key, Object.keys(attributes), token);
      return { family, key: attribute.name, type: attribute.type, takesList: attribute.takesList === true };
    }
    if (family === 'dataset' && !datasetKeys.includes(key)) throw this.#unknownKey('dataset', key, datasetKeys, token);
    return { family, key, type: family === 'metric' ? 'number' : 'text', takesList: false };
  }

  #unknownKey(kind: 'attribute' | 'dataset', key: string, valid: readonly string[], token: Token): TilthError {
    const hint = quotedKeyHint(this.#reader.source, token.at + token.text.length);
    return searchInvalid(
      `Invalid ${kind} key '${key}' specified. Valid keys are ${valid.join(', ')}; it stands`,
      this.#reader.source,
      { at: token.at, length: token.text.length, expected: [] },
      hint,
    );
  }

  /** The name of a field that was read before: attributes by the column, so any spelling of it. */
  #nameOf({ family, key }: Field): Name {
    const attribute = family === 'attribute' ? Object.values(this.#grammar.attributes).find((each) => each.name === key) : undefined;
    const type = family === 'metric' ? 'number' : (attribute?.type ?? 'text');
    return { family, key, type, takesList: attribute?.takesList === true };
  }

  #takeTextOperator(name: Name): string | undefined {
    const found = this.#reader.take('=', '!=', 'LIKE', 'ILIKE');
    if (found !== undefined) return found;
    const next = this.#reader.peek();
    if (next?.kind !== 'operator') {
      const hint = next === undefined ? undefined : quotedKeyHint(this.#reader.source, next.at + next.text.length);
      throw this.#reader.fail(undefined, hint);
    }
    const hint = this.#grammar.hasArithmetic === true && (name.family === 'param' || name.family === 'tag')
      ? `To compare numbers, read it as one: number(${name.family}s.${writeKey(name.key)}) > 3`
      : undefined;
    throw this.#reader.fail(`Invalid comparator '${this.#reader.peek()?.text}' for ${name.family} '${name.key}'`, hint);
  }

  #takeNumberOperator(left: Term): NumberOperator {
    const found = this.#reader.take(...numberOperators);
    if (found !== undefined) return found as NumberOperator;
    const token = this.#reader.peek();
    const isOperator = token?.kind === 'operator' || /^i?like$/i.test(token?.text ?? '');
    if (!isOperator) throw this.#reader.fail();
    const what = left.kind === 'field' ? `the number '${left.field.key}'` : 'a number';
    throw this.#reader.fail(`Invalid comparator '${token?.text}' for ${what}`);
  }

  #requireText(name: Name): string {
    const reader = this.#reader;
    const token = reader.peek();
    reader.want({ kind: 'text', field: { family: name.family, key: name.key } });
    if (token?.kind !== 'quoted' || token.text.startsWith('`')) {
      throw reader.fail(`Expected a quoted string value for ${name.family} '${name.key}' (e.g. 'my-value'). Got value ${token?.text ?? 'nothing'},`);
    }
    reader.skip();
    return token.text.slice(1, -1);
  }
}

/** `metrics.val-auc` reads as a difference: what to write instead. */
function quotedKeyHint(source: string, end: number): string | undefined {
  const [whole, family, key] = /(\p{L}+)\.([\p{L}\p{N}_.]+[-/:@][\p{L}\p{N}_]*)$/u.exec(source.slice(0, end)) ?? [];
  if (whole === undefined) return undefined;
  return `A key with more than letters, digits, _ and . is quoted: ${family}.\`${key}…\``;
}

const isKeyword = (word: string): boolean => /^(and|or|not|in|is|null|like|ilike|between)$/i.test(word);

/** A key as a filter names it: quoted when it is more than a word. */
export const writeKey = (key: string): string => (/^[\p{L}\p{N}_]+(\.[\p{L}\p{N}_]+)*$/u.test(key) ? key : key.includes('`') ? `"${key}"` : `\`${key}\``);

/** Literals are calculated here, so that `-1` and `2 * 60` are numbers to whoever reads the tree. */
function calculated(kind: '+' | '-' | '*' | '/', left: Term, right: Term): Term {
  if (left.kind !== 'number' || right.kind !== 'number') return { kind, left, right };
  const [a, b] = [left.value, right.value];
  const value = kind === '+' ? a + b : kind === '-' ? a - b : kind === '*' ? a * b : a / b;
  return Number.isFinite(value) ? { kind: 'number', value } : { kind, left, right };
}

/** The fields that a term is calculated from, each once. */
export function fieldsOf(...terms: readonly Term[]): (Term & { kind: 'field' })[] {
  const found = new Map<string, Term & { kind: 'field' }>();
  const visit = (term: Term): void => {
    if (term.kind === 'field') found.set(`${term.field.family} ${term.field.key}`, term);
    else if (term.kind === 'absolute') visit(term.of);
    else if (term.kind !== 'number') [term.left, term.right].forEach(visit);
  };
  terms.forEach(visit);
  return [...found.values()];
}
