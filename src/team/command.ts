import type { Actor } from '../platform/actor.ts';
import type { Transaction } from '../platform/database/database.ts';
import { appendEvent } from '../platform/events.ts';
import type { World } from '../platform/world.ts';
import { requireRight, type Verb } from './can.ts';
import { claim } from './ownership.ts';

/** A change of state: who, what right it takes, on which thing, and what the audit log keeps of it. */
export interface Change {
  readonly actor: Actor;
  readonly verb: Verb;
  /** `model-version`, `endpoint`, … */
  readonly kind: string;
  readonly thing: string;
  /** kept in the audit log; no secrets, no personal data */
  readonly data?: unknown;
}

/**
 * The one way to change state: checks the right, then writes the tables and the audit event in one transaction.
 * The event is published after the commit.
 *
 * @throws NOT_ALLOWED before anything is written
 */
export async function perform<T>(
  world: World,
  change: Change,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  requireRight(change.actor, change.verb);
  return world.database.write(async (tx) => {
    const result = await work(tx);
    await recordEvent(world, tx, change);
    return result;
  });
}

/** A further event inside a write that is under way, where one act changes several things. */
export async function recordEvent(world: World, tx: Transaction, change: Change): Promise<void> {
  const at = world.clock.now();
  await claim(tx, change.kind, change.thing, change.actor.id, at);
  await appendEvent(world.database, world.events, tx, {
    at,
    actor: change.actor.id,
    verb: change.verb,
    kind: change.kind,
    thing: change.thing,
    data: change.data ?? {},
  });
}
