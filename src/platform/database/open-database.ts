import { TilthError } from '../errors.ts';
import { isPostgresAddress } from './database-address.ts';
import type { Database, Migrations } from './database.ts';
import { openSqlite } from './sqlite.ts';

/**
 * Opens and where needed migrates the database; a SQLite file is also made.
 *
 * @param where path of a SQLite file, or the address of a PostgreSQL database: `postgres://name:password@host:5432/tilth`
 * @throws DATABASE_URL_REFUSED, DATABASE_NOT_MIGRATED, DATABASE_UNREACHABLE, DATABASE_REFUSED
 */
export async function openDatabase(where: string, migrations: Migrations): Promise<Database> {
  if (!isPostgresAddress(where)) {
    if (/^[a-z][a-z0-9+]+:\/\//i.test(where)) throw urlRefused(where);
    return openSqlite(where, migrations);
  }
  // a server on SQLite does not wait until the driver of PostgreSQL is loaded
  const { openPostgres } = await import('./postgres.ts');
  return openPostgres(where, migrations);
}

/**
 * Asks a PostgreSQL database whether it is there, for those who want to say so before they start anything.
 *
 * @returns its version, `15.7`; nothing for a SQLite file
 * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED
 */
export async function askDatabase(where: string): Promise<string | undefined> {
  if (!isPostgresAddress(where)) return undefined;
  const { askPostgres } = await import('./postgres.ts');
  return askPostgres(where);
}

const urlRefused = (url: string): TilthError =>
  new TilthError(
    'DATABASE_URL_REFUSED',
    400,
    `tilth keeps its tables in SQLite or PostgreSQL, not in ${url.slice(0, url.indexOf(':'))}.`,
    'Set TILTH_DATABASE_URL to postgres://NAME:PASSWORD@HOST:5432/DATABASE, or leave it out for SQLite.',
  );
