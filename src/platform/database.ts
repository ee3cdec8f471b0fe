import { DatabaseSync } from 'node:sqlite';
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { TilthError, messageOf } from './errors.ts';

/**
 * All tables. A feature adds its own where it defines them:
 * `declare module '../../platform/database.ts' { interface Tables { run: RunTable } }`
 */
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface Tables {}

export type Reader = Kysely<Tables>;
/** Statements inside one write; all of them or none reach the disk. */
export type Transaction = Kysely<Tables> & { readonly __write?: true };

/** Changes of the schema by permanent name, run in the order of the names: `tracking-001-runs`. */
export type Migrations = Readonly<Record<string, Migration>>;

export interface Database {
  /** Sees what was committed; never waits for a writer. */
  readonly read: Reader;
  /**
   * Runs `work` and answers after its commit is on the disk.
   * All writers that wait at the same time share one commit (group commit).
   */
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Called after each commit with what the write's `afterCommit` left. */
  afterCommit(tx: Transaction, effect: () => void): void;
  close(): Promise<void>;
}

/**
 * Opens, and where needed creates and migrates, the SQLite file.
 *
 * @throws DATABASE_NEWER when the file was written by a newer tilth
 */
export async function openDatabase(file: string, migrations: Migrations): Promise<Database> {
  const writer = connect(file);
  await migrate(writer.kysely, migrations);
  const reader = file === ':memory:' ? writer : connect(file);
  const queue = new WriteQueue(writer);
  return {
    read: reader.kysely as Reader,
    write: (work) => queue.write(work),
    afterCommit: (tx, effect) => queue.afterCommit(tx, effect),
    close: async () => {
      await queue.idle();
      reader.raw.close();
      if (writer !== reader) writer.raw.close();
    },
  };
}

interface Connected {
  readonly raw: DatabaseSync;
  readonly kysely: Kysely<Tables>;
}

function connect(file: string): Connected {
  const raw = new DatabaseSync(file, { timeout: 10_000 });
  raw.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -32000;
    PRAGMA temp_store = MEMORY;
  `);
  return { raw, kysely: new Kysely<Tables>({ dialect: dialectOf(raw) }) };
}

async function migrate(kysely: Kysely<Tables>, migrations: Migrations): Promise<void> {
  const migrator = new Migrator({
    db: kysely as Kysely<unknown> as never,
    provider: { getMigrations: async () => migrations as Record<string, Migration> },
    // each feature numbers its own migrations, so a new one may sort before an old one of another feature
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  throw new TilthError(
    'DATABASE_NOT_MIGRATED',
    500,
    `The database can't be brought to this version: ${messageOf(error)}`,
    'If a newer tilth wrote it, use that one; else restore a copy of the home folder.',
    { cause: error },
  );
}

interface Waiting {
  run(tx: Transaction): Promise<unknown>;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/** Writers one after the other inside a shared transaction, each behind a savepoint of its own. */
class WriteQueue {
  readonly #writer: Connected;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #effects: (() => void)[] = [];

  constructor(writer: Connected) {
    this.#writer = writer;
  }

  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: work, resolve: resolve as (value: unknown) => void, reject });
    });
    this.#running ??= this.#drain();
    return answer;
  }

  afterCommit(_tx: Transaction, effect: () => void): void {
    this.#effects.push(effect);
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // let everyone who writes in this turn of the loop join the first commit
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(group);
    }
    this.#running = undefined;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { raw, kysely } = this.#writer;
    const done: (() => void)[] = [];
    const effects: (() => void)[] = [];
    try {
      raw.exec('BEGIN IMMEDIATE');
      for (const waiting of group) {
        raw.exec('SAVEPOINT one');
        this.#effects = [];
        try {
          const value = await waiting.run(kysely as Transaction);
          raw.exec('RELEASE one');
          effects.push(...this.#effects);
          done.push(() => waiting.resolve(value));
        } catch (reason) {
          raw.exec('ROLLBACK TO one; RELEASE one');
          done.push(() => waiting.reject(reason));
        }
      }
      raw.exec('COMMIT');
    } catch (reason) {
      if (raw.isTransaction) raw.exec('ROLLBACK');
      for (const waiting of group) waiting.reject(reason);
      return;
    }
    for (const effect of effects) effect();
    for (const finish of done) finish();
  }
}

/** Kysely over `node:sqlite`, which has no dialect of its own. */
function dialectOf(raw: DatabaseSync): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(raw),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class SqliteDriver implements Driver {
  readonly #connection: SqliteConnection;

  constructor(raw: DatabaseSync) {
    this.#connection = new SqliteConnection(raw);
  }

  init(): Promise<void> {
    return Promise.resolve();
  }
  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.#connection);
  }
  beginTransaction(): Promise<void> {
    this.#connection.raw.exec('BEGIN');
    return Promise.resolve();
  }
  commitTransaction(): Promise<void> {
    this.#connection.raw.exec('COMMIT');
    return Promise.resolve();
  }
  rollbackTransaction(): Promise<void> {
    this.#connection.raw.exec('ROLLBACK');
    return Promise.resolve();
  }
  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    return Promise.resolve();
  }
}

const preparedLimit = 500;

class SqliteConnection implements DatabaseConnection {
  readonly raw: DatabaseSync;
  readonly #prepared = new Map<string, ReturnType<DatabaseSync['prepare']>>();

  constructor(raw: DatabaseSync) {
    this.raw = raw;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#statement(query.sql);
    const values = query.parameters.map(bindable);
    if (statement.columns().length > 0) {
      return Promise.resolve({ rows: statement.all(...values) as R[] });
    }
    const { changes, lastInsertRowid } = statement.run(...values);
    return Promise.resolve({ rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) });
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('SQLite answers whole results; page with a keyset instead.');
  }

  #statement(sql: string): ReturnType<DatabaseSync['prepare']> {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.raw.prepare(sql);
    if (this.#prepared.size < preparedLimit) this.#prepared.set(sql, statement);
    return statement;
  }
}

function bindable(value: unknown): string | number | bigint | null | Uint8Array {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new Error(`A ${typeof value} can't be stored in a column; store JSON text instead.`);
}
