import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { UpdatePlan } from '../update/update-api.ts';
import type { TemplateUpdate } from './template-update-api.ts';

interface TemplateUpdateTable {
  project: string;
  checked_at: number;
  checked_by: string;
  /** JSON */
  plan: string | null;
  /** JSON */
  error: string | null;
  /** JSON */
  branch: string | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    template_update: TemplateUpdateTable;
  }
}

export const templateUpdateMigrations: Migrations = {
  'start-002-template-updates': {
    async up(db) {
      await db.schema
        .createTable('template_update')
        .addColumn('project', 'text', (column) => column.primaryKey())
        .addColumn('checked_at', 'integer', (column) => column.notNull())
        .addColumn('checked_by', 'text', (column) => column.notNull())
        .addColumn('plan', 'text')
        .addColumn('error', 'text')
        .addColumn('branch', 'text')
        .execute();
    },
  },
};

export type Check = Pick<TemplateUpdate, 'checkedAt' | 'checkedBy' | 'plan' | 'error' | 'branch'>;

const none: Check = { checkedAt: null, checkedBy: null, plan: null, error: null, branch: null };

export async function lastCheck(read: Reader, project: string): Promise<Check> {
  const row = await read
    .selectFrom('template_update')
    .selectAll()
    .where('project', '=', project)
    .executeTakeFirst();
  if (row === undefined) return none;
  return {
    checkedAt: row.checked_at,
    checkedBy: row.checked_by,
    plan: parsed<UpdatePlan>(row.plan),
    error: parsed<NonNullable<Check['error']>>(row.error),
    branch: parsed<NonNullable<Check['branch']>>(row.branch),
  };
}

const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));

/** A branch that was made before is remembered until the next one. */
export async function saveCheck(
  tx: Transaction,
  project: string,
  found: { at: number; by: string; plan: UpdatePlan | null; error: Check['error']; branch?: Check['branch'] },
): Promise<void> {
  const row = {
    checked_at: found.at,
    checked_by: found.by,
    plan: found.plan === null ? null : JSON.stringify(found.plan),
    error: found.error === null ? null : JSON.stringify(found.error),
    ...(found.branch === undefined ? {} : { branch: JSON.stringify(found.branch) }),
  };
  await tx
    .insertInto('template_update')
    .values({ branch: null, ...row, project })
    .onConflict((conflict) => conflict.column('project').doUpdateSet(row))
    .execute();
}
