import { sum } from '../statistics/interval.ts';
import { sortNumbers } from '../statistics/sort-numbers.ts';

/** A column of one side, ready to be compared. */
export type Column = NumericColumn | CategoricalColumn;

export interface NumericColumn {
  readonly kind: 'num';
  /** finite numbers, ascending */
  readonly sorted: Float64Array;
  readonly missingCount: number;
}

export interface CategoricalColumn {
  readonly kind: 'cat';
  readonly counts: ReadonlyMap<string, number>;
  /** rows that have a value */
  readonly count: number;
  readonly missingCount: number;
}

/** Numbers without NaN and infinities, sorted once for all statistics. */
export function numericColumn(values: readonly unknown[]): NumericColumn {
  const finite = new Float64Array(values.length);
  let count = 0;
  for (const value of values) {
    if (typeof value === 'number' && Number.isFinite(value)) finite[count++] = value;
  }
  return { kind: 'num', sorted: sortNumbers(finite.subarray(0, count)), missingCount: values.length - count };
}

export function categoricalColumn(values: readonly (string | number | boolean | null)[]): CategoricalColumn {
  const counts = new Map<string, number>();
  let missingCount = 0;
  for (const value of values) {
    if (value === null || (typeof value === 'number' && !Number.isFinite(value))) {
      missingCount++;
      continue;
    }
    const text = String(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return { kind: 'cat', counts, count: values.length - missingCount, missingCount };
}

export const sizeOf = (column: Column): number =>
  column.kind === 'num' ? column.sorted.length : column.count;

/** Share of current rows whose category the reference never had, 0..1. */
export function unseenShare(reference: CategoricalColumn, current: CategoricalColumn): number {
  const unseen = [...current.counts].filter(([value]) => !reference.counts.has(value));
  return sum(unseen.map(([, count]) => count / current.count));
}
