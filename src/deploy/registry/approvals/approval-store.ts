import type { Instant } from '../../../platform/clock.ts';
import type { Migrations, Reader, Transaction } from '../../../platform/database/database.ts';
import { newUlid } from '../../../platform/ids.ts';
import {
  changesOf,
  stateAt,
  storedBundle,
  type ApprovalState,
  type Bundle,
  type StoredIngredients,
} from './approval.ts';
import type { Approval, ApprovalComment } from '../registry-api.ts';

interface ApprovalTable {
  id: string;
  model: string;
  version: number;
  alias: string;
  requested_by: string;
  requested_at: number;
  bundle_hash: string;
  /** the parts of the bundle, so that a change can be named */
  bundle: string;
  gate_report: string;
  state: Exclude<ApprovalState, 'expired'>;
  decided_by: string | null;
  decided_at: number | null;
  reason: string | null;
  is_single_eye: number;
  /** what who asked had to say */
  message: string | null;
  voided_at: number | null;
  /** JSON list of what changed */
  voided_because: string | null;
  expires_at: number | null;
}

interface ApprovalCommentTable {
  id: string;
  approval: string;
  by: string;
  at: number;
  text: string;
}

declare module '../../../platform/database/database.ts' {
  interface Tables {
    approval: ApprovalTable;
    approval_comment: ApprovalCommentTable;
  }
}

export type ApprovalRow = ApprovalTable;

/** The table `approval` itself is older: registry-001-models. */
export const approvalMigrations: Migrations = {
  'registry-003-approval-conversation': {
    async up(db) {
      for (const [name, type] of [
        ['message', 'text'],
        ['voided_at', 'integer'],
        ['voided_because', 'text'],
        ['expires_at', 'integer'],
      ] as const)
        await db.schema.alterTable('approval').addColumn(name, type).execute();
      await db.schema.alterTable('model_version').addColumn('card_hash', 'text').execute();
      await db.schema.alterTable('alias_history').addColumn('approval', 'text').execute();
      await db.schema
        .createTable('approval_comment')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('approval', 'text', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('approval_comment_of')
        .on('approval_comment')
        .columns(['approval', 'id'])
        .execute();
    },
  },
};

/** Approvals of a model or one of its versions, newest first. */
export const approvalRows = (read: Reader, model: string, version?: number): Promise<ApprovalRow[]> => {
  let query = read.selectFrom('approval').selectAll().where('model', '=', model).orderBy('id', 'desc');
  if (version !== undefined) query = query.where('version', '=', version);
  return query.execute();
};

export const findApprovalRow = (read: Reader, id: string): Promise<ApprovalRow | undefined> =>
  read.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirst();

export interface ApprovalFilter {
  readonly state?: ApprovalState | undefined;
  readonly model?: string | undefined;
  readonly version?: number | undefined;
}

const longestList = 500;

/** The newest approvals; an expired one is stored as what it was. */
export async function listApprovalRows(read: Reader, filter: ApprovalFilter): Promise<ApprovalRow[]> {
  let query = read.selectFrom('approval').selectAll().orderBy('id', 'desc').limit(longestList);
  const { state, model, version } = filter;
  if (state === 'expired') query = query.where('expires_at', 'is not', null);
  else if (state !== undefined) query = query.where('state', '=', state);
  if (model !== undefined) query = query.where('model', '=', model);
  if (version !== undefined) query = query.where('version', '=', version);
  return query.execute();
}

export async function listComments(read: Reader, approval: string): Promise<ApprovalComment[]> {
  const rows = await read
    .selectFrom('approval_comment')
    .selectAll()
    .where('approval', '=', approval)
    .orderBy('id')
    .execute();
  return rows.map(({ id, by, at, text }) => ({ id, by, at, text }));
}

export async function insertComment(
  tx: Transaction,
  comment: { approval: string; by: string; at: Instant; text: string },
): Promise<ApprovalComment> {
  const id = newUlid();
  await tx
    .insertInto('approval_comment')
    .values({ id, ...comment })
    .execute();
  return { id, by: comment.by, at: comment.at, text: comment.text };
}

const voidReason = (because: readonly string[]): string =>
  `changed since it was asked for: ${because.join(', ')}`;

/**
 * An approval as it is shown.
 *
 * @param version what the version keeps now; undefined when it was deleted
 */
export function approvalOf(row: ApprovalRow, version: StoredIngredients | undefined, now: Instant): Approval {
  const bundle = JSON.parse(row.bundle) as Bundle;
  const isOpen = row.state === 'waiting' || row.state === 'granted';
  const because = row.voided_because === null ? [] : (JSON.parse(row.voided_because) as string[]);
  return {
    id: row.id,
    model: row.model,
    version: row.version,
    alias: row.alias,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    message: row.message,
    bundleHash: row.bundle_hash,
    ingredients: {
      artifactDigest: bundle.artifactDigest,
      onnxDigest: bundle.onnxDigest,
      workerDigest: bundle.workerDigest ?? null,
      dataVersion: bundle.dataVersion,
      gateHash: bundle.gateHash,
      cardHash: bundle.cardHash ?? null,
    },
    state: stateAt(row.state, row.expires_at, now),
    by: row.decided_by,
    at: row.decided_at,
    reason: row.reason ?? (because.length === 0 ? null : voidReason(because)),
    isSingleEye: row.is_single_eye === 1,
    changed: isOpen && version !== undefined ? changesOf(bundle, storedBundle(version, row.alias)) : because,
    voidedAt: row.voided_at,
    expiresAt: row.expires_at,
  };
}
