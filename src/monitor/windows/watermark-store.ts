import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';

interface WatermarkTable {
  model: string;
  /** everything that happened before it has been seen, ms since the epoch */
  at: number;
  /** labels up to this batch have been looked at */
  label_batch: number;
  /** start of the newest window that was evaluated; 0 before the first */
  newest_window: number;
  updated_at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    watermark: WatermarkTable;
  }
}

export const watermarkMigrations: Migrations = {
  'monitor-001-watermarks': {
    async up(db) {
      await db.schema
        .createTable('watermark')
        .addColumn('model', 'text', (column) => column.primaryKey())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('label_batch', 'integer', (column) => column.notNull())
        .addColumn('newest_window', 'integer', (column) => column.notNull())
        .addColumn('updated_at', 'integer', (column) => column.notNull())
        .execute();
    },
  },
};

/** How far a model's traffic has been seen and evaluated. */
export interface Watermark {
  readonly at: number;
  readonly labelBatch: number;
  readonly newestWindow: number;
}

export async function watermarkOf(read: Reader, model: string): Promise<Watermark | undefined> {
  const row = await read.selectFrom('watermark').selectAll().where('model', '=', model).executeTakeFirst();
  return row === undefined ? undefined : { at: row.at, labelBatch: row.label_batch, newestWindow: row.newest_window };
}

export async function saveWatermark(tx: Transaction, model: string, mark: Watermark, now: number): Promise<void> {
  const values = { at: mark.at, label_batch: mark.labelBatch, newest_window: mark.newestWindow, updated_at: now };
  await tx
    .insertInto('watermark')
    .values({ model, ...values })
    .onConflict((conflict) => conflict.column('model').doUpdateSet(values))
    .execute();
}
