import type { Feature } from '../../platform/feature.ts';
import { approvalMigrations } from './approvals/approval-store.ts';
import { gateMeasurementMigrations } from './gate/gate-measurement-store.ts';
import { proveAgain, proveJobKind, proveWithNewRuntime } from './proof-again.ts';
import { registryMigrations } from './registry-store.ts';
import { mlflowRegistryRoutes } from './mlflow-registry-routes.ts';
import { registryRoutes } from './registry-routes.ts';
import { convertVersion } from './version-conversion.ts';
import { startWebhooks } from './webhooks/webhook-delivery.ts';
import { webhookMigrations } from './webhooks/webhook-store.ts';
import { convertJobKind, type ConvertJobInput } from './versions.ts';

/** Models and their versions, from registration to approval. */
export const registryFeature: Feature = {
  name: 'registry',
  migrations: { ...registryMigrations, ...approvalMigrations, ...gateMeasurementMigrations },
  routes: registryRoutes,
  async start(world) {
    world.jobs.handle(convertJobKind, (input: ConvertJobInput, context) =>
      convertVersion(world, input, context),
    );
    world.jobs.handle(proveJobKind, (input: ConvertJobInput, context) => proveAgain(world, input, context));
    await proveWithNewRuntime(world);
  },
};

/** MLflow's dialect of it, and who is told of what happens. */
export const mlflowRegistryFeature: Feature = {
  name: 'mlflow registry',
  migrations: webhookMigrations,
  routes: mlflowRegistryRoutes,
  start: startWebhooks,
};
