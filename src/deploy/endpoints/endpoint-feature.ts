import type { Feature } from '../../platform/feature.ts';
import { followAliases } from '../registry/aliases.ts';
import { holdVersions } from '../registry/version-deletion.ts';
import { endpointRoutes } from './endpoint-routes.ts';
import { endpointMigrations } from './endpoint-store.ts';
import { followChampion } from './endpoints.ts';
import { routedVersions } from './version-holds.ts';

/** Stable addresses for predictions; they go with the champion of their model. */
export const endpointFeature: Feature = {
  name: 'endpoints',
  migrations: endpointMigrations,
  routes: endpointRoutes,
  start: () => {
    followAliases(followChampion);
    holdVersions(routedVersions);
  },
};
