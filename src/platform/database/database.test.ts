import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sql } from 'kysely';
import type { Database, Migrations } from './database.ts';
import { openDatabase } from './open-database.ts';
import { createTables } from './schema.ts';
import { temporaryDatabase } from './test-database.ts';

const migrations: Migrations = {
  'test-001': {
    async up(db) {
      await createTables(db, ['CREATE TABLE note (id integer PRIMARY KEY, content text NOT NULL UNIQUE)']);
    },
  },
};

let folder: string;
let place: { readonly where: string; remove(): void };
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tilth database '));
  place = temporaryDatabase(join(folder, 'tilth.db'));
  database = await openDatabase(place.where, migrations);
});
afterEach(async () => {
  await database.close();
  place.remove();
  rmSync(folder, { recursive: true, force: true });
});

const write = (text: string): Promise<unknown> =>
  database.write((tx) => sql`INSERT INTO note (content) VALUES (${text})`.execute(tx));

const texts = async (): Promise<string[]> =>
  (await sql<{ content: string }>`SELECT content FROM note ORDER BY id`.execute(database.read)).rows.map((row) => row.content);

describe('a write', () => {
  it('that fails takes nothing of the others in its group with it', async () => {
    const outcomes = await Promise.allSettled([write('a'), write('b'), write('a'), write('c')]);
    assert.deepEqual(outcomes.map((each) => each.status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual(await texts(), ['a', 'b', 'c']);
  });

  it('that fails half way leaves none of its statements', async () => {
    await assert.rejects(
      database.write(async (tx) => {
        await sql`INSERT INTO note (content) VALUES ('half')`.execute(tx);
        throw new Error('stop');
      }),
      /stop/,
    );
    assert.deepEqual(await texts(), []);
  });

  it('is seen by readers only after its commit', async () => {
    await database.write(async (tx) => {
      await sql`INSERT INTO note (content) VALUES ('soon')`.execute(tx);
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
    await database.close();
    const script = `
      import { openDatabase } from ${JSON.stringify(join(import.meta.dirname, 'open-database.ts'))};
      import { sql } from 'kysely';
      const db = await openDatabase(${JSON.stringify(place.where)}, { 'test-001': { up: () => undefined } });
      for (let id = 1; ; id += 1) {
        await db.write((tx) => sql\`INSERT INTO note (id, content) VALUES (\${id}, \${String(id)})\`.execute(tx));
        process.stdout.write(id + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '..', '..', '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.length > 2000) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const acknowledged = Number(said.trimEnd().split('\n').at(said.endsWith('\n') ? -1 : -2));
    database = await openDatabase(place.where, migrations);
    const { rows } = await sql<{ newest: number }>`SELECT max(id) AS newest FROM note`.execute(database.read);
    assert.ok(acknowledged > 100);
    assert.ok((rows[0]?.newest ?? 0) >= acknowledged);
  });
});
