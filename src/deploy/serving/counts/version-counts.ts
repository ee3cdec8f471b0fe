import { bucketOf, newHistogram, trimmed } from './latency-histogram.ts';
import type { Scores } from '../engines/scores.ts';
import type { Variant, VersionCounts } from '../serving-api.ts';

type Counts = { -readonly [K in keyof VersionCounts]: VersionCounts[K] };

/**
 * What each version did at each endpoint since the data plane began. The counts only grow, so that a report that
 * is lost loses nothing: the next one holds it too.
 */
export class CountsByVersion {
  readonly #endpoints = new Map<string, Map<string, Counts>>();

  answered(endpoint: string, version: number, variant: Variant, rowCount: number, latencyUs: number): void {
    const one = this.#of(endpoint, version, variant);
    one.requestCount++;
    one.rowCount += rowCount;
    const bucket = bucketOf(latencyUs);
    one.latencies[bucket] = (one.latencies[bucket] ?? 0) + 1;
  }

  /** @param isOurs false where the caller asked for what can't be answered */
  refused(endpoint: string, version: number, variant: Variant, isOurs: boolean): void {
    const one = this.#of(endpoint, version, variant);
    one.requestCount++;
    if (isOurs) one.failedCount++;
    else one.refusedCount++;
  }

  /** What a shadow said of rows that another version answered. */
  compared(endpoint: string, version: number, shadow: Scores, answered: Scores): void {
    const one = this.#of(endpoint, version, 'shadow');
    for (let row = 0; row < answered.rowCount; row++) {
      one.comparedCount++;
      if (String(shadow.labels[row]) === String(answered.labels[row])) one.agreedCount++;
    }
    if (shadow.classCount !== answered.classCount || shadow.classCount === 0) return;
    const { classCount } = shadow;
    for (let row = 0; row < answered.rowCount; row++) {
      let largest = 0;
      for (let at = row * classCount; at < (row + 1) * classCount; at++)
        largest = Math.max(
          largest,
          Math.abs((shadow.probabilities[at] ?? 0) - (answered.probabilities[at] ?? 0)),
        );
      one.differenceSum += largest;
      one.largestDifference = Math.max(one.largestDifference, largest);
    }
  }

  dropped(endpoint: string, version: number): void {
    this.#of(endpoint, version, 'shadow').droppedCount++;
  }

  report(endpoint: string): VersionCounts[] {
    return [...(this.#endpoints.get(endpoint)?.values() ?? [])].map((one) => ({
      ...one,
      latencies: trimmed(one.latencies),
    }));
  }

  #of(endpoint: string, version: number, variant: Variant): Counts {
    let versions = this.#endpoints.get(endpoint);
    if (versions === undefined) this.#endpoints.set(endpoint, (versions = new Map()));
    const key = `${version}/${variant}`;
    let one = versions.get(key);
    if (one === undefined) {
      one = {
        version,
        variant,
        requestCount: 0,
        rowCount: 0,
        failedCount: 0,
        refusedCount: 0,
        latencies: newHistogram(),
        comparedCount: 0,
        agreedCount: 0,
        differenceSum: 0,
        largestDifference: 0,
        droppedCount: 0,
      };
      versions.set(key, one);
    }
    return one;
  }
}
