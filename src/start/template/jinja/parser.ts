import { EngineCannot, TemplateFault } from './faults.ts';
import { isFilter, isTest } from './filters.ts';
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
      readonly line: number;
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

/** One filter of a chain, before it has a value. */
export interface FilterStep {
  readonly name: string;
  readonly given: Arguments;
}

export type Target =
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'tuple'; readonly items: readonly Target[] }
  | { readonly is: 'field'; readonly namespace: string; readonly name: string };

export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | undefined;
}

/** What a macro and the body of a call block have in common. */
export interface MacroBody {
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  /** the special names that the body says: caller, kwargs, varargs */
  readonly says: ReadonlySet<string>;
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
      /** whether the body says `loop` */
      readonly usesLoop: boolean;
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
      readonly filters: readonly FilterStep[];
      readonly body: readonly Statement[];
    }
  | { readonly is: 'macro'; readonly name: string; readonly macro: MacroBody }
  | { readonly is: 'call'; readonly call: Extract<Expression, { is: 'call' }>; readonly macro: MacroBody }
  | {
      readonly is: 'filter';
      readonly filters: readonly FilterStep[];
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
      readonly line: number;
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

/** Names that every template has from outside. */
const given = new Set(
  'cookiecutter _cookiecutter range dict lipsum cycler joiner namespace uuid4 random_ascii_string self super'.split(
    ' ',
  ),
);

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
  readonly #blocks = new Set<string>();
  #at = 0;
  #depth = 0;

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
    this.#end();
    return body;
  }

  /** What lies below the top level of the template. */
  #inner<T>(read: () => T): T {
    this.#depth += 1;
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #macro(parameters: readonly Parameter[], tag: string): MacroBody {
    const body = this.#inner(() => this.#closed(tag));
    const says = new Set(['caller', 'kwargs', 'varargs'].filter((name) => mentions(body, name)));
    const caller = parameters.find((parameter) => parameter.name === 'caller');
    if (caller !== undefined) throw new EngineCannot('a macro that names its caller needs Jinja2');
    if (new Set(parameters.map(({ name }) => name)).size < parameters.length)
      this.#fail('duplicate argument');
    return { parameters, body, says };
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
        const name = this.#targetName();
        const parameters = this.#parameters();
        return [{ is: 'macro', name, macro: this.#macro(parameters, 'endmacro') }];
      }
      case 'call': {
        const parameters = this.#isOperator('(') ? this.#parameters() : [];
        const call = this.#expression();
        if (call.is !== 'call') return this.#fail('expected call');
        return [{ is: 'call', call, macro: this.#macro(parameters, 'endcall') }];
      }
      case 'filter': {
        const filters = this.#filterChain(true);
        return [{ is: 'filter', filters, body: this.#inner(() => this.#closed('endfilter')) }];
      }
      case 'with': {
        const assigned: [Target, Expression][] = [];
        while (this.#current()?.kind !== 'end') {
          if (assigned.length > 0) this.#expect(',');
          const target = this.#target();
          this.#expect('=');
          assigned.push([target, this.#expression()]);
        }
        return [{ is: 'with', assigned, body: this.#inner(() => this.#closed('endwith')) }];
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
        if (!withContext) throw new EngineCannot('include without context needs Jinja2');
        return [{ is: 'include', name, isOptional }];
      }
      case 'import': {
        const name = this.#expression();
        this.#expectName('as');
        const as = this.#targetName();
        const withContext = this.#contextFlag(false);
        this.#end();
        return [{ is: 'import', name, as, withContext }];
      }
      case 'from':
        return [this.#from()];
      case 'extends': {
        if (this.#depth > 0) throw new EngineCannot('extends inside of a block needs Jinja2');
        const name = this.#expression();
        this.#end();
        return [{ is: 'extends', name }];
      }
      case 'block': {
        const name = this.#name();
        if (this.#isName('scoped') || this.#isName('required'))
          throw new EngineCannot('scoped and required blocks need Jinja2');
        if (this.#blocks.has(name)) this.#fail(`block '${name}' defined twice`);
        this.#blocks.add(name);
        this.#end();
        const { body } = this.#inner(() => this.#body(['endblock']));
        this.#takeName(name);
        this.#end();
        return [{ is: 'block', name, body }];
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
    const { body, ended } = this.#inner(() => this.#body(['endfor', 'else']));
    this.#end();
    let otherwise: Statement[] = [];
    if (ended === 'else') {
      otherwise = this.#inner(() => this.#body(['endfor'])).body;
      this.#end();
    }
    const usesLoop = isRecursive || mentions(body, 'loop');
    if (mentions(target, 'loop')) this.#fail("Can't assign to special loop variable in for-loop target");
    return { is: 'for', target, over, test, isRecursive, usesLoop, body, otherwise };
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
    return { is: 'set-block', target, filters, body: this.#inner(() => this.#closed('endset')) };
  }

  #from(): Statement {
    const line = this.#line();
    const name = this.#expression();
    this.#expectName('import');
    const names: [string, string][] = [];
    const isFlag = (): boolean =>
      (this.#isName('with') || this.#isName('without')) && this.#isName('context', 1);
    let withContext: boolean | undefined;
    for (;;) {
      if (names.length > 0) this.#expect(',');
      if (isFlag()) {
        withContext = this.#contextFlag(false);
        break;
      }
      const imported = this.#targetName();
      if (imported.startsWith('_')) this.#fail('names starting with an underline can not be imported');
      names.push([imported, this.#takeName('as') ? this.#targetName() : imported]);
      if (isFlag()) withContext = this.#contextFlag(false);
      if (withContext !== undefined || !this.#isOperator(',')) break;
    }
    this.#end();
    return { is: 'from', name, names, withContext: withContext ?? false, line };
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
      const name = this.#targetName();
      const fallback = this.#takeOperator('=') ? this.#expression() : undefined;
      if (fallback === undefined && parameters.at(-1)?.fallback !== undefined)
        this.#fail('non-default argument follows default argument');
      parameters.push({ name, fallback });
    }
    return parameters;
  }

  /** Where a value is put: a name, several of them, or a field of a namespace. */
  #target(allowsField = false): Target {
    const items: Target[] = [];
    for (;;) {
      if (this.#takeOperator('(')) {
        items.push(this.#target());
        this.#expect(')');
      } else {
        const name = this.#targetName();
        if (allowsField && this.#takeOperator('.'))
          items.push({ is: 'field', namespace: name, name: this.#name() });
        else items.push({ is: 'name', name });
      }
      if (!this.#takeOperator(','))
        return (items.length === 1 ? items[0] : undefined) ?? { is: 'tuple', items };
      if (this.#isName('in') || this.#isOperator(')') || this.#current()?.kind === 'end')
        return { is: 'tuple', items };
    }
  }

  #targetName(): string {
    const name = this.#name();
    if (['true', 'false', 'none', 'True', 'False', 'None'].includes(name))
      this.#fail(`can't assign to '${name}'`);
    // where such a name means what, before and after, Jinja2 decides for the whole template at once
    if (given.has(name)) throw new EngineCannot(`the template gives '${name}' another meaning`);
    return name;
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
      const line = this.#line();
      const test = this.#or();
      const otherwise = this.#takeName('else') ? this.#expression() : undefined;
      value = { is: 'if', test: decidable(test), value, otherwise, line };
    }
    return value;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#takeName('or')) left = { is: 'or', left: decidable(left), right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#takeName('and')) left = { is: 'and', left: decidable(left), right: this.#not() };
    return left;
  }

  #not(): Expression {
    return this.#takeName('not') ? { is: 'not', operand: decidable(this.#not()) } : this.#compare();
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
    return items.length === 1 && first !== undefined ? first : { is: 'concat', items: items.map(decidable) };
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
      const key = decidable(this.#expression());
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
    if (this.#isOperator(']')) throw new EngineCannot('an empty subscript needs Jinja2');
    const subscript = this.#isOperator(':') ? this.#slice(undefined) : this.#expression();
    const whole = this.#isOperator(':') ? this.#slice(subscript) : subscript;
    if (this.#isOperator(',')) throw new EngineCannot('a subscript of several items needs Jinja2');
    this.#expect(']');
    return whole;
  }

  #slice(start: Expression | undefined): Expression {
    const part = (): Expression | undefined =>
      this.#isOperator(':') || this.#isOperator(']') || this.#isOperator(',')
        ? undefined
        : this.#expression();
    this.#expect(':');
    const stop = part();
    const step = this.#takeOperator(':') ? part() : undefined;
    return { is: 'slice', parts: [start, stop, step] };
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
    return { is: 'filter', of, ...this.#filterStep() };
  }

  #filterStep(): FilterStep {
    const name = this.#dottedName();
    if (!isFilter(name)) throw new EngineCannot(`the filter '${name}' is not built in`);
    return { name, given: this.#isOperator('(') ? this.#arguments() : noArguments };
  }

  /** `name(…) | name(…)`, for the tags that filter their body. */
  #filterChain(startsWithName: boolean): FilterStep[] {
    const steps: FilterStep[] = [];
    while (startsWithName ? steps.length === 0 || this.#takeOperator('|') : this.#takeOperator('|')) {
      steps.push(this.#filterStep());
    }
    return steps;
  }

  #test(of: Expression): Expression {
    const isNegated = this.#takeName('not');
    const name = this.#dottedName();
    if (!isTest(name)) throw new EngineCannot(`the test '${name}' is not built in`);
    let given = noArguments;
    const token = this.#current();
    if (this.#isOperator('(')) given = this.#arguments();
    else if (
      token?.kind === 'string' ||
      token?.kind === 'integer' ||
      token?.kind === 'float' ||
      (token?.kind === 'name' && !['else', 'or', 'and'].includes(token.text)) ||
      this.#isOperator('[') ||
      this.#isOperator('{')
    ) {
      if (this.#isName('is')) this.#fail('You cannot chain multiple tests with is');
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
    const ensure = (isRight: boolean): void => {
      if (!isRight) this.#fail('invalid syntax for function call expression');
    };
    for (let count = 0; !this.#takeOperator(')'); count += 1) {
      if (count > 0) this.#expect(',');
      if (count > 0 && this.#takeOperator(')')) break;
      const token = this.#current();
      const next = this.#tokens[this.#at + 1];
      if (this.#takeOperator('*')) {
        ensure(spread === undefined && spreadNamed === undefined);
        spread = this.#expression();
      } else if (this.#takeOperator('**')) {
        ensure(spreadNamed === undefined);
        spreadNamed = this.#expression();
      } else if (token?.kind === 'name' && next?.kind === 'operator' && next.text === '=') {
        ensure(spreadNamed === undefined);
        if (named.some(([name]) => name === token.text))
          this.#fail(`keyword argument repeated: ${token.text}`);
        this.#at += 2;
        named.push([token.text, this.#expression()]);
      } else {
        ensure(spread === undefined && spreadNamed === undefined && named.length === 0);
        positional.push(this.#expression());
      }
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

/** Whether the name is said anywhere in this part of a template; its blocks are parts of their own. */
function mentions(part: unknown, name: string): boolean {
  if (typeof part !== 'object' || part === null) return false;
  if (Array.isArray(part)) return part.some((each) => mentions(each, name));
  if ('is' in part && part.is === 'name' && 'name' in part && part.name === name) return true;
  if (part instanceof Set || ('is' in part && part.is === 'block')) return false;
  return Object.values(part).some((each) => mentions(each, name));
}

/**
 * Jinja2 works out what has no names in it while it reads the template, and stops there when something undefined is asked
 * for its truth or its text, even in a branch that is never taken.
 */
function decidable(expression: Expression): Expression {
  if (mayLack(expression) && isConstant(expression))
    throw new EngineCannot('looking into what is written down needs Jinja2');
  return expression;
}

function mayLack(expression: Expression): boolean {
  switch (expression.is) {
    case 'item':
    case 'attribute':
    case 'filter':
      return true;
    case 'and':
    case 'or':
      return mayLack(expression.left) || mayLack(expression.right);
    case 'if':
      return (
        mayLack(expression.value) || (expression.otherwise !== undefined && mayLack(expression.otherwise))
      );
    default:
      return false;
  }
}

function isConstant(expression: Expression | undefined): boolean {
  switch (expression?.is) {
    case undefined:
    case 'constant':
    case 'float':
      return true;
    case 'list':
    case 'tuple':
    case 'concat':
      return expression.items.every(isConstant);
    case 'dict':
      return expression.entries.flat().every(isConstant);
    case 'slice':
      return expression.parts.every(isConstant);
    case 'not':
    case 'negative':
    case 'positive':
      return isConstant(expression.operand);
    case 'and':
    case 'or':
      // the left side may decide alone
      return isConstant(expression.left);
    case 'binary':
      return isConstant(expression.left) && isConstant(expression.right);
    case 'compare':
      // the first comparison may decide alone
      return isConstant(expression.first) && isConstant(expression.rest[0]?.[1]);
    case 'if':
      return (
        isConstant(expression.test) && (isConstant(expression.value) || isConstant(expression.otherwise))
      );
    case 'item':
      return isConstant(expression.of) && isConstant(expression.index);
    case 'attribute':
      return isConstant(expression.of);
    case 'filter':
    case 'test': {
      const { positional, named, spread, spreadNamed } = expression.given;
      const given = [...positional, ...named.map(([, value]) => value), spread, spreadNamed];
      return isConstant(expression.of) && given.every(isConstant);
    }
    default:
      return false;
  }
}
