import type { ClientBase } from 'pg';

/**
 * Arithmetic as IEEE 754 and SQLite have it: too large is infinite, too small is 0, and what is no number is NULL.
 * PostgreSQL's own operators refuse the first two, and its NaN is above all numbers.
 */
const operations = {
  tilth_plus: ['+', `sign(a) * float8 'Infinity'`],
  tilth_minus: ['-', `sign(a) * float8 'Infinity'`],
  tilth_times: [
    '*',
    `CASE WHEN log(abs(a)) + log(abs(b)) > 0 THEN sign(a) * sign(b) * float8 'Infinity' ELSE 0 END`,
  ],
  tilth_divided: [
    '/',
    `CASE WHEN log(abs(a)) - log(abs(b)) > 0 THEN sign(a) * sign(b) * float8 'Infinity' ELSE 0 END`,
  ],
} as const;

const makings = Object.entries(operations).map(
  ([name, [operator, outOfRange]]) => `
    CREATE OR REPLACE FUNCTION ${name}(a float8, b float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    BEGIN
      RETURN nullif(a ${operator} b, float8 'NaN');
    EXCEPTION WHEN numeric_value_out_of_range THEN
      RETURN ${outOfRange};
    END $$`,
);

/** A connection by which several statements at once can be run. */
interface Speaking {
  readonly client: ClientBase;
  run(statements: string): Promise<unknown>;
}

/** Makes the functions that statements in PostgreSQL's words call, where they are not there yet. */
export async function makeFunctions(connection: Speaking): Promise<void> {
  const names = Object.keys(operations).map((name) => `'${name}'`);
  const { rows } = await connection.client.query<{ count: number }>(
    `SELECT count(*) AS count FROM pg_proc WHERE proname IN (${names.join(', ')}) AND pronamespace = current_schema()::regnamespace`,
  );
  if (rows[0]?.count !== names.length) await connection.run(makings.join(';'));
}

/** @param operator one of + - * / */
export const functionOf = (operator: string): string =>
  Object.entries(operations).find(([, [each]]) => each === operator)?.[0] ?? operator;
