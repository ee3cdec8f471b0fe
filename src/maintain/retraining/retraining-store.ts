import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { activeStates, type RetrainingState } from './retraining.ts';
import type { RetrainingView } from './retraining-api.ts';

interface RetrainingTable {
  id: string;
  model: string;
  state: RetrainingState;
  cause_kind: string;
  cause_id: string;
  requested_by: string;
  created_at: number;
  as_of: number;
  trained_from: string;
  trained_to: string;
  shadow_from: number;
  shadow_until: number;
  decided_as_of: number | null;
  champion: number | null;
  candidate: number | null;
  job_id: string | null;
  branch: string | null;
  steps: string;
  gate: string | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    retraining: RetrainingTable;
  }
}

export const retrainingMigrations: Migrations = {
  'retraining-001': {
    async up(db) {
      await db.schema
        .createTable('retraining')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('cause_kind', 'text', (column) => column.notNull())
        .addColumn('cause_id', 'text', (column) => column.notNull())
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('as_of', 'integer', (column) => column.notNull())
        .addColumn('trained_from', 'text', (column) => column.notNull())
        .addColumn('trained_to', 'text', (column) => column.notNull())
        .addColumn('shadow_from', 'integer', (column) => column.notNull())
        .addColumn('shadow_until', 'integer', (column) => column.notNull())
        .addColumn('decided_as_of', 'integer')
        .addColumn('champion', 'integer')
        .addColumn('candidate', 'integer')
        .addColumn('job_id', 'text')
        .addColumn('branch', 'text')
        .addColumn('steps', 'text', (column) => column.notNull())
        .addColumn('gate', 'text')
        .execute();
      await db.schema.createIndex('retraining_model').on('retraining').columns(['model', 'created_at']).execute();
    },
  },
};

export async function insertRetraining(tx: Transaction, added: RetrainingView): Promise<void> {
  await tx
    .insertInto('retraining')
    .values({
      id: added.id,
      model: added.model,
      state: added.state,
      cause_kind: added.cause.kind,
      cause_id: added.cause.id,
      requested_by: added.requestedBy,
      created_at: added.createdAt,
      as_of: added.asOf,
      trained_from: added.trainedFrom,
      trained_to: added.trainedTo,
      shadow_from: added.shadowFrom,
      shadow_until: added.shadowUntil,
      decided_as_of: added.decidedAsOf,
      champion: added.champion,
      candidate: added.candidate,
      job_id: added.jobId,
      branch: added.branch,
      steps: JSON.stringify(added.steps),
      gate: added.gate === null ? null : JSON.stringify(added.gate),
    })
    .execute();
}

export interface Progress {
  readonly state: RetrainingState;
  readonly note: string;
  readonly at: number;
  readonly candidate?: number;
  readonly branch?: string;
  readonly jobId?: string;
  readonly gate?: unknown;
  readonly decidedAsOf?: number;
}

/** Moves a retraining to a state and keeps the step in its history. */
export async function recordProgress(tx: Transaction, id: string, progress: Progress): Promise<void> {
  const { steps } = await tx.selectFrom('retraining').select('steps').where('id', '=', id).executeTakeFirstOrThrow();
  const { state, note, at, candidate, branch, jobId, gate, decidedAsOf } = progress;
  const all = [...(JSON.parse(steps) as RetrainingView['steps']), { at, state, note }];
  await tx
    .updateTable('retraining')
    .set({
      state,
      steps: JSON.stringify(all),
      ...(candidate === undefined ? {} : { candidate }),
      ...(branch === undefined ? {} : { branch }),
      ...(jobId === undefined ? {} : { job_id: jobId }),
      ...(gate === undefined ? {} : { gate: JSON.stringify(gate) }),
      ...(decidedAsOf === undefined ? {} : { decided_as_of: decidedAsOf }),
    })
    .where('id', '=', id)
    .execute();
}

export interface RetrainingFilter {
  readonly model?: string | undefined;
  readonly isActive?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** Newest first. */
export async function listRetrainings(read: Reader, filter: RetrainingFilter = {}): Promise<RetrainingView[]> {
  let query = read.selectFrom('retraining').selectAll().orderBy('created_at', 'desc').limit(filter.limit ?? 100);
  if (filter.model !== undefined) query = query.where('model', '=', filter.model);
  if (filter.isActive === true) query = query.where('state', 'in', [...activeStates]);
  return (await query.execute()).map(viewOf);
}

/** @throws RETRAINING_NOT_FOUND */
export async function getRetraining(read: Reader, id: string): Promise<RetrainingView> {
  const row = await read.selectFrom('retraining').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new TilthError('RETRAINING_NOT_FOUND', 404, `There is no retraining ${id}.`);
  return viewOf(row);
}

const viewOf = (row: RetrainingTable): RetrainingView => ({
  id: row.id,
  model: row.model,
  state: row.state,
  cause: { kind: row.cause_kind as RetrainingView['cause']['kind'], id: row.cause_id },
  requestedBy: row.requested_by,
  createdAt: row.created_at,
  asOf: row.as_of,
  trainedFrom: row.trained_from,
  trainedTo: row.trained_to,
  shadowFrom: row.shadow_from,
  shadowUntil: row.shadow_until,
  decidedAsOf: row.decided_as_of,
  champion: row.champion,
  candidate: row.candidate,
  jobId: row.job_id,
  branch: row.branch,
  steps: JSON.parse(row.steps) as RetrainingView['steps'],
  gate: row.gate === null ? null : (JSON.parse(row.gate) as unknown),
});
