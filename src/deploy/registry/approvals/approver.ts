import type { Actor } from '../../../platform/actor.ts';
import type { Reader } from '../../../platform/database/database.ts';
import { declarationOf } from '../../../start/project/project-store.ts';
import { requireRight, type Verb } from '../../../team/can.ts';
import { listPeople } from '../../../team/people-store.ts';
import type { ApprovalRow } from './approval-store.ts';
import { approverRole, ownRequest, reasonMissing } from '../registry-errors.ts';
import { getVersionRow } from '../registry-store.ts';

/** The right by which somebody grants a request. */
export interface ApproverRight {
  readonly verb: Verb;
  /** they are alone in the team, so that nobody else could */
  readonly isSingleEye: boolean;
}

/**
 * Who may grant a request: a second person with the role that the project asks for, who neither asked for it nor, unless
 * the project allows it, registered the version. Alone, with a reason, only where there is nobody else.
 *
 * @throws NOT_ALLOWED, APPROVER_ROLE_MISSING, FOUR_EYES, REASON_MISSING
 */
export async function approverRight(
  read: Reader,
  actor: Actor,
  row: ApprovalRow,
  reason: string | undefined,
): Promise<ApproverRight> {
  const others = (await listPeople(read)).filter((person) => person.isActive && person.id !== actor.id);
  if (others.length === 0 && actor.kind !== 'system') {
    requireRight(actor, 'model.approve-alone');
    if (reason === undefined || reason.trim() === '') throw reasonMissing();
    return { verb: 'model.approve-alone', isSingleEye: true };
  }
  requireRight(actor, 'model.approve');
  const rule = (await declarationOf(read, row.model))?.model.approval;
  const role = rule?.role ?? 'reviewer';
  if (!actor.roles.includes(role)) throw approverRole(actor.name, role, row.model);
  if (row.requested_by === actor.id) throw ownRequest(actor.name, 'asked for this approval', role);
  if (rule?.ownModel !== 'allow') {
    const { created_by: author } = await getVersionRow(read, row.model, row.version);
    if (author === actor.id)
      throw ownRequest(actor.name, `registered version ${row.version} of ${row.model}`, role);
  }
  return { verb: 'model.approve', isSingleEye: false };
}
