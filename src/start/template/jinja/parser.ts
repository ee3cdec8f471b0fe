import { EngineCannot, TemplateFault } from './faults.ts';
import { defaultSyntax, tokenize, type Syntax, type Token } from './lexer.ts';

export type Expression =
  | { readonly is: 'constant'; readonly value: string | number | boolean | null }
  | { readonly is: 'float'; readonly value: number }
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly is: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | {
      readonly is: 'if';
      readonly test: Expression;
      readonly value: Expression;
      readonly otherwise: Expression | undefined;
    }
  | { readonly is: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly is: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | {
      readonly is: 'compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [string, Expression])[];
    }
  | {
      readonly is: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly is: 'concat'; readonly items: readonly Expression[] }
  | { readonly is: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly is: 'item'; readonly of: Expression; readonly index: Expression }
  | {
      readonly is: 'slice';
      readonly parts: readonly [Expression | undefined, Expression | undefined, Expression | undefined];
    }
  | { readonly is: 'call'; readonly callee: Expression; readonly given: Arguments }
  | {
      readonly is: 'filter';
      readonly of: Expression;
      readonly name: string;
      readonly given: Arguments;
    }
  | {
      readonly is: 'test';
      readonly of: Expression;
      readonly name: string;
      readonly given: Arguments;
    };

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly spread: Expression | undefined;
  readonly spreadNamed: Expression | undefined;
}

export type Target =
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'tuple'; readonly items: readonly Target[] }
  | { readonly is: 'field'; readonly namespace: string; readonly name: string };

export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | undefined;
}

export type Statement =
  | { readonly is: 'data'; readonly text: string }
  | { readonly is: 'output'; readonly value: Expression }
  | {
      readonly is: 'for';
      readonly target: Target;
      readonly over: Expression;
      readonly test: Expression | undefined;
      readonly isRecursive: boolean;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly is: 'if';
      readonly branches: readonly (readonly [Expression, readonly Statement[]])[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly is: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly is: 'set-block';
      readonly target: Target;
      readonly filters: (inner: Expression) => Expression;
      readonly body: readonly Statement[];
    }
  | {
      readonly is: 'macro';
      readonly name: string;
      readonly parameters: readonly Parameter[];
      readonly body: readonly Statement[];
    }
  | {
      readonly is: 'call';
      readonly parameters: readonly Parameter[];
      readonly call: Expression;
      readonly body: readonly Statement[];
    }
  | {
      readonly is: 'filter';
      readonly filters: (inner: Expression) => Expression;
      readonly body: readonly Statement[];
    }
  | {
      readonly is: 'with';
      readonly assigned: readonly (readonly [Target, Expression])[];
      readonly body: readonly Statement[];
    }
  | {
      readonly is: 'include';
      readonly name: Expression;
      readonly isOptional: boolean;
      readonly withContext: boolean;
    }
  | {
      readonly is: 'import';
      readonly name: Expression;
      readonly as: string;
      readonly withContext: boolean;
    }
  | {
      readonly is: 'from';
      readonly name: Expression;
      readonly names: readonly (readonly [string, string])[];
      readonly withContext: boolean;
    }
  | { readonly is: 'extends'; readonly name: Expression }
  | { readonly is: 'block'; readonly name: string; readonly body: readonly Statement[] }
  | { readonly is: 'do'; readonly value: Expression }
  | { readonly is: 'break' | 'continue' }
  | {
      readonly is: 'now';
      readonly zone: Expression;
      readonly sign: '+' | '-' | undefined;
      readonly offset: Expression | undefined;
      readonly format: Expression | undefined;
    };

const noArguments: Arguments = {
  positional: [],
  named: [],
  spread: undefined,
  spreadNamed: undefined,
};
const reserved = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else', 'elif']);

/**
 * Reads a template into statements by Jinja2's grammar.
 *
 * @throws TemplateFault for wrong syntax, EngineCannot for a tag that an extension may define
 */
export function parse(template: string, syntax: Syntax = defaultSyntax): readonly Statement[] {
  return new Parser(tokenize(template, syntax), syntax.extraTags).template();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #extraTags: ReadonlySet<string>;
  #at = 0;

  constructor(tokens: readonly Token[], extraTags: ReadonlySet<string>) {
    this.#tokens = tokens;
    this.#extraTags = extraTags;
  }

  template(): readonly Statement[] {
    const { body, ended } = this.#body([]);
    if (ended !== undefined) this.#fail(`Unexpected tag '${ended}'`);
    return body;
  }

  // ---- statements

  /** Statements up to the tag that closes them; that tag's name is consumed, the rest of it is not. */
  #body(until: readonly string[]): { body: Statement[]; ended: string | undefined } {
    const body: Statement[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined) {
        if (until.length > 0) this.#fail(`Unexpected end of template. Expected one of: ${until.join(', ')}`);
        return { body, ended: undefined };
      }
      this.#at += 1;
      if (token.kind === 'data') body.push({ is: 'data', text: token.text });
      else if (token.kind === 'begin' && token.of === 'variable') {
        body.push({ is: 'output', value: this.#tupleOrOne() });
        this.#end();
      } else {
        const tag = this.#name();
        if (until.includes(tag)) return { body, ended: tag };
        if (['do', 'break', 'continue'].includes(tag) && !this.#extraTags.has(tag))
          this.#fail(`Encountered unknown tag '${tag}'.`);
        body.push(...this.#statement(tag));
      }
    }
  }

  #closed(tag: string): Statement[] {
    this.#end();
    const { body } = this.#body([tag]);
    if (tag === 'endblock' && this.#current()?.kind === 'name') this.#at += 1;
    this.#end();
    return body;
  }

  #statement(tag: string): Statement[] {
    switch (tag) {
      case 'for':
        return [this.#for()];
      case 'if':
        return [this.#if()];
      case 'set':
        return [this.#set()];
      case 'macro': {
        const name = this.#name();
        const parameters = this.#parameters();
        return [{ is: 'macro', name, parameters, body: this.#closed('endmacro') }];
      }
      case 'call': {
        const parameters = this.#isOperator('(') ? this.#parameters() : [];
        const call = this.#expression();
        return [{ is: 'call', parameters, call, body: this.#closed('endcall') }];
      }
      case 'filter': {
        const filters = this.#filterChain(true);
        return [{ is: 'filter', filters, body: this.#closed('endfilter') }];
      }
      case 'with': {
        const assigned: [Target, Expression][] = [];
        while (this.#current()?.kind !== 'end') {
          if (assigned.length > 0) this.#expect(',');
          const target = this.#target();
          this.#expect('=');
          assigned.push([target, this.#expression()]);
        }
        return [{ is: 'with', assigned, body: this.#closed('endwith') }];
      }
      case 'include': {
        const name = this.#expression();
        let isOptional = false;
        if (this.#isName('ignore') && this.#isName('missing', 1)) {
          this.#at += 2;
          isOptional = true;
        }
        const withContext = this.#contextFlag(true);
        this.#end();
        return [{ is: 'include', name, isOptional, withContext }];
      }
      case 'import': {
        const name = this.#expression();
        this.#expectName('as');
        const as = this.#name();
        const withContext = this.#contextFlag(false);
        this.#end();
        return [{ is: 'import', name, as, withContext }];
      }
      case 'from':
        return [this.#from()];
      case 'extends': {
        const name = this.#expression();
        this.#end();
        return [{ is: 'extends', name }];
      }
      case 'block': {
        const name = this.#name();
        if (this.#isName('scoped') || this.#isName('required'))
          throw new EngineCannot('scoped and required blocks need Jinja2');
        return [{ is: 'block', name, body: this.#closed('endblock') }];
      }
      case 'print': {
        const value = this.#tupleOrOne();
        this.#end();
        return [{ is: 'output', value }];
      }
      case 'do': {
        const value = this.#tupleOrOne();
        this.#end();
        return [{ is: 'do', value }];
      }
      case 'break':
      case 'continue':
        this.#end();
        return [{ is: tag }];
      case 'now':
        return [this.#now()];
      default:
        throw new EngineCannot(`the tag '${tag}' (line ${this.#line()}) belongs to an extension`);
    }
  }

  #for(): Statement {
    const target = this.#target();
    this.#expectName('in');
    const over = this.#tupleOrOne(false);
    const test = this.#takeName('if') ? this.#expression() : undefined;
    const isRecursive = this.#takeName('recursive');
    this.#end();
    const { body, ended } = this.#body(['endfor', 'else']);
    this.#end();
    let otherwise: Statement[] = [];
    if (ended === 'else') {
      otherwise = this.#body(['endfor']).body;
      this.#end();
    }
    return { is: 'for', target, over, test, isRecursive, body, otherwise };
  }

  #if(): Statement {
    const branches: (readonly [Expression, readonly Statement[]])[] = [];
    let otherwise: readonly Statement[] = [];
    for (;;) {
      const test = this.#tupleOrOne(false);
      this.#end();
      const { body, ended } = this.#body(['elif', 'else', 'endif']);
      branches.push([test, body]);
      if (ended === 'elif') continue;
      this.#end();
      if (ended === 'else') {
        otherwise = this.#body(['endif']).body;
        this.#end();
      }
      return { is: 'if', branches, otherwise };
    }
  }

  #set(): Statement {
    const target = this.#target(true);
    if (this.#takeOperator('=')) {
      const value = this.#tupleOrOne();
      this.#end();
      return { is: 'set', target, value };
    }
    const filters = this.#filterChain(false);
    return { is: 'set-block', target, filters, body: this.#closed('endset') };
  }

  #from(): Statement {
    const name = this.#expression();
    this.#expectName('import');
    const names: [string, string][] = [];
    let withContext = false;
    while (this.#current()?.kind !== 'end') {
      if (names.length > 0 && !this.#takeOperator(',')) {
        withContext = this.#contextFlag(false);
        break;
      }
      if ((this.#isName('with') || this.#isName('without')) && this.#isName('context', 1)) {
        withContext = this.#contextFlag(false);
        break;
      }
      if (this.#current()?.kind === 'end') break;
      const imported = this.#name();
      names.push([imported, this.#takeName('as') ? this.#name() : imported]);
    }
    this.#end();
    return { is: 'from', name, names, withContext };
  }

  #now(): Statement {
    const zone = this.#expression();
    const format = this.#takeOperator(',') ? this.#expression() : undefined;
    this.#end();
    if (zone.is === 'binary' && (zone.operator === '+' || zone.operator === '-')) {
      return { is: 'now', zone: zone.left, sign: zone.operator, offset: zone.right, format };
    }
    return { is: 'now', zone, sign: undefined, offset: undefined, format };
  }

  #contextFlag(otherwise: boolean): boolean {
    if (!(this.#isName('with') || this.#isName('without')) || !this.#isName('context', 1)) return otherwise;
    const isWith = this.#isName('with');
    this.#at += 2;
    return isWith;
  }

  #parameters(): Parameter[] {
    this.#expect('(');
    const parameters: Parameter[] = [];
    while (!this.#takeOperator(')')) {
      if (parameters.length > 0) this.#expect(',');
      const name = this.#name();
      parameters.push({ name, fallback: this.#takeOperator('=') ? this.#expression() : undefined });
    }
    return parameters;
  }

  #target(allowsField = false): Target {
    const items: Target[] = [];
    let isTuple = false;
    for (;;) {
      if (this.#takeOperator('(')) {
        items.push(this.#target());
        this.#expect(')');
      } else {
        const name = this.#name();
        if (allowsField && this.#takeOperator('.'))
          items.push({ is: 'field', namespace: name, name: this.#name() });
        else items.push({ is: 'name', name });
      }
      if (!this.#takeOperator(',')) break;
      isTuple = true;
      if (this.#isName('in') || this.#isOperator('=') || this.#isOperator(')')) break;
    }
    const [first] = items;
    return !isTuple && first !== undefined ? first : { is: 'tuple', items };
  }

  // ---- expressions, weakest binding first

  #tupleOrOne(withCondition = true): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) {
        if (!this.#takeOperator(',')) break;
        isTuple = true;
      }
      const token = this.#current();
      if (token === undefined || token.kind === 'end' || this.#isOperator(')')) break;
      items.push(withCondition ? this.#expression() : this.#or());
    }
    const [first] = items;
    if (first === undefined) this.#fail('Expected an expression');
    return isTuple ? { is: 'tuple', items } : first;
  }

  #expression(): Expression {
    let value = this.#or();
    while (this.#takeName('if')) {
      const test = this.#or();
      const otherwise = this.#takeName('else') ? this.#expression() : undefined;
      value = { is: 'if', test, value, otherwise };
    }
    return value;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#takeName('or')) left = { is: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#takeName('and')) left = { is: 'and', left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.#takeName('not') ? { is: 'not', operand: this.#not() } : this.#compare();
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      const token = this.#current();
      if (token?.kind === 'operator' && ['==', '!=', '<', '<=', '>', '>='].includes(token.text)) {
        this.#at += 1;
        rest.push([token.text, this.#sum()]);
      } else if (this.#takeName('in')) rest.push(['in', this.#sum()]);
      else if (this.#isName('not') && this.#isName('in', 1)) {
        this.#at += 2;
        rest.push(['not in', this.#sum()]);
      } else break;
    }
    return rest.length === 0 ? first : { is: 'compare', first, rest };
  }

  #binary(operators: readonly string[], next: () => Expression): Expression {
    let left = next();
    for (;;) {
      const token = this.#current();
      if (token?.kind !== 'operator' || !operators.includes(token.text)) return left;
      this.#at += 1;
      left = { is: 'binary', operator: token.text, left, right: next() };
    }
  }

  #sum(): Expression {
    return this.#binary(['+', '-'], () => this.#concat());
  }

  #concat(): Expression {
    const items = [this.#product()];
    while (this.#takeOperator('~')) items.push(this.#product());
    const [first] = items;
    return items.length === 1 && first !== undefined ? first : { is: 'concat', items };
  }

  #product(): Expression {
    return this.#binary(['*', '/', '//', '%'], () => this.#power());
  }

  #power(): Expression {
    return this.#binary(['**'], () => this.#unary(true));
  }

  #unary(withFilter: boolean): Expression {
    let value: Expression;
    if (this.#takeOperator('-')) value = { is: 'negative', operand: this.#unary(false) };
    else if (this.#takeOperator('+')) value = { is: 'positive', operand: this.#unary(false) };
    else value = this.#primary();
    value = this.#postfix(value);
    return withFilter ? this.#filtersAndTests(value) : value;
  }

  #primary(): Expression {
    const token = this.#current();
    if (token === undefined) this.#fail('Unexpected end of template');
    this.#at += 1;
    switch (token.kind) {
      case 'name':
        if (token.text === 'true' || token.text === 'True') return { is: 'constant', value: true };
        if (token.text === 'false' || token.text === 'False') return { is: 'constant', value: false };
        if (token.text === 'none' || token.text === 'None') return { is: 'constant', value: null };
        if (reserved.has(token.text)) this.#fail(`unexpected '${token.text}'`);
        return { is: 'name', name: token.text };
      case 'string': {
        let value = token.text;
        for (let next = this.#current(); next?.kind === 'string'; next = this.#current()) {
          value += next.text;
          this.#at += 1;
        }
        return { is: 'constant', value };
      }
      case 'integer': {
        const value = Number(token.text);
        if (!Number.isSafeInteger(value)) throw new EngineCannot('whole numbers beyond 2^53 need Python');
        return { is: 'constant', value };
      }
      case 'float':
        return { is: 'float', value: Number(token.text) };
      case 'operator':
        if (token.text === '(') return this.#parenthesis();
        if (token.text === '[') return { is: 'list', items: this.#items(']') };
        if (token.text === '{') return this.#dict();
        break;
      default:
    }
    return this.#fail(`unexpected '${'text' in token ? token.text : token.kind}'`);
  }

  #parenthesis(): Expression {
    if (this.#takeOperator(')')) return { is: 'tuple', items: [] };
    const value = this.#tupleOrOne();
    this.#expect(')');
    return value;
  }

  #items(end: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#takeOperator(end)) {
      if (items.length > 0) this.#expect(',');
      if (this.#takeOperator(end)) break;
      items.push(this.#expression());
    }
    return items;
  }

  #dict(): Expression {
    const entries: [Expression, Expression][] = [];
    while (!this.#takeOperator('}')) {
      if (entries.length > 0) this.#expect(',');
      if (this.#takeOperator('}')) break;
      const key = this.#expression();
      this.#expect(':');
      entries.push([key, this.#expression()]);
    }
    return { is: 'dict', entries };
  }

  #postfix(of: Expression): Expression {
    let value = of;
    for (;;) {
      if (this.#takeOperator('.')) {
        const token = this.#current();
        this.#at += 1;
        if (token?.kind === 'name') value = { is: 'attribute', of: value, name: token.text };
        else if (token?.kind === 'integer')
          value = { is: 'item', of: value, index: { is: 'constant', value: Number(token.text) } };
        else this.#fail('expected name or number');
      } else if (this.#takeOperator('[')) value = { is: 'item', of: value, index: this.#subscript() };
      else if (this.#isOperator('(')) value = { is: 'call', callee: value, given: this.#arguments() };
      else return value;
    }
  }

  #subscript(): Expression {
    const parts: (Expression | undefined)[] = [];
    let isSlice = false;
    let part: Expression | undefined;
    for (;;) {
      if (this.#takeOperator(']')) break;
      if (this.#takeOperator(':')) {
        isSlice = true;
        parts.push(part);
        part = undefined;
      } else if (part === undefined) part = this.#expression();
      else if (this.#isOperator(',')) throw new EngineCannot('a subscript of several items needs Jinja2');
      else this.#fail('expected a subscript');
    }
    if (!isSlice) return part ?? this.#fail('expected subscript expression');
    parts.push(part);
    return { is: 'slice', parts: [parts[0], parts[1], parts[2]] };
  }

  #filtersAndTests(of: Expression): Expression {
    let value = of;
    for (;;) {
      if (this.#takeOperator('|')) value = this.#filter(value);
      else if (this.#takeName('is')) value = this.#test(value);
      else if (this.#isOperator('(')) value = { is: 'call', callee: value, given: this.#arguments() };
      else return value;
    }
  }

  #filter(of: Expression): Expression {
    const name = this.#dottedName();
    return {
      is: 'filter',
      of,
      name,
      given: this.#isOperator('(') ? this.#arguments() : noArguments,
    };
  }

  /** `name(…) | name(…)`, for the tags that filter their body. */
  #filterChain(startsWithName: boolean): (inner: Expression) => Expression {
    const steps: { name: string; given: Arguments }[] = [];
    while (startsWithName ? steps.length === 0 || this.#takeOperator('|') : this.#takeOperator('|')) {
      steps.push({
        name: this.#dottedName(),
        given: this.#isOperator('(') ? this.#arguments() : noArguments,
      });
    }
    return (inner) => steps.reduce<Expression>((of, step) => ({ is: 'filter', of, ...step }), inner);
  }

  #test(of: Expression): Expression {
    const isNegated = this.#takeName('not');
    const name = this.#dottedName();
    let given = noArguments;
    const token = this.#current();
    if (this.#isOperator('(')) given = this.#arguments();
    else if (
      token?.kind === 'string' ||
      token?.kind === 'integer' ||
      token?.kind === 'float' ||
      (token?.kind === 'name' &&
        !['else', 'or', 'and', 'if', 'is', 'in', 'not', 'recursive'].includes(token.text)) ||
      this.#isOperator('[') ||
      this.#isOperator('{')
    ) {
      given = { ...noArguments, positional: [this.#postfix(this.#primary())] };
    }
    const test: Expression = { is: 'test', of, name, given };
    return isNegated ? { is: 'not', operand: test } : test;
  }

  #dottedName(): string {
    let name = this.#name();
    while (this.#takeOperator('.')) name += `.${this.#name()}`;
    return name;
  }

  #arguments(): Arguments {
    this.#expect('(');
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let spread: Expression | undefined;
    let spreadNamed: Expression | undefined;
    let count = 0;
    while (!this.#takeOperator(')')) {
      if (count > 0) this.#expect(',');
      if (this.#takeOperator(')')) break;
      count += 1;
      const token = this.#current();
      const next = this.#tokens[this.#at + 1];
      if (this.#takeOperator('*')) spread = this.#expression();
      else if (this.#takeOperator('**')) spreadNamed = this.#expression();
      else if (token?.kind === 'name' && next?.kind === 'operator' && next.text === '=') {
        this.#at += 2;
        named.push([token.text, this.#expression()]);
      } else positional.push(this.#expression());
    }
    return { positional, named, spread, spreadNamed };
  }

  // ---- tokens

  #current(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #line(): number {
    return this.#current()?.line ?? this.#tokens.at(-1)?.line ?? 1;
  }

  #fail(message: string): never {
    throw new TemplateFault(`${message} (line ${this.#line()})`);
  }

  #name(): string {
    const token = this.#current();
    if (token?.kind !== 'name') return this.#fail('expected a name');
    this.#at += 1;
    return token.text;
  }

  #end(): void {
    const token = this.#current();
    if (token?.kind !== 'end') {
      this.#fail(
        `expected the end of the tag, got '${token !== undefined && 'text' in token ? token.text : 'end of template'}'`,
      );
    }
    this.#at += 1;
  }

  #isOperator(text: string): boolean {
    const token = this.#current();
    return token?.kind === 'operator' && token.text === text;
  }

  #takeOperator(text: string): boolean {
    if (!this.#isOperator(text)) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#takeOperator(text)) this.#fail(`expected '${text}'`);
  }

  #isName(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'name' && token.text === text;
  }

  #takeName(text: string): boolean {
    if (!this.#isName(text)) return false;
    this.#at += 1;
    return true;
  }

  #expectName(text: string): void {
    if (!this.#takeName(text)) this.#fail(`expected '${text}'`);
  }
}
