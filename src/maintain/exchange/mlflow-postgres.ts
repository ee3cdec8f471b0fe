import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { translated } from '../../platform/database/postgres-errors.ts';
import { identifier } from '../../platform/sql-text.ts';

/** A PostgreSQL database of MLflow as a SQLite file that can be imported. */
export interface CopiedDatabase {
  readonly file: string;
  /** of all tables */
  readonly rowCount: number;
  readonly remove: () => Promise<void>;
}

/** As MLflow and SQLAlchemy name one: `postgresql+psycopg2://…`. */
export const isPostgresSource = (source: string): boolean => /^postgres(?:ql)?(?:\+\w+)?:\/\//i.test(source);

type Column = readonly [name: string, type: string];

const rowsAtOnce = 5_000;

/** Columns by which an import asks for rows, a run or a trace at a time. */
const askedBy = [
  'run_uuid',
  'run_id',
  'request_id',
  'trace_id',
  'experiment_id',
  'model_id',
  'destination_id',
];

/**
 * Copies all tables as they were at one moment. Whoever has the password copies; the server that imports the file
 * then never hears it.
 *
 * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED
 */
export async function copyMlflowDatabase(source: string): Promise<CopiedDatabase> {
  const address = source.replace(/^postgres(?:ql)?(?:\+\w+)?:/i, 'postgres:');
  const client = new pg.Client({
    connectionString: address,
    connectionTimeoutMillis: 10_000,
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  });
  client.on('error', () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'tilth-import-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await client.connect();
    const file = join(folder, 'mlflow.db');
    return { file, rowCount: await copyTables(client, file), remove };
  } catch (thrown) {
    await remove();
    throw translated(address, thrown);
  } finally {
    await client.end();
  }
}

async function copyTables(client: pg.Client, file: string): Promise<number> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query<{ table: string; columns: string }>(`
    SELECT c.table_name AS table, json_agg(json_build_array(c.column_name, c.data_type) ORDER BY c.ordinal_position)::text AS columns
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1`);
  const copy = new DatabaseSync(file);
  try {
    copy.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN');
    let rowCount = 0;
    for (const { table, columns } of rows)
      rowCount += await copyTable(client, copy, table, JSON.parse(columns) as Column[]);
    copy.exec('COMMIT');
    return rowCount;
  } finally {
    copy.close();
  }
}

async function copyTable(
  client: pg.Client,
  copy: DatabaseSync,
  table: string,
  columns: readonly Column[],
): Promise<number> {
  const names = columns.map(([name]) => identifier(name)).join(', ');
  copy.exec(
    `CREATE TABLE ${identifier(table)} (${columns.map(([name, type]) => `${identifier(name)} ${kindOf(type)}`).join(', ')})`,
  );
  const insert = copy.prepare(
    `INSERT INTO ${identifier(table)} VALUES (${columns.map(() => '?').join(', ')})`,
  );
  await client.query(`DECLARE copying NO SCROLL CURSOR FOR SELECT ${names} FROM ${identifier(table)}`);
  let rowCount = 0;
  for (;;) {
    const { rows } = await client.query<(string | number | null)[]>({
      text: `FETCH ${rowsAtOnce} FROM copying`,
      rowMode: 'array',
    });
    for (const row of rows) insert.run(...row);
    rowCount += rows.length;
    if (rows.length < rowsAtOnce) break;
  }
  await client.query('CLOSE copying');
  for (const column of askedBy) {
    if (columns.some(([name]) => name === column))
      copy.exec(
        `CREATE INDEX ${identifier(`${table}_by_${column}`)} ON ${identifier(table)} (${identifier(column)})`,
      );
  }
  return rowCount;
}

/** So that a whole number stays one. */
const kindOf = (type: string): string =>
  /int|bool/.test(type)
    ? 'integer'
    : /double|real|numeric/.test(type)
      ? 'real'
      : /bytea/.test(type)
        ? 'blob'
        : 'text';

/** As MLflow's SQLite database has the values: numbers, a truth as 1 or 0, all else as text. Types are those of `pg_type`. */
function parserOf(type: number): (text: string) => unknown {
  if (type === 16) return (text) => (text === 't' ? 1 : 0);
  if (type === 20) return (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text));
  if ([21, 23, 700, 701, 1700].includes(type)) return Number;
  if (type === 17) return (text) => Buffer.from(text.slice(2), 'hex');
  return (text) => text;
}
