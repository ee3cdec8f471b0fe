import { statSync } from 'node:fs';
import type { FileGroup } from './file-group.ts';
import type { ContractTable, Property } from './contract.ts';
import type { Rule, RuleTest } from './rule.ts';

export const isInteger = (stored: string): boolean => /INT(EGER)?$/.test(stored);
export const isFloat = (stored: string): boolean => stored === 'DOUBLE' || stored === 'FLOAT';

const smallFileBytes = 1 << 20;

/**
 * The rules, by number, that are better counted by a scan of their own than by the one that all share.
 *
 * A scan of one column of Parquet with one condition skips what the file's statistics rule out, looks at each value of
 * a dictionary once, and finds examples on its way. Opening many small files again for each rule would cost more than
 * that saves, and so would decoding a column twice for conditions that nothing can skip.
 */
export function ownScans(rules: readonly Rule[], groups: readonly FileGroup[]): ReadonlySet<number> {
  const files = groups.flatMap((group) => group.files);
  const bytes = files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  const isLarge = files.length === 1 || bytes >= smallFileBytes * files.length;
  if (!isLarge || groups.some(({ format }) => format !== 'parquet')) return new Set();
  const whole = rules.filter(({ test }) => wholeColumnKinds.has(test.kind)).map(({ column }) => column);
  return new Set(
    rules.flatMap(({ test, column }, at) =>
      skippingKinds.has(test.kind) ||
      (wholeColumnKinds.has(test.kind) && whole.filter((one) => one === column).length === 1)
        ? [at]
        : [],
    ),
  );
}

type Kinds = ReadonlySet<RuleTest['kind']>;
const wholeColumnKinds: Kinds = new Set(['pattern', 'length-below', 'length-above', 'not-multiple']);
const skippingKinds: Kinds = new Set([
  'null',
  'below',
  'above',
  'not-above',
  'not-below',
  'not-one-of',
  'one-of',
  'duplicate',
]);

/** Whether the type that all files store a column in leaves nothing that could be of a wrong type. */
export const isAlwaysOfType = ({ column, type }: Property, groups: readonly FileGroup[]): boolean =>
  groups.every((group) => {
    const stored = group.columns.get(column);
    if (stored === undefined) return true;
    switch (type) {
      case 'string':
      case 'other':
        return true;
      case 'integer':
        return isInteger(stored);
      case 'number':
        return isInteger(stored) || isFloat(stored) || stored.startsWith('DECIMAL');
      case 'boolean':
        return stored === 'BOOLEAN';
      case 'date':
      case 'timestamp':
        return stored === 'DATE' || stored === 'TIMESTAMP';
      case 'time':
        return stored === 'TIME';
    }
  });

/** Whether a key is one column of whole numbers that fit into 64 bits with a sign. */
export function isWholeKey(
  columns: readonly string[],
  table: ContractTable,
  groups: readonly FileGroup[],
): boolean {
  const property = table.properties.find(({ name }) => name === columns[0]);
  return (
    columns.length === 1 &&
    property?.type === 'integer' &&
    groups.every((group) =>
      /^(U?(TINY|SMALL)INT|U?INTEGER|BIGINT)$/.test(group.columns.get(property.column) ?? ''),
    )
  );
}

/** Which of 4,096 neighbouring whole numbers a number is among. */
const placeOf = (key: string): string => `CAST(${key} AS BIGINT) >> 12`;

/** With as many places or more, to look for the first repeated rows among all is no more work. */
export const placeLimit = 1000;

/** Whether numbers lie so close that a bit for each that could be there takes no more room than the numbers. */
export const isDense = (span: number, rowCount: number): boolean => span <= 64 * rowCount;

/**
 * How many rows repeat a whole number that another row has, and in which places. One row for each 64 neighbours, with a
 * bit for each number that is there, is less work than one row for each number; where the numbers lie close, one for
 * each 4,096 is less still.
 */
export function wholeRepeats(key: string, areDense: boolean): string {
  const whole = `CAST(${key} AS BIGINT)`;
  const [place, bits] = areDense
    ? [placeOf(key), `bitstring_agg(CAST(${whole} & 4095 AS SMALLINT), 0, 4095)`]
    : [`${whole} >> 6`, `bit_or(1::UBIGINT << CAST(${whole} & 63 AS UBIGINT))`];
  const shown = areDense ? 'place' : 'place >> 6';
  return `SELECT {'n': coalesce(sum(n - bit_count(bits)), 0)::BIGINT, 'places': min(${shown}, ${placeLimit}) FILTER (n <> bit_count(bits))} FROM (SELECT ${place} AS place, count(*) AS n, ${bits} AS bits FROM __data WHERE ${key} IS NOT NULL GROUP BY place)`;
}

/** SQL that is true for a row whose whole number is there twice, among those in the places of `wholeRepeats`. */
export const repeatsAmong = (key: string, places: readonly string[]): string =>
  `${key} IN (SELECT ${key} FROM __data WHERE ${placeOf(key)} IN (${places.join(', ')}) GROUP BY ${key} HAVING count(*) > 1)`;

/** How many rows repeat a key that another row has: counting groups is faster than DISTINCT. */
export const repeats = (keys: string, isComplete: string): string =>
  `SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM __data WHERE ${isComplete} GROUP BY ${keys})`;
