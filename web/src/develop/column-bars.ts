import type { ColumnProfile } from '../../../src/develop/data/profile-api.ts';
import { count, day, number } from '../platform/format.ts';
import type { Bar } from './bars.tsx';

/** A figure of a column as people read it: times, kept in seconds, as days. */
export const figureOf = (kind: ColumnProfile['kind'], value: number): string =>
  kind === 'time' ? day(value * 1000) : number(value);

const mostBars = 40;

/** Bars of a column's histogram, at most 40: neighbours are put together. */
export function histogramBars(column: ColumnProfile): Bar[] {
  const { histogram, kind } = column;
  if (histogram === null) return [];
  const wide = Math.ceil(histogram.counts.length / mostBars);
  const edge = (bin: number): string => figureOf(kind, (histogram.first + bin) * histogram.step);
  const size = Math.ceil(histogram.counts.length / Math.max(1, wide));
  const bars = Array.from({ length: size }, (_, at): Bar => ({
    label: `${edge(at * wide)} to ${edge((at + 1) * wide)}`,
    size: histogram.counts.slice(at * wide, (at + 1) * wide).reduce((sum, each) => sum + each, 0),
  }));
  const open = (label: string, beyond: number): Bar[] =>
    beyond === 0 ? [] : [{ label, size: beyond, isOpen: true }];
  return [
    ...open(`below ${edge(0)}`, histogram.below),
    ...bars,
    ...open(`above ${edge(histogram.counts.length)}`, histogram.above),
  ];
}

/** What the bars show, for those who don't see them. */
export const barsInWords = (column: ColumnProfile): string => {
  const [low, , middle, , high] = column.quantiles ?? [];
  return low === undefined || middle === undefined || high === undefined
    ? `Distribution of ${column.name}`
    : `Distribution of ${column.name}: half below ${figureOf(column.kind, middle)}, nine tenths from ${figureOf(column.kind, low)} to ${figureOf(column.kind, high)}`;
};

/** Smallest and largest value in a few letters. */
export function rangeOf({ min, max, isMasked }: ColumnProfile): string {
  if (isMasked || min === null || max === null) return '–';
  const cut = (text: string): string => {
    const asNumber = Number(text);
    if (text !== '' && Number.isFinite(asNumber)) return number(asNumber);
    const plain = text.replace(/ 00:00:00$/, '');
    return plain.length > 22 ? `${plain.slice(0, 21)}…` : plain;
  };
  return min === max ? cut(min) : `${cut(min)} … ${cut(max)}`;
}

/** Up to 5,000 different values are counted, more are estimated. */
export const distinctInWords = (column: ColumnProfile): string =>
  column.distinctCount > 5000 ? `≈ ${count(column.distinctCount)}` : count(column.distinctCount);
