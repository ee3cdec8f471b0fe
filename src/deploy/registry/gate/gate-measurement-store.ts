import type { Instant } from '../../../platform/clock.ts';
import type { Migrations, Reader, Transaction } from '../../../platform/database/database.ts';
import type { Measurement } from './gate-facts.ts';

interface GateMeasurementTable {
  model: string;
  version: number;
  condition: string;
  /** hash of the condition and of what was measured: another one is another measurement */
  subject: string;
  /** JSON */
  value: string;
  at: number;
}

declare module '../../../platform/database/database.ts' {
  interface Tables {
    gate_measurement: GateMeasurementTable;
  }
}

export const gateMeasurementMigrations: Migrations = {
  'registry-004-gate-measurements': {
    async up(db) {
      await db.schema
        .createTable('gate_measurement')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('condition', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('gate_measurement_key', ['model', 'version', 'condition'])
        .execute();
    },
  },
};

/** What was measured for conditions of a version, by the id of the condition. */
export async function measurementsOf(
  read: Reader,
  model: string,
  version: number,
): Promise<Map<string, { subject: string; value: Measurement }>> {
  const rows = await read
    .selectFrom('gate_measurement')
    .selectAll()
    .where('model', '=', model)
    .where('version', '=', version)
    .execute();
  return new Map(
    rows.map((row) => [row.condition, { subject: row.subject, value: JSON.parse(row.value) as Measurement }]),
  );
}

export async function keepMeasurement(
  tx: Transaction,
  made: {
    model: string;
    version: number;
    condition: string;
    subject: string;
    value: Measurement;
    at: Instant;
  },
): Promise<void> {
  const { subject, at } = made;
  const value = JSON.stringify(made.value);
  await tx
    .insertInto('gate_measurement')
    .values({ ...made, value })
    .onConflict((conflict) =>
      conflict.columns(['model', 'version', 'condition']).doUpdateSet({ subject, value, at }),
    )
    .execute();
}
