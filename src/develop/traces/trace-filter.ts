import { Reader, type Token } from '../tracking/search-tokens.ts';
import { metadataKeys, tagKeys } from './traces.ts';

/** What a condition is about. */
export type TraceField =
  | { readonly kind: 'number'; readonly name: 'timestamp' | 'execution_time' | 'end_time' }
  | { readonly kind: 'text'; readonly name: 'request_id' | 'status' | 'client_request_id' | 'experiment_id' }
  | { readonly kind: 'run' | 'prompt' }
  | { readonly kind: 'tag' | 'metadata'; readonly key: string }
  | { readonly kind: 'span'; readonly name: 'name' | 'type' | 'status' | 'content' }
  | { readonly kind: 'span-attribute'; readonly key: string }
  | { readonly kind: 'feedback' | 'expectation'; readonly name: string }
  | { readonly kind: 'issue' };

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE' | 'ILIKE' | 'RLIKE' | 'IN' | 'NOT IN' | 'IS NULL' | 'IS NOT NULL';

export interface Condition {
  readonly kind: 'condition';
  readonly field: TraceField;
  readonly operator: Operator;
  readonly value: string | number | readonly string[] | null;
}

/**
 * A filter as a tree. Its logic has three values, as in SQL: a condition on a tag that a trace does not have is unknown,
 * and only what is true is found.
 */
export type TraceFilter =
  | Condition
  | { readonly kind: 'and' | 'or'; readonly parts: readonly TraceFilter[] }
  | { readonly kind: 'not'; readonly part: TraceFilter };

const hint = "For example: status = 'ERROR' AND tags.stage = 'prod' AND timestamp > 1700000000000";
const deepest = 50;
const mostConditions = 250;
const mostListed = 10_000;

/**
 * Parses MLflow's language for finding traces, and beyond it OR, NOT and parentheses.
 *
 * ```
 * name = 'answer' AND metadata.`mlflow.trace.session` = 's1' AND span.type = 'LLM' AND feedback.correct = 'true'
 * ```
 *
 * @throws INVALID_PARAMETER_VALUE saying where it stops being one
 */
export function parseTraceFilter(source: string | undefined): TraceFilter {
  if (source === undefined || source.trim() === '') return { kind: 'and', parts: [] };
  const parser = new TraceParser(new Reader(source));
  const filter = parser.readFilter();
  parser.reader.requireEnd();
  return filter;
}

export interface TraceOrder {
  readonly field: TraceField;
  readonly isAscending: boolean;
}

/** Parses one entry of `order_by`: `timestamp DESC`, `tags.stage`. @throws INVALID_PARAMETER_VALUE */
export function parseTraceOrder(source: string): TraceOrder {
  const parser = new TraceParser(new Reader(source));
  const field = parser.readField();
  const isAscending = parser.reader.take('ASC', 'DESC') !== 'DESC';
  parser.reader.requireEnd();
  if (!['number', 'text', 'run', 'tag', 'metadata'].includes(field.kind)) {
    throw parser.reader.fail(`Invalid order_by clause '${source}':`, 'Order by timestamp, execution_time, end_time, status, name, run_id, a tag or metadata.');
  }
  return { field, isAscending };
}

const numbers = { timestamp: 'timestamp', timestamp_ms: 'timestamp', execution_time: 'execution_time', execution_time_ms: 'execution_time', end_time: 'end_time', end_time_ms: 'end_time' } as const;
const texts = { request_id: 'request_id', trace_id: 'request_id', status: 'status', client_request_id: 'client_request_id', experiment_id: 'experiment_id' } as const;
const numberOperators = ['=', '!=', '<', '<=', '>', '>='] as const;

class TraceParser {
  readonly reader: Reader;
  #depth = 0;
  #count = 0;

  constructor(reader: Reader) {
    this.reader = reader;
  }

  readFilter(): TraceFilter {
    return this.#readChain('or', 'OR', () => this.#readChain('and', 'AND', () => this.#readPart()));
  }

  #readChain(kind: 'and' | 'or', word: 'AND' | 'OR', read: () => TraceFilter): TraceFilter {
    const parts = [read()];
    while (this.reader.take(word) !== undefined) parts.push(read());
    return parts.length === 1 ? (parts[0] as TraceFilter) : { kind, parts };
  }

  #readPart(): TraceFilter {
    if (this.#depth >= deepest) throw this.reader.fail(`A filter may be ${deepest} parentheses deep; a deeper one begins`, hint);
    this.#depth += 1;
    try {
      if (this.reader.take('NOT') !== undefined) return { kind: 'not', part: this.#readPart() };
      if (this.reader.take('(') === undefined) return this.#readCondition();
      const filter = this.readFilter();
      this.reader.require(')');
      return filter;
    } finally {
      this.#depth -= 1;
    }
  }

  #readCondition(): Condition {
    this.#count += 1;
    if (this.#count > mostConditions) throw this.reader.fail(`A filter may have ${mostConditions} conditions; one more begins`, hint);
    const field = this.readField();
    const { reader } = this;
    const allowed = operatorsOf(field);
    if (allowed.includes('IS NULL') && reader.take('IS') !== undefined) {
      const isNot = reader.take('NOT') !== undefined;
      reader.require('NULL');
      return { kind: 'condition', field, operator: isNot ? 'IS NOT NULL' : 'IS NULL', value: null };
    }
    if (allowed.includes('IN')) {
      const isNot = reader.take('NOT') !== undefined;
      if ((isNot ? reader.require('IN') : reader.take('IN')) !== undefined) {
        return { kind: 'condition', field, operator: isNot ? 'NOT IN' : 'IN', value: this.#readList() };
      }
    }
    const written = reader.take(...allowed.filter((operator) => !/NULL|IN$/.test(operator)), '<>', '==');
    if (written === undefined) throw reader.fail('Invalid comparison in filter string:', hint);
    const operator = (written === '<>' ? '!=' : written === '==' ? '=' : written) as Operator;
    const isMeasured = field.kind === 'number' || ((field.kind === 'feedback' || field.kind === 'expectation') && /[<>]/.test(operator));
    return { kind: 'condition', field, operator, value: isMeasured ? this.#readNumber() : this.#readText() };
  }

  /** A name with or without what stands before it: `status`, `tags.stage`, ``metadata.`mlflow.trace.user` ``. */
  readField(): TraceField {
    const { reader } = this;
    const token = reader.peek();
    reader.want({ kind: 'field' });
    if (token?.kind === 'quoted' && !token.text.startsWith("'")) {
      reader.skip();
      return this.#named('attribute', token.text.slice(1, -1), token);
    }
    if (token?.kind !== 'word') throw reader.fail('Invalid clause(s) in filter string:', hint);
    reader.skip();
    const dot = token.text.indexOf('.');
    if (dot < 0) return this.#named('attribute', token.text, token);
    const family = token.text.slice(0, dot);
    const key = `${token.text.slice(dot + 1)}${token.text.endsWith('.') || this.#isJoined(token) ? this.#rest(token) : ''}`;
    return this.#named(family, key, token);
  }

  /** Is the token after this one a part of the same key, as in `tags.my-key`? */
  #isJoined(token: Token): boolean {
    const next = this.reader.peek();
    return next !== undefined && next.at === token.at + token.text.length && (next.text === '-' || next.text === '/' || next.kind === 'stray');
  }

  /** A quoted key, or the rest of one with other characters than letters. */
  #rest(token: Token): string {
    const { reader } = this;
    let rest = '';
    for (let end = token.at + token.text.length; ; ) {
      const next = reader.peek();
      if (next === undefined || next.at !== end || next.kind === 'operator' || /^[(),]$/.test(next.text)) return rest;
      reader.skip();
      rest += next.kind === 'quoted' ? next.text.slice(1, -1) : next.text;
      end = next.at + next.text.length;
    }
  }

  #named(family: string, key: string, token: Token): TraceField {
    const { reader } = this;
    if (key === '') throw reader.fail('A name is missing:', hint, token);
    switch (family.toLowerCase()) {
      case 'tag':
      case 'tags':
        return { kind: 'tag', key };
      case 'metadata':
      case 'request_metadata':
        return key === metadataKeys.run ? { kind: 'run' } : { kind: 'metadata', key };
      case 'feedback':
      case 'expectation':
        return { kind: family.toLowerCase() as 'feedback', name: key };
      case 'issue':
        if (key === 'id') return { kind: 'issue' };
        throw reader.fail(`Invalid issue attribute '${key}'. Supported attributes: id;`, hint, token);
      case 'span':
        return this.#spanField(key, token);
      case 'attribute':
      case 'attributes':
      case 'trace':
        return this.#attribute(key, token);
      default:
        throw reader.fail(`Invalid entity type '${family}'. Valid values are attributes, trace, tags, metadata, span, feedback, expectation, issue;`, hint, token);
    }
  }

  #attribute(key: string, token: Token): TraceField {
    const name = key.toLowerCase();
    if (name in numbers) return { kind: 'number', name: numbers[name as keyof typeof numbers] };
    if (name in texts) return { kind: 'text', name: texts[name as keyof typeof texts] };
    if (name === 'name') return { kind: 'tag', key: tagKeys.name };
    if (name === 'run_id') return { kind: 'run' };
    if (name === 'prompt') return { kind: 'prompt' };
    if (name === 'text') return { kind: 'span', name: 'content' };
    const known = [...Object.keys(texts), ...Object.keys(numbers), 'name', 'run_id', 'prompt', 'text'].sort().join(', ');
    throw this.reader.fail(`Invalid attribute key '${key}' specified. Valid keys are ${known};`, hint, token);
  }

  #spanField(key: string, token: Token): TraceField {
    if (key === 'name' || key === 'type' || key === 'status' || key === 'content') return { kind: 'span', name: key };
    if (key.startsWith('attributes.') && key.length > 'attributes.'.length) return { kind: 'span-attribute', key: key.slice('attributes.'.length) };
    throw this.reader.fail(`Invalid span attribute '${key}'. Supported attributes: name, status, type, content, attributes.<attribute_name>;`, hint, token);
  }

  #readNumber(): number {
    const { reader } = this;
    const sign = reader.take('-') === undefined ? 1 : -1;
    const token = reader.peek();
    reader.want({ kind: 'number' });
    // clients write times as text, too
    const text = token?.kind === 'number' ? token.text : /^'-?\d+(\.\d+)?'$/.test(token?.text ?? '') ? (token?.text.slice(1, -1) ?? '') : undefined;
    if (text === undefined) throw reader.fail('Expected a numeric value:', hint);
    reader.skip();
    return sign * Number(text);
  }

  #readText(): string {
    const { reader } = this;
    const token = reader.peek();
    if (token?.kind !== 'quoted' || token.text.startsWith('`')) {
      throw reader.fail("Expected a quoted string value (e.g. 'my-value'):", hint);
    }
    reader.skip();
    return token.text.slice(1, -1);
  }

  #readList(): string[] {
    const { reader } = this;
    reader.require('(');
    const values = [this.#readText()];
    while (reader.take(',') !== undefined && reader.peek()?.text !== ')') {
      values.push(this.#readText());
      if (values.length > mostListed) throw reader.fail(`A list may have ${mostListed} entries; one more begins`, hint);
    }
    reader.require(')');
    return values;
  }
}

function operatorsOf(field: TraceField): readonly Operator[] {
  switch (field.kind) {
    case 'number':
      return numberOperators;
    case 'prompt':
    case 'issue':
      return ['='];
    case 'feedback':
    case 'expectation':
      return [...numberOperators, 'LIKE', 'ILIKE', 'RLIKE', 'IS NULL', 'IS NOT NULL'];
    case 'span':
      return field.name === 'content' ? ['LIKE', 'ILIKE'] : ['=', '!=', 'LIKE', 'ILIKE', 'RLIKE', 'IN', 'NOT IN'];
    case 'span-attribute':
      return ['=', '!=', 'LIKE', 'ILIKE', 'RLIKE', 'IN', 'NOT IN'];
    default:
      return ['=', '!=', 'LIKE', 'ILIKE', 'RLIKE', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'];
  }
}
