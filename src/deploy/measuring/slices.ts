import { metricOf, type HoldoutMetric, type ScoredRows } from './classification-metrics.ts';

/** The rows that have one value in one column. */
export interface Slice {
  readonly column: string;
  readonly value: string;
  readonly rowCount: number;
  readonly metric: number;
}

export interface Slices {
  /** large enough to be judged, the worst first */
  readonly judged: readonly Slice[];
  /** how many have too few rows, or only one class, so that nothing is said of them */
  readonly leftOutCount: number;
}

/**
 * A metric on every slice of some columns: rows with the same value, numbers by quarter where they have many values.
 *
 * @param columns values per column, one per row
 * @param minCount below this many rows a slice is not judged
 * @param isLowerBetter orders the worst first
 */
export function sliceMetric(
  metric: HoldoutMetric,
  rows: ScoredRows,
  columns: Readonly<Record<string, readonly unknown[]>>,
  minCount: number,
  isLowerBetter: boolean,
): Slices {
  const judged: Slice[] = [];
  let leftOutCount = 0;
  for (const [column, values] of Object.entries(columns)) {
    for (const [value, members] of membersOf(values)) {
      const found = members.length < minCount ? Number.NaN : metricOf(metric, rowsOf(rows, members));
      if (Number.isNaN(found)) leftOutCount++;
      else judged.push({ column, value, rowCount: members.length, metric: found });
    }
  }
  const sign = isLowerBetter ? -1 : 1;
  return { judged: judged.sort((one, other) => sign * (one.metric - other.metric)), leftOutCount };
}

const mostValues = 50;

function membersOf(values: readonly unknown[]): Map<string, number[]> {
  const numbers = values.filter((value) => typeof value === 'number' && Number.isFinite(value)) as number[];
  const isContinuous = new Set(numbers).size > mostValues;
  const edges = isContinuous ? quarters(numbers) : [];
  const found = new Map<string, number[]>();
  for (const [row, value] of values.entries()) {
    const name = nameOf(value, edges);
    const members = found.get(name);
    if (members === undefined) found.set(name, [row]);
    else members.push(row);
  }
  return found;
}

function quarters(numbers: readonly number[]): number[] {
  const sorted = Float64Array.from(numbers).sort();
  return [...new Set([0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0))];
}

function nameOf(value: unknown, edges: readonly number[]): string {
  if (value === null || value === undefined || Number.isNaN(value)) return 'missing';
  if (typeof value !== 'number' || edges.length === 0) return String(value as string);
  const above = edges.findIndex((edge) => value <= edge);
  if (above === 0) return `at most ${edges[0]}`;
  return above === -1 ? `above ${edges.at(-1)}` : `${edges[above - 1]} to ${edges[above]}`;
}

const rowsOf = (rows: ScoredRows, members: readonly number[]): ScoredRows => ({
  scores: Float64Array.from(members, (row) => rows.scores[row] ?? 0),
  truth: Uint8Array.from(members, (row) => rows.truth[row] ?? 0),
});
