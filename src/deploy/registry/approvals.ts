import type { Actor } from '../../platform/actor.ts';
import type { Reader } from '../../platform/database/database.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { requireRight, type Verb } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { listPeople } from '../../team/people-store.ts';
import { moveAliasAndRecord } from './aliases.ts';
import { decide, storedBundle, voidApproval } from './approval-state.ts';
import { failureLine } from './gate.ts';
import { dataVersionOf, evaluateGate } from './gate-evidence.ts';
import { bundleHash, champion, changesOf, checkAlias, type Bundle } from './registry.ts';
import type { Approval } from './registry-api.ts';
import {
  alreadyApproved,
  approverRole,
  bundleChanged,
  conversionPending,
  gateNotPassed,
  noRequest,
  notGatedYet,
  ownRequest,
  reasonMissing,
} from './registry-errors.ts';
import { holdToPolicies } from './version-policies.ts';
import { approvalOf, approvalRows, getVersionRow, type ApprovalRow } from './registry-store.ts';

interface Asked {
  readonly model: string;
  readonly version: number;
  readonly alias?: string | undefined;
}

/**
 * Asks that a version may become an alias. The gate is evaluated now; what is to be approved is fixed by its hash.
 * Asking again for the same thing answers the request that waits.
 *
 * @throws GATE_NOT_PASSED naming the failing conditions, CONVERSION_PENDING, APPROVAL_ALREADY_EXISTS
 */
export async function requestApproval(world: World, actor: Actor, asked: Asked): Promise<Approval> {
  requireRight(actor, 'model.request');
  const { read } = world.database;
  const { model, version } = asked;
  const alias = asked.alias ?? champion;
  checkAlias(alias);
  if ((await getVersionRow(read, model, version)).engine === 'pending')
    throw conversionPending(model, version);
  const before = await approvalRows(read, model, version);
  if (before.some((row) => row.alias === alias && row.state === 'granted'))
    throw alreadyApproved(model, version, alias);
  const { run_id: runId } = await getVersionRow(read, model, version);
  await holdToPolicies(world, actor, { model, version, runId }, 'deploy');
  const report = await evaluateGate(world, actor, model, version);
  if (!report.passed)
    throw gateNotPassed(model, version, report.results.filter((each) => !each.passed).map(failureLine));
  const bundle = storedBundle(await getVersionRow(read, model, version), alias);
  const hash = bundleHash(bundle);
  const waiting = before.find(
    (row) => row.alias === alias && row.state === 'waiting' && row.bundle_hash === hash,
  );
  if (waiting !== undefined) return approvalOf(waiting);
  const row: ApprovalRow = {
    id: newUlid(),
    model,
    version,
    alias,
    requested_by: actor.id,
    requested_at: world.clock.now(),
    bundle_hash: hash,
    bundle: JSON.stringify(bundle),
    gate_report: JSON.stringify(report),
    state: 'waiting',
    decided_by: null,
    decided_at: null,
    reason: null,
    is_single_eye: 0,
  };
  await perform(
    world,
    {
      actor,
      verb: 'model.request',
      kind: 'model-version',
      thing: `${model}/${version}`,
      data: { approval: row.id, alias, bundle: hash },
    },
    (tx) => tx.insertInto('approval').values(row).execute(),
  );
  return approvalOf(row);
}

/**
 * Grants what waits, and moves the alias with it, in one write.
 * The approver holds the role, neither asked nor registered, and sees the same bundle that was asked for.
 *
 * @param decision a reason is needed where nobody else is in the team
 * @throws FOUR_EYES, APPROVER_ROLE_MISSING, NOT_ALLOWED, REASON_MISSING, APPROVAL_NOT_REQUESTED, APPROVAL_VOID
 */
export async function approve(
  world: World,
  actor: Actor,
  asked: Asked & { reason?: string | undefined },
): Promise<Approval> {
  const { read } = world.database;
  const row = await waitingOf(read, asked);
  const { model, version, alias } = row;
  const { verb, isSingleEye } = await approverOf(world, actor, row, asked.reason);
  await requireUnchanged(world, row);
  const at = world.clock.now();
  await perform(
    world,
    {
      actor,
      verb,
      kind: 'model-version',
      thing: `${model}/${version}`,
      data: {
        approval: row.id,
        alias,
        bundle: row.bundle_hash,
        isSingleEye,
        ...(asked.reason === undefined ? {} : { reason: asked.reason }),
      },
    },
    async (tx) => {
      await decide(tx, row, {
        state: 'granted',
        by: actor.id,
        at,
        reason: asked.reason ?? null,
        isSingleEye,
      });
      await moveAliasAndRecord(world, tx, actor, { model, alias, version, reason: `approval ${row.id}` });
    },
  );
  return getApproval(read, row.id);
}

/** @throws FOUR_EYES never: whoever may approve may refuse, also their own. APPROVAL_NOT_REQUESTED, NOT_ALLOWED */
export async function reject(
  world: World,
  actor: Actor,
  asked: Asked & { reason: string },
): Promise<Approval> {
  const { read } = world.database;
  const row = await waitingOf(read, asked);
  const thing = `${row.model}/${row.version}`;
  await perform(
    world,
    {
      actor,
      verb: 'model.reject',
      kind: 'model-version',
      thing,
      data: { approval: row.id, reason: asked.reason },
    },
    (tx) =>
      decide(tx, row, {
        state: 'refused',
        by: actor.id,
        at: world.clock.now(),
        reason: asked.reason,
        isSingleEye: false,
      }),
  );
  return getApproval(read, row.id);
}

/** Who may grant this, by which right; alone only where there is nobody else. */
async function approverOf(
  world: World,
  actor: Actor,
  row: ApprovalRow,
  reason: string | undefined,
): Promise<{ verb: Verb; isSingleEye: boolean }> {
  const { read } = world.database;
  const others = (await listPeople(read)).filter((person) => person.isActive && person.id !== actor.id);
  if (others.length === 0 && actor.kind !== 'system') {
    requireRight(actor, 'model.approve-alone');
    if (reason === undefined || reason.trim() === '') throw reasonMissing();
    return { verb: 'model.approve-alone', isSingleEye: true };
  }
  requireRight(actor, 'model.approve');
  const role = (await declarationOf(read, row.model))?.model.approval.role ?? 'reviewer';
  if (!actor.roles.includes(role)) throw approverRole(actor.name, role, row.model);
  if (row.requested_by === actor.id) throw ownRequest(actor.name, 'asked for this approval');
  if ((await getVersionRow(read, row.model, row.version)).created_by === actor.id) {
    throw ownRequest(actor.name, `registered version ${row.version} of ${row.model}`);
  }
  return { verb: 'model.approve', isSingleEye: false };
}

/** @throws APPROVAL_VOID when the model, its data version or its gate report is not what was asked for any more */
async function requireUnchanged(world: World, row: ApprovalRow): Promise<void> {
  const { read } = world.database;
  const version = await getVersionRow(read, row.model, row.version);
  if (version.gate_hash === null) throw notGatedYet(row.model, row.version);
  const dataset = (await declarationOf(read, row.model))?.model.dataset;
  const now = {
    ...storedBundle(version, row.alias),
    dataVersion: await dataVersionOf(read, version, dataset),
  };
  const changes = changesOf(JSON.parse(row.bundle) as Bundle, now);
  if (changes.length === 0) return;
  await world.database.write((tx) => voidApproval(world, tx, row, changes));
  throw bundleChanged(row.model, row.version, changes.join(', '));
}

async function waitingOf(read: Reader, asked: Asked): Promise<ApprovalRow> {
  await getVersionRow(read, asked.model, asked.version);
  const rows = await approvalRows(read, asked.model, asked.version);
  const row = rows.find(
    (each) => each.state === 'waiting' && (asked.alias === undefined || each.alias === asked.alias),
  );
  if (row === undefined) throw noRequest(asked.model, asked.version);
  return row;
}

async function getApproval(read: Reader, id: string): Promise<Approval> {
  return approvalOf(
    await read.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
  );
}
