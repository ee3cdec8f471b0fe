import { sql, type OperationNode, type RawBuilder, type RawNode } from 'kysely';

/*
 * The words of SQL that differ between SQLite and PostgreSQL. A query is written once, with these; which of the two
 * is sent is chosen when the statement is put into text, by the database that it is for.
 */

/** A piece of SQL in SQLite's words, with PostgreSQL's beside it. */
interface TwoWorded extends RawNode {
  readonly postgres: RawNode;
}

export const postgresWordsOf = (node: RawNode): RawNode => ('postgres' in node ? (node as TwoWorded).postgres : node);

function either<T>(sqlite: RawBuilder<T>, postgres: RawBuilder<T>): RawBuilder<T> {
  const node: TwoWorded = { ...sqlite.toOperationNode(), postgres: postgres.toOperationNode() };
  return sql<T>`${{ toOperationNode: (): OperationNode => node }}`;
}

/** True for a text of the pattern, where `%` stands for any letters and `_` for one; sees case. */
export const likeSql = (text: RawBuilder<unknown>, pattern: string): RawBuilder<boolean> =>
  // SQLite's LIKE does not see case; its GLOB does
  either(sql`${text} GLOB ${globOf(pattern)}`, sql`${text} LIKE ${pattern} ESCAPE ''`);

const globOf = (like: string): string => like.replaceAll(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');

/** The same without seeing the case of A to Z, as MLflow's ILIKE. */
export const ilikeSql = (text: RawBuilder<unknown>, pattern: string): RawBuilder<boolean> =>
  either(
    sql`lower(${text}) LIKE lower(${pattern})`,
    sql`lower(${text} COLLATE "C") LIKE lower(${pattern} COLLATE "C") ESCAPE ''`,
  );

/** A statement takes some thousand bound values; a longer list is one of them. */
const mostBound = 50;

/** What follows IN: `(…)`. Nothing is in an empty list. */
export const listSql = (values: readonly string[] | readonly number[]): RawBuilder<unknown> =>
  values.length > 0 && values.length <= mostBound ? sql`(${sql.join([...values])})` : sql`(SELECT value FROM ${rowsSql(values, 'listed')})`;

/** A list as a table with the one column `value`, for FROM. */
export const rowsSql = (values: readonly string[] | readonly number[], alias: string): RawBuilder<unknown> => {
  const name = sql.table(alias);
  const type = sql.raw(typeof values[0] === 'number' ? 'bigint' : 'text');
  return either(
    sql`json_each(${JSON.stringify(values)}) AS ${name}`,
    sql`unnest(${new ArrayValue(values)}::${type}[]) AS ${name}(value)`,
  );
};

/** A list that PostgreSQL is given as one value. */
export class ArrayValue {
  readonly values: readonly (string | number)[];

  constructor(values: readonly (string | number)[]) {
    this.values = values;
  }
}

/** The items of a JSON array as a table with the one column `value`; `value ->> 0` is the first of an item. */
export const itemsSql = (json: string, alias: string): RawBuilder<unknown> =>
  either(
    sql`json_each(${json}) AS ${sql.table(alias)}`,
    sql`json_array_elements(${json}::json) AS ${sql.table(alias)}(value)`,
  );

/** Joins the tables in the order in which they stand: SQLite takes it as told, PostgreSQL finds its own. */
export const joinInOrder: RawBuilder<unknown> = either(sql`CROSS JOIN`, sql`JOIN`);

/** Whether a text is written as a number: `3`, `-0.5`, `1e-05`, as Python and JSON write it. */
export const isNumberText = (text: RawBuilder<unknown>): RawBuilder<boolean> =>
  either(
    sql`CASE WHEN json_valid(${text}) THEN json_type(${text}) IN ('integer', 'real') ELSE 1 = 0 END`,
    sql`${text} ~ ${jsonNumber}`,
  );

/** RFC 8259, section 6, with white space around it. */
const jsonNumber = String.raw`^[ \t\n\r]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?[ \t\n\r]*$`;
