import type { QualityText } from './contract-text.ts';

const operators = {
  mustBe: 'must be',
  mustNotBe: 'must not be',
  mustBeGreaterThan: 'must be greater than',
  mustBeGreaterOrEqualTo: 'must be at least',
  mustBeLessThan: 'must be less than',
  mustBeLessOrEqualTo: 'must be at most',
  mustBeBetween: 'must be between',
  mustNotBeBetween: 'must not be between',
} as const;
export type Operator = keyof typeof operators;

/** What the number of violating rows (or of all rows, or of a query) must be; `percent` of all rows. */
export interface Limit {
  readonly operator: Operator;
  readonly bounds: readonly number[];
  readonly unit: 'rows' | 'percent';
}

/** No row may break the rule. */
export const none: Limit = { operator: 'mustBe', bounds: [0], unit: 'rows' };

/** The one operator of a rule with its numbers; true and false count as 1 and 0. Undefined when there is not exactly one. */
export function limitOf(one: QualityText): Limit | undefined {
  const named = (Object.keys(operators) as Operator[]).filter((name) => one[name] !== undefined);
  const [operator] = named;
  if (operator === undefined || named.length > 1) return undefined;
  const bounds = [one[operator]].flat().map((value) => (typeof value === 'boolean' ? Number(value) : value));
  const isPair = operator.endsWith('Between');
  if (bounds.length !== (isPair ? 2 : 1) || !bounds.every((value) => typeof value === 'number'))
    return undefined;
  return { operator, bounds, unit: one.unit === 'percent' ? 'percent' : 'rows' };
}

export const limitWords = ({ operator, bounds, unit }: Limit): string =>
  `${operators[operator]} ${bounds.join(' and ')}${unit === 'percent' ? ' percent of the rows' : ''}`;

/** Whether a measured number is within the limit; the ends of "between" belong to it. */
export function meets(value: number, { operator, bounds: [low = 0, high = 0] }: Limit): boolean {
  switch (operator) {
    case 'mustBe':
      return value === low;
    case 'mustNotBe':
      return value !== low;
    case 'mustBeGreaterThan':
      return value > low;
    case 'mustBeGreaterOrEqualTo':
      return value >= low;
    case 'mustBeLessThan':
      return value < low;
    case 'mustBeLessOrEqualTo':
      return value <= low;
    case 'mustBeBetween':
      return value >= low && value <= high;
    case 'mustNotBeBetween':
      return value < low || value > high;
  }
}
