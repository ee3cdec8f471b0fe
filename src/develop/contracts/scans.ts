import { statSync } from 'node:fs';
import type { FileGroup } from './contract-sql.ts';
import type { ContractTable, Property } from './contract.ts';
import type { RuleTest } from './rule.ts';

export const isInteger = (stored: string): boolean => /INT(EGER)?$/.test(stored);
export const isFloat = (stored: string): boolean => stored === 'DOUBLE' || stored === 'FLOAT';

const smallFileBytes = 1 << 20;

/**
 * Whether a rule is better counted by a scan of its own than by the one that all share.
 *
 * A scan of one column of Parquet with one condition skips what the file's statistics rule out and looks at each value
 * of a dictionary once. Opening many small files again for each rule would cost more than that saves.
 */
export function worthOwnScan(test: RuleTest, groups: readonly FileGroup[]): boolean {
  if (!ownScanKinds.has(test.kind) || groups.some(({ format }) => format !== 'parquet')) return false;
  const files = groups.flatMap((group) => group.files);
  const bytes = files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  return bytes >= smallFileBytes * files.length || files.length === 1;
}

const ownScanKinds: ReadonlySet<RuleTest['kind']> = new Set([
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

/** One row for each 64 neighbouring numbers: how many rows have one of them, and a bit for each that is there. */
const neighbours = (key: string): string =>
  `SELECT CAST(${key} AS BIGINT) >> 6 AS place, count(*) AS n, bit_or(1::UBIGINT << CAST(CAST(${key} AS BIGINT) & 63 AS UBIGINT)) AS bits FROM __data WHERE ${key} IS NOT NULL GROUP BY place`;

/** How many rows repeat a key that another row has. Counting groups is faster than DISTINCT, of numbers bits are. */
export const repeatsQuery = (keys: readonly string[], isComplete: string, isWhole: boolean): string =>
  isWhole
    ? `SELECT coalesce(sum(n - bit_count(bits)), 0)::BIGINT FROM (${neighbours(keys.join())})`
    : `SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM __data WHERE ${isComplete} GROUP BY ${keys.join(', ')})`;
