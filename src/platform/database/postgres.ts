import { Kysely } from 'kysely';
import pg from 'pg';
import type { Database, Migrations, Tables, Transaction } from './database.ts';
import { migrate } from './migrate.ts';
import { asSqliteAnswers, migrationDialect, postgresDialect, PostgresConnection, type Connections } from './postgres-dialect.ts';
import { databaseUnreachable, encodingNotUtf8, isConnectionLost, isStale, outcomeUnknown, translated } from './postgres-errors.ts';
import { makeFunctions } from './postgres-functions.ts';
import { WriteQueue, type Writer } from './write-queue.ts';

/** Advisory locks of one database, below a number of ours: `tilt` in ASCII. */
const locks = { family: 0x74_69_6c_74, write: 1, migrate: 2 };

const defaultReaderCount = 8;

/**
 * Opens, and where needed migrates, a PostgreSQL database. Several servers may share it: writes of all of them go one
 * after the other, under a lock of the database (docs/adr/0013).
 *
 * @param address `postgres://…`; `pool_size` in its query is how many connections may read, 8 without it; one more writes
 * @throws DATABASE_UNREACHABLE, DATABASE_REFUSED, DATABASE_ENCODING, DATABASE_NOT_MIGRATED
 */
export async function openPostgres(address: string, migrations: Migrations): Promise<Database> {
  const { config, readerCount } = settingsOf(address);
  const translate = (thrown: unknown): unknown => translated(address, thrown);
  await prepare(address, config, migrations, translate);
  const pool = new pg.Pool({ ...config, max: readerCount });
  // a connection that breaks while nobody uses it is replaced when somebody does
  pool.on('error', () => undefined);
  const writer = new PostgresWriter(address, config, translate);
  const queue = new WriteQueue(writer);
  return {
    read: new Kysely<Tables>({ dialect: postgresDialect(readersOf(pool, translate)) }),
    write: (work) => queue.write(work),
    afterCommit: (tx, effect) => queue.afterCommit(tx, effect),
    close: async () => {
      await queue.idle();
      await writer.close();
      await pool.end();
    },
  };
}

/** @returns its version, `15.7` @throws DATABASE_UNREACHABLE, DATABASE_REFUSED */
export async function askPostgres(address: string): Promise<string> {
  const connection = await connect(settingsOf(address).config, (thrown) => translated(address, thrown));
  const { rows } = await connection.client.query<{ server_version: string }>('SHOW server_version');
  await (connection.client as pg.Client).end();
  return rows[0]?.server_version.split(' ')[0] ?? '';
}

function settingsOf(address: string): { config: pg.ClientConfig; readerCount: number } {
  const readerCount = /[?&]pool_size=([1-9][0-9]*)/.exec(address)?.[1];
  return {
    readerCount: Number(readerCount ?? defaultReaderCount),
    config: {
      connectionString: address,
      fallback_application_name: 'tilth',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: asSqliteAnswers(pg.types.getTypeParser),
    },
  };
}

/** Brings the database to this version; of several servers that start at once, one does and the others wait. */
async function prepare(address: string, config: pg.ClientConfig, migrations: Migrations, translate: (thrown: unknown) => unknown): Promise<void> {
  const connection = await connect(config, translate);
  try {
    const { rows } = await connection.client.query<{ server_encoding: string }>('SHOW server_encoding');
    const encoding = rows[0]?.server_encoding ?? '';
    if (encoding !== 'UTF8') throw encodingNotUtf8(address, encoding);
    await connection.run(`SELECT pg_advisory_lock(${locks.family}, ${locks.migrate})`);
    await makeFunctions(connection);
    const only: Connections = { take: () => Promise.resolve(connection), giveBack: () => undefined };
    await migrate(new Kysely<Tables>({ dialect: migrationDialect(only) }), migrations);
  } finally {
    // its end also gives the lock back
    await (connection.client as pg.Client).end();
  }
}

async function connect(config: pg.ClientConfig, translate: (thrown: unknown) => unknown): Promise<PostgresConnection> {
  const client = new pg.Client(config);
  // said to whoever waits for an answer; without a listener it would end the process
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (thrown) {
    throw translate(thrown);
  }
  return new PostgresConnection(client, translate);
}

const readersOf = (pool: pg.Pool, translate: (thrown: unknown) => unknown): Connections => ({
  take: async () => {
    try {
      return new PostgresConnection(await pool.connect(), translate);
    } catch (thrown) {
      throw translate(thrown);
    }
  },
  giveBack: (connection) => {
    const { client, failure } = connection as PostgresConnection;
    (client as pg.PoolClient).release(failure !== undefined);
  },
});

/** A process that stands still inside a write would hold up all others for ever. */
const longestPauseMs = 60_000;

/** The one connection that writes, made anew after it was lost. */
class PostgresWriter implements Writer {
  readonly #address: string;
  readonly #config: pg.ClientConfig;
  readonly #translate: (thrown: unknown) => unknown;
  readonly tx: Transaction;
  #connection: PostgresConnection | undefined;
  /** prepared statements no longer fit the tables: another server has changed them */
  #isStale = false;
  /** steps that were sent and not waited for */
  #sent: Promise<unknown>[] = [];

  constructor(address: string, config: pg.ClientConfig, translate: (thrown: unknown) => unknown) {
    this.#address = address;
    this.#config = { ...config, pipeline: true };
    this.#translate = translate;
    const only: Connections = {
      take: () =>
        this.#connection === undefined
          ? Promise.reject(databaseUnreachable(address, new Error('the connection was lost')))
          : Promise.resolve(this.#connection),
      giveBack: () => undefined,
    };
    this.tx = new Kysely<Tables>({ dialect: postgresDialect(only) }) as Transaction;
  }

  async begin(): Promise<void> {
    const hadConnection = this.#connection !== undefined;
    try {
      await this.#begin();
    } catch (thrown) {
      if (!hadConnection || !isLost(thrown)) throw thrown;
      // it broke while nobody wrote, so nothing is lost but the connection
      this.#drop();
      await this.#begin();
    }
  }

  check(): void {
    const failure = this.#needed().failure;
    if (failure !== undefined) throw failure;
  }

  keep(): void {
    this.#send('RELEASE SAVEPOINT one; SAVEPOINT one');
  }

  undo(): void {
    const connection = this.#needed();
    this.#isStale ||= isStale(connection.failure);
    connection.failure = undefined;
    this.#send('ROLLBACK TO SAVEPOINT one');
  }

  /** @throws DATABASE_OUTCOME_UNKNOWN when the connection is lost before the answer is there */
  async commit(): Promise<void> {
    const connection = this.#needed();
    await Promise.all(this.#sent);
    this.#sent = [];
    let word: string;
    try {
      word = await connection.run('COMMIT');
    } catch (thrown) {
      throw isLost(thrown) ? outcomeUnknown(this.#address, thrown) : thrown;
    }
    // PostgreSQL answers the COMMIT of a transaction in which a statement failed with ROLLBACK
    if (word !== 'COMMIT') throw new Error(`The database answered a COMMIT with ${word}.`);
    if (this.#isStale) this.#drop();
  }

  /** A connection in an unknown state is not used again; closing it takes back what was open. */
  abandon(): void {
    this.#drop();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await (connection?.client as pg.Client | undefined)?.end();
  }

  async #begin(): Promise<void> {
    this.#connection ??= await this.#connect();
    this.#sent = [];
    await this.#connection.run(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(${locks.family}, ${locks.write}); SAVEPOINT one`);
  }

  async #connect(): Promise<PostgresConnection> {
    const connection = await connect(this.#config, this.#translate);
    // an acknowledged write survives a crash, whatever the database is set to for others
    await connection.run(`
      SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
      SET idle_in_transaction_session_timeout = ${longestPauseMs}`);
    return connection;
  }

  #needed(): PostgresConnection {
    if (this.#connection === undefined) throw databaseUnreachable(this.#address, new Error('the connection was lost'));
    return this.#connection;
  }

  /** Sent ahead of the next statement, which need not wait for its answer. */
  #send(statements: string): void {
    const answer = this.#needed().run(statements);
    answer.catch(() => undefined);
    this.#sent.push(answer);
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#isStale = false;
    this.#sent = [];
    if (connection !== undefined) void (connection.client as pg.Client).end().catch(() => undefined);
  }
}

const isLost = (thrown: unknown): boolean => isConnectionLost(thrown) || (thrown as { code?: string }).code === 'DATABASE_UNREACHABLE';
