import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import type { ContractReport } from '../contracts/contract-api.ts';
import type { Refusal } from './refusal-api.ts';

/** One row per content and contract: the same data refused again is refused later. */
interface DatasetRefusalTable {
  dataset: string;
  md5: string;
  contract_hash: string;
  /** JSON */
  report: string;
  at: number;
  by: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    dataset_refusal: DatasetRefusalTable;
  }
}

export const refusalMigrations: Migrations = {
  'data-refusal-001': {
    async up(db) {
      await db.schema
        .createTable('dataset_refusal')
        .addColumn('dataset', 'text', (column) => column.notNull())
        .addColumn('md5', 'text', (column) => column.notNull())
        .addColumn('contract_hash', 'text', (column) => column.notNull())
        .addColumn('report', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('dataset_refusal_key', ['dataset', 'md5', 'contract_hash'])
        .execute();
    },
  },
};

/**
 * Keeps that data was refused, with what broke.
 *
 * @throws NOT_ALLOWED
 */
export async function recordRefusal(
  world: World,
  actor: Actor,
  dataset: string,
  report: ContractReport,
): Promise<Refusal> {
  const at = world.clock.now();
  const { md5 } = report;
  const row = { report: JSON.stringify(report), at, by: actor.id };
  const change = {
    actor,
    verb: 'dataset.refuse',
    kind: 'dataset',
    thing: dataset,
    data: { md5, brokenCount: report.violations.length },
  } as const;
  await perform(world, change, async (tx) => {
    await tx
      .insertInto('dataset_refusal')
      .values({ dataset, md5, contract_hash: report.contractHash, ...row })
      .onConflict((conflict) => conflict.columns(['dataset', 'md5', 'contract_hash']).doUpdateSet(row))
      .execute();
  });
  return { dataset, report, at, by: actor.id };
}

const listed = 50;

/** What was refused, newest first. */
export async function listRefusals(read: Reader, dataset: string): Promise<Refusal[]> {
  const rows = await read
    .selectFrom('dataset_refusal')
    .selectAll()
    .where('dataset', '=', dataset)
    .orderBy('at', 'desc')
    .limit(listed)
    .execute();
  return rows.map((row) => ({
    dataset,
    report: JSON.parse(row.report) as ContractReport,
    at: row.at,
    by: row.by,
  }));
}
