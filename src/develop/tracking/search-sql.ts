import { sql, type RawBuilder } from 'kysely';
import type { Comparison } from './search-filter.ts';

type Condition = RawBuilder<boolean>;

/** The SQL of one comparison with a column or expression; names and values are bound, never pasted. */
export function comparisonSql(column: RawBuilder<unknown>, comparison: Comparison): Condition {
  switch (comparison.operator) {
    case 'IS NULL':
      return sql`${column} IS NULL`;
    case 'IS NOT NULL':
      return sql`${column} IS NOT NULL`;
    case 'IN':
      return sql`${column} IN (${sql.join(comparison.value)})`;
    case 'NOT IN':
      return sql`${column} NOT IN (${sql.join(comparison.value)})`;
    case 'LIKE':
      return sql`${column} GLOB ${globOf(comparison.value)}`;
    case 'ILIKE':
      return sql`lower(${column}) LIKE lower(${comparison.value})`;
    default:
      return sql`${column} ${sql.raw(comparison.operator)} ${comparison.value}`;
  }
}

/** SQLite's LIKE does not see case; its GLOB does. */
const globOf = (like: string): string =>
  like.replaceAll(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');

export const all = (conditions: readonly Condition[]): Condition =>
  conditions.length === 0 ? sql<boolean>`1 = 1` : sql`${sql.join(conditions.map((condition) => sql`(${condition})`), sql` AND `)}`;
