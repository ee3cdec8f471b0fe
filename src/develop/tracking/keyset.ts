import { sql, type RawBuilder } from 'kysely';

/** One column of an order; missing values are their own earlier column, so that their place is certain. */
export interface SortColumn {
  readonly sql: RawBuilder<unknown>;
  readonly isAscending: boolean;
}

/** Where a page ended: the value of each sort column in its last row. */
export type Position = readonly (string | number | null)[];

export const orderSql = (columns: readonly SortColumn[]): RawBuilder<unknown> =>
  sql.join(columns.map((column) => (column.isAscending ? sql`${column.sql} ASC` : sql`${column.sql} DESC`)));

/**
 * True for the rows after a position, whatever was inserted meanwhile. The last column must be unique.
 */
export function afterPosition(columns: readonly SortColumn[], position: Position | undefined): RawBuilder<boolean> {
  if (position === undefined) return sql`1 = 1`;
  return columns.reduceRight<RawBuilder<boolean>>((rest, column, index) => {
    const value = position[index] ?? null;
    const beyond = column.isAscending ? sql`${column.sql} > ${value}` : sql`${column.sql} < ${value}`;
    return sql`(${beyond} OR (${column.sql} IS NOT DISTINCT FROM ${value} AND ${rest}))`;
  }, sql`1 = 0`);
}

/** The sort columns as `s0, s1, …` of a SELECT, for `positionOf`. */
export const sortSelection = (columns: readonly SortColumn[]): RawBuilder<unknown> =>
  sql.join(columns.map((column, index) => sql`${column.sql} AS ${sql.ref(`s${index}`)}`));

/** The order of rows that were selected with `sortSelection` in a subquery. */
export const orderOfSelection = (columns: readonly SortColumn[], subquery: string): RawBuilder<unknown> =>
  orderSql(columns.map(({ isAscending }, index) => ({ sql: sql.ref(`${subquery}.s${index}`), isAscending })));

/** The position of a row that was selected with `sortSelection`. */
export const positionOf = (row: Readonly<Record<string, unknown>>, columns: readonly SortColumn[]): Position =>
  columns.map((_, index) => (row[`s${index}`] ?? null) as string | number | null);
