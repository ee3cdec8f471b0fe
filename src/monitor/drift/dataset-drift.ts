import { alignHistograms } from '../../develop/data/histogram-align.ts';
import type { ColumnProfile, Histogram, VersionProfile } from '../../develop/data/profile-api.ts';
import { pairTables } from '../../develop/data/profile-difference.ts';
import type { DatasetColumnDrift, DatasetDrift } from './dataset-drift-api.ts';
import { jensenShannon, populationStability } from '../statistics/shares.ts';
import { numericColumn } from './column.ts';
import { compareColumns, type ColumnDrift } from './drift.ts';
import { methods } from './methods.ts';

/** How far each column moved between two versions, from their stored profiles alone. */
export function driftBetween(from: VersionProfile, to: VersionProfile): DatasetDrift {
  return {
    dataset: to.dataset,
    from: from.profile.md5,
    to: to.profile.md5,
    tables: pairTables(from.profile.tables, to.profile.tables).flatMap(({ name, before, after }) => {
      if (before === undefined || after === undefined) return [];
      const old = new Map(before.columns.map((column) => [column.name, column]));
      const columns: DatasetColumnDrift[] = [];
      const notCompared: { name: string; reason: string }[] = [];
      for (const column of after.columns) {
        const earlier = old.get(column.name);
        if (earlier === undefined) continue;
        const found = columnDrift(
          earlier,
          column,
          before.rowCount - earlier.nullCount,
          after.rowCount - column.nullCount,
        );
        if (typeof found === 'string') notCompared.push({ name: column.name, reason: found });
        else columns.push(found);
      }
      return [{ name, columns, notCompared }];
    }),
  };
}

/** @returns the drift, or why it can't be told */
function columnDrift(
  from: ColumnProfile,
  to: ColumnProfile,
  rowsFrom: number,
  rowsTo: number,
): DatasetColumnDrift | string {
  if (from.isMasked || to.isMasked) return 'its values are classified';
  if (rowsFrom === 0 || rowsTo === 0) return 'a version has no value in it';
  if (isKey(from, rowsFrom) && isKey(to, rowsTo)) return 'each row has its own';
  if (from.kind !== to.kind) return `${from.type} became ${to.type}`;
  if (from.histogram !== null && to.histogram !== null)
    return histogramDrift(to, from.histogram, to.histogram);
  if (from.frequent.length === 0 || to.frequent.length === 0) return 'its values hardly repeat';
  return valueDrift(from, to, rowsFrom, rowsTo);
}

/** A whole number of which hardly one occurs twice names its row; the estimate of large counts may be a fifth too low. */
const isKey = (column: ColumnProfile, rows: number): boolean =>
  /INT(EGER)?$/.test(column.type) &&
  rows > 20 &&
  column.distinctCount > rows * (column.distinctCount > 5000 ? 0.75 : 0.95);

/** Above this many rows a distance decides, as where columns are compared whole. */
const fewRows = 1000;
/** so many rows of a large side stand for it beside a small one */
const mostRows = 20_000;

function histogramDrift(
  { name, kind }: ColumnProfile,
  before: Histogram,
  after: Histogram,
): DatasetColumnDrift {
  const [rowsFrom, rowsTo] = [rowsIn(before), rowsIn(after)];
  const sturges = Math.max(5, Math.ceil(Math.log2(rowsFrom + rowsTo) + 1));
  const { edges, from, to } = alignHistograms(before, after, sturges);
  const [sharesFrom, sharesTo] = [sharesOf(from, rowsFrom), sharesOf(to, rowsTo)];
  const shares = { reference: sharesFrom, current: sharesTo };
  const distance = jensenShannon(shares);
  const decided = rowsFrom <= fewRows ? fewRowsDrift(before, after) : null;
  return {
    name,
    kind,
    by: 'histogram',
    ...(decided ?? {
      method: 'jensenshannon',
      score: distance,
      threshold: methods.jensenshannon.threshold,
      drifted: distance >= methods.jensenshannon.threshold,
    }),
    psi: populationStability(shares),
    jensenShannon: distance,
    edges: [...edges],
    values: [],
    from: [...sharesFrom],
    to: [...sharesTo],
  };
}

const rowsIn = ({ counts, below, above }: Histogram): number =>
  counts.reduce((sum, count) => sum + count, below + above);

const sharesOf = (counts: readonly number[], rows: number): Float64Array =>
  Float64Array.from(counts, (count) => count / rows);

/** With few rows shares alone say little: each row stands at the middle of its bin and the columns are compared whole. */
function fewRowsDrift(before: Histogram, after: Histogram): ColumnDrift['default'] {
  const { edges, from, to, step } = alignHistograms(before, after, 256);
  const middle = (bin: number): number => (edges[bin] ?? (edges.at(-1) ?? 0) + step) - step / 2;
  const rows = (counts: readonly number[]): number[] => {
    const size = counts.reduce((sum, count) => sum + count, 0);
    const part = Math.min(1, mostRows / Math.max(1, size));
    return counts.flatMap((count, bin) =>
      Array.from({ length: Math.round(count * part) }, () => middle(bin)),
    );
  };
  return compareColumns(numericColumn(rows(from)), numericColumn(rows(to))).default;
}

const rest = 'other values';

function valueDrift(
  from: ColumnProfile,
  to: ColumnProfile,
  rowsFrom: number,
  rowsTo: number,
): DatasetColumnDrift | string {
  const [before, after] = [countsOf(from), countsOf(to)];
  const [hasRestFrom, hasRestTo] = [restOf(before, rowsFrom) > 0, restOf(after, rowsTo) > 0];
  // a value that one side only counts among its rest can't be compared by itself
  const isTold = (value: string): boolean =>
    (before.has(value) || !hasRestFrom) && (after.has(value) || !hasRestTo);
  const told = (counts: ReadonlyMap<string, number>, rows: number): Map<string, number> => {
    const kept = new Map([...counts].filter(([value]) => isTold(value)));
    const left = restOf(kept, rows);
    return left > 0 ? kept.set(rest, left) : kept;
  };
  const [counted, countedNow] = [told(before, rowsFrom), told(after, rowsTo)];
  const drift = compareColumns(
    { kind: 'cat', counts: counted, count: rowsFrom, missingCount: from.nullCount },
    { kind: 'cat', counts: countedNow, count: rowsTo, missingCount: to.nullCount },
  );
  if (drift.default === null) return 'a version has no value in it';
  const value = (method: 'psi' | 'jensenshannon'): number => {
    const score = drift.scores[method];
    return score !== undefined && score !== null && 'value' in score ? score.value : 0;
  };
  const values = [...new Set([...countedNow.keys(), ...counted.keys()])];
  return {
    name: to.name,
    kind: to.kind,
    by: 'values',
    ...drift.default,
    psi: value('psi'),
    jensenShannon: value('jensenshannon'),
    edges: [],
    values,
    from: values.map((each) => (counted.get(each) ?? 0) / rowsFrom),
    to: values.map((each) => (countedNow.get(each) ?? 0) / rowsTo),
  };
}

const countsOf = ({ frequent }: ColumnProfile): Map<string, number> =>
  new Map(frequent.map(({ value, count }) => [value, count]));

const restOf = (counts: ReadonlyMap<string, number>, rows: number): number =>
  Math.max(0, rows - [...counts.values()].reduce((sum, count) => sum + count, 0));
