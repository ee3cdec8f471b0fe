import { sql } from 'kysely';
import { decodeTime, isValid } from 'ulid';
import type { Actor } from '../../platform/actor.ts';
import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import type { NewOutcome, OutcomesAnswer } from './comparison-api.ts';
import { rolloutRefused } from './rollout-errors.ts';
import type { Outcomes, Stratum } from './sequential-test.ts';
import { routeHistory } from './endpoint-store.ts';

interface OutcomeTable {
  endpoint: string;
  metric: string;
  request_id: string;
  version: number;
  /** what counts as one: a person, a thing, else the request itself */
  unit: string;
  value: number;
  /** when it was asked, so that it falls into the split of that time */
  at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    endpoint_outcome: OutcomeTable;
  }
}

/**
 * Takes in what came of answers. The first word about a request stays, so sending again changes nothing.
 *
 * @throws ROLLOUT_REFUSED when the endpoint never served such a version
 */
export async function addOutcomes(
  world: World,
  actor: Actor,
  endpoint: string,
  outcomes: readonly NewOutcome[],
): Promise<OutcomesAnswer> {
  const served = new Set(
    (await routeHistory(world.database.read, endpoint)).flatMap((route) =>
      route.targets.map((target) => target.version),
    ),
  );
  const stranger = outcomes.find((each) => !served.has(each.version));
  if (stranger !== undefined)
    throw rolloutRefused(
      `Version ${stranger.version} never answered at ${endpoint}; the answer’s header x-tilth-version names it.`,
    );
  const now = world.clock.now();
  const data = { count: outcomes.length, metrics: [...new Set(outcomes.map((each) => each.metric))] };
  return perform(
    world,
    { actor, verb: 'outcome.add', kind: 'endpoint-outcomes', thing: endpoint, data },
    async (tx) => {
      let added = 0;
      for (const { requestId, version, metric, value, unit, at } of outcomes) {
        const { numInsertedOrUpdatedRows } = await tx
          .insertInto('endpoint_outcome')
          .values({
            endpoint,
            metric,
            request_id: requestId,
            version,
            unit: unit ?? requestId,
            value,
            at: Math.round(at ?? askedAt(requestId) ?? now),
          })
          .onConflict((conflict) => conflict.columns(['endpoint', 'metric', 'request_id']).doNothing())
          .executeTakeFirstOrThrow();
        added += Number(numInsertedOrUpdatedRows ?? 0);
      }
      return { received: outcomes.length, added };
    },
  );
}

/** Ids that we made begin with their time; a caller's own does not. */
function askedAt(requestId: string): number | undefined {
  return isValid(requestId) ? decodeTime(requestId) : undefined;
}

/** A stretch of time with one split of the traffic, [from, to). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Outcomes of two versions by span; those of one unit count as one, by their mean. */
export async function outcomesBySpan(
  read: Reader,
  asked: { endpoint: string; metric: string; candidate: number; champion: number; spans: readonly Span[] },
): Promise<Stratum[]> {
  const { endpoint, metric, candidate, champion } = asked;
  const strata: Stratum[] = [];
  for (const { from, to } of asked.spans) {
    const units = read
      .selectFrom('endpoint_outcome')
      .select(['version', 'unit', (eb) => eb.fn.avg<number>('value').as('value')])
      .where('endpoint', '=', endpoint)
      .where('metric', '=', metric)
      .where('version', 'in', [candidate, champion])
      .where('at', '>=', from)
      .where('at', '<', to)
      .groupBy(['version', 'unit']);
    const rows = await read
      .selectFrom(units.as('unit_mean'))
      .select([
        'version',
        (eb) => eb.fn.countAll<number>().as('count'),
        (eb) => eb.fn.sum<number>('value').as('sum'),
        sql<number>`sum(value * value)`.as('sumSquares'),
      ])
      .groupBy('version')
      .execute();
    const of = (version: number): Outcomes => {
      const row = rows.find((each) => each.version === version);
      return {
        count: Number(row?.count ?? 0),
        sum: Number(row?.sum ?? 0),
        sumSquares: Number(row?.sumSquares ?? 0),
      };
    };
    strata.push({ candidate: of(candidate), champion: of(champion) });
  }
  return strata;
}
