import type { Instant } from '../../platform/clock.ts';

export const granularities = ['hour', 'day', 'week', 'month'] as const;
export type Granularity = (typeof granularities)[number];

/** A slice of time in UTC: `start` is inside, `end` is not. */
export interface Window {
  readonly start: Instant;
  readonly end: Instant;
}

const hourMs = 3_600_000;
export const dayMs = 86_400_000;
/** 1970-01-01 was a Thursday; ISO weeks begin on Monday. */
const firstMonday = 4 * dayMs;

/** The window that an instant falls into; weeks are ISO weeks, all in UTC. */
export function windowOf(granularity: Granularity, at: Instant): Window {
  if (granularity === 'month') return monthOf(at);
  const length = granularity === 'hour' ? hourMs : granularity === 'day' ? dayMs : 7 * dayMs;
  const origin = granularity === 'week' ? firstMonday : 0;
  const start = Math.floor((at - origin) / length) * length + origin;
  return { start, end: start + length };
}

function monthOf(at: Instant): Window {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
}

/** Windows that share time with [from, to), oldest first. */
export function windowsBetween(granularity: Granularity, from: Instant, to: Instant): Window[] {
  const windows: Window[] = [];
  for (let window = windowOf(granularity, from); window.start < to; window = windowOf(granularity, window.end)) {
    windows.push(window);
  }
  return windows;
}

/** Share of a window that may lie before its first or after its last row, so that it still counts as whole. */
const mostUnseen = 0.25;

/** Did the rows, in time, cover only a part of the window? Such a window is shown but not judged. */
export const isPartly = (window: Window, firstAt: Instant, lastAt: Instant): boolean =>
  Math.max(firstAt - window.start, window.end - lastAt) > mostUnseen * (window.end - window.start);

/** `2013-03-04`, in UTC. */
export const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);
