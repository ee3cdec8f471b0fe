import { createApi } from '../../platform/http.ts';
import type { Feature } from '../../platform/feature.ts';
import { mlflowTraceRoutes } from './mlflow-trace-routes.ts';
import { otlpRoutes } from './otlp-routes.ts';
import { traceRoutes } from './traces-routes.ts';
import { traceMigrations } from './traces-store.ts';

/** What applications did for each request, by span. */
export const tracesFeature: Feature = {
  name: 'traces',
  migrations: traceMigrations,
  routes: (world) => createApi().route('/', traceRoutes(world)).route('/', mlflowTraceRoutes(world)).route('/', otlpRoutes(world)),
};
