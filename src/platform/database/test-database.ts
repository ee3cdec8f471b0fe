import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { isPostgresAddress } from './database-address.ts';
import type { Database, Migrations } from './database.ts';
import { openDatabase } from './open-database.ts';

/** What the tests run on: SQLite, or the PostgreSQL whose address is in `TILTH_TEST_DATABASE` (scripts/postgresql.js). */
export const testDatabase = process.env['TILTH_TEST_DATABASE'] ?? 'sqlite';
export const isTestedOnPostgres = isPostgresAddress(testDatabase);

/** An empty database for one test: the file that is named, or one of its own in PostgreSQL. */
export function temporaryDatabase(file: string): { readonly where: string; readonly remove: () => void } {
  if (!isTestedOnPostgres) return { where: file, remove: () => undefined };
  const name = `test_${randomBytes(8).toString('hex')}`;
  call('createdb', ['--maintenance-db', testDatabase, name]);
  const where = new URL(testDatabase);
  where.pathname = `/${name}`;
  return { where: where.href, remove: () => call('dropdb', ['--maintenance-db', testDatabase, '--force', name]) };
}

/** An empty database without a file, gone with its `close`. */
export async function openTestDatabase(migrations: Migrations): Promise<Database> {
  const { where, remove } = temporaryDatabase(':memory:');
  const database = await openDatabase(where, migrations);
  return {
    ...database,
    close: async () => {
      await database.close();
      remove();
    },
  };
}

/** PostgreSQL's own programs: they take a few milliseconds, and who makes a home need not wait. */
function call(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
}
