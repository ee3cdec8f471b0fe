import { sql, type OperationNode, type RawBuilder, type RawNode } from 'kysely';
import { functionOf } from './postgres-functions.ts';

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

/** The items of the JSON array at a place as a table with the one column `value`; `value ->> 0` is the first of an item, as a text. */
export const itemsSql = (json: RawBuilder<unknown>, alias: string, ...path: readonly string[]): RawBuilder<unknown> =>
  either(
    sql`json_each(${json}, ${['$', ...path].join('.')}) AS ${sql.table(alias)}`,
    sql`json_array_elements(${json}::json #> ${new ArrayValue(path)}::text[]) AS ${sql.table(alias)}(value)`,
  );

/** The text at a place in JSON: a number or a truth as JSON writes it; NULL where nothing is. */
export const jsonTextSql = (json: RawBuilder<unknown>, ...path: readonly string[]): RawBuilder<unknown> => {
  const at = ['$', ...path].join('.');
  return either(
    sql`CASE json_type(${json}, ${at}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(json_extract(${json}, ${at}) AS text) END`,
    sql`(${json}::json #>> ${new ArrayValue(path)}::text[])`,
  );
};

/** Whether a JSON object has a key. */
export const hasKeySql = (json: RawBuilder<unknown>, key: string): RawBuilder<boolean> =>
  either(
    sql`EXISTS (SELECT 1 FROM json_each(${json}) WHERE key = ${key})`,
    sql`(${json}::json -> CAST(${key} AS text)) IS NOT NULL`,
  );

/** Joins the tables in the order in which they stand: SQLite takes it as told, PostgreSQL finds its own. */
export const joinInOrder: RawBuilder<unknown> = either(sql`CROSS JOIN`, sql`JOIN`);

/**
 * An order for rows that come out of an ordered subquery: SQLite keeps them in it, and stops at the LIMIT; PostgreSQL
 * promises no order that is not asked for.
 */
export const orderKept = (order: RawBuilder<unknown>): RawBuilder<unknown> => either(sql``, sql`ORDER BY ${order}`);

/** Whether a text is written as a number: `3`, `-0.5`, `1e-05`, as Python and JSON write it. */
export const isNumberText = (text: RawBuilder<unknown>): RawBuilder<boolean> =>
  either(
    sql`CASE WHEN json_valid(${text}) THEN json_type(${text}) IN ('integer', 'real') ELSE 1 = 0 END`,
    sql`${text} ~ ${jsonNumber}`,
  );

/** The number that a text of `isNumberText` stands for: beyond the largest double infinite, below the smallest 0. */
export const numberOfText = (text: RawBuilder<unknown>): RawBuilder<unknown> => {
  const exact = sql`CAST(${text} AS numeric)`;
  return either(
    sql`CAST(${text} AS double precision)`,
    // PostgreSQL refuses what it can't hold, and looks at rows that another condition leaves out
    sql`CASE WHEN ${text} ~ ${jsonNumber} AND ${text} !~ ${longExponent} THEN CASE
      WHEN abs(${exact}) > 1.797e308 THEN sign(${exact}) * CAST('Infinity' AS double precision)
      WHEN abs(${exact}) < 2.3e-308 THEN 0
      ELSE CAST(${text} AS double precision) END END`,
  );
};

/** One number on another: too large is infinite, and what is no number is NULL. @param operator one of + - * / */
export const calculatedSql = (left: RawBuilder<unknown>, operator: '+' | '-' | '*' | '/', right: RawBuilder<unknown>): RawBuilder<unknown> =>
  either(sql`(${left} ${sql.raw(operator)} ${right})`, sql`${sql.raw(functionOf(operator))}(${left}, ${right})`);

const longExponent = '[eE][-+]?0*[1-9][0-9]{3}';

/** RFC 8259, section 6, with white space around it. */
const jsonNumber = String.raw`^[ \t\n\r]*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?[ \t\n\r]*$`;
