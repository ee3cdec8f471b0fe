import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';

/** What was imported, so that the next import of the same source knows what is new, there and here. */
interface ImportedTable {
  kind: ImportedKind;
  /** an id that is the same in every copy of the source */
  source_id: string;
  /** its id here */
  thing: string;
  /** of what the source said */
  digest: string;
  /** of the names, sizes and times of its files */
  files: string;
  source: string;
  at: number;
}

export type ImportedKind = 'experiment' | 'run' | 'logged-model' | 'trace' | 'model' | 'model-version';

declare module '../../platform/database/database.ts' {
  interface Tables {
    imported: ImportedTable;
  }
}

export const exchangeMigrations: Migrations = {
  'exchange-001-imported': {
    async up(db) {
      await db.schema
        .createTable('imported')
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('source_id', 'text', (column) => column.notNull())
        .addColumn('thing', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('files', 'text', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('imported_key', ['kind', 'source_id'])
        .execute();
    },
  },
};

export interface Mark {
  readonly thing: string;
  readonly digest: string;
  readonly files: string;
}

export const findMark = (read: Reader, kind: ImportedKind, sourceId: string): Promise<Mark | undefined> =>
  read
    .selectFrom('imported')
    .select(['thing', 'digest', 'files'])
    .where('kind', '=', kind)
    .where('source_id', '=', sourceId)
    .executeTakeFirst();

export async function putMark(
  tx: Transaction,
  kind: ImportedKind,
  sourceId: string,
  mark: Mark,
  source: string,
  at: number,
): Promise<void> {
  await tx
    .insertInto('imported')
    .values({ kind, source_id: sourceId, ...mark, source, at })
    .onConflict((conflict) => conflict.columns(['kind', 'source_id']).doUpdateSet({ ...mark, source, at }))
    .execute();
}
