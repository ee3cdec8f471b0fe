import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { sql, type Generated } from 'kysely';
import type { Database, Migrations, Reader, Transaction } from './database/database.ts';
import type { Instant } from './clock.ts';
import { RowsStatement, Statement } from './database/statements.ts';

/** One line of the audit log: who did what to which thing, when. */
export interface AuditEvent {
  readonly seq: number;
  /** ms since the epoch, UTC */
  readonly at: Instant;
  /** id of the person, token or job that acted */
  readonly actor: string;
  /** `model.approve`, `endpoint.route`, … */
  readonly verb: string;
  readonly kind: string;
  readonly thing: string;
  readonly data: unknown;
  /** hash of the event before, 64 hex characters; zeros for the first */
  readonly previous: string;
  readonly hash: string;
}

export type NewEvent = Pick<AuditEvent, 'at' | 'actor' | 'verb' | 'kind' | 'thing' | 'data'>;

interface EventTable {
  seq: Generated<number>;
  at: number;
  actor: string;
  verb: string;
  kind: string;
  thing: string;
  data: string;
  previous: string;
  hash: string;
}

declare module './database/database.ts' {
  interface Tables {
    event: EventTable;
  }
}

export const eventMigrations: Migrations = {
  'platform-001-events': {
    async up(db) {
      await db.schema
        .createTable('event')
        .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('verb', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('thing', 'text', (column) => column.notNull())
        .addColumn('data', 'text', (column) => column.notNull())
        .addColumn('previous', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('event_thing').on('event').columns(['kind', 'thing', 'seq']).execute();
    },
  },
};

export const firstHash = '0'.repeat(64);

/** Hash of an event over the one before it: sha256 of a JSON array, so that no field can borrow from its neighbour. */
export function hashEvent(previous: string, event: NewEvent, dataJson: string): string {
  const line = JSON.stringify([previous, event.at, event.actor, event.verb, event.kind, event.thing, dataJson]);
  return createHash('sha256').update(line).digest('hex');
}

/** Tells whoever listens in this process, after the commit. */
export class EventBus {
  readonly #emitter = new EventEmitter();

  constructor() {
    this.#emitter.setMaxListeners(0);
  }

  publish(event: AuditEvent): void {
    this.#emitter.emit('event', event);
  }

  /** @returns a function that ends the subscription */
  subscribe(listener: (event: AuditEvent) => void): () => void {
    this.#emitter.on('event', listener);
    return () => void this.#emitter.off('event', listener);
  }
}

const newestEvent = new Statement<{ seq: number; hash: string }>(() => sql`SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1`);
const putEvents = new RowsStatement('INSERT INTO event (seq, at, actor, verb, kind, thing, data, previous, hash)', '', 1);

/** Appends to the audit log inside the write that changes the state; published after its commit. */
export async function appendEvent(
  database: Database,
  bus: EventBus,
  tx: Transaction,
  event: NewEvent,
): Promise<void> {
  const [last] = await newestEvent.run(tx, []);
  const previous = last?.hash ?? firstHash;
  const data = JSON.stringify(event.data ?? {});
  const hash = hashEvent(previous, event, data);
  // numbered without a gap, which a write that fails would leave in the numbers that PostgreSQL gives
  const seq = (last?.seq ?? 0) + 1;
  const { at, actor, verb, kind, thing } = event;
  await putEvents.run(tx, [[seq, at, actor, verb, kind, thing, data, previous, hash]]);
  database.afterCommit(tx, () => bus.publish({ ...event, seq, previous, hash }));
}

export interface EventFilter {
  readonly kind?: string | undefined;
  readonly thing?: string | undefined;
  readonly verb?: string | undefined;
  readonly afterSeq?: number | undefined;
  readonly beforeSeq?: number | undefined;
  readonly limit?: number | undefined;
}

/** Newest first, unless `afterSeq` is given: then oldest first from there. */
export async function listEvents(read: Reader, filter: EventFilter): Promise<AuditEvent[]> {
  let query = read.selectFrom('event').selectAll().limit(filter.limit ?? 100);
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  if (filter.thing !== undefined) query = query.where('thing', '=', filter.thing);
  if (filter.verb !== undefined) query = query.where('verb', '=', filter.verb);
  if (filter.beforeSeq !== undefined) query = query.where('seq', '<', filter.beforeSeq);
  query =
    filter.afterSeq === undefined
      ? query.orderBy('seq', 'desc')
      : query.where('seq', '>', filter.afterSeq).orderBy('seq', 'asc');
  const rows = await query.execute();
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as unknown }));
}
