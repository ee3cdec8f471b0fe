import { sql, type CompiledQuery, type RawBuilder } from 'kysely';
import type { Reader } from './database.ts';

/** Runs a statement at once, where a database can: Kysely's way to a connection takes longer than a small statement. */
export type Shortcut = (sql: string, values: readonly unknown[]) => readonly unknown[];

const shortcuts = new WeakMap<Reader, Shortcut>();

export const offerShortcut = (of: Reader, shortcut: Shortcut): void => void shortcuts.set(of, shortcut);

/** A statement that runs thousands of times a second: its text is built once for each kind of database. */
export class Statement<Row = unknown> {
  readonly #build: (values: readonly unknown[]) => RawBuilder<Row>;
  readonly #built = new Map<unknown, CompiledQuery<Row>>();

  /** @param build uses each value once, in order, and depends on nothing but their number */
  constructor(build: (values: readonly unknown[]) => RawBuilder<Row>) {
    this.#build = build;
  }

  async run(tx: Reader, values: readonly unknown[]): Promise<readonly Row[]> {
    const kind = tx.getExecutor().adapter.constructor;
    let built = this.#built.get(kind);
    if (built === undefined) {
      built = this.#build(values).compile(tx);
      this.#built.set(kind, built);
    }
    const shortcut = shortcuts.get(tx);
    if (shortcut !== undefined) return shortcut(built.sql, values) as readonly Row[];
    return (await tx.executeQuery<Row>({ ...built, parameters: values })).rows;
  }
}

/** An INSERT of any number of rows by few texts: the rows go in parts whose sizes are powers of two. */
export class RowsStatement {
  readonly #head: string;
  readonly #tail: string;
  readonly #most: number;
  readonly #ofSize = new Map<number, Statement>();

  constructor(head: string, tail: string, most: number) {
    this.#head = head;
    this.#tail = tail;
    this.#most = most;
  }

  async run(tx: Reader, rows: readonly (readonly unknown[])[]): Promise<void> {
    for (let start = 0, size = this.#most; start < rows.length; start += size) {
      while (size > rows.length - start) size /= 2;
      await this.#statement(size).run(tx, rows.slice(start, start + size).flat());
    }
  }

  #statement(rowCount: number): Statement {
    const known = this.#ofSize.get(rowCount);
    if (known !== undefined) return known;
    const statement = new Statement((values) => {
      const width = values.length / rowCount;
      const rows = Array.from({ length: rowCount }, (_, row) => sql`(${sql.join(values.slice(row * width, (row + 1) * width), sql`,`)})`);
      return sql`${sql.raw(this.#head)} VALUES ${sql.join(rows, sql`,`)} ${sql.raw(this.#tail)}`;
    });
    this.#ofSize.set(rowCount, statement);
    return statement;
  }
}
