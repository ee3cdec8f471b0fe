import { dataFile, identifier, isTextTable, type Analytics } from '../windows/analytics.ts';
import { sortNumbers } from '../statistics/sort-numbers.ts';
import type { Column } from './column.ts';
import { fileUnreadable } from './drift-errors.ts';

export type ColumnKind = 'num' | 'cat' | 'text';

export interface FileColumn {
  readonly name: string;
  /** DuckDB's */
  readonly type: string;
  /** undefined where a column of this type is not compared: times, lists, bytes */
  readonly kind: ColumnKind | undefined;
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
   * Opens a file and looks at each column's type and how many values differ. A CSV file is parsed once.
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
      const [[rowCount = 0] = []] = await analytics.rows(`SELECT count(*)::DOUBLE FROM ${from}`);
      const columns: FileColumn[] = [];
      for (let at = 0; at < described.length; at += columnsPerLook) {
        columns.push(...(await lookAt(analytics, from, described.slice(at, at + columnsPerLook))));
      }
      return new FileTable(analytics, path, from, Number(rowCount), columns);
    } catch (cause) {
      throw fileUnreadable(path, cause);
    }
  }

  find(name: string): FileColumn | undefined {
    return this.columns.find((column) => column.name === name);
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
  async sample(names: readonly string[], most: number): Promise<(string | number | null)[][]> {
    const step = Math.max(1, Math.ceil(this.rowCount / most));
    const wanted = names.map((name) => {
      const isNumber = this.find(name)?.kind === 'num';
      return `${identifier(name)}::${isNumber ? 'DOUBLE' : 'VARCHAR'}`;
    });
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

/** Values are counted roughly first, and exactly only where it decides of what kind a column is. */
async function lookAt(
  analytics: Analytics,
  from: string,
  described: readonly { name: string; type: string }[],
): Promise<FileColumn[]> {
  const counts = described.map(({ name, type }) => {
    const column = identifier(name);
    const isCounted = isInteger(type) || type === 'VARCHAR';
    return `count(${column})::DOUBLE, ${isCounted ? `approx_count_distinct(${column})::DOUBLE` : '0'}`;
  });
  const [row = []] = await analytics.rows(`SELECT ${counts.join(', ')} FROM ${from}`);
  const columns: FileColumn[] = [];
  for (const [at, { name, type }] of described.entries()) {
    const [count, roughly] = [Number(row[2 * at] ?? 0), Number(row[2 * at + 1] ?? 0)];
    const limit = type === 'VARCHAR' ? count / 2 : mostCategories;
    // the sketch is off by some per cent
    const isClose = roughly > 0 && Math.abs(roughly - limit) <= limit * 0.4 + 2;
    const distinctCount = isClose ? await countDistinct(analytics, from, name) : roughly;
    columns.push({ name, type, count, kind: kindOf(type, count, distinctCount) });
  }
  return columns;
}

async function countDistinct(analytics: Analytics, from: string, name: string): Promise<number> {
  const [[count = 0] = []] = await analytics.rows(
    `SELECT count(DISTINCT ${identifier(name)})::DOUBLE FROM ${from}`,
  );
  return Number(count);
}

export const isInteger = (type: string): boolean => /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type);
export const isFraction = (type: string): boolean => /^(FLOAT|DOUBLE|DECIMAL)/.test(type);

/** More distinct whole numbers than this are numbers, fewer are categories (Evidently's). */
const mostCategories = 10;

/** Whole numbers with few values are categories; text that hardly repeats is text. */
function kindOf(type: string, count: number, distinctCount: number): ColumnKind | undefined {
  if (isFraction(type)) return 'num';
  if (isInteger(type)) return distinctCount <= mostCategories ? 'cat' : 'num';
  if (type === 'BOOLEAN' || type.startsWith('ENUM')) return 'cat';
  if (type !== 'VARCHAR') return undefined;
  return distinctCount > count / 2 ? 'text' : 'cat';
}

/** How a column of both sides is compared: as the reference tells; undefined where one side holds numbers and the other does not. */
export function sharedKind(reference: FileColumn, current: FileColumn): ColumnKind | undefined {
  const isNumber = (type: string): boolean => isInteger(type) || isFraction(type);
  return isNumber(reference.type) === isNumber(current.type) && current.kind !== undefined
    ? reference.kind
    : undefined;
}
