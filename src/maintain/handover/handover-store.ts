import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { ownedBy, transferAll, type Owned } from '../../team/ownership.ts';
import { deactivatePerson, getPerson } from '../../team/people-store.ts';
import { busFactor, writeDocument } from './handover.ts';
import type { Handover, OwnedThing } from './handover-api.ts';

interface HandoverTable {
  id: string;
  from_person: string;
  to_person: string;
  reason: string;
  at: number;
  by: string;
  things: string;
  revoked_token_count: number;
  document: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    handover: HandoverTable;
  }
}

export const handoverMigrations: Migrations = {
  'handover-001': {
    async up(db) {
      await db.schema
        .createTable('handover')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('from_person', 'text', (column) => column.notNull())
        .addColumn('to_person', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('things', 'text', (column) => column.notNull())
        .addColumn('revoked_token_count', 'integer', (column) => column.notNull())
        .addColumn('document', 'text', (column) => column.notNull())
        .execute();
    },
  },
};

/** What somebody owns, with who else has had a hand in it. */
export async function inventoryOf(read: Reader, person: string): Promise<OwnedThing[]> {
  const owned = await ownedBy(read, person);
  const hands = await handsOn(read, owned);
  return owned.map(({ kind, thing }) => {
    const own = hands.get(`${kind} ${thing}`) ?? [];
    return { kind, thing, hands: own, busFactor: busFactor(own) };
  });
}

async function handsOn(read: Reader, owned: readonly Owned[]): Promise<Map<string, OwnedThing['hands']>> {
  const byThing = new Map<string, OwnedThing['hands']>();
  if (owned.length === 0) return byThing;
  const rows = await read
    .selectFrom('event')
    .select(['kind', 'thing', 'actor', (eb) => eb.fn.countAll<number>().as('count')])
    .where('thing', 'in', [...new Set(owned.map((each) => each.thing))])
    .groupBy(['kind', 'thing', 'actor'])
    .orderBy('count', 'desc')
    .execute();
  for (const row of rows) {
    const key = `${row.kind} ${row.thing}`;
    byThing.set(key, [...(byThing.get(key) ?? []), { person: row.actor, changeCount: row.count }]);
  }
  return byThing;
}

/**
 * Passes all that one person owns to another and ends the first one's tokens: all of it, or nothing.
 *
 * @throws PERSON_NOT_FOUND, PERSON_LEFT when the receiver has left, HANDOVER_TO_SELF
 */
export async function carryOut(world: World, actor: Actor, from: string, to: string, reason: string): Promise<Handover> {
  if (from === to) throw new TilthError('HANDOVER_TO_SELF', 400, `${from} can't hand over to themselves.`, 'Name another person: --to ID');
  await getPerson(world.database.read, from);
  const receiver = await getPerson(world.database.read, to);
  if (!receiver.isActive) {
    throw new TilthError('PERSON_LEFT', 409, `${receiver.name} has left the team and can't take anything over.`, 'See who is there: tilth team list');
  }
  const id = newUlid();
  const at = world.clock.now();
  const things = await inventoryOf(world.database.read, from);
  const change = { actor, verb: 'handover.carry-out', kind: 'person', thing: from, data: { to, reason, thingCount: things.length } } as const;
  return perform(world, change, async (tx) => {
    await transferAll(tx, from, to, at);
    const revokedTokenCount = await deactivatePerson(tx, from, at);
    const date = new Date(at).toISOString().slice(0, 10);
    const document = writeDocument({ from, to, date, things, revokedTokenCount });
    await tx
      .insertInto('handover')
      .values({
        id,
        from_person: from,
        to_person: to,
        reason,
        at,
        by: actor.id,
        things: JSON.stringify(things),
        revoked_token_count: revokedTokenCount,
        document,
      })
      .execute();
    return { id, from, to, reason, at, by: actor.id, things, revokedTokenCount, document };
  });
}

export async function listHandovers(read: Reader): Promise<Handover[]> {
  const rows = await read.selectFrom('handover').selectAll().orderBy('at', 'desc').execute();
  return rows.map((row) => ({
    id: row.id,
    from: row.from_person,
    to: row.to_person,
    reason: row.reason,
    at: row.at,
    by: row.by,
    things: JSON.parse(row.things) as OwnedThing[],
    revokedTokenCount: row.revoked_token_count,
    document: row.document,
  }));
}
