import { randomUUID } from 'node:crypto';
import type { Actor } from '../../../platform/actor.ts';
import { checkHost, vouchedHosts } from '../../../platform/address-guard.ts';
import type { Migrations, Reader } from '../../../platform/database/database.ts';
import { TilthError } from '../../../platform/errors.ts';
import { portOf } from '../../../platform/guarded-post.ts';
import { homeKey } from '../../../platform/home-keys.ts';
import { seal } from '../../../platform/sealing.ts';
import type { World } from '../../../platform/world.ts';
import { perform } from '../../../team/command.ts';
import { webhookNotFound, webhookRefused } from '../registry-errors.ts';
import type { WebhookEventName } from './webhooks.ts';

interface WebhookTable {
  id: string;
  name: string;
  description: string | null;
  url: string;
  /** JSON: names of events */
  events: string;
  /** sealed with the home's key */
  secret: string | null;
  status: 'ACTIVE' | 'DISABLED';
  created_by: string;
  created_at: number;
  updated_at: number;
}

interface WebhookDeliveryTable {
  id: string;
  webhook: string;
  event: string;
  body: string;
  state: 'waiting' | 'delivered' | 'failed';
  attempt: number;
  /** when the next attempt is due; null when there is none */
  next_at: number | null;
  last_status: number | null;
  last_error: string | null;
  created_at: number;
  finished_at: number | null;
}

interface WebhookCursorTable {
  /** the last audit event that webhooks were asked about */
  seq: number;
}

declare module '../../../platform/database/database.ts' {
  interface Tables {
    webhook: WebhookTable;
    webhook_delivery: WebhookDeliveryTable;
    webhook_cursor: WebhookCursorTable;
  }
}

export type WebhookRow = WebhookTable;
export type DeliveryRow = WebhookDeliveryTable;

export const webhookMigrations: Migrations = {
  'registry-webhooks-001': {
    async up(db) {
      await db.schema
        .createTable('webhook')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('description', 'text')
        .addColumn('url', 'text', (column) => column.notNull())
        .addColumn('events', 'text', (column) => column.notNull())
        .addColumn('secret', 'text')
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('updated_at', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('webhook_delivery')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('webhook', 'text', (column) => column.notNull())
        .addColumn('event', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('attempt', 'integer', (column) => column.notNull())
        .addColumn('next_at', 'integer')
        .addColumn('last_status', 'integer')
        .addColumn('last_error', 'text')
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('finished_at', 'integer')
        .execute();
      await db.schema
        .createIndex('webhook_delivery_due')
        .on('webhook_delivery')
        .columns(['state', 'next_at'])
        .execute();
      await db.schema
        .createTable('webhook_cursor')
        .addColumn('seq', 'integer', (column) => column.notNull())
        .execute();
    },
  },
};

export interface WebhookFields {
  readonly name: string;
  readonly url: string;
  readonly events: readonly WebhookEventName[];
  readonly description?: string | undefined;
  /** '' for none */
  readonly secret?: string | undefined;
  readonly status?: 'ACTIVE' | 'DISABLED' | undefined;
}

/** @throws WEBHOOK_REFUSED for an address that is not public, or not https */
export async function createWebhook(world: World, actor: Actor, fields: WebhookFields): Promise<WebhookRow> {
  const id = randomUUID();
  await checkUrl(fields.url);
  return perform(
    world,
    { actor, verb: 'webhook.manage', kind: 'webhook', thing: id, data: shown(fields) },
    async (tx) => {
      const at = world.clock.now();
      const row: WebhookRow = {
        id,
        name: fields.name,
        description: fields.description || null,
        url: fields.url,
        events: JSON.stringify(unique(fields.events)),
        secret: sealed(world, fields.secret),
        status: fields.status ?? 'ACTIVE',
        created_by: actor.id,
        created_at: at,
        updated_at: at,
      };
      await tx.insertInto('webhook').values(row).execute();
      return row;
    },
  );
}

/** @throws WEBHOOK_NOT_FOUND, WEBHOOK_REFUSED */
export async function updateWebhook(
  world: World,
  actor: Actor,
  id: string,
  change: Partial<WebhookFields>,
): Promise<WebhookRow> {
  if (change.url !== undefined) await checkUrl(change.url);
  return perform(
    world,
    { actor, verb: 'webhook.manage', kind: 'webhook', thing: id, data: shown(change) },
    async (tx) => {
      const before = await getWebhook(tx, id);
      const row: WebhookRow = {
        ...before,
        name: change.name ?? before.name,
        url: change.url ?? before.url,
        events: change.events === undefined ? before.events : JSON.stringify(unique(change.events)),
        description: change.description === undefined ? before.description : change.description || null,
        secret: change.secret === undefined ? before.secret : sealed(world, change.secret),
        status: change.status ?? before.status,
        updated_at: world.clock.now(),
      };
      await tx.updateTable('webhook').set(row).where('id', '=', id).execute();
      return row;
    },
  );
}

/** Removes it with what was still to be sent. @throws WEBHOOK_NOT_FOUND */
export async function deleteWebhook(world: World, actor: Actor, id: string): Promise<void> {
  await perform(
    world,
    { actor, verb: 'webhook.manage', kind: 'webhook', thing: id, data: { deleted: true } },
    async (tx) => {
      await getWebhook(tx, id);
      await tx.deleteFrom('webhook_delivery').where('webhook', '=', id).execute();
      await tx.deleteFrom('webhook').where('id', '=', id).execute();
    },
  );
}

/** @throws WEBHOOK_NOT_FOUND */
export async function getWebhook(read: Reader, id: string): Promise<WebhookRow> {
  const row = await read.selectFrom('webhook').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw webhookNotFound(id);
  return row;
}

/** Oldest first, after the one named. */
export function listWebhooks(
  read: Reader,
  limit: number,
  after: readonly [at: number, id: string] | undefined,
): Promise<WebhookRow[]> {
  let query = read.selectFrom('webhook').selectAll().orderBy('created_at').orderBy('id').limit(limit);
  if (after !== undefined) {
    const [at, id] = after;
    query = query.where((where) =>
      where.or([
        where('created_at', '>', at),
        where.and([where('created_at', '=', at), where('id', '>', id)]),
      ]),
    );
  }
  return query.execute();
}

export const eventsOf = (row: Pick<WebhookRow, 'events'>): readonly WebhookEventName[] =>
  JSON.parse(row.events) as WebhookEventName[];

export const webhookKey = (world: World): Buffer => homeKey(world.home, 'webhooks');

const sealed = (world: World, secret: string | undefined): string | null =>
  secret === undefined || secret === '' ? null : seal(webhookKey(world), secret);

const unique = <T>(list: readonly T[]): T[] => [...new Set(list)];

/** An address often carries a token, so the audit log keeps its host alone. */
const shown = ({ name, url, events, status }: Partial<WebhookFields>): object => ({
  ...(name === undefined ? {} : { name }),
  ...(url === undefined ? {} : { host: new URL(url).host }),
  ...(events === undefined ? {} : { events }),
  ...(status === undefined ? {} : { status }),
});

/** @throws WEBHOOK_REFUSED */
async function checkUrl(text: string): Promise<void> {
  const url = URL.parse(text);
  if (url === null) throw webhookRefused(text, 'it is no address');
  if (url.username !== '' || url.password !== '')
    throw webhookRefused(url.origin, 'it holds a name or password: use a secret');
  const isVouchedFor = vouchedHosts().has(url.host) || vouchedHosts().has(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isVouchedFor))
    throw webhookRefused(url.origin, 'it must begin with https:');
  try {
    await checkHost(url.hostname, portOf(url), { vouchedFor: vouchedHosts() });
  } catch (thrown) {
    if (thrown instanceof TilthError) throw webhookRefused(url.origin, thrown.message);
    throw thrown;
  }
}
