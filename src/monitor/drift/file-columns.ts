import { dataFile, isTextTable, type Analytics } from '../windows/analytics.ts';
import { sortNumbers } from '../statistics/sort-numbers.ts';
import type { Column } from './column.ts';
import { fileUnreadable } from './drift-errors.ts';
import { identifier } from '../../platform/sql-text.ts';

export type ColumnKind = 'num' | 'cat' | 'text';

/** A column of both sides and how it is told on both: as the reference tells. */
export interface ComparedColumn {
  readonly name: string;
  readonly kind: 'num' | 'cat';
}

export interface FileColumn {
  readonly name: string;
  /** DuckDB's */
  readonly type: string;
  /** rows that have a value */
  readonly count: number;
}

/** One table of columns: a Parquet or CSV file, read a column at a time. */
export class FileTable {
  readonly path: string;
  readonly columns: readonly FileColumn[];
  readonly rowCount: number;
  readonly #analytics: Analytics;
  readonly #from: string;

  private constructor(
    analytics: Analytics,
    path: string,
    from: string,
    rowCount: number,
    columns: readonly FileColumn[],
  ) {
    this.#analytics = analytics;
    this.path = path;
    this.#from = from;
    this.rowCount = rowCount;
    this.columns = columns;
  }

  /**
   * Opens a file and looks at its columns. A CSV file is parsed once.
   *
   * @throws DRIFT_FILE_UNREADABLE
   */
  static async open(analytics: Analytics, path: string, table: string): Promise<FileTable> {
    try {
      const isText = isTextTable(path);
      if (isText)
        await analytics.run(
          `CREATE OR REPLACE TEMP TABLE ${identifier(table)} AS SELECT * FROM ${dataFile(path)}`,
        );
      const from = isText ? identifier(table) : dataFile(path);
      const described = (await analytics.rows(`DESCRIBE SELECT * FROM ${from}`)).map((row) => ({
        name: String(row[0]),
        type: String(row[1]),
      }));
      const counts = described.map(({ name }) => `, count(${identifier(name)})::DOUBLE`);
      const [[rowCount = 0, ...counted] = []] = await analytics.rows(
        `SELECT count(*)::DOUBLE${counts.join('')} FROM ${from}`,
      );
      const columns = described.map((column, at) => ({ ...column, count: Number(counted[at]) }));
      return new FileTable(analytics, path, from, Number(rowCount), columns);
    } catch (cause) {
      throw fileUnreadable(path, cause);
    }
  }

  find(name: string): FileColumn | undefined {
    return this.columns.find((column) => column.name === name);
  }

  /** How each column is to be told; undefined for types that are not compared: times, lists, bytes. */
  async kinds(): Promise<ReadonlyMap<string, ColumnKind | undefined>> {
    const kinds = new Map<string, ColumnKind | undefined>();
    for (let at = 0; at < this.columns.length; at += columnsPerLook) {
      const columns = this.columns.slice(at, at + columnsPerLook);
      const wanted = columns.map(({ name, type }) =>
        isInteger(type) || type === 'VARCHAR' ? `approx_count_distinct(${identifier(name)})::DOUBLE` : '0',
      );
      const [row = []] = await this.#analytics.rows(`SELECT ${wanted.join(', ')} FROM ${this.#from}`);
      for (const [index, column] of columns.entries()) {
        kinds.set(column.name, kindOf(column, await this.#distinct(column, Number(row[index]))));
      }
    }
    return kinds;
  }

  /** Values are counted roughly first, and exactly only where it decides of what kind a column is. */
  async #distinct({ name, type, count }: FileColumn, roughly: number): Promise<number> {
    const limit = type === 'VARCHAR' ? count / 2 : mostCategories;
    // the sketch is off by some per cent
    const isClose = roughly > 0 && Math.abs(roughly - limit) <= limit * 0.4 + 2;
    if (!isClose) return roughly;
    const [[exactly = 0] = []] = await this.#analytics.rows(
      `SELECT count(DISTINCT ${identifier(name)})::DOUBLE FROM ${this.#from}`,
    );
    return Number(exactly);
  }

  /** Categories are counted where the data is; numbers come as one array. */
  async read(name: string, kind: 'num' | 'cat'): Promise<Column> {
    const column = identifier(name);
    if (kind === 'num') {
      const { values, missingCount } = await this.#analytics.numbers(column, this.#from, this.rowCount);
      return { kind, sorted: sortNumbers(values), missingCount };
    }
    const rows = await this.#analytics.rows(
      `SELECT ${asCategory(column, this.find(name)?.type ?? '')}, count(*)::DOUBLE FROM ${this.#from} GROUP BY 1`,
    );
    const counts = new Map<string, number>();
    let [count, missingCount] = [0, 0];
    for (const [value, rowsOfValue] of rows) {
      if (value === null || value === undefined) missingCount += Number(rowsOfValue);
      else {
        counts.set(String(value), Number(rowsOfValue));
        count += Number(rowsOfValue);
      }
    }
    return { kind, counts, count, missingCount };
  }

  /** Texts of a column that have one, in the file's order, at most so many, evenly taken. */
  async texts(name: string, most: number): Promise<string[]> {
    const column = identifier(name);
    const step = Math.max(1, Math.ceil(this.rowCount / most));
    const rows = await this.#analytics.rows(
      `SELECT t FROM (SELECT ${column}::VARCHAR AS t, row_number() OVER () AS place FROM ${this.#from}) WHERE t IS NOT NULL AND (place - 1) % ${step} = 0`,
    );
    return rows.map(([text]) => String(text));
  }

  /** Rows of several columns, numbers as they are and the rest as text; evenly taken, at most so many. */
  async sample(columns: readonly ComparedColumn[], most: number): Promise<(string | number | null)[][]> {
    const step = Math.max(1, Math.ceil(this.rowCount / most));
    const wanted = columns.map(
      ({ name, kind }) => `${identifier(name)}::${kind === 'num' ? 'DOUBLE' : 'VARCHAR'}`,
    );
    const rows = await this.#analytics.rows(
      `SELECT ${wanted.map((_, at) => `c${at}`).join(', ')} FROM (SELECT ${wanted.map((each, at) => `${each} AS c${at}`).join(', ')}, row_number() OVER () AS place FROM ${this.#from}) WHERE (place - 1) % ${step} = 0`,
    );
    return rows as (string | number | null)[][];
  }
}

/** A whole number that was read as a fraction on one side only is the same category: 1.0 is 1. */
const asCategory = (column: string, type: string): string =>
  isFraction(type)
    ? `CASE WHEN isfinite(${column}::DOUBLE) THEN CASE WHEN ${column} = trunc(${column}) AND abs(${column}) < 1e15 THEN ${column}::BIGINT::VARCHAR ELSE ${column}::VARCHAR END END`
    : `${column}::VARCHAR`;

/** So many at once, as the sketches of all of them are in memory together. */
const columnsPerLook = 64;

export const isInteger = (type: string): boolean => /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);
export const isFraction = (type: string): boolean => /^(FLOAT|DOUBLE|DECIMAL)/.test(type);

/** More distinct whole numbers than this are numbers, fewer are categories (Evidently's). */
const mostCategories = 10;

/** Whole numbers with few values are categories; text that hardly repeats is text. */
function kindOf({ type, count }: FileColumn, distinctCount: number): ColumnKind | undefined {
  if (isFraction(type)) return 'num';
  if (isInteger(type)) return distinctCount <= mostCategories ? 'cat' : 'num';
  if (!isCategory(type)) return undefined;
  return type === 'VARCHAR' && distinctCount > count / 2 ? 'text' : 'cat';
}

const isCategory = (type: string): boolean =>
  type === 'VARCHAR' || type === 'BOOLEAN' || type.startsWith('ENUM');
const isNumber = (type: string): boolean => isInteger(type) || isFraction(type);

/** Can a column of this type stand beside one of the other? Numbers beside numbers, all else that is compared beside each other. */
export const areAlike = (type: string, other: string): boolean =>
  isNumber(type) ? isNumber(other) : isCategory(type) && isCategory(other);
