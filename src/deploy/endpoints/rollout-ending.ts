import type { Transaction } from '../../platform/database/database.ts';
import type { Route } from './endpoint.ts';
import type { Decision } from './rollout-api.ts';
import { activeRollouts, writeDecision, type RolloutRow } from './rollout-store.ts';

interface Rerouted {
  readonly endpoint: string;
  /** undefined when nobody answers any more */
  readonly route: Route | undefined;
  readonly at: number;
  readonly by: string;
  readonly because: string;
}

/**
 * A route that somebody else wrote: the rollout goes on where its version keeps its share, and ends where not.
 * What was routed by hand is never routed back by the program.
 */
export async function endByRoute(tx: Transaction, rerouted: Rerouted): Promise<void> {
  const { endpoint, route, at, by, because } = rerouted;
  for (const rollout of await activeRollouts(tx, endpoint)) {
    if (goesOn(rollout, route)) continue;
    const isChampion = route?.champion === rollout.version;
    const what: Decision['what'] = isChampion ? 'promoted' : 'superseded';
    const decision = {
      at,
      step: rollout.step,
      what,
      by,
      onBehalfOf: null,
      because,
      checks: [],
      evidence: null,
    };
    await writeDecision(tx, rollout, { state: what, ended_at: at }, decision);
  }
}

function goesOn({ state, plan, step, version, champion }: RolloutRow, route: Route | undefined): boolean {
  if (state === 'watching') return route?.champion === version;
  const percent = plan.steps[step]?.percent ?? 0;
  return (
    route?.champion === champion &&
    route.canary?.version === version &&
    Math.abs(route.canary.share * 100 - percent) < 1e-9
  );
}
