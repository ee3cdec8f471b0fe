import { EngineCannot, TemplateFault } from './faults.ts';
import { formatPercent } from './format.ts';
import {
  DictView,
  Float,
  Range,
  Tuple,
  bothDefined,
  className,
  compare,
  contains,
  defined,
  equal,
  isList,
  numeric,
  tuple,
  whole,
  type Value,
} from './values.ts';

/** A comparison of Python, `in` and `not in` among them. */
export function holds(operator: string, left: Value, right: Value): boolean {
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

/** `left operator right` as in Python. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  if (operator === '%' && typeof left === 'string') return formatPercent(left, right);
  bothDefined(left, right);
  if (left instanceof DictView || right instanceof DictView)
    throw new EngineCannot('views of a dict are joined in a way of their own');
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (left instanceof Tuple && right instanceof Tuple) return tuple(...left, ...right);
    if (isList(left) && isList(right)) return [...left, ...right];
  }
  if (operator === '*') {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  const a = numeric(left);
  const b = numeric(right);
  if (a === undefined || b === undefined) {
    if (left instanceof Map && right instanceof Map && operator === '|')
      throw new EngineCannot('dicts are joined in Python');
    throw new TemplateFault(
      `unsupported operand type(s) for ${operator}: '${className(left)}' and '${className(right)}'`,
    );
  }
  return a.isFloat || b.isFloat
    ? new Float(calculateFloat(operator, a.value, b.value))
    : calculateWhole(operator, a.value, b.value);
}

/** `-value` and `+value` */
export function signed(operator: '-' | '+', value: Value): Value {
  const known = numeric(defined(value));
  if (known === undefined)
    throw new TemplateFault(`bad operand type for unary ${operator}: '${className(value)}'`);
  const result = operator === '-' ? -known.value : known.value;
  return known.isFloat ? new Float(result) : whole(result);
}

function calculateWhole(operator: string, a: number, b: number): Value {
  switch (operator) {
    case '+':
      return whole(a + b);
    case '-':
      return whole(a - b);
    case '*':
      return whole(a * b);
    case '/':
      if (b === 0) throw new TemplateFault('division by zero');
      return new Float(a / b);
    case '//':
      if (b === 0) throw new TemplateFault('integer division or modulo by zero');
      return whole((a - modulo(a, b)) / b);
    case '%':
      if (b === 0) throw new TemplateFault('integer division or modulo by zero');
      return whole(modulo(a, b));
    default:
      if (b < 0) throw new EngineCannot('powers below zero need Python');
      return whole(a ** b);
  }
}

function calculateFloat(operator: string, a: number, b: number): number {
  if (['/', '//', '%'].includes(operator) && b === 0) throw new TemplateFault('float division by zero');
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
      return floorDivision(a, b);
    case '%':
      return modulo(a, b) || (b < 0 ? -0 : 0);
    default:
      throw new EngineCannot('powers of floats need Python');
  }
}

/** The rest that has the sign of the divisor. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function floorDivision(a: number, b: number): number {
  const rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && rest < 0 !== b < 0) quotient -= 1;
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function repeat(of: Value, times: Value): Value | undefined {
  if (typeof times !== 'number' && typeof times !== 'boolean') return undefined;
  const count = Math.max(0, Number(times));
  if (typeof of === 'string') {
    if (of.length * count > 10_000_000) throw new EngineCannot('a very long text needs Python');
    return of.repeat(count);
  }
  if (!Array.isArray(of) || of instanceof Range) return undefined;
  if (of.length * count > 1_000_000) throw new EngineCannot('a very long list needs Python');
  const items: Value[] = [];
  for (let turn = 0; turn < count; turn += 1) items.push(...of);
  return of instanceof Tuple ? tuple(...items) : items;
}
