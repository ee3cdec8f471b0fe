import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sql } from 'kysely';
import { openDatabase, type Database, type Migrations } from './database.ts';

const migrations: Migrations = {
  'test-001': {
    async up(db) {
      await sql`CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)`.execute(db);
    },
  },
};

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tilth database '));
  database = await openDatabase(join(folder, 'tilth.db'), migrations);
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (text: string): Promise<unknown> =>
  database.write((tx) => sql`INSERT INTO note (text) VALUES (${text})`.execute(tx));

const texts = async (): Promise<string[]> =>
  (await sql<{ text: string }>`SELECT text FROM note ORDER BY id`.execute(database.read)).rows.map((row) => row.text);

describe('a write', () => {
  it('that fails takes nothing of the others in its group with it', async () => {
    const outcomes = await Promise.allSettled([write('a'), write('b'), write('a'), write('c')]);
    assert.deepEqual(outcomes.map((each) => each.status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(await texts(), ['a', 'b', 'c']);
  });

  it('that fails half way leaves none of its statements', async () => {
    await assert.rejects(
      database.write(async (tx) => {
        await sql`INSERT INTO note (text) VALUES ('half')`.execute(tx);
        throw new Error('stop');
      }),
      /stop/,
    );
    assert.deepEqual(await texts(), []);
  });

  it('is seen by readers only after its commit', async () => {
    await database.write(async (tx) => {
      await sql`INSERT INTO note (text) VALUES ('soon')`.execute(tx);
      assert.deepEqual(await texts(), []);
    });
    assert.deepEqual(await texts(), ['soon']);
  });

  it('runs its effects after the commit, and not when it failed', async () => {
    const effects: string[] = [];
    await database.write(async (tx) => database.afterCommit(tx, () => effects.push('kept')));
    await assert.rejects(
      database.write(async (tx) => {
        database.afterCommit(tx, () => effects.push('lost'));
        throw new Error('stop');
      }),
    );
    assert.deepEqual(effects, ['kept']);
  });

  it('that was acknowledged is there after kill -9', async () => {
    const file = join(folder, 'killed.db');
    const script = `
      import { openDatabase } from ${JSON.stringify(join(import.meta.dirname, 'database.ts'))};
      import { sql } from 'kysely';
      const db = await openDatabase(${JSON.stringify(file)}, {
        one: { up: (db) => sql\`CREATE TABLE note (id INTEGER PRIMARY KEY)\`.execute(db) },
      });
      for (let id = 1; ; id += 1) {
        await db.write((tx) => sql\`INSERT INTO note (id) VALUES (\${id})\`.execute(tx));
        process.stdout.write(id + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '..', '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.length > 2000) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const acknowledged = Number(said.trimEnd().split('\n').at(said.endsWith('\n') ? -1 : -2));
    const after = await openDatabase(file, { one: { up: async () => undefined } });
    const { rows } = await sql<{ newest: number }>`SELECT max(id) AS newest FROM note`.execute(after.read);
    await after.close();
    assert.ok(acknowledged > 100);
    assert.ok((rows[0]?.newest ?? 0) >= acknowledged);
  });
});
