import { isMaskedClass, mask } from '../contracts/masking.ts';
import type { ColumnProfile, DataProfile, Histogram } from './profile-api.ts';

/** Fewest and most bins between the ends of a grid. */
const binsWanted = 32;

/** Edges `first * step … last * step`; values outside are counted as below and above. */
export interface Grid {
  readonly step: number;
  readonly first: number;
  readonly last: number;
}

/**
 * A grid of 32 to 66 bins for a column. Where its ends lie far out, the grid covers what lies around the middle 90
 * percent, so that one stray value does not push all others into one bin.
 *
 * @param low 5 percent quantile, @param high 95 percent quantile
 */
export function gridFor(min: number, max: number, low: number, high: number, isWhole: boolean): Grid {
  const reach = Math.max(high - low, 0) * 2;
  const from = reach > 0 ? Math.max(min, low - reach) : min;
  const to = reach > 0 ? Math.min(max, high + reach) : max;
  const smallest = isWhole ? 1 : Math.max(Math.abs(from), Math.abs(to)) * 2 ** -40 || 2 ** -40;
  const step = 2 ** Math.floor(Math.log2(Math.max((to - from) / binsWanted, smallest)));
  const first = Math.floor(from / step);
  return { step, first, last: Math.max(Math.floor(to / step), first) + 1 };
}

/** @param numbered bin number → count, the numbers cut to `first - 1 … last` by the query */
export function histogramOf(grid: Grid, numbered: ReadonlyMap<number, number>): Histogram {
  const counts = Array.from(
    { length: grid.last - grid.first },
    (_, bin) => numbered.get(grid.first + bin) ?? 0,
  );
  return {
    step: grid.step,
    first: grid.first,
    counts,
    below: numbered.get(grid.first - 1) ?? 0,
    above: numbered.get(grid.last) ?? 0,
  };
}

/** The column without anything that shows a value: how many rows, nulls and different values it has stays. */
export const maskColumn = (column: ColumnProfile): ColumnProfile => ({
  ...column,
  isMasked: true,
  min: null,
  max: null,
  mean: null,
  standardDeviation: null,
  quantiles: null,
  histogram: null,
  frequent: column.frequent.map(({ count }) => ({ value: mask, count })),
});

/** The profile with each column masked that `isHidden` names. */
export const maskProfile = (
  profile: DataProfile,
  isHidden: (column: ColumnProfile) => boolean,
): DataProfile => ({
  ...profile,
  tables: profile.tables.map((table) => ({
    ...table,
    columns: table.columns.map((column) =>
      isHidden(column) && !column.isMasked ? maskColumn(column) : column,
    ),
  })),
});

/** The profile with what the contract and the declaration say of its columns, and classified ones masked. */
export function classifyProfile(
  profile: DataProfile,
  classes: ReadonlyMap<string, string>,
  datasetClass: string | null,
): DataProfile {
  const classified: DataProfile = {
    ...profile,
    tables: profile.tables.map((table) => ({
      ...table,
      columns: table.columns.map((column) => ({
        ...column,
        classification: classes.get(column.name) ?? datasetClass,
      })),
    })),
  };
  return maskProfile(classified, ({ classification }) => isMaskedClass(classification));
}
