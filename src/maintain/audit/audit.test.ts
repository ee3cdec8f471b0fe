import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { sql } from 'kysely';
import { localActor } from '../../team/can.ts';
import { addPerson } from '../../team/people-store.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { verifyLog } from './audit-store.ts';

let world: Awaited<ReturnType<typeof createTestWorld>>;

beforeEach(async () => {
  world = await createTestWorld();
  for (const id of ['ana', 'ben', 'cleo', 'dora', 'emil']) {
    await addPerson(world, localActor, { id, name: id, email: null, title: 'data scientist', roles: ['viewer'], isSimulated: false });
  }
});
afterEach(() => world.close());

/** Changes the tables as someone with the database in their hands would. */
const tamper = (...statements: readonly string[]): Promise<void> =>
  world.database.write(async (tx) => {
    for (const statement of statements) await sql.raw(statement).execute(tx);
  });

describe('the audit log', () => {
  it('is whole when nobody touched it', async () => {
    const verdict = await verifyLog(world.database.read);
    assert.equal(verdict.isSound, true);
    assert.equal(verdict.eventCount, 5);
  });

  it('shows an edited event', async () => {
    await tamper(`UPDATE event SET actor = 'mallory' WHERE seq = 3`);
    assert.deepEqual((await verifyLog(world.database.read)).fault, { seq: 3, reason: 'its content is not what was written' });
  });

  it('shows a deleted event', async () => {
    await tamper('DELETE FROM event WHERE seq = 2');
    assert.equal((await verifyLog(world.database.read)).fault?.seq, 3);
  });

  it('shows events that changed places', async () => {
    await tamper('UPDATE event SET seq = 100 WHERE seq = 2', 'UPDATE event SET seq = 2 WHERE seq = 3', 'UPDATE event SET seq = 3 WHERE seq = 100');
    assert.equal((await verifyLog(world.database.read)).fault?.seq, 2);
  });

  it('shows a cut tail to whoever noted the head before', async () => {
    const before = await verifyLog(world.database.read);
    await tamper('DELETE FROM event WHERE seq = 5');
    assert.notEqual((await verifyLog(world.database.read)).head, before.head);
  });

  it('keeps no event of a write that failed', async () => {
    const before = await verifyLog(world.database.read);
    const viewer = { id: 'v', kind: 'person' as const, name: 'v', roles: ['viewer'] };
    await assert.rejects(
      addPerson(world, viewer, { id: 'x', name: 'x', email: null, title: 'admin', roles: ['admin'], isSimulated: false }),
      { code: 'NOT_ALLOWED' },
    );
    assert.deepEqual(await verifyLog(world.database.read), before);
  });
});
