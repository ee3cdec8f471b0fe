import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import type { Comparison } from './comparison-api.ts';
import { getEndpointRow, routeHistory } from './endpoint-store.ts';
import { outcomesBySpan, type Span } from './outcome-store.ts';
import { rolloutRefused } from './rollout-errors.ts';
import { sequentialTest, verdictOf, type Outcomes, type Stratum } from './sequential-test.ts';

/** Outcomes that the ground truth gives, and whether more of them is better. */
const truthMetrics: Readonly<Record<string, boolean>> = { accuracy: true, brier: false };

/** Outcomes of two versions by their ground truth, span by span of the time of the answers. */
export type TruthSource = (
  world: World,
  asked: { model: string; metric: string; candidate: number; champion: number; spans: readonly Span[] },
) => Promise<Stratum[]>;

let readTruth: TruthSource | undefined;

/** A later stage knows the predictions and their ground truth; it says here how to ask it. */
export const setTruthSource = (source: TruthSource): void => {
  readTruth = source;
};

export interface AskedComparison {
  readonly endpoint: string;
  /** the canary, or the newest one that the endpoint had, unless given */
  readonly candidate?: number | undefined;
  readonly metric: string;
  readonly effect?: number | undefined;
  readonly confidence?: number | undefined;
  readonly isHigherBetter?: boolean | undefined;
}

/**
 * Champion and canary by what came of their answers. May be asked for as often as one likes: the test holds at every look.
 *
 * @throws ENDPOINT_UNKNOWN, ROLLOUT_REFUSED when the endpoint had no canary
 */
export async function compare(world: World, asked: AskedComparison): Promise<Comparison> {
  const { read } = world.database;
  const { metric, effect: smallest = 0.02, confidence = 0.95 } = asked;
  const { model, name } = await getEndpointRow(read, asked.endpoint);
  const split = await splitsOf(read, name, asked.candidate, world.clock.now());
  const isTruth = metric in truthMetrics;
  const { candidate, champion, spans } = split;
  const strata = isTruth
    ? ((await readTruth?.(world, { model, metric, candidate, champion, spans })) ?? [])
    : await outcomesBySpan(read, { endpoint: name, metric, candidate, champion, spans });
  const isHigherBetter = asked.isHigherBetter ?? truthMetrics[metric] ?? true;
  const test = sequentialTest(strata, 1 - confidence, smallest);
  const verdict = verdictOf(test, smallest, isHigherBetter);
  const side = (version: number, part: (stratum: Stratum) => Outcomes) => {
    const count = strata.reduce((sum, each) => sum + part(each).count, 0);
    return {
      version,
      count,
      mean: count === 0 ? null : strata.reduce((sum, each) => sum + part(each).sum, 0) / count,
    };
  };
  const sides = {
    candidate: side(candidate, (each) => each.candidate),
    champion: side(champion, (each) => each.champion),
  };
  const known =
    test === undefined
      ? 'too little is known'
      : `${shown(test.effect)} (${shown(test.low)} to ${shown(test.high)})`;
  return {
    endpoint: name,
    metric,
    source: isTruth ? 'ground truth' : 'outcomes',
    isHigherBetter,
    ...sides,
    effect: test?.effect ?? null,
    low: test?.low ?? null,
    high: test?.high ?? null,
    pValue: test?.pValue ?? null,
    confidence,
    smallestEffect: smallest,
    stratumCount: strata.filter((each) => each.candidate.count > 0 && each.champion.count > 0).length,
    verdict,
    summary: `${metric} of version ${candidate} less that of version ${champion}: ${known}; ${verdict}. ${sides.candidate.count} and ${sides.champion.count} outcomes.`,
    assumptions: [
      'Which version answers is left to chance within each time of one split; times of different splits are not mixed.',
      isTruth
        ? 'Rows are independent of one another, and their truth becomes known regardless of who answered.'
        : 'Units (requests, or what outcomes name as `unit`) are independent of one another.',
      'Each side has some hundred outcomes: the interval holds at every look, asymptotically.',
    ],
  };
}

/** Times in which the canary and one champion shared the traffic, in one split each; the champion is the newest one. */
async function splitsOf(
  read: Reader,
  endpoint: string,
  wanted: number | undefined,
  now: number,
): Promise<{ candidate: number; champion: number; spans: Span[] }> {
  const history = await routeHistory(read, endpoint);
  const splits = history.flatMap(({ targets, at }, index) => {
    const canary = targets.find(
      (target) => target.variant === 'canary' && (wanted === undefined || target.version === wanted),
    );
    const champion = targets.find((target) => target.variant === 'champion');
    if (canary === undefined || champion === undefined) return [];
    // newest first: it held until the one listed before it began
    return [
      {
        candidate: canary.version,
        champion: champion.version,
        weight: canary.weight,
        from: at,
        to: history[index - 1]?.at ?? now + 1,
      },
    ];
  });
  const [newest] = splits;
  if (newest === undefined) {
    throw rolloutRefused(
      wanted === undefined
        ? `The endpoint ${endpoint} had no canary to compare.`
        : `Version ${wanted} was never a canary at ${endpoint}.`,
    );
  }
  const { candidate, champion } = newest;
  const same = splits.filter(
    (each) => each.candidate === candidate && each.champion === champion && each.to > each.from,
  );
  return { candidate, champion, spans: same.map(({ from, to }) => ({ from, to })) };
}

const shown = (value: number): string => `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))}`;
