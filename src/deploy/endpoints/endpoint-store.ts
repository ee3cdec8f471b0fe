import { sql, type Generated } from 'kysely';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { RouteTarget, Sticky } from '../serving/serving-api.ts';
import type { RouteRevision } from './endpoint-api.ts';
import { endpointNotFound } from './endpoint-errors.ts';

interface EndpointTable {
  name: string;
  model: string;
  is_stopped: number;
  revision: number;
  /** JSON */
  targets: string;
  /** JSON; by what callers keep meeting the same version */
  sticky: string | null;
  created_by: string;
  created_at: number;
  changed_at: number;
}

interface EndpointRouteTable {
  /** grows over all endpoints: the revision of the configuration */
  seq: Generated<number>;
  endpoint: string;
  model: string;
  revision: number;
  targets: string;
  sticky: string | null;
  at: number;
  by: string;
  reason: string;
}

interface ServingReportTable {
  plane: string;
  at: number;
  report: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    endpoint: EndpointTable;
    endpoint_route: EndpointRouteTable;
    serving_report: ServingReportTable;
  }
}

export const endpointMigrations: Migrations = {
  'endpoints-001-routes': {
    async up(db) {
      await db.schema
        .createTable('endpoint')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('is_stopped', 'integer', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('targets', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('changed_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('endpoint_model').on('endpoint').column('model').execute();
      await db.schema
        .createTable('endpoint_route')
        .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('endpoint', 'text', (column) => column.notNull())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('targets', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('endpoint_route_of')
        .on('endpoint_route')
        .columns(['endpoint', 'revision'])
        .execute();
      await db.schema
        .createTable('serving_report')
        .addColumn('plane', 'text', (column) => column.primaryKey())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('report', 'text', (column) => column.notNull())
        .execute();
    },
  },
};

export interface EndpointRow extends Omit<EndpointTable, 'targets' | 'is_stopped' | 'sticky'> {
  readonly targets: RouteTarget[];
  readonly sticky: Sticky | null;
  readonly isStopped: boolean;
}

const stickyOf = (text: string | null): Sticky | null =>
  text === null ? null : (JSON.parse(text) as Sticky);

const rowOf = ({ is_stopped, targets, sticky, ...row }: EndpointTable): EndpointRow => ({
  ...row,
  sticky: stickyOf(sticky),
  isStopped: is_stopped === 1,
  targets: JSON.parse(targets) as RouteTarget[],
});

export const listEndpointRows = async (read: Reader, model?: string): Promise<EndpointRow[]> => {
  let query = read.selectFrom('endpoint').selectAll().orderBy('name');
  if (model !== undefined) query = query.where('model', '=', model);
  return (await query.execute()).map(rowOf);
};

export const findEndpointRow = async (read: Reader, name: string): Promise<EndpointRow | undefined> => {
  const row = await read.selectFrom('endpoint').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : rowOf(row);
};

/** @throws ENDPOINT_UNKNOWN */
export async function getEndpointRow(read: Reader, name: string): Promise<EndpointRow> {
  const row = await findEndpointRow(read, name);
  if (row === undefined) throw endpointNotFound(name);
  return row;
}

/** The endpoint with its new targets, and the revision that remembers them. */
export async function writeRoute(
  tx: Transaction,
  change: {
    name: string;
    model: string;
    targets: readonly RouteTarget[];
    /** stays what it is unless given; null ends it */
    sticky?: Sticky | null | undefined;
    isStopped: boolean;
    at: number;
    by: string;
    reason: string;
  },
): Promise<number> {
  const { name, model, at, by, reason } = change;
  const targets = JSON.stringify(change.targets);
  const is_stopped = change.isStopped ? 1 : 0;
  const given =
    change.sticky === undefined
      ? {}
      : { sticky: change.sticky === null ? null : JSON.stringify(change.sticky) };
  const { revision, sticky } = await tx
    .insertInto('endpoint')
    .values({
      name,
      model,
      is_stopped,
      revision: 1,
      targets,
      sticky: null,
      ...given,
      created_by: by,
      created_at: at,
      changed_at: at,
    })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet({ is_stopped, targets, ...given, changed_at: at, revision: sql`endpoint.revision + 1` }),
    )
    .returning(['revision', 'sticky'])
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('endpoint_route')
    .values({ endpoint: name, model, revision, targets, sticky, at, by, reason })
    .execute();
  return revision;
}

/** Routes of an endpoint, newest first; with `at` only the one that held then. */
export async function routeHistory(read: Reader, name: string, at?: number): Promise<RouteRevision[]> {
  let query = read
    .selectFrom('endpoint_route')
    .selectAll()
    .where('endpoint', '=', name)
    .orderBy('seq', 'desc');
  if (at !== undefined) query = query.where('at', '<=', at).limit(1);
  return (await query.execute()).map(({ seq: _seq, targets, sticky, ...row }) => ({
    ...row,
    sticky: stickyOf(sticky),
    targets: JSON.parse(targets) as RouteTarget[],
  }));
}

/** Revision of the whole configuration; 0 before the first endpoint. */
export const configRevision = async (read: Reader): Promise<number> =>
  (
    await read
      .selectFrom('endpoint_route')
      .select(sql<number | null>`max(seq)`.as('revision'))
      .executeTakeFirst()
  )?.revision ?? 0;

export const putReport = (tx: Transaction, plane: string, at: number, report: string): Promise<unknown> =>
  tx
    .insertInto('serving_report')
    .values({ plane, at, report })
    .onConflict((conflict) => conflict.column('plane').doUpdateSet({ at, report }))
    .execute();
