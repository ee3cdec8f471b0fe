import type { Feature } from '../../platform/feature.ts';
import { batchRoutes } from './batch-routes.ts';
import { batchMigrations } from './batch-store.ts';

/** Files of rows scored by the same engines as requests. */
export const batchFeature: Feature = { name: 'batch', migrations: batchMigrations, routes: batchRoutes };
