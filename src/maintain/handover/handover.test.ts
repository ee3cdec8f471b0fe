import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { localActor } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { ownedBy } from '../../team/ownership.ts';
import { actorOfToken, addPerson, getPerson, issueToken } from '../../team/people-store.ts';
import { createTestWorld } from '../../server/test-world.ts';
import { carryOut, listHandovers } from './handover-store.ts';

let world: Awaited<ReturnType<typeof createTestWorld>>;

beforeEach(async () => {
  world = await createTestWorld();
  for (const id of ['ana', 'ben']) {
    const roles = ['contributor', 'maintainer'] as const;
    await addPerson(world, localActor, { id, name: id, email: null, title: 'data scientist', roles: [...roles], isSimulated: false });
  }
});
afterEach(() => world.close());

const change = async (id: string, thing: string): Promise<void> => {
  const actor = { id, kind: 'person' as const, name: id, roles: ['contributor'] };
  await perform(world, { actor, verb: 'dataset.add', kind: 'dataset', thing }, async () => undefined);
};

describe('a handover', () => {
  it('leaves nothing without an owner and no token alive', async () => {
    await change('ana', 'flights');
    await change('ana', 'weather');
    const { token } = await issueToken(world, localActor, 'ana', 30);

    const done = await carryOut(world, localActor, 'ana', 'ben', 'ana moves to another team');

    assert.equal(done.things.length, 2);
    assert.equal(done.revokedTokenCount, 1);
    assert.deepEqual((await ownedBy(world.database.read)).map((each) => each.owner), ['ben', 'ben']);
    assert.equal((await getPerson(world.database.read, 'ana')).isActive, false);
    await assert.rejects(actorOfToken(world.database.read, token, Date.now()), { code: 'TOKEN_REFUSED' });
  });

  it('names what only the leaver ever changed', async () => {
    await change('ana', 'flights');
    await change('ana', 'weather');
    await change('ben', 'weather');
    const { document, things } = await carryOut(world, localActor, 'ana', 'ben', '');
    assert.deepEqual(things.map((each) => [each.thing, each.busFactor]), [['flights', 1], ['weather', 2]]);
    assert.match(document, /## dataset flights\n\nOnly ana has ever changed it/);
  });

  it('to somebody unknown changes nothing', async () => {
    await change('ana', 'flights');
    await assert.rejects(carryOut(world, localActor, 'ana', 'zoe', ''), { code: 'PERSON_NOT_FOUND' });
    assert.deepEqual((await ownedBy(world.database.read)).map((each) => each.owner), ['ana']);
    assert.equal((await listHandovers(world.database.read)).length, 0);
  });
});
