import type { Actor } from '../../../platform/actor.ts';
import type { Reader, Transaction } from '../../../platform/database/database.ts';
import { newUlid } from '../../../platform/ids.ts';
import type { World } from '../../../platform/world.ts';
import { requireRight } from '../../../team/can.ts';
import { perform, recordEvent } from '../../../team/command.ts';
import { declarationOf } from '../../../start/project/project-store.ts';
import { durationMs } from '../../../start/project/declaration.ts';
import { moveApproved } from '../aliases.ts';
import { bundleHash, changesOf, stateAt, storedBundle, type Bundle } from './approval.ts';
import { bundleNow, settle, standingApproval, voidApproval } from './approval-state.ts';
import {
  approvalOf,
  approvalRows,
  findApprovalRow,
  insertComment,
  listApprovalRows,
  listComments,
  type ApprovalFilter,
  type ApprovalRow,
} from './approval-store.ts';
import { approverRight } from './approver.ts';
import { failureLine } from '../gate/gate.ts';
import { cardHashOf, evaluateGate, gateChanges } from '../gate/gate-evidence.ts';
import { champion, checkAlias } from '../registry.ts';
import type { Approval, ApprovalComment, ApprovalConversation, GateReport } from '../registry-api.ts';
import {
  alreadyApproved,
  approvalNotFound,
  bundleChanged,
  conversionPending,
  gateNotPassed,
  noRequest,
  notGatedYet,
  notYourRequest,
  requestExpired,
  seenOther,
} from '../registry-errors.ts';
import { findVersionRow, getVersionRow, type VersionRow } from '../registry-store.ts';
import { holdToPolicies } from '../version-policies.ts';

interface Asked {
  readonly model: string;
  readonly version: number;
  readonly alias?: string | undefined;
}

/** A decision names what its maker saw, so that nothing can be put in its place between the look and the word. */
interface Seen {
  /** the bundle hash that was shown; not checked where none is given */
  readonly hash?: string | undefined;
}

/**
 * Asks that a version may become an alias. The gate is evaluated now; what is to be approved is fixed by its hash.
 * Asking again for the same thing answers the request that waits.
 *
 * @throws GATE_NOT_PASSED naming the failing conditions, CONVERSION_PENDING, APPROVAL_ALREADY_EXISTS
 */
export async function requestApproval(
  world: World,
  actor: Actor,
  asked: Asked & { message?: string | undefined },
): Promise<Approval> {
  requireRight(actor, 'model.request');
  const { read } = world.database;
  const { model, version } = asked;
  const alias = asked.alias ?? champion;
  checkAlias(alias);
  const { run_id: runId, engine } = await getVersionRow(read, model, version);
  if (engine === 'pending') throw conversionPending(model, version);
  if ((await standingApproval(read, model, version, [alias], world.clock.now())) !== undefined)
    throw alreadyApproved(model, version, alias);
  await holdToPolicies(world, actor, { model, version, runId }, 'deploy');
  const report = await evaluateGate(world, actor, model, version);
  if (!report.passed)
    throw gateNotPassed(model, version, report.results.filter((each) => !each.passed).map(failureLine));
  const rule = (await declarationOf(read, model))?.model.approval;
  const id = await perform(
    world,
    {
      actor,
      verb: 'model.request',
      kind: 'model-version',
      thing: `${model}/${version}`,
      data: { alias, gate: report.hash, ...(asked.message === undefined ? {} : { message: asked.message }) },
    },
    async (tx) => {
      const now = world.clock.now();
      const row = await getVersionRow(tx, model, version);
      const bundle = storedBundle(row, alias);
      const hash = bundleHash(bundle);
      const waiting = (await approvalRows(tx, model, version)).filter(
        (each) => each.alias === alias && each.state === 'waiting',
      );
      const same = waiting.find(
        (each) => each.bundle_hash === hash && stateAt('waiting', each.expires_at, now) === 'waiting',
      );
      if (same !== undefined) return same.id;
      // one request at a time: what an older one asked for is not there any more
      for (const each of waiting)
        await voidApproval(world, tx, each, changesOf(JSON.parse(each.bundle) as Bundle, bundle));
      const made: ApprovalRow = {
        id: newUlid(),
        model,
        version,
        alias,
        requested_by: actor.id,
        requested_at: now,
        bundle_hash: hash,
        bundle: JSON.stringify(bundle),
        gate_report: JSON.stringify(report),
        state: 'waiting',
        decided_by: null,
        decided_at: null,
        reason: null,
        is_single_eye: 0,
        message: asked.message ?? null,
        voided_at: null,
        voided_because: null,
        expires_at: rule?.validFor === undefined ? null : now + durationMs(rule.validFor),
      };
      await tx.insertInto('approval').values(made).execute();
      return made.id;
    },
  );
  return getApproval(world, id);
}

/**
 * Grants what waits, and moves the alias with it, in one write.
 * The approver holds the role, neither asked nor registered, and sees the same bundle that was asked for.
 *
 * @param asked a reason is needed where nobody else is in the team
 * @throws FOUR_EYES, APPROVER_ROLE_MISSING, NOT_ALLOWED, REASON_MISSING, APPROVAL_NOT_REQUESTED, APPROVAL_VOID,
 *   APPROVAL_SEEN_OTHER, APPROVAL_EXPIRED
 */
export async function approve(
  world: World,
  actor: Actor,
  asked: Asked & Seen & { reason?: string | undefined },
): Promise<Approval> {
  const decided = await world.database.write(async (tx) => {
    const row = await waitingOf(world, tx, asked);
    const { model, version, alias } = row;
    const { verb, isSingleEye } = await approverRight(tx, actor, row, asked.reason);
    const changes = await changesSince(world, tx, row);
    if (changes.length > 0) {
      await voidApproval(world, tx, row, changes);
      return { row, changes };
    }
    const at = world.clock.now();
    const rule = (await declarationOf(tx, model))?.model.approval;
    await settle(tx, row, {
      state: 'granted',
      decided_by: actor.id,
      decided_at: at,
      reason: asked.reason ?? null,
      is_single_eye: isSingleEye ? 1 : 0,
      expires_at: rule?.validFor === undefined ? null : at + durationMs(rule.validFor),
    });
    await moveApproved(world, tx, actor, { model, alias, version, reason: `approval ${row.id}` });
    await recordEvent(world, tx, {
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
    });
    return { row, changes };
  });
  if (decided.changes.length > 0)
    throw bundleChanged(decided.row.model, decided.row.version, decided.changes.join(', '));
  return getApproval(world, decided.row.id);
}

/** Whoever may approve may refuse, also their own. @throws APPROVAL_NOT_REQUESTED, APPROVAL_SEEN_OTHER, NOT_ALLOWED */
export async function reject(
  world: World,
  actor: Actor,
  asked: Asked & Seen & { reason: string },
): Promise<Approval> {
  const { reason } = asked;
  return end(world, actor, asked, 'model.reject', reason, () => ({ state: 'refused', reason }));
}

/** Takes a request back; only who made it does, everybody else refuses it. @throws NOT_YOUR_REQUEST, APPROVAL_NOT_REQUESTED */
export async function withdraw(
  world: World,
  actor: Actor,
  asked: Asked & { reason?: string | undefined },
): Promise<Approval> {
  return end(world, actor, asked, 'model.withdraw', asked.reason, (row) => {
    if (row.requested_by !== actor.id)
      throw notYourRequest(actor.name, row.model, row.version, row.requested_by);
    return { state: 'withdrawn', reason: asked.reason ?? null };
  });
}

async function end(
  world: World,
  actor: Actor,
  asked: Asked & Seen,
  verb: 'model.reject' | 'model.withdraw',
  reason: string | undefined,
  decision: (row: ApprovalRow) => Pick<ApprovalRow, 'state' | 'reason'>,
): Promise<Approval> {
  requireRight(actor, verb);
  const id = await world.database.write(async (tx) => {
    const row = await waitingOf(world, tx, asked);
    const { state, reason: kept } = decision(row);
    await settle(tx, row, { state, reason: kept, decided_by: actor.id, decided_at: world.clock.now() });
    await recordEvent(world, tx, {
      actor,
      verb,
      kind: 'model-version',
      thing: `${row.model}/${row.version}`,
      data: { approval: row.id, alias: row.alias, ...(reason === undefined ? {} : { reason }) },
    });
    return row.id;
  });
  return getApproval(world, id);
}

/** Adds a word to the conversation about a request, also after it was decided. @throws APPROVAL_NOT_FOUND */
export async function comment(
  world: World,
  actor: Actor,
  id: string,
  text: string,
): Promise<ApprovalComment> {
  const row = await requireRow(world.database.read, id);
  return perform(
    world,
    {
      actor,
      verb: 'model.comment',
      kind: 'model-version',
      thing: `${row.model}/${row.version}`,
      data: { approval: id },
    },
    (tx) => insertComment(tx, { approval: id, by: actor.id, at: world.clock.now(), text }),
  );
}

/** Approvals, newest first, with what the versions keep now. */
export async function approvalsOf(world: World, filter: ApprovalFilter): Promise<Approval[]> {
  const { read } = world.database;
  const rows = await listApprovalRows(read, filter);
  const versions = new Map<string, VersionRow | undefined>();
  for (const { model, version } of rows) {
    const key = `${model}/${version}`;
    if (!versions.has(key)) versions.set(key, await findVersionRow(read, model, version));
  }
  const now = world.clock.now();
  return rows
    .map((row) => approvalOf(row, versions.get(`${row.model}/${row.version}`), now))
    .filter((each) => filter.state === undefined || each.state === filter.state);
}

/** A request with what was said, and what has changed since, looked up now. @throws APPROVAL_NOT_FOUND */
export async function conversation(world: World, id: string): Promise<ApprovalConversation> {
  const { read } = world.database;
  const row = await requireRow(read, id);
  const shown = await getApproval(world, id);
  return {
    ...shown,
    changed: shown.state === 'waiting' ? await changesSince(world, read, row) : shown.changed,
    gate: JSON.parse(row.gate_report) as GateReport,
    comments: await listComments(read, id),
  };
}

/** Names what is not as it was when the request was made; nothing, when it can be decided. */
async function changesSince(world: World, read: Reader, row: ApprovalRow): Promise<string[]> {
  const version = await getVersionRow(read, row.model, row.version);
  if (version.gate_hash === null) throw notGatedYet(row.model, row.version);
  if (version.engine === 'pending') return ['the model'];
  const now = { ...(await bundleNow(read, version, row.alias)), cardHash: await cardHashOf(read, row.model) };
  const changes = changesOf(JSON.parse(row.bundle) as Bundle, now);
  const conditions = await gateChanges(world, read, version, JSON.parse(row.gate_report) as GateReport);
  return [...new Set([...changes, ...conditions])];
}

async function waitingOf(world: World, tx: Transaction, asked: Asked & Seen): Promise<ApprovalRow> {
  const { model, version, alias, hash } = asked;
  await getVersionRow(tx, model, version);
  const row = (await approvalRows(tx, model, version)).find(
    (each) => each.state === 'waiting' && (alias === undefined || each.alias === alias),
  );
  if (row === undefined) throw noRequest(model, version);
  if (stateAt('waiting', row.expires_at, world.clock.now()) === 'expired')
    throw requestExpired(model, version, row.expires_at ?? 0);
  if (hash !== undefined && hash !== row.bundle_hash) throw seenOther(model, version, hash, row.bundle_hash);
  return row;
}

async function requireRow(read: Reader, id: string): Promise<ApprovalRow> {
  const row = await findApprovalRow(read, id);
  if (row === undefined) throw approvalNotFound(id);
  return row;
}

async function getApproval(world: World, id: string): Promise<Approval> {
  const { read } = world.database;
  const row = await requireRow(read, id);
  return approvalOf(row, await findVersionRow(read, row.model, row.version), world.clock.now());
}
