import type { RowRule } from './contract-api.ts';
import type { Contract } from './contract.ts';

/** The rules that one row can break by itself and none may: what a request can be held to. */
export function rowRulesOf(contract: Contract): RowRule[] {
  return contract.tables.flatMap((table) =>
    table.rules.flatMap(({ id, column, description, severity, test, limit }): RowRule[] => {
      const property = table.properties.find(({ name }) => name === column);
      const isStrict = severity === 'error' && limit.operator === 'mustBe' && limit.bounds[0] === 0;
      if (
        property === undefined ||
        !isStrict ||
        test.kind === 'duplicate' ||
        test.kind === 'row-count' ||
        test.kind === 'sql'
      )
        return [];
      return [{ rule: id, column: property.column, type: property.type, description, test }];
    }),
  );
}

/** Values of one column, one per row; NaN and null are missing. */
export type ColumnValues = ArrayLike<number | string | boolean | null>;

/** A row that breaks a rule. */
export interface BrokenRow {
  readonly rule: RowRule;
  /** counted from 0 */
  readonly row: number;
  readonly value: number | string | boolean | null;
}

/** Holds the columns of some rows to their rules; columns in the order that it was compiled for. */
export type RowCheck = (columns: readonly ColumnValues[]) => BrokenRow | undefined;

/**
 * Makes one function of the rules that concern these columns; undefined when none does.
 *
 * @param names of the columns, in the order in which their values will come
 */
export function compileRows(rules: readonly RowRule[], names: readonly string[]): RowCheck | undefined {
  const checks = names.flatMap((name, at) => {
    const own = rules.filter(({ column }) => column === name).flatMap(compileRule);
    return own.length === 0 ? [] : [{ at, own }];
  });
  if (checks.length === 0) return undefined;
  return (columns) => {
    for (const { at, own } of checks) {
      const values = columns[at] as ColumnValues;
      for (let row = 0; row < values.length; row++) {
        const value = values[row] as number | string | boolean | null;
        const isMissing = value === null || value !== value;
        for (const { rule, isBroken, seesMissing } of own) {
          if (isMissing ? seesMissing && isBroken(null) : isBroken(value))
            return { rule, row, value: isMissing ? null : value };
        }
      }
    }
    return undefined;
  };
}

interface CompiledRule {
  readonly rule: RowRule;
  /** does it say anything of a missing value? */
  readonly seesMissing: boolean;
  readonly isBroken: (value: number | string | boolean | null) => boolean;
}

function compileRule(rule: RowRule): CompiledRule[] {
  const isBroken = breaksOf(rule);
  const seesMissing = rule.test.kind === 'null' || rule.test.kind === 'one-of';
  return isBroken === undefined ? [] : [{ rule, seesMissing, isBroken }];
}

/** Times come to a model as numbers of its own making, so their bounds say nothing of them. */
function breaksOf({ test, type }: RowRule): CompiledRule['isBroken'] | undefined {
  const isTime = type === 'date' || type === 'timestamp' || type === 'time';
  switch (test.kind) {
    case 'null':
      return (value) => value === null;
    case 'wrong-type':
      return wrongType(type);
    case 'below':
    case 'above':
    case 'not-above':
    case 'not-below': {
      const bound = Number(test.bound);
      return isTime || !Number.isFinite(bound) ? undefined : comparisons[test.kind](bound);
    }
    case 'length-below':
      return (value) => typeof value === 'string' && lengthOf(value) < test.bound;
    case 'length-above':
      return (value) => typeof value === 'string' && lengthOf(value) > test.bound;
    case 'not-multiple':
      return (value) =>
        typeof value === 'number' && Math.abs(value / test.of - Math.round(value / test.of)) > 1e-9;
    case 'pattern': {
      const pattern = new RegExp(test.pattern, 'u');
      return (value) => !pattern.test(String(value));
    }
    case 'not-one-of': {
      const known = wordsOf(test.values);
      return (value) => !known.has(String(value));
    }
    case 'one-of': {
      const known = wordsOf(test.values);
      const isMissingBad = test.values.some((one) => one === null || one === '');
      return (value) => (value === null ? isMissingBad : known.has(String(value)));
    }
  }
}

/** A bound itself is allowed, also as a column of 32 bits holds it. */
const comparisons: Readonly<
  Record<'below' | 'above' | 'not-above' | 'not-below', (bound: number) => CompiledRule['isBroken']>
> = {
  below: (bound) => {
    const least = Math.min(bound, Math.fround(bound));
    return (value) => (value as number) < least;
  },
  above: (bound) => {
    const greatest = Math.max(bound, Math.fround(bound));
    return (value) => (value as number) > greatest;
  },
  'not-above': (bound) => (value) => (value as number) <= bound,
  'not-below': (bound) => (value) => (value as number) >= bound,
};

/** As text, so that numbers and their spelling meet; a number also as a column of 32 bits holds it. */
const wordsOf = (values: readonly (number | string | boolean | null)[]): ReadonlySet<string> =>
  new Set(
    values.flatMap((one) =>
      one === null ? [] : typeof one === 'number' ? [String(one), String(Math.fround(one))] : [String(one)],
    ),
  );

function wrongType(type: string): CompiledRule['isBroken'] | undefined {
  if (type === 'integer') return (value) => typeof value === 'number' && !Number.isInteger(value);
  if (type === 'number') return (value) => typeof value === 'string';
  if (type === 'boolean')
    return (value) => typeof value === 'string' && value !== 'true' && value !== 'false';
  return undefined;
}

/** Characters, as the data's engine counts them: an emoji is one. */
const lengthOf = (text: string): number =>
  /[\ud800-\udfff]/.test(text) ? Array.from(text).length : text.length;
