import type { MetricPoint } from './tracking.ts';

/**
 * Points of one metric as columns of one length, in the order of histories and each point once:
 * by timestamp (ms since the epoch), step and value, where NaN comes right after 0.
 */
export interface MetricColumns {
  readonly timestamps: Float64Array;
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

/** A place in a history. A NaN is the value 0 with `isNan` 1, as it is stored. */
export type HistoryPosition = readonly [timestamp: number, step: number, value: number, isNan: number];

/** NaN can't be compared or indexed, so it is said apart; and -0 is the 0 that a database makes of it. */
export const stored = (value: number): [value: number, isNan: number] => (Number.isNaN(value) ? [0, 1] : [value + 0, 0]);

export const lengthOf = (columns: MetricColumns): number => columns.timestamps.length;

export const emptyColumns = (length: number): MetricColumns => ({
  timestamps: new Float64Array(length),
  steps: new Float64Array(length),
  values: new Float64Array(length),
});

/** Below 0 when point `i` of `a` comes before point `j` of `b`, 0 when they are the same. */
export function comparePoints(a: MetricColumns, i: number, b: MetricColumns, j: number): number {
  const at = (a.timestamps[i] as number) - (b.timestamps[j] as number);
  if (at !== 0) return at;
  const step = (a.steps[i] as number) - (b.steps[j] as number);
  if (step !== 0) return step;
  const left = a.values[i] as number;
  const right = b.values[j] as number;
  if (left < right) return -1;
  if (left > right) return 1;
  if (left === right) return 0;
  const [leftValue, leftIsNan] = stored(left);
  const [rightValue, rightIsNan] = stored(right);
  return leftValue === rightValue ? leftIsNan - rightIsNan : leftValue < rightValue ? -1 : 1;
}

/** @param index below the length */
export const positionAt = (columns: MetricColumns, index: number): HistoryPosition => [
  columns.timestamps[index] as number,
  columns.steps[index] as number,
  ...stored(columns.values[index] as number),
];

export const pointAt = (columns: MetricColumns, index: number): MetricPoint => ({
  value: columns.values[index] as number,
  timestamp: columns.timestamps[index] as number,
  step: columns.steps[index] as number,
});

export const pointsOf = (columns: MetricColumns): MetricPoint[] => Array.from(columns.timestamps, (_, index) => pointAt(columns, index));

const columnsOfPosition = ([timestamp, step, value, isNan]: HistoryPosition): MetricColumns => ({
  timestamps: Float64Array.of(timestamp),
  steps: Float64Array.of(step),
  values: Float64Array.of(isNan === 1 ? Number.NaN : value),
});

/** How many points come before a position, or are at it where `inclusive`. */
export function countUpTo(columns: MetricColumns, position: HistoryPosition, inclusive: boolean): number {
  const wanted = columnsOfPosition(position);
  let low = 0;
  let high = lengthOf(columns);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = comparePoints(columns, middle, wanted, 0);
    if (order < 0 || (inclusive && order === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A view; nothing is copied. */
export const sliceColumns = (columns: MetricColumns, from: number, to: number = lengthOf(columns)): MetricColumns => ({
  timestamps: columns.timestamps.subarray(from, to),
  steps: columns.steps.subarray(from, to),
  values: columns.values.subarray(from, to),
});

/** Points in any order, and possibly twice. */
export function columnsOf(points: readonly MetricPoint[]): MetricColumns {
  const columns = emptyColumns(points.length);
  let isInOrder = true;
  for (let index = 0; index < points.length; index += 1) {
    const point = points[index] as MetricPoint;
    columns.timestamps[index] = point.timestamp;
    columns.steps[index] = point.step + 0;
    columns.values[index] = point.value + 0;
    if (index > 0 && isInOrder) isInOrder = comparePoints(columns, index - 1, columns, index) < 0;
  }
  return isInOrder ? columns : inOrder(columns);
}

function inOrder(columns: MetricColumns): MetricColumns {
  const order = Uint32Array.from(columns.timestamps, (_, index) => index).sort((i, j) => comparePoints(columns, i, columns, j));
  const kept = order.filter((point, index) => index === 0 || comparePoints(columns, order[index - 1] as number, columns, point) !== 0);
  const pick = (column: Float64Array): Float64Array => Float64Array.from(kept, (index) => column[index] as number);
  return { timestamps: pick(columns.timestamps), steps: pick(columns.steps), values: pick(columns.values) };
}

/** Stretches of which each ends before the next begins, as one. */
export function joinColumns(stretches: readonly MetricColumns[]): MetricColumns {
  if (stretches.length === 1) return stretches[0] as MetricColumns;
  const joined = emptyColumns(stretches.reduce((sum, each) => sum + lengthOf(each), 0));
  let at = 0;
  for (const each of stretches) {
    joined.timestamps.set(each.timestamps, at);
    joined.steps.set(each.steps, at);
    joined.values.set(each.values, at);
    at += lengthOf(each);
  }
  return joined;
}

/** The points of both; what is in both is there once. */
export function mergeColumns(a: MetricColumns, b: MetricColumns): MetricColumns {
  const [aLength, bLength] = [lengthOf(a), lengthOf(b)];
  if (bLength === 0) return a;
  if (aLength === 0) return b;
  if (comparePoints(a, aLength - 1, b, 0) < 0) return joinColumns([a, b]);
  const merged = emptyColumns(aLength + bLength);
  let count = 0;
  for (let i = 0, j = 0; i < aLength || j < bLength; count += 1) {
    const order = i === aLength ? 1 : j === bLength ? -1 : comparePoints(a, i, b, j);
    const [from, index] = order > 0 ? [b, j] : [a, i];
    merged.timestamps[count] = from.timestamps[index] as number;
    merged.steps[count] = from.steps[index] as number;
    merged.values[count] = from.values[index] as number;
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return sliceColumns(merged, 0, count);
}

/** The points that are not among others. */
export function withoutPoints(columns: MetricColumns, others: MetricColumns): MetricColumns {
  const kept = emptyColumns(lengthOf(columns));
  let count = 0;
  for (let i = 0, j = 0; i < lengthOf(columns); i += 1) {
    while (j < lengthOf(others) && comparePoints(others, j, columns, i) < 0) j += 1;
    if (j < lengthOf(others) && comparePoints(others, j, columns, i) === 0) continue;
    kept.timestamps[count] = columns.timestamps[i] as number;
    kept.steps[count] = columns.steps[i] as number;
    kept.values[count] = columns.values[i] as number;
    count += 1;
  }
  return sliceColumns(kept, 0, count);
}
