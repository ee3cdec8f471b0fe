import { mkdirSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Repository } from './repository.ts';

/** A file younger than this may still change within the same tick of the file system's clock. */
const settledNs = 20_000_000n;

/** Remembers the md5 of files that have not changed since: same inode, size and modification time. */
export class HashMemory {
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #keep: StatementSync;

  constructor(repository: Repository) {
    mkdirSync(repository.state, { recursive: true });
    this.#database = new DatabaseSync(join(repository.state, 'hashes.db'), { timeout: 10_000 });
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, md5 TEXT NOT NULL) WITHOUT ROWID;
    `);
    this.#find = this.#database.prepare('SELECT stamp, md5 FROM file WHERE path = ?');
    this.#keep = this.#database.prepare(
      'INSERT INTO file VALUES (?, ?, ?) ON CONFLICT(path) DO UPDATE SET stamp = excluded.stamp, md5 = excluded.md5',
    );
  }

  find(path: string, stat: BigIntStats): string | undefined {
    const row = this.#find.get(path);
    return row !== undefined && row['stamp'] === stampOf(stat) ? String(row['md5']) : undefined;
  }

  keep(path: string, stat: BigIntStats, md5: string): void {
    const isSettled = BigInt(Date.now()) * 1_000_000n - stat.mtimeNs > settledNs;
    if (isSettled) this.#keep.run(path, stampOf(stat), md5);
  }

  /** Many `keep`s in one transaction: a commit waits for the disk, a row does not. */
  together<T>(work: () => T): T {
    this.#database.exec('BEGIN');
    try {
      return work();
    } finally {
      this.#database.exec('COMMIT');
    }
  }

  close(): void {
    this.#database.close();
  }
}

const stampOf = (stat: BigIntStats): string => `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
