import type { AliasStay } from '../../../src/deploy/registry/registry-api.ts';

/** A stay as a part of the whole time, both 0..1. */
export interface PlacedStay {
  readonly stay: AliasStay;
  readonly start: number;
  readonly width: number;
}

/** The stays of each alias on one axis, from the first of all until now. */
export function placedStays(
  stays: readonly AliasStay[],
  now: number,
): { from: number; rows: { alias: string; stays: PlacedStay[] }[] } {
  const from = Math.min(...stays.map((stay) => stay.fromAt));
  const length = Math.max(now - from, 1);
  const byAlias = Map.groupBy(stays, (stay) => stay.alias);
  const rows = [...byAlias].map(([alias, list]) => ({
    alias,
    stays: list
      .map((stay) => ({
        stay,
        start: (stay.fromAt - from) / length,
        width: Math.max(0, Math.min(stay.toAt ?? now, now) - stay.fromAt) / length,
      }))
      .sort((a, b) => a.start - b.start),
  }));
  return { from, rows };
}

/** Who held an alias at a moment. */
export const holderAt = (stays: readonly AliasStay[], alias: string, at: number): AliasStay | undefined =>
  stays.find((stay) => stay.alias === alias && stay.fromAt <= at && (stay.toAt ?? Infinity) > at);
