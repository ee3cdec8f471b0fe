import { sql, type RawBuilder } from 'kysely';
import { calculatedSql, ilikeSql, likeSql, listSql } from '../../platform/database/sql-words.ts';
import type { Comparison, Filter, NumberOperator, Term } from './search-filter.ts';

export type Condition = RawBuilder<boolean>;

/** A condition of a filter that has no further ones inside. */
export type Leaf = Filter & { readonly kind: 'compare' | 'calculate' };

/**
 * The SQL that is true for what a filter finds. Only comparisons are negated, never their combinations: a leaf says
 * when it is true and when it is false, and is neither for a thing without the field, so NOT leaves that unknown.
 *
 * @param leafSql true where the leaf has this outcome, never NULL
 */
export function filterSql(filter: Filter, leafSql: (leaf: Leaf, outcome: boolean) => Condition, outcome = true): Condition {
  switch (filter.kind) {
    case 'not':
      return filterSql(filter.part, leafSql, !outcome);
    case 'and':
    case 'or': {
      const parts = filter.parts.map((part) => filterSql(part, leafSql, outcome));
      return (filter.kind === 'and') === outcome ? all(parts) : any(parts);
    }
    default:
      return leafSql(filter, outcome);
  }
}

export const all = (conditions: readonly Condition[]): Condition => joined(conditions, sql` AND `, sql`1 = 1`);

export const any = (conditions: readonly Condition[]): Condition => joined(conditions, sql` OR `, sql`1 = 0`);

const joined = (conditions: readonly Condition[], word: RawBuilder<unknown>, none: Condition): Condition =>
  conditions.length === 0 ? none : sql`(${sql.join(conditions.map((condition) => sql`(${condition})`), word)})`;

/** The SQL of one comparison with a column or expression; names and values are bound, never pasted. */
export function comparisonSql(column: RawBuilder<unknown>, comparison: Comparison): Condition {
  switch (comparison.operator) {
    case 'IS NULL':
      return sql`${column} IS NULL`;
    case 'IS NOT NULL':
      return sql`${column} IS NOT NULL`;
    case 'IN':
      return sql`${column} IN ${listSql(comparison.value)}`;
    case 'NOT IN':
      return sql`${column} NOT IN ${listSql(comparison.value)}`;
    case 'LIKE':
      return likeSql(column, comparison.value);
    case 'ILIKE':
      return ilikeSql(column, comparison.value);
    default:
      return sql`${column} ${sql.raw(comparison.operator)} ${numberSql(comparison.value)}`;
  }
}

/** A number that is no integer is compared with a column of integers as what it is. */
const numberSql = (value: string | number): RawBuilder<unknown> =>
  typeof value === 'string' || Number.isSafeInteger(value) ? sql`${value}` : sql`CAST(${value} AS double precision)`;

/** A comparison's outcome for a column that may be NULL, where both outcomes are false for NULL. */
export const outcomeSql = (condition: Condition, outcome: boolean): Condition => (outcome ? condition : sql`NOT (${condition})`);

/**
 * A comparison of two numbers of which none is missing. NULL stands for what is not a number, a NaN or a division by
 * zero: it is unequal to everything, and neither above nor below anything.
 */
export function numbersSql(left: RawBuilder<unknown>, operator: NumberOperator, right: RawBuilder<unknown>, outcome: boolean): Condition {
  if (operator === '!=') return numbersSql(left, '=', right, !outcome);
  const holds = sql<boolean>`(${left}) ${sql.raw(operator)} (${right})`;
  return outcome ? holds : sql`NOT coalesce(${holds}, 1 = 0)`;
}

/** The SQL of a calculation, given the SQL of each field in it. */
export function termSql(term: Term, fieldSql: (field: Term & { kind: 'field' }) => RawBuilder<unknown>): RawBuilder<unknown> {
  switch (term.kind) {
    case 'number':
      return sql`CAST(${term.value} AS double precision)`;
    case 'field':
      return fieldSql(term);
    case 'absolute':
      return sql`abs(${termSql(term.of, fieldSql)})`;
    case '/':
      return calculatedSql(termSql(term.left, fieldSql), '/', sql`nullif(${termSql(term.right, fieldSql)}, 0.0)`);
    default:
      return calculatedSql(termSql(term.left, fieldSql), term.kind, termSql(term.right, fieldSql));
  }
}

