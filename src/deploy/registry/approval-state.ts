import { systemActor } from '../../platform/actor.ts';
import type { Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { recordEvent } from '../../team/command.ts';
import { changesOf, type Bundle } from './registry.ts';
import type { Approval } from './registry-api.ts';
import { noRequest } from './registry-errors.ts';
import { approvalRows, getVersionRow, type ApprovalRow, type VersionRow } from './registry-store.ts';

/** Voids what waits, and what was granted on another model or other data, after a version changed. */
export async function voidChanged(
  world: World,
  tx: Transaction,
  model: string,
  version: number,
): Promise<void> {
  const row = await getVersionRow(tx, model, version);
  for (const each of await approvalRows(tx, model, version)) {
    if (each.state !== 'waiting' && each.state !== 'granted') continue;
    const asked = JSON.parse(each.bundle) as Bundle;
    // a later look at the gate is no change of what was granted
    const now = {
      ...storedBundle(row, each.alias),
      ...(each.state === 'granted' ? { gateHash: asked.gateHash } : {}),
    };
    const changes = changesOf(asked, now);
    if (changes.length > 0) await voidApproval(world, tx, each, changes);
  }
}

export async function voidApproval(
  world: World,
  tx: Transaction,
  row: ApprovalRow,
  changes: readonly string[],
): Promise<void> {
  const reason = `changed since it was asked for: ${changes.join(', ')}`;
  await decide(tx, row, {
    state: 'void',
    by: systemActor.id,
    at: world.clock.now(),
    reason,
    isSingleEye: false,
  });
  await recordEvent(world, tx, {
    actor: systemActor,
    verb: 'model.gate',
    kind: 'model-version',
    thing: `${row.model}/${row.version}`,
    data: { approval: row.id, voided: changes },
  });
}

/** What there is to approve now, as it is stored. */
export const storedBundle = (row: VersionRow, alias: string): Bundle => ({
  artifactDigest: row.artifact_digest,
  onnxDigest: row.onnx_digest,
  dataVersion: row.data_version,
  gateHash: row.gate_hash ?? '',
  alias,
});

/** Only what still waits can be granted or refused, so that two deciders can't both win. */
export async function decide(
  tx: Transaction,
  row: ApprovalRow,
  decision: { state: Approval['state']; by: string; at: number; reason: string | null; isSingleEye: boolean },
): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('approval')
    .set({
      state: decision.state,
      decided_by: decision.by,
      decided_at: decision.at,
      reason: decision.reason,
      is_single_eye: decision.isSingleEye ? 1 : 0,
    })
    .where('id', '=', row.id)
    .where('state', '=', row.state)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw noRequest(row.model, row.version);
}
