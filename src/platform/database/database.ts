import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * All tables. A feature adds its own where it defines them:
 * `declare module '../../platform/database.ts' { interface Tables { run: RunTable } }`
 */
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface Tables {}

export type Reader = Kysely<Tables>;
/** Statements inside one write; all of them or none reach the disk. */
export type Transaction = Kysely<Tables> & { readonly __write?: true };

/** Changes of the schema by permanent name, such as `tracking-001-runs`, run in the order in which they stand. */
export type Migrations = Readonly<Record<string, Migration>>;

export interface Database {
  /** Sees what was committed; never waits for a writer. */
  readonly read: Reader;
  /**
   * Runs `work` and answers after its commit is on the disk.
   * All writers that wait at the same time share one commit (group commit).
   */
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Called after each commit with what the write's `afterCommit` left. */
  afterCommit(tx: Transaction, effect: () => void): void;
  close(): Promise<void>;
}
