import { messageOf } from '../../platform/errors.ts';
import type { Feature, Stop } from '../../platform/feature.ts';
import { createApi } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { followAliases, offerSlowWay } from '../registry/aliases.ts';
import { holdVersions } from '../registry/version-deletion.ts';
import { endpointRoutes } from './endpoint-routes.ts';
import { endpointMigrations } from './endpoint-store.ts';
import { followChampion } from './endpoints.ts';
import { rolloutRoutes } from './rollout-routes.ts';
import { rolloutMigrations } from './rollout-store.ts';
import { advanceRollouts, forgetQuality, rollOutInstead } from './rollouts.ts';
import { routedVersions } from './version-holds.ts';

/** Stable addresses for predictions; they go with the champion of their model, or take to a new one step by step. */
export const endpointFeature: Feature = {
  name: 'endpoints',
  migrations: { ...endpointMigrations, ...rolloutMigrations },
  routes: (world) => {
    const api = createApi();
    for (const routes of [endpointRoutes, rolloutRoutes]) api.route('/', routes(world));
    return api;
  },
  start: (world) => {
    followAliases(followChampion);
    holdVersions(routedVersions);
    const takeBack = offerSlowWay(rollOutInstead);
    // windows were evaluated, or outcomes came: what is known of quality is old
    const stopListening = world.events.subscribe((event) => {
      if (event.verb === 'monitor.evaluate' || event.verb === 'outcome.add') forgetQuality(world);
    });
    const stopLooking = lookAfterRollouts(world);
    return async () => {
      takeBack();
      stopListening();
      await stopLooking();
    };
  },
};

const lookEveryMs = 1_000;

/** The clock only says when to look: what is decided hangs on the tables, so a server that was away goes on where it was. */
function lookAfterRollouts(world: World): Stop {
  let busy: Promise<void> | undefined;
  let lastSaid = '';
  const timer = setInterval(() => {
    busy ??= advanceRollouts(world)
      .catch((cause: unknown) => {
        const said = messageOf(cause);
        if (said !== lastSaid)
          world.log.error({ cause: said }, 'a rollout can neither go on nor back; it is tried again');
        lastSaid = said;
      })
      .finally(() => {
        busy = undefined;
      });
  }, lookEveryMs);
  return async () => {
    clearInterval(timer);
    await busy;
  };
}
