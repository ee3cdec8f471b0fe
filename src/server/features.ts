import { askRoutes } from '../deploy/endpoints/ask-routes.ts';
import { manifestsRoutes } from '../deploy/manifests/manifests-routes.ts';
import { batchFeature } from '../deploy/batch/batch-feature.ts';
import { endpointFeature } from '../deploy/endpoints/endpoint-feature.ts';
import { mlflowRegistryFeature, registryFeature } from '../deploy/registry/registry-feature.ts';
import { policyRoutes } from '../develop/contracts/policy-routes.ts';
import { dataRoutes } from '../develop/data/data-routes.ts';
import { dataMigrations } from '../develop/data/data-store.ts';
import { profileRoutes } from '../develop/data/profile-routes.ts';
import { profileMigrations } from '../develop/data/profile-store.ts';
import { refusalRoutes } from '../develop/data/refusal-routes.ts';
import { refusalMigrations } from '../develop/data/refusal-store.ts';
import { datasetUsersRoutes } from '../develop/lineage/dataset-users-routes.ts';
import { lineageRoutes } from '../develop/lineage/lineage-routes.ts';
import { lineageMigrations } from '../develop/lineage/lineage-store.ts';
import { openLineageMigrations } from '../develop/lineage/openlineage-store.ts';
import { pipelineRoutes } from '../develop/pipelines/pipeline-routes.ts';
import { pipelineMigrations } from '../develop/pipelines/pipeline-store.ts';
import { repeatableRoutes } from '../develop/repeatable/repeatable-routes.ts';
import { reproduceRoutes } from '../develop/reproduce/reproduce-routes.ts';
import { reproductionMigrations } from '../develop/reproduce/reproduction-store.ts';
import { mlflowArtifactRoutes } from '../develop/tracking/mlflow-artifact-routes.ts';
import { mlflowTrackingDirectRoutes, mlflowTrackingRoutes } from '../develop/tracking/mlflow-routes.ts';
import { mlflowFallback } from '../develop/tracking/mlflow-wire.ts';
import { trackingRoutes } from '../develop/tracking/tracking-routes.ts';
import { trackingMigrations } from '../develop/tracking/tracking-store.ts';
import { tracesFeature } from '../develop/traces/traces-feature.ts';
import { auditRoutes } from '../maintain/audit/audit-routes.ts';
import { startCards } from '../maintain/cards/card-for-gate.ts';
import { cardRoutes } from '../maintain/cards/card-routes.ts';
import { cleanupFeature } from '../maintain/cleanup/cleanup-feature.ts';
import { exchangeFeature } from '../maintain/exchange/exchange-feature.ts';
import { handoverRoutes } from '../maintain/handover/handover-routes.ts';
import { handoverMigrations } from '../maintain/handover/handover-store.ts';
import { retrainingFeature } from '../maintain/retraining/retraining-feature.ts';
import { monitorFeature } from '../monitor/monitor-feature.ts';
import { eventRoutes } from '../platform/event-routes.ts';
import { eventMigrations } from '../platform/events.ts';
import type { Feature } from '../platform/feature.ts';
import { jobRoutes } from '../platform/job-routes.ts';
import { jobMigrations } from '../platform/jobs.ts';
import { newProjectFeature } from '../start/new-project/new-project-feature.ts';
import { projectRoutes } from '../start/project/project-routes.ts';
import { projectMigrations } from '../start/project/project-store.ts';
import { ownershipMigrations } from '../team/ownership.ts';
import { glossaryRoutes } from '../team/glossary-routes.ts';
import { peopleRoutes } from '../team/people-routes.ts';
import { teamMigrations } from '../team/people-store.ts';
import { boardRoutes } from './board/board-routes.ts';
import { lineageQuestionRoutes } from './lineage/questions-routes.ts';
import { lineageViewRoutes } from './lineage/lineage-view-routes.ts';

/** Everything the control plane is made of, in the order of the imports' one way. A feature adds itself here, one line. */
export const features: readonly Feature[] = [
  { name: 'events', migrations: eventMigrations, routes: eventRoutes },
  { name: 'jobs', migrations: jobMigrations, routes: jobRoutes },
  { name: 'people', migrations: { ...teamMigrations, ...ownershipMigrations }, routes: peopleRoutes },
  { name: 'glossary', routes: glossaryRoutes },
  { name: 'projects', migrations: projectMigrations, routes: projectRoutes },
  newProjectFeature,
  { name: 'lineage', migrations: { ...lineageMigrations, ...openLineageMigrations }, routes: lineageRoutes },
  { name: 'dataset users', routes: datasetUsersRoutes },
  { name: 'policies', routes: policyRoutes },
  { name: 'data', migrations: dataMigrations, routes: dataRoutes },
  { name: 'data profiles', migrations: profileMigrations, routes: profileRoutes },
  { name: 'refused data', migrations: refusalMigrations, routes: refusalRoutes },
  { name: 'pipelines', migrations: pipelineMigrations, routes: pipelineRoutes },
  { name: 'tracking', migrations: trackingMigrations, routes: trackingRoutes },
  { name: 'repeatable runs', routes: repeatableRoutes },
  { name: 'reproductions', migrations: reproductionMigrations, routes: reproduceRoutes },
  { name: 'mlflow tracking', routes: mlflowTrackingRoutes, directRoutes: mlflowTrackingDirectRoutes },
  { name: 'mlflow artifacts', routes: mlflowArtifactRoutes },
  tracesFeature,
  registryFeature,
  mlflowRegistryFeature,
  endpointFeature,
  batchFeature,
  { name: 'ask', routes: askRoutes },
  { name: 'manifests', routes: manifestsRoutes },
  monitorFeature,
  retrainingFeature,
  { name: 'cards', routes: cardRoutes, start: startCards },
  { name: 'handover', migrations: handoverMigrations, routes: handoverRoutes },
  cleanupFeature,
  exchangeFeature,
  { name: 'audit', routes: auditRoutes },
  { name: 'board', routes: boardRoutes },
  { name: 'lineage view', routes: lineageViewRoutes },
  { name: 'lineage questions', routes: lineageQuestionRoutes },
  // last: answers what no table of MLflow calls knows
  { name: 'mlflow fallback', routes: mlflowFallback },
];
