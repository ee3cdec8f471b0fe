import { DatabaseSync, type StatementSync } from 'node:sqlite';
import {
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { bindable } from './bindable.ts';
import type { Database, Migrations, Reader, Tables, Transaction } from './database.ts';
import { answerLongReads } from './long-reads.ts';
import { migrate } from './migrate.ts';
import { offerShortcut } from './statements.ts';
import { OneConnectionDriver, SqliteThread } from './sqlite-thread.ts';
import { WriteQueue, type Writer } from './write-queue.ts';

/** Opens, and where needed creates and migrates, a SQLite file; `:memory:` has none. */
export async function openSqlite(file: string, migrations: Migrations): Promise<Database> {
  const writer = connect(file);
  await migrate(writer.kysely, migrations);
  const reader = file === ':memory:' ? writer : connect(file);
  const thread = new SqliteThread(file);
  if (writer !== reader) answerLongReads(reader.kysely, new Kysely({ dialect: dialectOf(thread.driver) }));
  const queue = new WriteQueue(writerOf(writer));
  return {
    read: reader.kysely as Reader,
    write: (work) => queue.write(work),
    afterCommit: (tx, effect) => queue.afterCommit(tx, effect),
    close: async () => {
      await queue.idle();
      await thread.close();
      reader.raw.close();
      if (writer !== reader) writer.raw.close();
    },
  };
}

export interface Connected {
  readonly raw: DatabaseSync;
  readonly kysely: Kysely<Tables>;
}

/** One connection, without the queue of writers: for a tool that fills a file alone. */
export function connect(file: string): Connected {
  const raw = new DatabaseSync(file, { timeout: 10_000 });
  raw.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16000;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA temp_store = MEMORY;
  `);
  const connection = new SqliteConnection(raw);
  const kysely = new Kysely<Tables>({ dialect: dialectOf(new SqliteDriver(connection)) });
  offerShortcut(kysely, (sql, values) => connection.run(sql, values).rows);
  return { raw, kysely };
}

const writerOf = ({ raw, kysely }: Connected): Writer => ({
  tx: kysely as Transaction,
  begin: () => raw.exec('BEGIN IMMEDIATE; SAVEPOINT one'),
  // a statement that failed has left nothing, and the next one may follow
  check: () => undefined,
  keep: () => raw.exec('RELEASE one; SAVEPOINT one'),
  undo: () => raw.exec('ROLLBACK TO one'),
  commit: () => raw.exec('COMMIT'),
  abandon: () => {
    if (raw.isTransaction) raw.exec('ROLLBACK');
  },
});

/** Kysely over `node:sqlite`, which has no dialect of its own. */
function dialectOf(driver: Driver): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class SqliteDriver extends OneConnectionDriver {
  readonly #raw: DatabaseSync;

  constructor(connection: SqliteConnection) {
    super(connection);
    this.#raw = connection.raw;
  }

  override async beginTransaction(): Promise<void> {
    this.#raw.exec('BEGIN IMMEDIATE');
  }
  override async commitTransaction(): Promise<void> {
    this.#raw.exec('COMMIT');
  }
  override async rollbackTransaction(): Promise<void> {
    this.#raw.exec('ROLLBACK');
  }
}

const preparedLimit = 500;

interface Prepared {
  readonly statement: StatementSync;
  readonly hasRows: boolean;
}

class SqliteConnection implements DatabaseConnection {
  readonly raw: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(raw: DatabaseSync) {
    this.raw = raw;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.run<R>(query.sql, query.parameters);
  }

  run<R>(sql: string, parameters: readonly unknown[]): QueryResult<R> {
    const { statement, hasRows } = this.#prepare(sql);
    const values = parameters.map(bindable);
    if (hasRows) return { rows: statement.all(...values) as R[] };
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('SQLite answers whole results; page with a keyset instead.');
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.raw.prepare(sql);
    const prepared = { statement, hasRows: statement.columns().length > 0 };
    if (this.#prepared.size < preparedLimit) this.#prepared.set(sql, prepared);
    return prepared;
  }
}
