import type { ColumnProfile, TableProfile } from './profile-api.ts';
import type { Grid } from './profile.ts';
import { identifier, literal } from '../../platform/sql-text.ts';

export type ColumnKind = ColumnProfile['kind'];

/** Files with the same columns, read as one table. */
export interface TableFiles {
  readonly format: TableProfile['format'];
  /** absolute; named by their content in the cache, so that the format is not told by the name */
  readonly paths: readonly string[];
  readonly delimiter: string;
  readonly isZipped: boolean;
}

/** How much of a text file its types are guessed from; a guess that fails is widened. */
export const guesses = ['sample_size = 20480', 'sample_size = -1', 'all_varchar = true'] as const;

/** @param guess number of the guess about the types of a text file */
export function tableSource({ format, paths, delimiter, isZipped }: TableFiles, guess: number): string {
  const list = `[${paths.map(literal).join(', ')}]`;
  if (format === 'parquet') return `read_parquet(${list}, union_by_name = true, hive_partitioning = false)`;
  const zip = isZipped ? `, compression = 'gzip'` : '';
  if (format === 'json') {
    const wide = guess === 0 ? '' : ', sample_size = -1';
    return `read_json(${list}, format = 'newline_delimited', union_by_name = true, hive_partitioning = false${wide}${zip})`;
  }
  return `read_csv(${list}, header = true, delim = ${literal(delimiter)}, union_by_name = true, hive_partitioning = false, ${guesses[guess] ?? guesses[0]}${zip})`;
}

const numbers = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/;

export function kindOf(type: string): ColumnKind {
  if (numbers.test(type)) return 'number';
  if (/^(DATE|TIMESTAMP.*)$/.test(type)) return 'time';
  if (type === 'BOOLEAN') return 'boolean';
  return /^(VARCHAR|UUID|ENUM.*|TIME.*)$/.test(type) ? 'text' : 'other';
}

export const isWhole = (type: string): boolean => /INT(EGER)?$/.test(type);

/** The value as a number: seconds for times; neither not-a-number nor infinity is one. */
export function measured(name: string, kind: ColumnKind): string {
  const column = identifier(name);
  if (kind === 'time') return `epoch(${column}::TIMESTAMP)`;
  return `CASE WHEN isfinite(${column}::DOUBLE) THEN ${column}::DOUBLE END`;
}

export const frequentCount = 30;

/** What a first reading tells of one column, under the names `c3_nulls`, `c3_min`, … */
export function summaryOf(name: string, type: string, at: number): string[] {
  const kind = kindOf(type);
  const column = identifier(name);
  const own = (key: string, sql: string): string => `${sql} AS c${at}_${key}`;
  const missing =
    type === 'FLOAT' || type === 'DOUBLE'
      ? `count(*) FILTER (WHERE ${column} IS NULL OR isnan(${column}))`
      : `count(*) - count(${column})`;
  const found = [own('nulls', missing), own('distinct', `approx_count_distinct(${column})`)];
  if (kind === 'other') return found;
  found.push(own('min', `min(${column})::VARCHAR`), own('max', `max(${column})::VARCHAR`));
  if (kind === 'text') found.push(own('mean', `avg(length(${column}::VARCHAR))`));
  if (kind === 'text' || kind === 'boolean' || isWhole(type))
    found.push(own('top', `approx_top_k(left(${column}::VARCHAR, 120), ${frequentCount})`));
  if (kind !== 'number' && kind !== 'time') return found;
  const value = measured(name, kind);
  return [
    ...found,
    own('low', `min(${value})`),
    own('high', `max(${value})`),
    own('mean', `avg(${value})`),
    own('deviation', `stddev_pop(${value})`),
    own('quantiles', `approx_quantile(${value}, [0.05, 0.25, 0.5, 0.75, 0.95])`),
  ];
}

/** What a first reading found, for the second to count by. */
export interface Wanted {
  readonly grid: Grid | undefined;
  readonly frequent: readonly string[];
  /** the estimate of a first reading may be a fifth wrong; where it is small an exact count costs little */
  readonly isFew: boolean;
}

/** What a second reading counts: values per bin, and how often each of the frequent ones occurs. */
export function countsOf(
  name: string,
  type: string,
  at: number,
  { grid, frequent, isFew }: Wanted,
): string[] {
  const number = measured(name, kindOf(type));
  const value = `left(${identifier(name)}::VARCHAR, 120)`;
  const found: string[] = [];
  if (isFew) found.push(`count(DISTINCT ${identifier(name)}) AS c${at}_exact`);
  if (grid !== undefined) {
    const inside = `greatest(least(floor(${number} / ${sqlNumber(grid.step)}), ${grid.last}), ${grid.first - 1})`;
    // greatest() passes over a missing value, which belongs to no bin
    found.push(`histogram(CASE WHEN ${number} IS NOT NULL THEN ${inside} END::BIGINT) AS c${at}_bins`);
  }
  if (frequent.length > 0) {
    found.push(
      `histogram(${value}) FILTER (WHERE ${value} IN (${frequent.map(literal).join(', ')})) AS c${at}_top`,
    );
  }
  return found;
}

/** As DOUBLE: a literal with a point would be a DECIMAL. */
const sqlNumber = (value: number): string => `${value.toExponential()}::DOUBLE`;
