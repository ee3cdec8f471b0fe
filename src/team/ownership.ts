import type { Migrations, Reader, Transaction } from '../platform/database/database.ts';

/** Kinds of things that must always have an owner. */
export const ownedKinds = ['project', 'dataset', 'model', 'endpoint'] as const;
export type OwnedKind = (typeof ownedKinds)[number];

export interface Owned {
  readonly kind: OwnedKind;
  readonly thing: string;
  readonly owner: string;
  /** ms since the epoch */
  readonly since: number;
}

interface OwnershipTable {
  kind: string;
  thing: string;
  owner: string;
  since: number;
}

declare module '../platform/database/database.ts' {
  interface Tables {
    ownership: OwnershipTable;
  }
}

export const ownershipMigrations: Migrations = {
  'team-002-ownership': {
    async up(db) {
      await db.schema
        .createTable('ownership')
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('thing', 'text', (column) => column.notNull())
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('since', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('ownership_key', ['kind', 'thing'])
        .execute();
      await db.schema.createIndex('ownership_owner').on('ownership').column('owner').execute();
    },
  },
};

const isOwned = (kind: string): kind is OwnedKind => (ownedKinds as readonly string[]).includes(kind);

/** What nobody owns yet belongs to who first made it; later changes by others don't move it. */
export async function claim(tx: Transaction, kind: string, thing: string, owner: string, now: number): Promise<void> {
  if (!isOwned(kind)) return;
  await tx
    .insertInto('ownership')
    .values({ kind, thing, owner, since: now })
    .onConflict((conflict) => conflict.columns(['kind', 'thing']).doNothing())
    .execute();
}

export async function ownedBy(read: Reader, owner?: string): Promise<Owned[]> {
  let query = read.selectFrom('ownership').selectAll().orderBy('kind').orderBy('thing');
  if (owner !== undefined) query = query.where('owner', '=', owner);
  return (await query.execute()) as Owned[];
}

/** @returns what moved */
export async function transferAll(tx: Transaction, from: string, to: string, now: number): Promise<Owned[]> {
  return (await tx
    .updateTable('ownership')
    .set({ owner: to, since: now })
    .where('owner', '=', from)
    .returningAll()
    .execute()) as Owned[];
}
