import { createHash, randomBytes } from 'node:crypto';
import type { Actor } from '../platform/actor.ts';
import type { Migrations, Reader, Transaction } from '../platform/database/database.ts';
import { TilthError } from '../platform/errors.ts';
import { newUlid } from '../platform/ids.ts';
import type { World } from '../platform/world.ts';
import { perform } from './command.ts';
import type { IssuedToken, NewPerson, Person } from './people-api.ts';

interface PersonTable {
  id: string;
  name: string;
  email: string | null;
  title: string;
  roles: string;
  is_active: number;
  is_simulated: number;
  created_at: number;
}

interface TokenTable {
  id: string;
  person: string;
  /** sha256 of the secret; the secret itself is shown once and never stored */
  hash: string;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

declare module '../platform/database/database.ts' {
  interface Tables {
    person: PersonTable;
    token: TokenTable;
  }
}

export const teamMigrations: Migrations = {
  'team-001-people': {
    async up(db) {
      await db.schema
        .createTable('person')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('email', 'text')
        .addColumn('title', 'text', (column) => column.notNull())
        .addColumn('roles', 'text', (column) => column.notNull())
        .addColumn('is_active', 'integer', (column) => column.notNull())
        .addColumn('is_simulated', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('token')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('person', 'text', (column) => column.notNull().references('person.id'))
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('expires_at', 'integer', (column) => column.notNull())
        .addColumn('revoked_at', 'integer')
        .execute();
    },
  },
};

const longestTokenMs = 90 * 86_400_000;

/**
 * Adds a person; adding the same one again changes title and roles.
 *
 * @throws NOT_ALLOWED
 */
export async function addPerson(world: World, actor: Actor, added: NewPerson): Promise<Person> {
  await perform(
    world,
    { actor, verb: 'team.manage', kind: 'person', thing: added.id, data: { title: added.title, roles: added.roles } },
    async (tx) => {
      const values = {
        id: added.id,
        name: added.name,
        email: added.email,
        title: added.title,
        roles: JSON.stringify(added.roles),
        is_active: 1,
        is_simulated: added.isSimulated ? 1 : 0,
        created_at: world.clock.now(),
      };
      await tx
        .insertInto('person')
        .values(values)
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({ name: values.name, title: values.title, roles: values.roles, is_active: 1 }),
        )
        .execute();
    },
  );
  return getPerson(world.database.read, added.id);
}

/** @throws PERSON_NOT_FOUND */
export async function getPerson(read: Reader, id: string): Promise<Person> {
  const found = (await listPeople(read)).find((person) => person.id === id);
  if (found !== undefined) return found;
  throw new TilthError('PERSON_NOT_FOUND', 404, `There is no person ${JSON.stringify(id)}.`, 'See who there is: tilth team list');
}

export async function listPeople(read: Reader): Promise<Person[]> {
  const rows = await read
    .selectFrom('person')
    .leftJoin(
      (sub) =>
        sub
          .selectFrom('token')
          .select(['person', (eb) => eb.fn.countAll<number>().as('live')])
          .where('revoked_at', 'is', null)
          .groupBy('person')
          .as('tokens'),
      (join) => join.onRef('tokens.person', '=', 'person.id'),
    )
    .selectAll('person')
    .select('tokens.live')
    .orderBy('person.created_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    email: row.email,
    title: row.title as Person['title'],
    roles: JSON.parse(row.roles) as Person['roles'],
    isActive: row.is_active === 1,
    isSimulated: row.is_simulated === 1,
    createdAt: row.created_at,
    tokenCount: row.live ?? 0,
  }));
}

/** Issues a token; its text is in this answer and nowhere else. */
export async function issueToken(world: World, actor: Actor, personId: string, days: number): Promise<IssuedToken> {
  const holder = await getPerson(world.database.read, personId);
  if (!holder.isActive) {
    throw new TilthError('PERSON_LEFT', 409, `${holder.name} has left the team.`, `Bring them back with: tilth team add ${personId}`);
  }
  const secret = `tilth_pat_${randomBytes(24).toString('base64url')}`;
  const now = world.clock.now();
  const issued = { id: newUlid(), person: personId, expiresAt: now + Math.min(days * 86_400_000, longestTokenMs) };
  await perform(world, { actor, verb: 'team.manage', kind: 'token', thing: issued.id, data: { person: personId } }, (tx) =>
    tx
      .insertInto('token')
      .values({
        id: issued.id,
        person: personId,
        hash: hashToken(secret),
        created_at: now,
        expires_at: issued.expiresAt,
        revoked_at: null,
      })
      .execute(),
  );
  return { ...issued, token: secret };
}

/** Ends a person's tokens and their place in the team, inside a handover's write. */
export async function deactivatePerson(tx: Transaction, id: string, now: number): Promise<number> {
  await tx.updateTable('person').set({ is_active: 0 }).where('id', '=', id).execute();
  const { numUpdatedRows } = await tx
    .updateTable('token')
    .set({ revoked_at: now })
    .where('person', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}

/**
 * The person behind a token.
 *
 * @throws TOKEN_REFUSED for one that is unknown, expired or revoked
 */
export async function actorOfToken(read: Reader, token: string, now: number): Promise<Actor> {
  const row = await read
    .selectFrom('token')
    .innerJoin('person', 'person.id', 'token.person')
    .select(['person.id', 'person.name', 'person.roles', 'person.is_active', 'token.expires_at', 'token.revoked_at'])
    .where('token.hash', '=', hashToken(token))
    .executeTakeFirst();
  if (row === undefined || row.revoked_at !== null || row.expires_at <= now || row.is_active === 0) {
    throw new TilthError('TOKEN_REFUSED', 401, 'The token is unknown, expired or revoked.', 'Get one with: tilth team token PERSON');
  }
  return { id: row.id, kind: 'person', name: row.name, roles: JSON.parse(row.roles) as string[] };
}

const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');
