import { EngineCannot, TemplateFault } from './faults.ts';
import { globals, runFilter, runTest, type FilterWorld } from './filters.ts';
import type { Syntax } from './lexer.ts';
import { formatPercent, methodOf } from './methods.ts';
import { formatNow } from './now.ts';
import {
  parse,
  type Arguments,
  type Expression,
  type Parameter,
  type Statement,
  type Target,
} from './parser.ts';
import {
  Callable,
  Float,
  Namespace,
  Slice,
  Tuple,
  Undefined,
  className,
  compare,
  contains,
  defined,
  equal,
  iterate,
  length,
  numeric,
  repr,
  slice,
  str,
  truth,
  tuple,
  typeName,
  whole,
  type Keywords,
  type Value,
} from './values.ts';

/** What surrounds a rendering: other templates by name, and the time for `{% now %}`. */
export interface Surroundings {
  readonly syntax: Syntax;
  /** text of a template that is included or imported; undefined when there is none */
  load(name: string): string | undefined;
  now(): Date;
}

/**
 * Renders a template as Jinja2 with StrictUndefined and `keep_trailing_newline` does.
 *
 * @throws UndefinedUsed and TemplateFault where Jinja2 fails too; EngineCannot where only Jinja2 can tell
 */
export function render(
  template: string,
  variables: ReadonlyMap<string, Value>,
  surroundings: Surroundings,
): string {
  const out: string[] = [];
  new Rendering(surroundings, variables).template(parse(template, surroundings.syntax), out);
  return out.join('');
}

class Scope {
  readonly values = new Map<string, Value>();
  readonly parent: Scope | undefined;
  constructor(parent?: Scope) {
    this.parent = parent;
  }
  find(name: string): Value | undefined {
    const own = this.values.get(name);
    return own !== undefined || this.parent === undefined ? own : this.parent.find(name);
  }
}

class LoopLeft extends Error {
  readonly how: 'break' | 'continue';
  constructor(how: 'break' | 'continue') {
    super(how);
    this.how = how;
  }
}

interface Block {
  readonly body: readonly Statement[];
  readonly parent: Block | undefined;
}

class Rendering implements FilterWorld {
  readonly #surroundings: Surroundings;
  readonly #variables: ReadonlyMap<string, Value>;
  readonly #blocks = new Map<string, Block>();
  #extended: string | undefined;
  #depth = 0;

  constructor(surroundings: Surroundings, variables: ReadonlyMap<string, Value>) {
    this.#surroundings = surroundings;
    this.#variables = variables;
  }

  template(statements: readonly Statement[], out: string[], within?: Scope): Scope {
    let scope = new Scope(within ?? this.#root());
    let current = statements;
    for (;;) {
      this.#extended = undefined;
      this.#collectBlocks(current);
      const written: string[] = [];
      this.#run(current, scope, written);
      const parent: string | undefined = this.#extended;
      if (parent === undefined) {
        out.push(...written);
        return scope;
      }
      current = this.#load(parent);
      scope = new Scope(scope);
    }
  }

  #root(): Scope {
    const scope = new Scope();
    for (const [name, value] of this.#variables) scope.values.set(name, value);
    return scope;
  }

  #load(name: string): readonly Statement[] {
    const source = this.#surroundings.load(name);
    if (source === undefined) throw new TemplateFault(`the template '${name}' was not found`);
    return parse(source, this.#surroundings.syntax);
  }

  #collectBlocks(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.is === 'block') {
        const known = this.#blocks.get(statement.name);
        this.#blocks.set(
          statement.name,
          known === undefined
            ? { body: statement.body, parent: undefined }
            : addParent(known, statement.body),
        );
      }
      if ('body' in statement) this.#collectBlocks(statement.body);
      if ('otherwise' in statement) this.#collectBlocks(statement.otherwise);
      if (statement.is === 'if') for (const [, body] of statement.branches) this.#collectBlocks(body);
    }
  }

  // ---- statements

  #run(statements: readonly Statement[], scope: Scope, out: string[]): void {
    for (const statement of statements) this.#statement(statement, scope, out);
  }

  #statement(statement: Statement, scope: Scope, out: string[]): void {
    switch (statement.is) {
      // what follows {% extends %} in a child only defines blocks, names and macros
      case 'data':
        if (this.#extended === undefined) out.push(statement.text);
        return;
      case 'output':
        if (this.#extended === undefined) out.push(str(defined(this.#value(statement.value, scope))));
        return;
      case 'if': {
        const branch = statement.branches.find(([test]) => truth(this.#value(test, scope)));
        this.#run(branch?.[1] ?? statement.otherwise, scope, out);
        return;
      }
      case 'for':
        this.#loop(statement, iterate(this.#value(statement.over, scope)), scope, out, 0);
        return;
      case 'set':
        this.#assign(statement.target, this.#value(statement.value, scope), scope);
        return;
      case 'set-block':
        this.#assign(statement.target, this.#filtered(statement.body, statement.filters, scope), scope);
        return;
      case 'filter':
        out.push(str(this.#filtered(statement.body, statement.filters, scope)));
        return;
      case 'with': {
        const inner = new Scope(scope);
        const values = statement.assigned.map(
          ([target, value]) => [target, this.#value(value, scope)] as const,
        );
        for (const [target, value] of values) this.#assign(target, value, inner);
        this.#run(statement.body, inner, out);
        return;
      }
      case 'macro':
        scope.values.set(
          statement.name,
          this.#macro(statement.name, statement.parameters, statement.body, scope),
        );
        return;
      case 'call': {
        const caller = this.#macro('caller', statement.parameters, statement.body, scope);
        if (statement.call.is !== 'call') throw new TemplateFault('expected a call');
        const inner = new Scope(scope);
        inner.values.set('caller', caller);
        out.push(
          str(this.#call(statement.call.callee, statement.call.given, inner, new Map([['caller', caller]]))),
        );
        return;
      }
      case 'include':
        this.#include(statement, scope, out);
        return;
      case 'import':
        scope.values.set(
          statement.as,
          this.#module(this.#value(statement.name, scope), statement.withContext ? scope : undefined),
        );
        return;
      case 'from': {
        const module = this.#module(
          this.#value(statement.name, scope),
          statement.withContext ? scope : undefined,
        );
        for (const [name, as] of statement.names) {
          const found = module.attributes?.get(name);
          scope.values.set(
            as,
            found ??
              new Undefined(
                `the template ${repr(this.#value(statement.name, scope))} does not export the requested name '${name}'`,
              ),
          );
        }
        return;
      }
      case 'extends':
        this.#extended = str(this.#value(statement.name, scope));
        return;
      case 'block': {
        const block = this.#blocks.get(statement.name);
        if (this.#extended === undefined && block !== undefined) this.#block(block, scope, out);
        return;
      }
      case 'do':
        this.#value(statement.value, scope);
        return;
      case 'break':
      case 'continue':
        throw new LoopLeft(statement.is);
      case 'now': {
        const zone = str(this.#value(statement.zone, scope));
        const offset = statement.offset === undefined ? undefined : str(this.#value(statement.offset, scope));
        const format =
          statement.format === undefined ? '%Y-%m-%d' : str(this.#value(statement.format, scope));
        out.push(formatNow(this.#surroundings.now(), zone, offset, statement.sign ?? '+', format));
      }
    }
  }

  #block(block: Block, scope: Scope, out: string[]): void {
    const inner = new Scope(scope);
    const { parent } = block;
    inner.values.set(
      'super',
      new Callable('super', () => {
        if (parent === undefined) throw new TemplateFault('there is no parent block');
        const written: string[] = [];
        this.#block(parent, scope, written);
        return written.join('');
      }),
    );
    this.#run(block.body, inner, out);
  }

  #include(statement: Extract<Statement, { is: 'include' }>, scope: Scope, out: string[]): void {
    const wanted = this.#value(statement.name, scope);
    const names = Array.isArray(wanted) ? wanted.map(str) : [str(wanted)];
    const source = names.map((name) => this.#surroundings.load(name)).find((text) => text !== undefined);
    if (source === undefined) {
      if (statement.isOptional) return;
      throw new TemplateFault(`the template '${names.join("', '")}' was not found`);
    }
    const inner = new Rendering(this.#surroundings, this.#variables);
    inner.template(
      parse(source, this.#surroundings.syntax),
      out,
      statement.withContext ? scope : new Scope(),
    );
  }

  #module(name: Value, context: Scope | undefined): Callable {
    const inner = new Rendering(this.#surroundings, context === undefined ? new Map() : this.#variables);
    const scope = inner.template(this.#load(str(name)), [], context ?? new Scope());
    return new Callable(str(name), () => null, scope.values);
  }

  #filtered(body: readonly Statement[], filters: (inner: Expression) => Expression, scope: Scope): Value {
    const written: string[] = [];
    this.#run(body, new Scope(scope), written);
    return this.#value(filters({ is: 'constant', value: written.join('') }), scope);
  }

  #loop(
    statement: Extract<Statement, { is: 'for' }>,
    all: Value[],
    scope: Scope,
    out: string[],
    depth: number,
  ): void {
    const { target, test, body } = statement;
    const items =
      test === undefined
        ? all
        : all.filter((item) => {
            const inner = new Scope(scope);
            this.#assign(target, item, inner);
            return truth(this.#value(test, inner));
          });
    if (items.length === 0) {
      this.#run(statement.otherwise, new Scope(scope), out);
      return;
    }
    const memory: { last: Value | undefined } = { last: undefined };
    for (const [index, item] of items.entries()) {
      const inner = new Scope(scope);
      const again = (args: readonly Value[]): Value => {
        if (!statement.isRecursive)
          throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.");
        const written: string[] = [];
        this.#loop(statement, iterate(args[0] ?? []), scope, written, depth + 1);
        return written.join('');
      };
      inner.values.set('loop', new Callable('loop', again, loopState(items, index, depth, memory)));
      this.#assign(target, item, inner);
      try {
        this.#run(body, inner, out);
      } catch (left) {
        if (!(left instanceof LoopLeft)) throw left;
        if (left.how === 'break') return;
      }
    }
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.is === 'name') {
      scope.values.set(target.name, value);
      return;
    }
    if (target.is === 'field') {
      const namespace = scope.find(target.namespace);
      if (!(namespace instanceof Namespace))
        throw new TemplateFault('cannot assign attribute on non-namespace object');
      namespace.values.set(target.name, value);
      return;
    }
    const items = iterate(value);
    if (items.length !== target.items.length) {
      throw new TemplateFault(`${items.length} values can't be unpacked into ${target.items.length} names`);
    }
    for (const [index, each] of target.items.entries()) this.#assign(each, items[index] ?? null, scope);
  }

  #macro(name: string, parameters: readonly Parameter[], body: readonly Statement[], scope: Scope): Callable {
    const names = new Set(parameters.map((parameter) => parameter.name));
    // a macro that never says `caller` finds it among its kwargs
    if (JSON.stringify(body).includes('"name":"caller"')) names.add('caller');
    return new Callable(name, (args, keywords) => {
      if (this.#depth > 200) throw new TemplateFault('maximum recursion depth exceeded');
      const inner = new Scope(scope);
      for (const [index, parameter] of parameters.entries()) {
        const given = index < args.length ? args[index] : keywords.get(parameter.name);
        if (given !== undefined) inner.values.set(parameter.name, given);
        else if (parameter.fallback !== undefined)
          inner.values.set(parameter.name, this.#value(parameter.fallback, inner));
        else
          inner.values.set(parameter.name, new Undefined(`parameter '${parameter.name}' was not provided`));
      }
      inner.values.set('varargs', tuple(...args.slice(parameters.length)));
      inner.values.set('kwargs', new Map<Value, Value>([...keywords].filter(([key]) => !names.has(key))));
      const caller = keywords.get('caller');
      if (caller !== undefined) inner.values.set('caller', caller);
      const written: string[] = [];
      this.#depth += 1;
      try {
        this.#run(body, inner, written);
      } finally {
        this.#depth -= 1;
      }
      return written.join('');
    });
  }

  // ---- expressions

  #value(expression: Expression, scope: Scope): Value {
    switch (expression.is) {
      case 'constant':
        return expression.value;
      case 'float':
        return new Float(expression.value);
      case 'name':
        return this.#lookup(expression.name, scope);
      case 'list':
        return expression.items.map((item) => this.#value(item, scope));
      case 'tuple':
        return tuple(...expression.items.map((item) => this.#value(item, scope)));
      case 'dict':
        return new Map(
          expression.entries.map(([key, item]) => [keyOf(this.#value(key, scope)), this.#value(item, scope)]),
        );
      case 'if':
        if (truth(this.#value(expression.test, scope))) return this.#value(expression.value, scope);
        if (expression.otherwise !== undefined) return this.#value(expression.otherwise, scope);
        return new Undefined(
          'the inline if-expression evaluated to false and no else section was defined.',
          true,
        );
      case 'and': {
        const left = this.#value(expression.left, scope);
        return truth(left) ? this.#value(expression.right, scope) : left;
      }
      case 'or': {
        const left = this.#value(expression.left, scope);
        return truth(left) ? left : this.#value(expression.right, scope);
      }
      case 'not':
        return !truth(this.#value(expression.operand, scope));
      case 'negative':
        return arithmetic('-', 0, this.#value(expression.operand, scope));
      case 'positive':
        return arithmetic('+', 0, this.#value(expression.operand, scope));
      case 'compare':
        return this.#compare(expression, scope);
      case 'binary':
        return arithmetic(
          expression.operator,
          this.#value(expression.left, scope),
          this.#value(expression.right, scope),
        );
      case 'concat':
        return expression.items.map((item) => str(defined(this.#value(item, scope)))).join('');
      case 'attribute':
        return this.#attribute(this.#value(expression.of, scope), expression.name);
      case 'item':
        return this.#item(this.#value(expression.of, scope), this.#value(expression.index, scope));
      case 'slice': {
        const [start, stop, step] = expression.parts.map((part) =>
          part === undefined ? null : this.#value(part, scope),
        );
        return new Slice([start ?? null, stop ?? null, step ?? null]);
      }
      case 'call':
        return this.#call(expression.callee, expression.given, scope);
      case 'filter': {
        const { args, keywords } = this.#given(expression.given, scope);
        return runFilter(expression.name, this.#value(expression.of, scope), args, keywords, this);
      }
      case 'test': {
        const { args } = this.#given(expression.given, scope);
        return runTest(expression.name, this.#value(expression.of, scope), args);
      }
    }
  }

  #lookup(name: string, scope: Scope): Value {
    const own = scope.find(name);
    const found = own === undefined ? globals.get(name) : own;
    if (found !== undefined) return found;
    if (name === 'namespace') {
      return new Callable('namespace', ([from], keywords) => {
        const initial = from instanceof Map ? [...from].map(([key, item]) => [str(key), item] as const) : [];
        return new Namespace(new Map([...initial, ...keywords]));
      });
    }
    if (name === 'lipsum' || name === 'self') throw new EngineCannot(`'${name}' needs Jinja2`);
    return new Undefined(`'${name}' is undefined`);
  }

  #compare(expression: Extract<Expression, { is: 'compare' }>, scope: Scope): boolean {
    let left = this.#value(expression.first, scope);
    for (const [operator, operand] of expression.rest) {
      const right = this.#value(operand, scope);
      if (!holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  /** `a.b`: an attribute first, then a key. */
  #attribute(of: Value, name: string): Value {
    const known = defined(of);
    const fields =
      known instanceof Namespace
        ? known.values
        : known instanceof Callable
          ? (known.attributes ?? new Map<string, Value>())
          : undefined;
    if (fields !== undefined) {
      const found = fields.get(name);
      return found === undefined ? new Undefined(missing(known, name)) : found;
    }
    const method = methodOf(known, name);
    if (method !== undefined) return method;
    if (known instanceof Map) {
      const found = known.get(name);
      return found === undefined ? new Undefined(missing(known, name)) : found;
    }
    return new Undefined(missing(known, name));
  }

  /** `a['b']`: a key first, then an attribute. */
  #item(of: Value, index: Value): Value {
    const known = defined(of);
    if (index instanceof Slice) return slice(known, index);
    const key = defined(index);
    if (known instanceof Map) {
      const found = known.get(keyOf(key));
      if (found !== undefined) return found;
      return typeof key === 'string' ? this.#attribute(known, key) : new Undefined(missing(known, key));
    }
    if ((typeof known === 'string' || Array.isArray(known)) && typeof key === 'number') {
      const at = key < 0 ? key + length(known) : key;
      const item = typeof known === 'string' ? Array.from(known)[at] : known[at];
      return item === undefined ? new Undefined(missing(known, key)) : item;
    }
    return typeof key === 'string' ? this.#attribute(known, key) : new Undefined(missing(known, key));
  }

  #call(callee: Expression, given: Arguments, scope: Scope, more?: Keywords): Value {
    const called = defined(this.#value(callee, scope));
    if (!(called instanceof Callable))
      throw new TemplateFault(`'${className(called)}' object is not callable`);
    const { args, keywords } = this.#given(given, scope);
    return called.call(args, more === undefined ? keywords : new Map([...keywords, ...more]));
  }

  #given(given: Arguments, scope: Scope): { args: Value[]; keywords: Map<string, Value> } {
    const args = given.positional.map((argument) => this.#value(argument, scope));
    if (given.spread !== undefined) args.push(...iterate(this.#value(given.spread, scope)));
    const keywords = new Map(given.named.map(([name, value]) => [name, this.#value(value, scope)]));
    if (given.spreadNamed !== undefined) {
      const spread = this.#value(given.spreadNamed, scope);
      if (!(spread instanceof Map)) throw new TemplateFault('** needs a dict');
      for (const [key, item] of spread) keywords.set(str(key), item);
    }
    return { args, keywords };
  }

  // ---- what filters ask

  attribute(of: Value, name: Value): Value {
    return this.#item(of, name);
  }

  filter(name: string, of: Value, args: readonly Value[], keywords: Keywords): Value {
    return runFilter(name, of, args, keywords, this);
  }

  test(name: string, of: Value, args: readonly Value[]): boolean {
    return runTest(name, of, args);
  }
}

const addParent = (block: Block, body: readonly Statement[]): Block => ({
  body: block.body,
  parent: block.parent === undefined ? { body, parent: undefined } : addParent(block.parent, body),
});

const missing = (of: Value, key: Value): string =>
  typeof key === 'string'
    ? `'${typeName(of)}' has no attribute '${key}'`
    : `${typeName(of)} has no element ${repr(key)}`;

/** Python's 1, 1.0 and True are one key; so are ours. */
function keyOf(value: Value): Value {
  const known = defined(value);
  if (typeof known === 'string' || known === null) return known;
  if (typeof known === 'number') return known;
  throw new EngineCannot(`a ${className(known)} as key of a dict needs Python`);
}

function holds(operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '<':
      return compare(left, right) < 0;
    case '<=':
      return compare(left, right) <= 0;
    case '>':
      return compare(left, right) > 0;
    default:
      return compare(left, right) >= 0;
  }
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  defined(left);
  defined(right);
  if (operator === '%' && typeof left === 'string') return formatPercent(left, right);
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (left instanceof Tuple && right instanceof Tuple) return tuple(...left, ...right);
    if (Array.isArray(left) && Array.isArray(right) && !(left instanceof Tuple) && !(right instanceof Tuple))
      return [...left, ...right];
  }
  if (operator === '*') {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  const a = numeric(left);
  const b = numeric(right);
  if (a === undefined || b === undefined) {
    throw new TemplateFault(
      `unsupported operand type(s) for ${operator}: '${className(left)}' and '${className(right)}'`,
    );
  }
  const isFloat = a.isFloat || b.isFloat || operator === '/' || (operator === '**' && b.value < 0);
  if (['/', '//', '%'].includes(operator) && b.value === 0) throw new TemplateFault('division by zero');
  const value = calculate(operator, a.value, b.value);
  return isFloat ? new Float(value) : whole(value);
}

function calculate(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    default:
      return a ** b;
  }
}

function repeat(of: Value, times: Value): Value | undefined {
  if (typeof times !== 'number' && typeof times !== 'boolean') return undefined;
  const count = Math.max(0, Number(times));
  if (typeof of === 'string') return of.repeat(count);
  if (!Array.isArray(of)) return undefined;
  const items = Array.from({ length: count }, () => Array.from(of)).flat(1) as Value[];
  return of instanceof Tuple ? tuple(...items) : items;
}

function loopState(
  items: readonly Value[],
  index: number,
  depth: number,
  memory: { last: Value | undefined },
): Map<string, Value> {
  return new Map<string, Value>([
    ['index', index + 1],
    ['index0', index],
    ['revindex', items.length - index],
    ['revindex0', items.length - index - 1],
    ['first', index === 0],
    ['last', index === items.length - 1],
    ['length', items.length],
    ['depth', depth + 1],
    ['depth0', depth],
    ['previtem', index === 0 ? new Undefined('there is no previous item') : (items[index - 1] ?? null)],
    [
      'nextitem',
      index === items.length - 1 ? new Undefined('there is no next item') : (items[index + 1] ?? null),
    ],
    ['cycle', new Callable('cycle', (args) => args[index % args.length] ?? null)],
    [
      'changed',
      new Callable('changed', (args) => {
        const now = tuple(...args);
        const isChanged = memory.last === undefined || !equal(memory.last, now);
        memory.last = now;
        return isChanged;
      }),
    ],
  ]);
}
