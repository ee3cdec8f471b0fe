import type { Actor } from '../../platform/actor.ts';
import type { Instant } from '../../platform/clock.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform, recordEvent } from '../../team/command.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { standingApproval } from './approvals/approval-state.ts';
import { approvalRows } from './approvals/approval-store.ts';
import { champion, checkAlias } from './registry.ts';
import { aliasNotFound, aliasProtected, approvalMissing } from './registry-errors.ts';
import { findAlias, getModelRow, getVersionRow, writeAlias } from './registry-store.ts';

export interface AliasMove {
  readonly model: string;
  readonly alias: string;
  /** null takes the alias away */
  readonly version: number | null;
  readonly reason: string | null;
  /** the endpoint that moves it, and so needs not be told */
  readonly origin?: string | undefined;
}

/**
 * Told inside the write that moves an alias; what it throws undoes the move.
 * So an endpoint and its champion can't come apart.
 */
export type AliasFollower = (world: World, tx: Transaction, actor: Actor, move: AliasMove) => Promise<void>;

const followers = new Set<AliasFollower>();

/** @returns a function that ends it */
export function followAliases(follower: AliasFollower): () => void {
  followers.add(follower);
  return () => void followers.delete(follower);
}

/**
 * Told inside the write that grants an approval as champion, before the alias moves.
 *
 * @returns true when the version takes over step by step instead; the alias moves at the end of that
 */
export type SlowWay = (
  world: World,
  tx: Transaction,
  actor: Actor,
  move: { model: string; version: number; reason: string },
) => Promise<boolean>;

let slowWay: SlowWay | undefined;

/** @returns a function that ends it */
export function offerSlowWay(way: SlowWay): () => void {
  slowWay = way;
  return () => {
    slowWay = undefined;
  };
}

/** The alias moves to the version that was approved for it: at once, or at the end of its rollout. */
export async function moveApproved(
  world: World,
  tx: Transaction,
  actor: Actor,
  move: { model: string; alias: string; version: number; reason: string },
): Promise<void> {
  if (move.alias === champion && (await slowWay?.(world, tx, actor, move)) === true) return;
  await moveAliasAndRecord(world, tx, actor, move);
}

/**
 * Gives an alias to a version, or takes it away.
 *
 * @throws APPROVAL_MISSING, ALIAS_PROTECTED where the alias is the one in production, MODEL_VERSION_NOT_FOUND, ALIAS_NOT_FOUND
 */
export async function moveAlias(world: World, actor: Actor, move: AliasMove): Promise<void> {
  checkAlias(move.alias);
  await perform(
    world,
    {
      actor,
      verb: 'model.alias',
      kind: 'model',
      thing: move.model,
      data: { alias: move.alias, version: move.version },
    },
    (tx) => moveAliasIn(world, tx, actor, move),
  );
}

/** The move inside a write that is under way; the caller has checked the right and records the event. */
export async function moveAliasIn(
  world: World,
  tx: Transaction,
  actor: Actor,
  move: AliasMove,
): Promise<void> {
  const { model, alias, version } = move;
  await getModelRow(tx, model);
  if (version === null) {
    if ((await findAlias(tx, model, alias)) === undefined) throw aliasNotFound(model, alias);
    if (await isProtected(tx, model, alias)) throw aliasProtected(model, alias, 'This');
  } else {
    await getVersionRow(tx, model, version);
    await requireApproval(tx, model, version, alias, world.clock.now());
  }
  const now = world.clock.now();
  const approval = version === null ? undefined : await standingApproval(tx, model, version, [alias], now);
  await writeAlias(tx, {
    model,
    name: alias,
    version,
    at: now,
    by: actor.id,
    reason: move.reason,
    approval: approval?.id ?? null,
  });
  for (const follow of followers) await follow(world, tx, actor, move);
}

/** As `moveAliasIn`, with an audit event of its own; for writes whose own event is about something else. */
export async function moveAliasAndRecord(
  world: World,
  tx: Transaction,
  actor: Actor,
  move: AliasMove,
): Promise<void> {
  await moveAliasIn(world, tx, actor, move);
  await recordEvent(world, tx, {
    actor,
    verb: 'model.alias',
    kind: 'model',
    thing: move.model,
    data: {
      alias: move.alias,
      version: move.version,
      ...(move.reason === null ? {} : { reason: move.reason }),
    },
  });
}

/**
 * Is this the alias of the version in production of a model that a project declares, or that was ever approved for it?
 * What once took an approval goes on taking one, so that a project file without the model opens no way round.
 */
export async function isProtected(read: Reader, model: string, alias: string): Promise<boolean> {
  if (alias !== champion) return false;
  if ((await declarationOf(read, model)) !== undefined) return true;
  return (await approvalRows(read, model)).some(
    (row) =>
      row.alias === alias && row.decided_at !== null && (row.state === 'granted' || row.state === 'void'),
  );
}

/** @throws APPROVAL_MISSING where the alias is protected and no approval of the version for it stands */
export async function requireApproval(
  read: Reader,
  model: string,
  version: number,
  alias: string,
  now?: Instant,
): Promise<void> {
  if (!(await isProtected(read, model, alias))) return;
  if ((await standingApproval(read, model, version, [alias], now)) === undefined)
    throw approvalMissing(model, version, alias);
}

/** The version that an alias names. @throws ALIAS_NOT_FOUND */
export async function resolveAlias(read: Reader, model: string, alias: string): Promise<number> {
  await getModelRow(read, model);
  const version = await findAlias(read, model, alias);
  if (version === undefined) throw aliasNotFound(model, alias);
  return version;
}
