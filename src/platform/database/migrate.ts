import { sql, type Kysely } from 'kysely';
import type { Migrations, Tables } from './database.ts';
import { TilthError, messageOf } from '../errors.ts';

/**
 * Runs the migrations that the database has not had yet: all of them or none, in the order in which they stand, so
 * that a table comes after those of other features that it refers to.
 *
 * @throws DATABASE_NOT_MIGRATED, also when the database was written by a newer tilth
 */
export async function migrate(kysely: Kysely<Tables>, migrations: Migrations): Promise<void> {
  try {
    await kysely.transaction().execute(async (tx) => {
      await sql`CREATE TABLE IF NOT EXISTS kysely_migration (name varchar(255) NOT NULL PRIMARY KEY, timestamp varchar(255) NOT NULL)`.execute(tx);
      const { rows } = await sql<{ name: string }>`SELECT name FROM kysely_migration`.execute(tx);
      const done = new Set(rows.map((row) => row.name));
      const unknown = [...done].find((name) => !(name in migrations));
      if (unknown !== undefined) throw new Error(`it has had the change ${unknown}, which this version doesn't know`);
      for (const [name, migration] of Object.entries(migrations)) {
        if (done.has(name)) continue;
        await migration.up(tx as never);
        await sql`INSERT INTO kysely_migration VALUES (${name}, ${new Date().toISOString()})`.execute(tx);
      }
    });
  } catch (cause) {
    if (cause instanceof TilthError) throw cause;
    throw new TilthError(
      'DATABASE_NOT_MIGRATED',
      500,
      `The database can't be brought to this version: ${messageOf(cause)}`,
      'If a newer tilth wrote it, use that one; else restore a copy of the home folder.',
      { cause },
    );
  }
}
