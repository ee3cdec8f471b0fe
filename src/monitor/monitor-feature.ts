import type { Feature } from '../platform/feature.ts';
import { createApi } from '../platform/http.ts';
import { alertRoutes } from './alerts/alert-routes.ts';
import { alertMigrations } from './alerts/alert-store.ts';
import { datasetDriftRoutes } from './drift/dataset-drift-routes.ts';
import { driftRoutes } from './drift/drift-routes.ts';
import { driftMigrations } from './drift/drift-store.ts';
import { startEvaluation } from './evaluation/evaluation.ts';
import { evaluationRoutes } from './evaluation/evaluation-routes.ts';
import { setTruthSource } from '../deploy/endpoints/comparison.ts';
import { outcomesByVersion } from './performance/outcomes-by-version.ts';
import { performanceRoutes } from './performance/performance-routes.ts';
import { performanceMigrations } from './performance/performance-store.ts';
import { labelMigrations } from './predictions/label-store.ts';
import { predictionRoutes } from './predictions/prediction-routes.ts';
import { predictionMigrations } from './predictions/prediction-store.ts';
import { startPredictions } from './predictions/predictions.ts';
import { watermarkMigrations } from './windows/watermark-store.ts';

export const monitorFeature: Feature = {
  name: 'monitor',
  migrations: {
    ...watermarkMigrations,
    ...predictionMigrations,
    ...labelMigrations,
    ...performanceMigrations,
    ...driftMigrations,
    ...alertMigrations,
  },
  routes: (world) => {
    const api = createApi();
    for (const routes of [predictionRoutes, performanceRoutes, driftRoutes, datasetDriftRoutes, evaluationRoutes, alertRoutes]) api.route('/', routes(world));
    return api;
  },
  start: (world) => {
    setTruthSource(outcomesByVersion);
    const stopEvaluation = startEvaluation(world);
    const stopPredictions = startPredictions(world);
    return async () => {
      await stopEvaluation();
      await stopPredictions();
    };
  },
};
