import { DuckDBDataChunk, DuckDBInstance, type DuckDBConnection, type DuckDBType } from '@duckdb/node-api';

export type Cell = string | number | bigint | boolean | null;

/** A column on its way into DuckDB: `values` has one entry per row. */
export interface NewColumn {
  readonly name: string;
  readonly type: DuckDBType;
  readonly values: readonly Cell[];
}

const chunkRows = 2048;

/** DuckDB in memory, for scans of Parquet files; statements wait for each other, so its memory has one limit. */
export class Analytics {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(options: { threads?: number; memory?: string } = {}): Promise<Analytics> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(options.threads ?? 2),
      memory_limit: options.memory ?? '400MB',
    });
    const connection = await instance.connect();
    // footers of parts never change: a part is written once under a name of its own
    await connection.run('SET parquet_metadata_cache = true');
    return new Analytics(instance, connection);
  }

  async run(sql: string): Promise<void> {
    await this.#turn(() => this.#connection.run(sql));
  }

  /** One array per column, in the order of the SELECT. */
  columns(sql: string): Promise<Cell[][]> {
    return this.#turn(async () => (await this.#connection.runAndReadAll(sql)).getColumns() as Cell[][]);
  }

  rows(sql: string): Promise<Cell[][]> {
    return this.#turn(async () => (await this.#connection.runAndReadAll(sql)).getRows() as Cell[][]);
  }

  /** A temporary table of these columns; replaces one of the same name. */
  load(table: string, columns: readonly NewColumn[]): Promise<void> {
    const rowCount = columns[0]?.values.length ?? 0;
    const types = columns.map((column) => column.type);
    return this.#turn(async () => {
      const definition = columns.map((column) => `${identifier(column.name)} ${column.type.toString()}`);
      await this.#connection.run(`CREATE OR REPLACE TEMP TABLE ${identifier(table)} (${definition.join(', ')})`);
      const appender = await this.#connection.createAppender(table);
      for (let from = 0; from < rowCount; from += chunkRows) {
        const chunk = DuckDBDataChunk.create(types, Math.min(chunkRows, rowCount - from));
        chunk.setColumns(columns.map((column) => column.values.slice(from, from + chunkRows)));
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
    });
  }

  async close(): Promise<void> {
    await this.#last;
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** A text as SQL literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A name as SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Milliseconds since the epoch as SQL timestamp in UTC. */
export const timestamp = (at: number): string => `make_timestamp(${Math.round(at * 1000)}::BIGINT)`;

/** A table expression over Parquet files whose columns may differ. */
export const parquetFiles = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false)`;

/** A table expression over one Parquet or CSV file, told by its name. */
export const dataFile = (path: string): string =>
  /\.(csv|tsv)(\.gz)?$/i.test(path) ? `read_csv(${literal(path)})` : `read_parquet(${literal(path)})`;
