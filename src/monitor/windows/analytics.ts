import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { identifier, literal } from '../../platform/sql-text.ts';

export type Cell = string | number | bigint | boolean | null;

/** A column on its way into DuckDB: `values` has one entry per row. */
export interface NewColumn {
  readonly name: string;
  readonly type: 'VARCHAR' | 'DOUBLE';
  readonly values: readonly Cell[];
}

const chunkRows = 2048;

export interface AnalyticsOptions {
  readonly threads?: number;
  readonly memory?: string;
}

/**
 * DuckDB in memory, for scans of Parquet files; statements wait for each other, so its memory has one limit.
 * Its machine code is loaded by the first statement: a server that watches no model never needs it.
 */
export class Analytics {
  readonly #options: AnalyticsOptions;
  #opened: Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: AnalyticsOptions = {}) {
    this.#options = options;
  }

  async run(sql: string): Promise<void> {
    await this.#turn((connection) => connection.run(sql));
  }

  /** One array per column, in the order of the SELECT. */
  columns(sql: string): Promise<Cell[][]> {
    return this.#turn(async (connection) => (await connection.runAndReadAll(sql)).getColumns() as Cell[][]);
  }

  /**
   * The finite numbers of one column and how many rows there are besides, without an object per value.
   *
   * @param expression of a number; NULL, NaN and infinities count as missing
   * @param rowCount of `from`
   */
  numbers(
    expression: string,
    from: string,
    rowCount: number,
  ): Promise<{ values: Float64Array; missingCount: number }> {
    return this.#turn(async (connection) => {
      const values = new Float64Array(rowCount);
      let count = 0;
      // a chunk at a time: whole results would wait for the garbage collector, which does not see them
      const result = await connection.stream(
        `SELECT coalesce((${expression})::DOUBLE, 'nan'::DOUBLE) FROM ${from}`,
      );
      for (let chunk = await result.fetchChunk(); chunk !== null; chunk = await result.fetchChunk()) {
        // each look at it asks the library's machine code
        const { rowCount: rowsHere } = chunk;
        if (rowsHere === 0) break;
        const vector = chunk.getColumnVector(0);
        for (let row = 0; row < rowsHere; row++) {
          const value = vector.getItem(row) as number;
          if (Number.isFinite(value)) values[count++] = value;
        }
      }
      return { values: values.subarray(0, count), missingCount: values.length - count };
    });
  }

  rows(sql: string): Promise<Cell[][]> {
    return this.#turn(async (connection) => (await connection.runAndReadAll(sql)).getRows() as Cell[][]);
  }

  /** A temporary table of these columns; replaces one of the same name. */
  load(table: string, columns: readonly NewColumn[]): Promise<void> {
    const rowCount = columns[0]?.values.length ?? 0;
    return this.#turn(async (connection) => {
      const duckdb = await import('@duckdb/node-api');
      const types = columns.map((column) => duckdb[column.type]);
      await connection.run(
        `CREATE OR REPLACE TEMP TABLE ${identifier(table)} (${columns.map(({ name, type }) => `${identifier(name)} ${type}`).join(', ')})`,
      );
      const appender = await connection.createAppender(table);
      for (let from = 0; from < rowCount; from += chunkRows) {
        const chunk = duckdb.DuckDBDataChunk.create(types, Math.min(chunkRows, rowCount - from));
        chunk.setColumns(columns.map((column) => column.values.slice(from, from + chunkRows)));
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
    });
  }

  async close(): Promise<void> {
    await this.#last;
    const opened = await this.#opened?.catch(() => undefined);
    opened?.connection.closeSync();
    opened?.instance.closeSync();
  }

  #turn<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      this.#opened ??= this.#open();
      return work((await this.#opened).connection);
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #open(): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
    const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
    const instance = await Instance.create(':memory:', {
      threads: String(this.#options.threads ?? 2),
      memory_limit: this.#options.memory ?? '400MB',
    });
    const connection = await instance.connect();
    // footers of parts never change: a part is written once under a name of its own
    await connection.run('SET parquet_metadata_cache = true');
    return { instance, connection };
  }
}

/** Milliseconds since the epoch as SQL timestamp in UTC. */
export const timestamp = (at: number): string => `make_timestamp(${Math.round(at * 1000)}::BIGINT)`;

/** A table expression over Parquet files whose columns may differ. */
export const parquetFiles = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false)`;

/** Is this a file of text, which is parsed each time that it is read? Told by its name. */
export const isTextTable = (path: string): boolean => /\.(csv|tsv)(\.gz)?$/i.test(path);

/** A table expression over one Parquet or CSV file, told by its name. */
export const dataFile = (path: string): string =>
  isTextTable(path) ? `read_csv(${literal(path)})` : `read_parquet(${literal(path)})`;
