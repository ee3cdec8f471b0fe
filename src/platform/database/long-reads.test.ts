import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { sql } from 'kysely';
import { openDatabase } from './open-database.ts';
import { longRead } from './long-reads.ts';

describe('A statement that looks at a whole SQLite file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-long-read-'));
  const database = await openDatabase(join(folder, 'tilth.db'), {});
  after(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  test('leaves the loop free meanwhile, and sees what was committed before', async () => {
    await database.write(async (tx) => {
      await sql`CREATE TABLE few (n integer)`.execute(tx);
      await sql`INSERT INTO few VALUES (7)`.execute(tx);
    });
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 5);
    const { rows } = await sql<{ sum: number; few: number }>`
      WITH RECURSIVE counting (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < ${2_000_000})
      SELECT sum(n) AS sum, (SELECT n FROM few) AS few FROM counting`.execute(longRead(database.read));
    clearInterval(ticking);
    assert.deepEqual({ ...rows[0] }, { sum: 2_000_001_000_000, few: 7 });
    assert.ok(turns > 3, `the loop turned ${turns} times`);
  });

  test('tells what was wrong with it, and the next one is answered', async () => {
    const read = longRead(database.read);
    await assert.rejects(sql`SELECT 1 FROM nowhere`.execute(read), /no such table: nowhere/);
    await assert.rejects(sql`INSERT INTO few VALUES (8)`.execute(read), /readonly/);
    assert.equal((await sql`SELECT ${'x'} AS text`.execute(read)).rows.length, 1);
  });

  test('inside a write sees what that write wrote', async () => {
    await database.write(async (tx) => {
      await sql`INSERT INTO few VALUES (9)`.execute(tx);
      const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM few`.execute(longRead(tx));
      assert.equal(rows[0]?.count, 2);
    });
  });
});
