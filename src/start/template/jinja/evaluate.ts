import { EngineCannot, TemplateFault } from './faults.ts';
import { globals, runFilter, runTest, type FilterWorld } from './filters.ts';
import type { Syntax } from './lexer.ts';
import { methodOf } from './methods.ts';
import { formatNow } from './now.ts';
import { arithmetic, holds, signed } from './operators.ts';
import {
  parse,
  type Arguments,
  type Expression,
  type FilterStep,
  type MacroBody,
  type Statement,
  type Target,
} from './parser.ts';
import {
  Callable,
  DictView,
  Float,
  Group,
  Markup,
  Namespace,
  Slice,
  Undefined,
  className,
  defined,
  equal,
  isList,
  iterate,
  keyOf,
  length,
  repr,
  slice,
  str,
  truth,
  tuple,
  typeName,
  type Keywords,
  type Value,
} from './values.ts';

/** What surrounds a rendering: other templates by name, and the time for `{% now %}`. */
export interface Surroundings {
  readonly syntax: Syntax;
  /** the template's own name, which some of Jinja2's messages say */
  readonly name?: string | undefined;
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
  try {
    new Rendering(surroundings, variables).template(parse(template, surroundings.syntax), out);
  } catch (thrown) {
    // Python's stack ends elsewhere than ours
    if (thrown instanceof RangeError) throw new EngineCannot('it nests very deeply');
    throw thrown;
  }
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
  readonly name: string;
  readonly body: readonly Statement[];
  readonly parent: Block | undefined;
}

class Rendering implements FilterWorld {
  readonly #surroundings: Surroundings;
  readonly #variables: ReadonlyMap<string, Value>;
  readonly #blocks = new Map<string, Block>();
  /** names that an import brought to the top level: they are not exported in turn */
  readonly #imported = new Set<string>();
  /** what blocks see of the template around them */
  #top = new Scope();
  #extended: string | undefined;
  /** how many macros and captured bodies we are in: what they write is kept even in a child */
  #captures = 0;
  #depth = 0;

  constructor(surroundings: Surroundings, variables: ReadonlyMap<string, Value>) {
    this.#surroundings = surroundings;
    this.#variables = variables;
  }

  template(statements: readonly Statement[], out: string[], within?: Scope): Scope {
    this.#top = new Scope(within ?? this.#root());
    let current = statements;
    for (;;) {
      this.#extended = undefined;
      this.#collectBlocks(current);
      const written: string[] = [];
      this.#run(current, this.#top, written);
      const parent: string | undefined = this.#extended;
      out.push(...written);
      if (parent === undefined) return this.#top;
      current = this.#load(parent);
      this.#top = new Scope(this.#top);
    }
  }

  /** What another template may import of this one. */
  exported(): Map<string, Value> {
    return new Map(
      [...this.#top.values].filter(([name]) => !name.startsWith('_') && !this.#imported.has(name)),
    );
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

  #other(name: string, variables: ReadonlyMap<string, Value>): Rendering {
    return new Rendering({ ...this.#surroundings, name }, variables);
  }

  #collectBlocks(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.is === 'block') {
        const { name, body } = statement;
        const known = this.#blocks.get(name);
        this.#blocks.set(
          name,
          known === undefined ? { name, body, parent: undefined } : addParent(known, body),
        );
      }
      if ('body' in statement) this.#collectBlocks(statement.body);
      if ('macro' in statement) this.#collectBlocks(statement.macro.body);
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
      case 'data':
        this.#write(statement.text, out);
        return;
      case 'output':
        // a child writes nothing after its extends, and evaluates nothing there either
        if (!this.#isSilent()) out.push(str(this.#value(statement.value, scope)));
        return;
      case 'if': {
        const branch = statement.branches.find(([test]) => truth(this.#value(test, scope)));
        this.#run(branch?.[1] ?? statement.otherwise, scope, out);
        return;
      }
      case 'for':
        this.#for(statement, this.#value(statement.over, scope), scope, out, 0);
        return;
      case 'set':
        if (statement.target.is === 'field') namespaceOf(statement.target, scope);
        this.#assign(statement.target, this.#value(statement.value, scope), scope);
        return;
      case 'set-block':
        this.#assign(statement.target, this.#filtered(statement.body, statement.filters, scope), scope);
        return;
      case 'filter':
        out.push(str(this.#filtered(statement.body, statement.filters, scope, false)));
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
        scope.values.set(statement.name, this.#macro(statement.name, statement.macro, scope));
        return;
      case 'call': {
        const caller = this.#macro(undefined, statement.macro, scope);
        const { callee, given } = statement.call;
        out.push(str(this.#call(callee, given, scope, new Map([['caller', caller]]))));
        return;
      }
      case 'include':
        this.#include(statement, scope, out);
        return;
      case 'import':
        this.#import(statement.as, this.#module(statement, scope).module, scope);
        return;
      case 'from': {
        const { module, name } = this.#module(statement, scope);
        for (const [wanted, as] of statement.names) {
          const found = module.attributes?.get(wanted);
          this.#import(
            as,
            found === undefined ? new Undefined(this.#notExported(name, wanted, statement.line)) : found,
            scope,
          );
        }
        return;
      }
      case 'extends':
        if (this.#extended !== undefined) throw new TemplateFault('extended multiple times');
        this.#extended = templateName(this.#value(statement.name, scope));
        return;
      case 'block': {
        const block = this.#blocks.get(statement.name);
        if (block !== undefined && !(this.#isSilent() && scope === this.#top)) this.#block(block, out);
        return;
      }
      case 'do':
        this.#value(statement.value, scope);
        return;
      case 'break':
      case 'continue':
        throw new LoopLeft(statement.is);
      case 'now':
        this.#write(this.#now(statement, scope), out);
    }
  }

  #write(text: string, out: string[]): void {
    if (!this.#isSilent()) out.push(text);
  }

  /** Below the extends of a child its own text is dropped; what it includes and calls is not. */
  #isSilent(): boolean {
    return this.#extended !== undefined && this.#captures === 0;
  }

  #captured(write: (out: string[]) => void): string {
    const written: string[] = [];
    this.#captures += 1;
    try {
      write(written);
    } finally {
      this.#captures -= 1;
    }
    return written.join('');
  }

  #now(statement: Extract<Statement, { is: 'now' }>, scope: Scope): string {
    const zone = this.#value(statement.zone, scope);
    const offset = statement.offset === undefined ? undefined : str(this.#value(statement.offset, scope));
    const given = statement.format === undefined ? null : this.#value(statement.format, scope);
    const format = given === null ? '%Y-%m-%d' : str(given);
    if (typeof zone !== 'string') throw new EngineCannot('a time zone that is no text needs Python');
    return formatNow(this.#surroundings.now(), zone, offset, statement.sign ?? '+', format);
  }

  #block(block: Block, out: string[]): void {
    const inner = new Scope(this.#top);
    const { name, parent } = block;
    const above = (): Value => {
      if (parent === undefined)
        return defined(new Undefined(`there is no parent block called ${repr(name)}.`));
      return this.#captured((written) => this.#block(parent, written));
    };
    inner.values.set('super', new Callable('super', above, new Map(), 'jinja2.runtime.BlockReference'));
    this.#captures += 1;
    this.#run(block.body, inner, out);
    this.#captures -= 1;
  }

  #include(statement: Extract<Statement, { is: 'include' }>, scope: Scope, out: string[]): void {
    const wanted = this.#value(statement.name, scope);
    const names =
      isList(wanted) || Array.isArray(wanted) ? Array.from(wanted, templateName) : [templateName(wanted)];
    const name = names.find((each) => this.#surroundings.load(each) !== undefined);
    if (name === undefined) {
      if (statement.isOptional) return;
      throw new TemplateFault(`the template '${names.join("', '")}' was not found`);
    }
    const written: string[] = [];
    this.#other(name, this.#variables).template(this.#load(name), written, scope);
    out.push(...written);
  }

  #import(name: string, value: Value, scope: Scope): void {
    scope.values.set(name, value);
    if (scope === this.#top) this.#imported.add(name);
  }

  #module(
    statement: Extract<Statement, { is: 'import' | 'from' }>,
    scope: Scope,
  ): { module: Callable; name: string } {
    const name = templateName(this.#value(statement.name, scope));
    const { withContext } = statement;
    const inner = this.#other(name, withContext ? this.#variables : new Map());
    inner.template(this.#load(name), [], withContext ? scope : new Scope());
    const notCalled = (): never => {
      throw new TemplateFault("'TemplateModule' object is not callable");
    };
    return { module: new Callable(name, notCalled, inner.exported(), 'module'), name };
  }

  #notExported(template: string, name: string, line: number): string {
    const inside = this.#surroundings.name === undefined ? '' : ` in ${repr(this.#surroundings.name)}`;
    return `the template ${repr(template)} (imported on line ${line}${inside}) does not export the requested name ${repr(name)}`;
  }

  #filtered(
    body: readonly Statement[],
    filters: readonly FilterStep[],
    scope: Scope,
    isCaptured = true,
  ): Value {
    const inner = new Scope(scope);
    const written: string[] = [];
    this.#captures += isCaptured ? 1 : 0;
    this.#run(body, inner, written);
    this.#captures -= isCaptured ? 1 : 0;
    return filters.reduce<Value>((value, { name, given }) => {
      const { args, keywords } = this.#given(given, inner);
      return runFilter(name, value, args, keywords, this);
    }, written.join(''));
  }

  #for(
    statement: Extract<Statement, { is: 'for' }>,
    over: Value,
    scope: Scope,
    out: string[],
    depth: number,
  ): void {
    const { target, test, body } = statement;
    const all = iterate(over);
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
    const again = (args: readonly Value[]): Value => {
      if (!statement.isRecursive)
        throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.");
      return this.#captured((written) => this.#for(statement, args[0] ?? null, scope, written, depth + 1));
    };
    for (const [index, item] of items.entries()) {
      const inner = new Scope(scope);
      if (statement.usesLoop) {
        const state = loopState(items, index, depth, memory);
        inner.values.set('loop', new Callable('loop', again, state, 'jinja2.runtime.LoopContext'));
      }
      this.#assign(target, item, inner);
      try {
        this.#run(body, inner, out);
      } catch (left) {
        if (!(left instanceof LoopLeft)) throw left;
        if (left.how === 'break') return;
      }
      if ((isList(over) || over instanceof Map) && length(over) !== all.length)
        throw new EngineCannot('what is walked changes on the way');
    }
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.is === 'name') {
      scope.values.set(target.name, value);
      if (scope === this.#top) this.#imported.delete(target.name);
      return;
    }
    if (target.is === 'field') {
      namespaceOf(target, scope).values.set(target.name, value);
      return;
    }
    const items = iterate(value);
    if (items.length !== target.items.length) {
      throw new TemplateFault(`${items.length} values can't be unpacked into ${target.items.length} names`);
    }
    for (const [index, each] of target.items.entries()) this.#assign(each, items[index] ?? null, scope);
  }

  /** @param name undefined for the body of a call block */
  #macro(name: string | undefined, { parameters, body, says }: MacroBody, scope: Scope): Callable {
    const written = name === undefined ? 'None' : repr(name);
    const call = (args: readonly Value[], keywords: Keywords): Value => {
      if (this.#depth > 100) throw new EngineCannot('it nests very deeply');
      const inner = new Scope(scope);
      const rest = new Map(keywords);
      for (const [index, { name: parameter, fallback }] of parameters.entries()) {
        const value = index < args.length ? args[index] : rest.get(parameter);
        if (index >= args.length) rest.delete(parameter);
        if (value !== undefined) inner.values.set(parameter, value);
        else if (fallback !== undefined) inner.values.set(parameter, this.#value(fallback, inner));
        else inner.values.set(parameter, new Undefined(`parameter ${repr(parameter)} was not provided`));
      }
      if (says.has('caller')) {
        inner.values.set('caller', rest.get('caller') ?? new Undefined('No caller defined'));
        rest.delete('caller');
      }
      if (says.has('kwargs')) inner.values.set('kwargs', new Map<Value, Value>(rest));
      else
        for (const unknown of rest.keys())
          throw new TemplateFault(`macro ${written} takes no keyword argument ${repr(unknown)}`);
      if (says.has('varargs')) inner.values.set('varargs', tuple(...args.slice(parameters.length)));
      else if (args.length > parameters.length)
        throw new TemplateFault(`macro ${written} takes not more than ${parameters.length} argument(s)`);
      this.#depth += 1;
      try {
        return this.#captured((out) => this.#run(body, inner, out));
      } finally {
        this.#depth -= 1;
      }
    };
    return new Callable(
      name ?? 'caller',
      call,
      macroParts(name, parameters.length, says),
      'jinja2.runtime.Macro',
    );
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
          expression.entries
            .map(([key, item]) => [this.#value(key, scope), this.#value(item, scope)] as const)
            .map(([key, item]) => [keyOf(key), item]),
        );
      case 'if':
        if (truth(this.#value(expression.test, scope))) return this.#value(expression.value, scope);
        if (expression.otherwise !== undefined) return this.#value(expression.otherwise, scope);
        return new Undefined(this.#noElse(expression.line), true);
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
        return signed('-', this.#value(expression.operand, scope));
      case 'positive':
        return signed('+', this.#value(expression.operand, scope));
      case 'compare':
        return this.#compare(expression, scope);
      case 'binary': {
        const left = this.#value(expression.left, scope);
        return arithmetic(expression.operator, left, this.#value(expression.right, scope));
      }
      case 'concat': {
        const items = expression.items.map((item) => this.#value(item, scope));
        if (items.some((item) => item instanceof Markup))
          throw new EngineCannot('escaped text joins in ways of its own');
        return items.map(str).join('');
      }
      case 'attribute':
        return this.#attribute(this.#value(expression.of, scope), expression.name);
      case 'item': {
        const of = this.#value(expression.of, scope);
        return this.item(of, this.#value(expression.index, scope));
      }
      case 'slice': {
        const [start, stop, step] = expression.parts.map((part) =>
          part === undefined ? null : this.#value(part, scope),
        );
        return new Slice([start ?? null, stop ?? null, step ?? null]);
      }
      case 'call':
        return this.#call(expression.callee, expression.given, scope);
      case 'filter': {
        const of = this.#value(expression.of, scope);
        const { args, keywords } = this.#given(expression.given, scope);
        return runFilter(expression.name, of, args, keywords, this);
      }
      case 'test': {
        const of = this.#value(expression.of, scope);
        const { args, keywords } = this.#given(expression.given, scope);
        return runTest(expression.name, of, args, keywords);
      }
    }
  }

  #noElse(line: number): string {
    const inside = this.#surroundings.name === undefined ? '' : ` in ${repr(this.#surroundings.name)}`;
    return `the inline if-expression on line ${line}${inside} evaluated to false and no else section was defined.`;
  }

  #lookup(name: string, scope: Scope): Value {
    const own = scope.find(name);
    const found = own === undefined ? globals.get(name) : own;
    if (found !== undefined) return found;
    if (name === 'namespace') return new Callable('namespace', makeNamespace, undefined, 'type');
    if (name === 'lipsum' || name === 'self') throw new EngineCannot(`'${name}' needs Jinja2`);
    return new Undefined(`${repr(name)} is undefined`);
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
    const own = this.attribute(of, name);
    if (own !== undefined) return own;
    const found = of instanceof Map ? of.get(name) : undefined;
    return found === undefined ? new Undefined(missing(of, name)) : found;
  }

  // ---- what filters ask as well

  /** A Python attribute: a method, or what loops, modules and namespaces have. */
  attribute(of: Value, name: string): Value | undefined {
    const known = defined(of);
    if (known instanceof Namespace) return known.values.get(name);
    if (known instanceof Callable) {
      if (known.attributes?.has(name) === true) return known.attributes.get(name);
      if (/^__\w+__$/.test(name) || known.attributes === undefined || known.type === 'jinja2.runtime.Macro')
        throw new EngineCannot(`${name} of a ${typeName(known)} needs Python`);
      return undefined;
    }
    if (known instanceof Group && (name === 'grouper' || name === 'list'))
      return known[name === 'list' ? 1 : 0];
    return methodOf(known, name);
  }

  /** `a['b']`: a key first, then an attribute. */
  item(of: Value, key: Value): Value {
    const known = defined(of);
    if (key instanceof Slice) return slice(known, key);
    if (known instanceof Map) {
      if (isList(key) || key instanceof Map) return new Undefined(missing(known, key));
      const found = known.get(keyOf(key));
      if (found !== undefined) return found;
    }
    const place = typeof key === 'boolean' ? Number(key) : key;
    const isPlaced = typeof known === 'string' || (Array.isArray(known) && !(known instanceof DictView));
    if (isPlaced && typeof place === 'number') {
      const at = place < 0 ? place + length(known) : place;
      const found = typeof known === 'string' ? Array.from(known)[at] : known[at];
      return found === undefined ? new Undefined(missing(known, key)) : found;
    }
    if (known instanceof Callable && known.type === 'type') throw new EngineCannot('a type with parameters');
    const attribute = typeof key === 'string' ? this.attribute(known, key) : undefined;
    return attribute === undefined ? new Undefined(missing(known, key)) : attribute;
  }

  filter(name: string, of: Value, args: readonly Value[], keywords: Keywords): Value {
    return runFilter(name, of, args, keywords, this);
  }

  test(name: string, of: Value, args: readonly Value[], keywords: Keywords): boolean {
    return runTest(name, of, args, keywords);
  }

  #call(callee: Expression, given: Arguments, scope: Scope, more?: Keywords): Value {
    const called = this.#value(callee, scope);
    const { args, keywords } = this.#given(given, scope);
    const known = defined(called);
    if (!(known instanceof Callable)) throw new TemplateFault(`'${className(known)}' object is not callable`);
    return known.call(args, more === undefined ? keywords : new Map([...keywords, ...more]));
  }

  #given(given: Arguments, scope: Scope): { args: Value[]; keywords: Map<string, Value> } {
    const args = given.positional.map((argument) => this.#value(argument, scope));
    if (given.spread !== undefined) args.push(...iterate(this.#value(given.spread, scope)));
    const keywords = new Map(given.named.map(([name, value]) => [name, this.#value(value, scope)]));
    if (given.spreadNamed !== undefined) {
      const spread = defined(this.#value(given.spreadNamed, scope));
      if (!(spread instanceof Map)) throw new TemplateFault('argument after ** must be a mapping');
      for (const [key, item] of spread) {
        if (typeof key !== 'string') throw new TemplateFault('keywords must be strings');
        if (keywords.has(key)) throw new TemplateFault(`got multiple values for keyword argument '${key}'`);
        keywords.set(key, item);
      }
    }
    return { args, keywords };
  }
}

const addParent = (block: Block, body: readonly Statement[]): Block => ({
  ...block,
  parent:
    block.parent === undefined
      ? { name: block.name, body, parent: undefined }
      : addParent(block.parent, body),
});

function templateName(value: Value): string {
  const known = defined(value);
  if (typeof known !== 'string')
    throw new TemplateFault(`a template's name is a text, not a ${className(known)}`);
  return known;
}

const missing = (of: Value, key: Value): string =>
  typeof key === 'string'
    ? `${repr(typeName(of))} has no attribute ${repr(key)}`
    : `${typeName(of)} has no element ${repr(key)}`;

function namespaceOf(target: Extract<Target, { is: 'field' }>, scope: Scope): Namespace {
  const namespace = scope.find(target.namespace);
  if (!(namespace instanceof Namespace))
    throw new TemplateFault('cannot assign attribute on non-namespace object');
  return namespace;
}

function makeNamespace([from, ...more]: readonly Value[], keywords: Keywords): Value {
  if (more.length > 0) throw new TemplateFault('dict expected at most 1 argument');
  if (from !== undefined && !(defined(from) instanceof Map))
    throw new EngineCannot('a namespace of pairs needs Python');
  const initial = from instanceof Map ? [...from].map(([key, item]) => [str(key), item] as const) : [];
  return new Namespace(new Map([...initial, ...keywords]));
}

const macroParts = (name: string | undefined, count: number, says: ReadonlySet<string>): Map<string, Value> =>
  new Map<string, Value>([
    ['name', name ?? null],
    ['catch_kwargs', says.has('kwargs')],
    ['catch_varargs', says.has('varargs')],
    ['caller', says.has('caller')],
    ...(count === 0 ? [['arguments', tuple()] as const] : []),
  ]);

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
    [
      'cycle',
      new Callable('cycle', (args) => {
        if (args.length === 0) throw new TemplateFault('no items for cycling given');
        return args[index % args.length] ?? null;
      }),
    ],
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
