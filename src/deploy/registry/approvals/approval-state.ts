import { systemActor } from '../../../platform/actor.ts';
import { systemClock, type Instant } from '../../../platform/clock.ts';
import type { Reader, Transaction } from '../../../platform/database/database.ts';
import type { World } from '../../../platform/world.ts';
import { recordEvent } from '../../../team/command.ts';
import { declarationOf } from '../../../start/project/project-store.ts';
import { changesOf, stateAt, storedBundle, type Bundle } from './approval.ts';
import { approvalRows, type ApprovalRow } from './approval-store.ts';
import { noRequest } from '../registry-errors.ts';
import { findAlias, findVersionRow, getVersionRow, type VersionRow } from '../registry-store.ts';
import { dataVersionOf } from '../training-data.ts';

/** What there is to approve of a version now: what it keeps, and what its run says today of its training data. */
export async function bundleNow(read: Reader, row: VersionRow, alias: string): Promise<Bundle> {
  const dataset = (await declarationOf(read, row.model))?.model.dataset;
  return { ...storedBundle(row, alias), dataVersion: await dataVersionOf(read, row, dataset) };
}

/**
 * The granted approval of a version for one of these aliases that still stands: nothing that it was given on has
 * changed and it has not expired. A version that the alias names keeps it past its time: what runs is not stopped by a date.
 */
export async function standingApproval(
  read: Reader,
  model: string,
  version: number,
  aliases: readonly string[],
  now: Instant = systemClock.now(),
): Promise<ApprovalRow | undefined> {
  const row = await findVersionRow(read, model, version);
  if (row === undefined) return undefined;
  for (const each of await approvalRows(read, model, version)) {
    if (each.state !== 'granted' || !aliases.includes(each.alias)) continue;
    if (changesOf(JSON.parse(each.bundle) as Bundle, await grantedOn(read, row, each)).length > 0) continue;
    const isInTime = stateAt(each.state, each.expires_at, now) === 'granted';
    if (isInTime || (await findAlias(read, model, each.alias)) === version) return each;
  }
  return undefined;
}

/** Was the version approved for one of these aliases, and does the approval still stand? */
export const isApproved = async (
  read: Reader,
  model: string,
  version: number,
  aliases: readonly string[],
  now?: Instant,
): Promise<boolean> => (await standingApproval(read, model, version, aliases, now)) !== undefined;

/** A later look at the gate is no change of what was granted; the report that was approved is in the approval. */
async function grantedOn(read: Reader, row: VersionRow, approval: ApprovalRow): Promise<Bundle> {
  const { gateHash } = JSON.parse(approval.bundle) as Bundle;
  return { ...(await bundleNow(read, row, approval.alias)), gateHash };
}

/** Voids what waits, and what was granted on another model, other data or another card, after a version changed. */
export async function voidChanged(
  world: World,
  tx: Transaction,
  model: string,
  version: number,
): Promise<void> {
  const row = await getVersionRow(tx, model, version);
  for (const each of await approvalRows(tx, model, version)) {
    if (each.state !== 'waiting' && each.state !== 'granted') continue;
    const now =
      each.state === 'granted' ? await grantedOn(tx, row, each) : await bundleNow(tx, row, each.alias);
    const changes = changesOf(JSON.parse(each.bundle) as Bundle, now);
    if (changes.length > 0) await voidApproval(world, tx, each, changes);
  }
}

/** Who decided, why, and that it was one person alone stay on record. */
export async function voidApproval(
  world: World,
  tx: Transaction,
  row: ApprovalRow,
  because: readonly string[],
): Promise<void> {
  await settle(tx, row, {
    state: 'void',
    voided_at: world.clock.now(),
    voided_because: JSON.stringify(because),
  });
  await recordEvent(world, tx, {
    actor: systemActor,
    verb: 'model.gate',
    kind: 'model-version',
    thing: `${row.model}/${row.version}`,
    data: { approval: row.id, voided: because },
  });
}

/**
 * Ends a state of an approval, if it is still the one that was seen, so that two deciders can't both win.
 *
 * @throws APPROVAL_NOT_REQUESTED when somebody else was first
 */
export async function settle(
  tx: Transaction,
  row: ApprovalRow,
  change: Partial<Omit<ApprovalRow, 'id'>>,
): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('approval')
    .set(change)
    .where('id', '=', row.id)
    .where('state', '=', row.state)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw noRequest(row.model, row.version);
}
