import { shareBounds } from './sequential-test.ts';
import { added, lowerEdgeOf, quantileOf } from '../serving/counts/latency-histogram.ts';
import type { Comparison } from './comparison-api.ts';
import type {
  Check,
  Evidence,
  RolloutPlan,
  RolloutState,
  StepPlan,
  Verdict,
  VersionEvidence,
} from './rollout-api.ts';

/** A rollout that still goes on, as it is judged. */
export interface Judged {
  readonly version: number;
  readonly champion: number;
  readonly state: Extract<RolloutState, 'running' | 'paused' | 'watching'>;
  /** index of the step that is under way */
  readonly step: number;
  readonly stepStartedAt: number;
  readonly plan: RolloutPlan;
  /** may the version become champion? */
  readonly isApproved: boolean;
  /** an alert that fires about the version */
  readonly alert: string | null;
}

/** Each rule may err in one of a hundred rollouts, however often it is looked at. */
const alpha = 0.01;
/** before that a percentile of the champion says too little */
const fewestForPercentile = 200;

/**
 * What to do with a rollout now. What stops it is looked at first, and also while it is paused; nothing goes on while
 * something is not known.
 */
export function judge(rollout: Judged, evidence: Evidence, now: number): Verdict {
  const checks = stopChecks(rollout, evidence);
  const broken = checks.filter((check) => check.outcome === 'broken');
  if (broken.length > 0)
    return { decision: 'stop', because: broken.map((check) => check.said).join(' '), checks };
  const stay = (because: string): Verdict => ({ decision: 'stay', because, checks });
  if (rollout.state === 'paused') return stay('It is paused.');
  const missing = missingReports(evidence);
  if (missing !== null) return stay(missing);
  const step = rollout.plan.steps[rollout.step];
  const minMs = rollout.state === 'watching' ? rollout.plan.watchMs : (step?.minMs ?? 0);
  const leftMs = rollout.stepStartedAt + minMs - now;
  if (leftMs > 0)
    return stay(
      `${rollout.state === 'watching' ? 'It is watched' : 'This step lasts'} ${spoken(leftMs)} more at least.`,
    );
  if (rollout.state === 'watching')
    return { decision: 'finish', because: `It was watched for ${spoken(minMs)} as champion.`, checks };
  const count = evidence.candidate.requestCount;
  const wanted = step?.minRequests ?? 0;
  if (count < wanted)
    return stay(
      `Version ${rollout.version} has answered ${count} of the ${wanted} requests that this step needs.`,
    );
  const outcomes = rollout.plan.stop.quality?.minOutcomes ?? 0;
  const known = evidence.quality?.candidate.count ?? 0;
  if (known < outcomes) return stay(`${known} of the ${outcomes} outcomes that each step needs are known.`);
  const next = rollout.plan.steps[rollout.step + 1];
  if (next === undefined) return stay('This is the last step; go on with: promote, or stop.');
  if (next.percent === 100 && !rollout.isApproved) {
    return stay(
      `Version ${rollout.version} is not approved as champion: ask for it (tilth model request), and it goes on.`,
    );
  }
  const said = `${count} requests in ${spoken(now - rollout.stepStartedAt)} and nothing that stops it.`;
  return { decision: 'advance', because: said, checks };
}

/** Nothing may go on while a data plane that answers is silent, or answers by an older route. */
function missingReports({ planes }: Evidence): string | null {
  if (planes.length === 0) return 'No data plane has reported since this step began: no data, no next step.';
  const silent = planes.filter((plane) => !plane.isAlive).map((plane) => plane.plane);
  if (silent.length > 0)
    return `${silent.join(', ')} has not reported for some seconds: no data, no next step.`;
  const behind = planes.filter((plane) => !plane.isCurrent).map((plane) => plane.plane);
  return behind.length > 0 ? `${behind.join(', ')} does not serve this step’s route yet.` : null;
}

function stopChecks(rollout: Judged, evidence: Evidence): Check[] {
  const { stop } = rollout.plan;
  const { candidate, champion, quality } = evidence;
  const isAlone = rollout.state === 'watching';
  return [
    failures(stop.errorRate, candidate, isAlone ? undefined : champion),
    ...(isAlone
      ? []
      : [
          refusals(stop.refusedIncrease, candidate, champion),
          slowerThanChampion(stop.p99Ratio, candidate, champion),
        ]),
    ...(stop.p99Ms === undefined
      ? []
      : [slowerThan('p99Ms', stop.p99Ms * 1000, candidate, `${stop.p99Ms} ms`)]),
    ...(stop.quality === undefined ? [] : [gotWorse(stop.quality.metric, quality)]),
    {
      rule: 'alert',
      outcome: rollout.alert === null ? 'holds' : 'broken',
      said: rollout.alert ?? `No alert fires about version ${rollout.version}.`,
    },
  ];
}

function failures(limit: number, candidate: VersionEvidence, champion: VersionEvidence | undefined): Check {
  const rule = 'errorRate';
  if (candidate.requestCount === 0) return { rule, outcome: 'not yet', said: 'It has answered nothing yet.' };
  const { low } = shareBounds(candidate.failedCount, candidate.requestCount, alpha);
  const said = `${candidate.failedCount} of ${candidate.requestCount} requests failed (surely above ${percent(low)}; ${percent(limit)} may).`;
  // what fails for both is not the fault of the version
  const isShared =
    champion !== undefined &&
    low <= shareBounds(champion.failedCount, champion.requestCount, alpha).high &&
    champion.failedCount > 0;
  return { rule, outcome: low > limit && !isShared ? 'broken' : 'holds', said };
}

function refusals(limit: number, candidate: VersionEvidence, champion: VersionEvidence): Check {
  const rule = 'refusedIncrease';
  if (candidate.requestCount === 0 || champion.requestCount === 0)
    return {
      rule,
      outcome: 'not yet',
      said: 'Both must have been asked before what they refuse is compared.',
    };
  const { low } = shareBounds(candidate.refusedCount, candidate.requestCount, alpha);
  const { high } = shareBounds(champion.refusedCount, champion.requestCount, alpha);
  const said = `It refused ${candidate.refusedCount} of ${candidate.requestCount} requests, the champion ${champion.refusedCount} of ${champion.requestCount}.`;
  return { rule, outcome: low > high + limit ? 'broken' : 'holds', said };
}

function slowerThanChampion(ratio: number, candidate: VersionEvidence, champion: VersionEvidence): Check {
  const rule = 'p99Ratio';
  const p99Us = quantileOf(champion.latencies, 0.99);
  if (p99Us === null || champion.requestCount < fewestForPercentile)
    return {
      rule,
      outcome: 'not yet',
      said: `The champion’s 99th percentile needs ${fewestForPercentile} requests; it has ${champion.requestCount}.`,
    };
  return slowerThan(rule, p99Us * ratio, candidate, `${ratio} times the champion’s ${micros(p99Us)}`);
}

/** A 99th percentile lies above a limit when surely more than one of a hundred requests does. */
function slowerThan(rule: string, limitUs: number, candidate: VersionEvidence, limit: string): Check {
  const total = candidate.latencies.reduce((sum, count) => sum + count, 0);
  if (total === 0) return { rule, outcome: 'not yet', said: 'It has answered nothing yet.' };
  const slow = candidate.latencies.reduce(
    (sum, count, bucket) => sum + (lowerEdgeOf(bucket) >= limitUs ? count : 0),
    0,
  );
  const p99Us = quantileOf(candidate.latencies, 0.99) ?? 0;
  const said = `${slow} of ${total} answers took longer than ${limit}; its 99th percentile is ${micros(p99Us)}.`;
  return { rule, outcome: shareBounds(slow, total, alpha).low > 0.01 ? 'broken' : 'holds', said };
}

function gotWorse(metric: string, quality: Comparison | null): Check {
  if (quality === null)
    return { rule: 'quality', outcome: 'not yet', said: `Nothing is known of ${metric} yet.` };
  const outcome =
    quality.verdict === 'worse' ? 'broken' : quality.verdict === 'not yet' ? 'not yet' : 'holds';
  return { rule: 'quality', outcome, said: quality.summary };
}

export const nothingCounted: VersionEvidence = {
  requestCount: 0,
  failedCount: 0,
  refusedCount: 0,
  rowCount: 0,
  latencies: [],
};

export const together = (one: VersionEvidence, other: VersionEvidence): VersionEvidence =>
  combined(one, other, 1);

/** What came since an earlier look at the same counts. */
export const since = (last: VersionEvidence, first: VersionEvidence): VersionEvidence =>
  combined(last, first, -1);

const combined = (one: VersionEvidence, other: VersionEvidence, factor: 1 | -1): VersionEvidence => ({
  requestCount: one.requestCount + factor * other.requestCount,
  failedCount: one.failedCount + factor * other.failedCount,
  refusedCount: one.refusedCount + factor * other.refusedCount,
  rowCount: one.rowCount + factor * other.rowCount,
  latencies: added(one.latencies, other.latencies, factor),
});

/** Steps of growing percent; 100 is added as the last one where it is missing. */
export function stepsOf(percents: readonly number[], minMs: number, minRequests: number): StepPlan[] {
  const all = percents.at(-1) === 100 ? percents : [...percents, 100];
  return all.map((each) => ({ percent: each, minMs, minRequests }));
}

/** Is every step larger than the one before, within 0 and 100? */
export const areGrowing = (percents: readonly number[]): boolean =>
  percents.every((each, index) => each > (percents[index - 1] ?? 0) && each <= 100) && percents.length > 0;

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
const micros = (us: number): string =>
  us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;

function spoken(ms: number): string {
  if (ms < 120_000) return `${Math.ceil(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
