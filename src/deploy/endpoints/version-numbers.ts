import { added, quantileOf } from '../serving/counts/latency-histogram.ts';
import type { ServingReport, VersionCounts } from '../serving/serving-api.ts';
import type { VersionNumbers } from './endpoint-api.ts';

/** What a data plane said, and what it had said about a minute earlier. */
export interface HeardTwice {
  readonly at: number;
  readonly report: ServingReport;
  readonly earlier: { readonly at: number; readonly report: ServingReport } | undefined;
}

/** What each version did at an endpoint, all planes together, in the order of the first plane's report. */
export function versionNumbersOf(endpoint: string, planes: readonly HeardTwice[]): VersionNumbers[] {
  const all = planes.flatMap((plane) => {
    const before = plane.earlier === undefined ? [] : countsIn(plane.earlier.report, endpoint);
    const seconds =
      plane.earlier === undefined
        ? (plane.at - plane.report.startedAt) / 1000
        : (plane.at - plane.earlier.at) / 1000;
    return countsIn(plane.report, endpoint).map((now) => ({
      now,
      seconds,
      before: before.find((each) => each.version === now.version && each.variant === now.variant),
    }));
  });
  const groups = Map.groupBy(all, ({ now }) => `${now.version}/${now.variant}`);
  return [...groups.values()].map((group) => {
    const [first] = group;
    if (first === undefined) throw new Error('an empty group');
    const total = (part: (counts: VersionCounts) => number): number =>
      group.reduce((sum, { now }) => sum + part(now), 0);
    const fresh = (part: (counts: VersionCounts) => number): number =>
      group.reduce((sum, { now, before }) => sum + part(now) - (before === undefined ? 0 : part(before)), 0);
    const latencies = group.reduce<number[]>((sum, { now }) => added(sum, now.latencies, 1), []);
    const earlier = group.reduce<number[]>((sum, { before }) => added(sum, before?.latencies ?? [], 1), []);
    const recent = added(latencies, earlier, -1);
    const seconds = Math.max(1, ...group.map((each) => each.seconds));
    const rowCount = total((counts) => counts.comparedCount);
    return {
      version: first.now.version,
      variant: first.now.variant,
      requestCount: total((counts) => counts.requestCount),
      rowCount: total((counts) => counts.rowCount),
      failedCount: total((counts) => counts.failedCount),
      refusedCount: total((counts) => counts.refusedCount),
      p50Us: quantileOf(latencies, 0.5),
      p99Us: quantileOf(latencies, 0.99),
      recent: {
        seconds,
        requestCount: fresh((counts) => counts.requestCount),
        failedCount: fresh((counts) => counts.failedCount),
        requestsPerSecond: fresh((counts) => counts.requestCount) / seconds,
        p50Us: quantileOf(recent, 0.5),
        p99Us: quantileOf(recent, 0.99),
      },
      queue: queueOf(endpoint, first.now.version, planes),
      agreement:
        first.now.variant !== 'shadow' || rowCount === 0
          ? null
          : {
              rowCount,
              sameLabel: total((counts) => counts.agreedCount) / rowCount,
              meanDifference: total((counts) => counts.differenceSum) / rowCount,
              largestDifference: Math.max(...group.map(({ now }) => now.largestDifference)),
              droppedCount: total((counts) => counts.droppedCount),
            },
    };
  });
}

function queueOf(endpoint: string, version: number, planes: readonly HeardTwice[]): VersionNumbers['queue'] {
  const queues = planes
    .flatMap(({ report }) => report.endpoints.find((each) => each.name === endpoint)?.queues ?? [])
    .filter((each) => each.version === version);
  if (queues.length === 0) return null;
  return {
    rowCount: queues.reduce((sum, each) => sum + each.rowCount, 0),
    waitMs: Math.max(...queues.map((each) => each.waitMs)),
  };
}

const countsIn = (report: ServingReport, endpoint: string): readonly VersionCounts[] =>
  report.endpoints.find((each) => each.name === endpoint)?.versions ?? [];
