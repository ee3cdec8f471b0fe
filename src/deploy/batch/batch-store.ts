import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { Batch } from './batch-api.ts';
import { batchUnknown } from './batch-errors.ts';

interface BatchTable {
  id: string;
  model: string;
  version: number;
  alias: string | null;
  is_test: number;
  approval: string | null;
  input: string;
  output: string;
  state: 'running' | 'done';
  row_count: number | null;
  bad_count: number | null;
  requested_by: string;
  started_at: number;
  finished_at: number | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    batch: BatchTable;
  }
}

export const batchMigrations: Migrations = {
  'batch-001-batches': {
    async up(db) {
      await db.schema
        .createTable('batch')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('alias', 'text')
        .addColumn('is_test', 'integer', (column) => column.notNull())
        .addColumn('approval', 'text')
        .addColumn('input', 'text', (column) => column.notNull())
        .addColumn('output', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('row_count', 'bigint')
        .addColumn('bad_count', 'bigint')
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .addColumn('started_at', 'bigint', (column) => column.notNull())
        .addColumn('finished_at', 'bigint')
        .execute();
      await db.schema.createIndex('batch_model').on('batch').columns(['model', 'version']).execute();
    },
  },
};

export const insertBatch = async (tx: Transaction, batch: Batch): Promise<void> =>
  void (await tx.insertInto('batch').values(rowOf(batch)).execute());

/** @throws BATCH_UNKNOWN */
export async function getBatch(read: Reader, id: string): Promise<Batch> {
  const row = await read.selectFrom('batch').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw batchUnknown(id);
  return batchOf(row);
}

export async function listBatches(read: Reader, model?: string): Promise<Batch[]> {
  let query = read.selectFrom('batch').selectAll().orderBy('started_at', 'desc').limit(200);
  if (model !== undefined) query = query.where('model', '=', model);
  return (await query.execute()).map(batchOf);
}

export const updateBatch = async (tx: Transaction, id: string, change: Partial<BatchTable>): Promise<void> =>
  void (await tx.updateTable('batch').set(change).where('id', '=', id).execute());

const rowOf = (batch: Batch): BatchTable => ({
  id: batch.id,
  model: batch.model,
  version: batch.version,
  alias: batch.alias,
  is_test: batch.isTest ? 1 : 0,
  approval: batch.approval,
  input: batch.input,
  output: batch.output,
  state: batch.state,
  row_count: batch.rowCount,
  bad_count: batch.badCount,
  requested_by: batch.requestedBy,
  started_at: batch.startedAt,
  finished_at: batch.finishedAt,
});

const batchOf = (row: BatchTable): Batch => ({
  id: row.id,
  model: row.model,
  version: row.version,
  alias: row.alias,
  isTest: row.is_test === 1,
  approval: row.approval,
  input: row.input,
  output: row.output,
  state: row.state,
  rowCount: row.row_count,
  badCount: row.bad_count,
  requestedBy: row.requested_by,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
});
