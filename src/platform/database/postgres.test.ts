import assert from 'node:assert/strict';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sql } from 'kysely';
import type { Database, Migrations } from './database.ts';
import { openDatabase } from './open-database.ts';
import { createTables } from './schema.ts';
import { isTestedOnPostgres, temporaryDatabase } from './test-database.ts';

const migrations: Migrations = {
  'test-001': {
    async up(db) {
      await createTables(db, ['CREATE TABLE note (id integer PRIMARY KEY, content text NOT NULL UNIQUE)', 'CREATE TABLE total (value integer NOT NULL)', 'INSERT INTO total VALUES (0)']);
    },
  },
};

let place: ReturnType<typeof temporaryDatabase>;
let database: Database;

const write = (content: string, on = database): Promise<unknown> =>
  on.write((tx) => sql`INSERT INTO note (content) VALUES (${content})`.execute(tx));
const contents = async (on = database): Promise<string[]> =>
  (await sql<{ content: string }>`SELECT content FROM note ORDER BY id`.execute(on.read)).rows.map((row) => row.content);
/** Ends the connections of a database as its administrator would; all, or those that write. */
const cutConnections = (on: Database, which = sql`1 = 1`): Promise<unknown> =>
  sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${which}`.execute(on.read);

describe('a server on PostgreSQL', { skip: isTestedOnPostgres ? false : 'runs where TILTH_TEST_DATABASE names one: node scripts/postgresql.js' }, () => {
  beforeEach(async () => {
    place = temporaryDatabase('');
    database = await openDatabase(place.where, migrations);
  });
  afterEach(async () => {
    await database.close();
    place.remove();
  });

  it('shares its database with another one: what one reads in a write no other changes before its commit', async () => {
    const other = await openDatabase(place.where, migrations);
    const addOne = (on: Database): Promise<void> =>
      on.write(async (tx) => {
        const { rows } = await sql<{ value: number }>`SELECT value FROM total`.execute(tx);
        await sql`UPDATE total SET value = ${Number(rows[0]?.value) + 1}`.execute(tx);
      });
    await Promise.all(Array.from({ length: 200 }, (_, index) => addOne(index % 2 === 0 ? database : other)));
    const { rows } = await sql<{ value: number }>`SELECT value FROM total`.execute(other.read);
    await other.close();
    assert.deepEqual(rows, [{ value: 200 }]);
  });

  it('makes the tables once when several start at the same time', async () => {
    const empty = temporaryDatabase('');
    const opened = await Promise.all(Array.from({ length: 4 }, () => openDatabase(empty.where, migrations)));
    const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM total`.execute((opened[0] as Database).read);
    await Promise.all(opened.map((each) => each.close()));
    empty.remove();
    assert.deepEqual(rows, [{ count: 1 }]);
  });

  it('goes on after its connections were cut', async () => {
    await write('before');
    await cutConnections(database);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await write('after');
    assert.deepEqual(await contents(), ['before', 'after']);
  });

  it('refuses the writes whose connection is cut under them, and keeps nothing of them', async () => {
    const outcomes = await Promise.allSettled([
      write('with it'),
      database.write(async (tx) => {
        await sql`INSERT INTO note (content) VALUES ('cut')`.execute(tx);
        await cutConnections(database, sql`state = 'idle in transaction'`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await sql`INSERT INTO note (content) VALUES ('cut too')`.execute(tx);
      }),
      write('behind it'),
    ]);
    assert.deepEqual(outcomes.map((each) => (each.status === 'rejected' ? (each.reason as { code: string }).code : each.status)), Array(3).fill('DATABASE_UNREACHABLE'));
    await write('next');
    assert.deepEqual(await contents(), ['next']);
  });

  it('never calls a write saved whose answer did not come', async () => {
    const through = await cutBeforeAnswer(place.where, 'COMMIT\0');
    const cut = await openDatabase(through.address, migrations);
    through.arm();
    await assert.rejects(write('perhaps', cut), { code: 'DATABASE_OUTCOME_UNKNOWN', status: 503 });
    await write('surely', cut);
    // here the COMMIT had come through
    assert.deepEqual(await contents(), ['perhaps', 'surely']);
    await cut.close();
    await through.close();
  });

  it('takes no write for done in which a statement failed', async () => {
    const outcomes = await Promise.allSettled([
      write('twice'),
      database.write(async (tx) => {
        await sql`INSERT INTO note (content) VALUES ('lost')`.execute(tx);
        await sql`INSERT INTO note (content) VALUES ('twice')`.execute(tx).catch(() => undefined);
      }),
      write('last'),
    ]);
    assert.deepEqual(outcomes.map((each) => each.status), ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(await contents(), ['twice', 'last']);
  });

  it('says that a text holds a NUL, which it can’t keep', async () => {
    await assert.rejects(write('a\0b'), { code: 'TEXT_HAS_NUL', status: 400 });
    await assert.rejects(sql`SELECT id FROM note WHERE content = ${'a\0b'}`.execute(database.read), { code: 'TEXT_HAS_NUL' });
    await write('a');
    assert.deepEqual(await contents(), ['a']);
  });

  it('answers numbers as numbers, truths as 1 and 0, and orders texts by their bytes', async () => {
    const { rows } = await sql`SELECT 9007199254740991 AS big, 1.5 AS exact, avg(value) AS mean, 1 = 1 AS yes, 1 = 0 AS no FROM total`.execute(database.read);
    assert.deepEqual(rows, [{ big: 9007199254740991, exact: 1.5, mean: 0, yes: 1, no: 0 }]);
    for (const content of ['b', 'ä', 'B', 'a', '_', 'A']) await write(content);
    const sorted = await sql<{ content: string }>`SELECT content FROM note ORDER BY content`.execute(database.read);
    assert.deepEqual(sorted.rows.map((row) => row.content), ['A', 'B', '_', 'a', 'b', 'ä']);
  });

  it('can be told how many connections may read', async () => {
    const few = await openDatabase(`${place.where}?pool_size=2`, migrations);
    await Promise.all(Array.from({ length: 20 }, () => sql`SELECT pg_sleep(0.01)`.execute(few.read)));
    const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`.execute(database.read);
    await few.close();
    assert.deepEqual(rows, [{ count: 2 }]);
  });

  it('says at its start what is wrong with its database', async () => {
    const opening = (change: (url: URL) => void): Promise<Database> => {
      const url = new URL(place.where);
      change(url);
      return openDatabase(url.href, migrations);
    };
    await assert.rejects(opening((url) => (url.pathname = '/nowhere')), { code: 'DATABASE_REFUSED', message: /nowhere/ });
    await assert.rejects(opening((url) => (url.username = 'nobody')), { code: 'DATABASE_REFUSED', message: /nobody/ });
    await assert.rejects(openDatabase('postgres://ana:secret@127.0.0.1:1/tilth', migrations), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'DATABASE_UNREACHABLE');
      assert.match(error.message, /127\.0\.0\.1:1\/tilth.*ECONNREFUSED/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
});

it('a database that is neither SQLite nor PostgreSQL is refused by name', async () => {
  await assert.rejects(openDatabase('mysql://root:secret@localhost/tilth', migrations), { code: 'DATABASE_URL_REFUSED', message: /not in mysql\.$/ });
});

/** A way to the database that, once armed, lets a statement through and cuts the connection before its answer. */
async function cutBeforeAnswer(where: string, statement: string): Promise<{ address: string; arm(): void; close(): Promise<void> }> {
  const target = new URL(where);
  let isArmed = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(`${decodeURIComponent(target.hostname)}/.s.PGSQL.5432`);
    let isCut = false;
    client.on('data', (chunk) => {
      upstream.write(chunk);
      if (isArmed && chunk.includes(statement)) [isArmed, isCut] = [false, true];
    });
    upstream.on('data', (chunk) => (isCut ? client.destroy() : client.write(chunk)));
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `postgres://postgres@127.0.0.1:${port}${target.pathname}`,
    arm: () => (isArmed = true),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
