import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { vouchedHosts } from '../../../platform/address-guard.ts';
import type { Reader, Transaction } from '../../../platform/database/database.ts';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import type { Stop } from '../../../platform/feature.ts';
import { guardedPost, type PostAnswer } from '../../../platform/guarded-post.ts';
import { systemActor } from '../../../platform/actor.ts';
import { unseal } from '../../../platform/sealing.ts';
import type { World } from '../../../platform/world.ts';
import { promptTag } from '../registry-store.ts';
import { eventsOf, webhookKey, type WebhookRow } from './webhook-store.ts';
import {
  bodyOf,
  isPassing,
  noticesOf,
  splitThing,
  waitBefore,
  webhookHeaders,
  type RegistryChange,
  type WebhookEventName,
} from './webhooks.ts';

export const deliverJobKind = 'webhook.deliver';

interface DeliverJobInput {
  readonly delivery: string;
}

const timeoutMs = 10_000;
const keptMs = 30 * 24 * 3_600_000;
const longestTimerMs = 3_600_000;

/**
 * Tells webhooks what the audit log says of the registry, from where it stopped: what happened while a server was down,
 * or in the moment before it broke off, is told at the next start. A receiver may hear of one delivery twice, by the same id.
 */
export async function startWebhooks(world: World): Promise<Stop> {
  world.jobs.handle(deliverJobKind, async ({ delivery }: DeliverJobInput, { signal }) => {
    const outcome = await deliver(world, delivery, signal);
    plan();
    return outcome;
  });
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let work: Promise<unknown> = Promise.resolve();
  /** one after the other, so that nothing is told twice */
  const inTurn = (step: () => Promise<unknown>): void => {
    work = work.then(async () => {
      if (isStopped) return;
      await step().catch((thrown: unknown) =>
        world.log.error({ error: messageOf(thrown) }, 'webhooks could not be prepared'),
      );
    });
  };
  function plan(): void {
    inTurn(async () => {
      const next = await enqueueDue(world);
      clearTimeout(timer);
      if (next === undefined || isStopped) return;
      timer = setTimeout(plan, Math.min(Math.max(next - world.clock.now(), 10), longestTimerMs));
      timer.unref();
    });
  }
  await beginCursor(world);
  inTurn(() => prepare(world));
  plan();
  const unsubscribe = world.events.subscribe(({ kind }) => {
    if (kind === 'model' || kind === 'model-version') inTurn(() => prepare(world));
  });
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    unsubscribe();
    await work;
  };
}

/** A home that never had webhooks begins with what happens next, not with its past. */
async function beginCursor(world: World): Promise<void> {
  await world.database.write(async (tx) => {
    await tx
      .deleteFrom('webhook_delivery')
      .where('finished_at', '<', world.clock.now() - keptMs)
      .execute();
    if ((await tx.selectFrom('webhook_cursor').select('seq').executeTakeFirst()) !== undefined) return;
    await tx
      .insertInto('webhook_cursor')
      .values({ seq: await lastSeq(tx) })
      .execute();
  });
}

const lastSeq = async (read: Reader): Promise<number> =>
  (
    await read
      .selectFrom('event')
      .select(sql<number | null>`MAX(seq)`.as('seq'))
      .executeTakeFirst()
  )?.seq ?? 0;

/** Turns new audit events into deliveries and their jobs, in the write that moves the cursor over them. */
async function prepare(world: World): Promise<void> {
  await world.database.write(async (tx) => {
    const { seq } = await tx.selectFrom('webhook_cursor').select('seq').executeTakeFirstOrThrow();
    const last = await lastSeq(tx);
    if (last <= seq) return;
    await tx.updateTable('webhook_cursor').set({ seq: last }).execute();
    const active = await tx.selectFrom('webhook').selectAll().where('status', '=', 'ACTIVE').execute();
    if (active.length === 0) return;
    const events = await tx
      .selectFrom('event')
      .selectAll()
      .where('seq', '>', seq)
      .where('seq', '<=', last)
      .where('kind', 'in', ['model', 'model-version'])
      .orderBy('seq')
      .execute();
    for (const event of events) {
      const change = await changeOf(tx, { ...event, data: JSON.parse(event.data) as RegistryChange['data'] });
      for (const notice of noticesOf(change)) {
        const body = bodyOf(notice.event, notice.data, event.at);
        for (const webhook of active) {
          // who subscribes hears what comes after
          if (webhook.created_at > event.at || !eventsOf(webhook).includes(notice.event)) continue;
          await addDelivery(world, tx, webhook, notice.event, body);
        }
      }
    }
  });
}

async function addDelivery(
  world: World,
  tx: Transaction,
  webhook: WebhookRow,
  event: WebhookEventName,
  body: string,
): Promise<void> {
  const id = randomUUID();
  const at = world.clock.now();
  await tx
    .insertInto('webhook_delivery')
    .values({
      id,
      webhook: webhook.id,
      event,
      body,
      state: 'waiting',
      attempt: 0,
      next_at: at,
      last_status: null,
      last_error: null,
      created_at: at,
      finished_at: null,
    })
    .execute();
  await enqueue(world, tx, id);
}

const enqueue = (world: World, tx: Transaction, delivery: string): Promise<string> =>
  world.jobs.enqueue(tx, {
    kind: deliverJobKind,
    key: `${deliverJobKind}:${delivery}`,
    input: { delivery } satisfies DeliverJobInput,
    requestedBy: systemActor.id,
  });

/** @returns when the next one is due */
async function enqueueDue(world: World): Promise<number | undefined> {
  const waiting = world.database.read
    .selectFrom('webhook_delivery')
    .select(['id', 'next_at'])
    .where('state', '=', 'waiting');
  const now = world.clock.now();
  const due = await waiting.where('next_at', '<=', now).execute();
  if (due.length > 0) {
    await world.database.write(async (tx) => {
      for (const { id } of due) await enqueue(world, tx, id);
    });
  }
  return (
    (await waiting.where('next_at', '>', now).orderBy('next_at').limit(1).executeTakeFirst())?.next_at ??
    undefined
  );
}

/** The tags and description as they are by now; none of what is gone already. */
async function changeOf(
  tx: Transaction,
  event: Pick<RegistryChange, 'verb' | 'kind' | 'thing' | 'data'>,
): Promise<RegistryChange> {
  const [name, version] = splitThing(event);
  const rows = await tx
    .selectFrom('registry_tag')
    .selectAll()
    .where('model', '=', name)
    .orderBy('version')
    .orderBy('key')
    .execute();
  const tagsOf = (number: number): Record<string, string> =>
    Object.fromEntries(
      rows.flatMap((row) => (row.version === number ? [[row.key, row.value] as const] : [])),
    );
  const described =
    version === undefined
      ? await tx.selectFrom('model').select('description').where('name', '=', name).executeTakeFirst()
      : await tx
          .selectFrom('model_version')
          .select('description')
          .where('model', '=', name)
          .where('version', '=', Number(version))
          .executeTakeFirst();
  return {
    ...event,
    tags: tagsOf(Number(version ?? 0)),
    description: described?.description || null,
    isPrompt: tagsOf(0)[promptTag] === 'true',
  };
}

/** One attempt; what comes of it is written down, with the time of the next one. */
async function deliver(
  world: World,
  id: string,
  signal: AbortSignal,
): Promise<{ state: string; attempt: number }> {
  const { read } = world.database;
  const row = await read.selectFrom('webhook_delivery').selectAll().where('id', '=', id).executeTakeFirst();
  if (row?.state !== 'waiting') return { state: row?.state ?? 'gone', attempt: row?.attempt ?? 0 };
  const webhook = await read
    .selectFrom('webhook')
    .selectAll()
    .where('id', '=', row.webhook)
    .executeTakeFirst();
  const attempt = row.attempt + 1;
  let answer: PostAnswer | undefined;
  let error: string | undefined;
  let isFinal = webhook === undefined || webhook.status !== 'ACTIVE';
  if (webhook === undefined || isFinal) error = 'the webhook was disabled';
  else {
    try {
      answer = await send(world, webhook, id, row.body, signal);
      if (answer.status >= 300) error = `the receiver answered ${answer.status}`;
      isFinal = !isPassing(answer.status);
    } catch (thrown) {
      // a server that stops asks again when it is back
      if (signal.aborted) throw thrown;
      error = messageOf(thrown);
      isFinal = thrown instanceof TilthError && thrown.code === 'ADDRESS_REFUSED';
    }
  }
  const wait = error === undefined || isFinal ? undefined : waitBefore(attempt, answer?.retryAfter);
  const state = error === undefined ? 'delivered' : wait === undefined ? 'failed' : 'waiting';
  const now = world.clock.now();
  await world.database.write((tx) =>
    tx
      .updateTable('webhook_delivery')
      .set({
        state,
        attempt,
        next_at: wait === undefined ? null : now + wait,
        last_status: answer?.status ?? null,
        last_error: error ?? null,
        finished_at: state === 'waiting' ? null : now,
      })
      .where('id', '=', id)
      .execute(),
  );
  if (state === 'failed')
    world.log.warn({ webhook: row.webhook, delivery: id, error }, 'a webhook could not be delivered');
  return { state, attempt };
}

const send = (
  world: World,
  webhook: WebhookRow,
  delivery: string,
  body: string,
  signal?: AbortSignal,
): Promise<PostAnswer> => {
  const secret = webhook.secret === null ? undefined : unseal(webhookKey(world), webhook.secret);
  return guardedPost({
    url: webhook.url,
    body,
    headers: webhookHeaders(delivery, body, world.clock.now(), secret),
    policy: { vouchedFor: vouchedHosts() },
    timeoutMs,
    signal,
  });
};

/** Sends an example at once and says what came of it; nothing is sent again. */
export async function testWebhook(
  world: World,
  webhook: WebhookRow,
  event: WebhookEventName,
  example: object,
): Promise<{ answer?: PostAnswer; error?: string }> {
  try {
    return { answer: await send(world, webhook, randomUUID(), bodyOf(event, example, world.clock.now())) };
  } catch (thrown) {
    return { error: messageOf(thrown) };
  }
}
