import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { listEvents } from '../../platform/events.ts';
import type { World } from '../../platform/world.ts';
import { listEndpoints } from '../../deploy/endpoints/serving-state.ts';
import type { Endpoint } from '../../deploy/endpoints/endpoint-api.ts';
import { isLowerBetter } from '../../deploy/registry/gate/gate-metric.ts';
import type { ModelVersion } from '../../deploy/registry/registry-api.ts';
import { listVersions } from '../../deploy/registry/registry-store.ts';
import { champion } from '../../deploy/registry/registry.ts';
import { listDatasets } from '../../develop/data/data-store.ts';
import { searchRuns } from '../../develop/tracking/run-search.ts';
import { listExperiments } from '../../develop/tracking/tracking-routes.ts';
import { listHandovers } from '../../maintain/handover/handover-store.ts';
import { listRetrainings } from '../../maintain/retraining/retraining-store.ts';
import { referenceOf } from '../../monitor/alerts/alerting.ts';
import { listAlerts } from '../../monitor/alerts/alert-store.ts';
import { metricName } from '../../monitor/performance/performance.ts';
import { listPoints } from '../../monitor/performance/performance-store.ts';
import { seriesOf } from '../../monitor/predictions/prediction-store.ts';
import { monitoringPlan } from '../../monitor/windows/monitoring-plan.ts';
import type { ModelDeclaration } from '../../start/project/declaration.ts';
import { pythonOf } from '../../start/project/environment.ts';
import type { Project } from '../../start/project/project-api.ts';
import { listProjects } from '../../start/project/project-store.ts';
import type { Board } from './board-api.ts';
import { stationsOf, type DatasetFacts, type ModelFacts, type MonitoringFacts, type ProjectFacts, type RouteFacts } from './board.ts';

const shownEvents = 20;

/** The board, from what every feature has on record. */
export async function readBoard(world: World): Promise<Board> {
  const { read } = world.database;
  const endpoints = await listEndpoints(world);
  const shared = {
    endpoints,
    experiments: await listExperiments(read),
    datasets: await listDatasets(read),
    handoverCount: (await listHandovers(read)).length,
    eventCount: await countEvents(read),
  };
  const projects: Board['projects'] = [];
  for (const project of await listProjects(read)) {
    const facts = await factsOf(read, project, shared);
    projects.push({ name: project.name, root: project.root, template: project.template, stations: stationsOf(facts) });
  }
  const jobs = (await world.jobs.list({ limit: 200 })).filter((job) => job.state === 'queued' || job.state === 'running');
  return { projects, jobs, events: await listEvents(read, { limit: shownEvents }) };
}

interface Shared {
  readonly endpoints: readonly Endpoint[];
  readonly experiments: Awaited<ReturnType<typeof listExperiments>>;
  readonly datasets: Awaited<ReturnType<typeof listDatasets>>;
  readonly handoverCount: number;
  readonly eventCount: number;
}

const countEvents = async (read: Reader): Promise<number> =>
  // no line of the log is ever deleted, so the newest number is the count
  (await read.selectFrom('event').select(sql<number | null>`max(seq)`.as('newest')).executeTakeFirst())?.newest ?? 0;

async function factsOf(read: Reader, project: Project, shared: Shared): Promise<ProjectFacts> {
  const models: ModelFacts[] = [];
  for (const [name, declared] of Object.entries(project.declaration.models)) models.push(await modelFacts(read, name, declared, shared));
  return {
    root: project.root,
    template: project.template,
    templateCommit: project.templateCommit,
    environment: existsSync(pythonOf(project.root)) ? 'ready' : existsSync(join(project.root, 'poetry.lock')) ? 'missing' : 'none',
    datasets: Object.entries(project.declaration.datasets).map(([name, { path }]): DatasetFacts => {
      const known = shared.datasets.find((dataset) => dataset.name === name && dataset.project === project.name);
      return { name, path, versionCount: known?.versionCount ?? 0, rowCount: known?.latest?.rowCount ?? null, contract: known?.latest?.contractState ?? 'none' };
    }),
    models,
    handoverCount: shared.handoverCount,
    eventCount: shared.eventCount,
  };
}

async function modelFacts(read: Reader, name: string, declared: ModelDeclaration, shared: Shared): Promise<ModelFacts> {
  const versions = await listVersions(read, name);
  const [newest] = versions;
  const inProduction = versions.find((version) => version.aliases.includes(champion));
  const experiment = shared.experiments.find((each) => each.name === declared.experiment && each.lifecycleStage === 'active');
  const metric = metricOf(declared);
  return {
    name,
    experiment: declared.experiment,
    endpoint: declared.endpoint,
    runCount: experiment?.runCount ?? 0,
    best: experiment === undefined ? null : await bestRun(read, experiment.id, metric),
    newestVersion: newest === undefined ? null : { version: newest.version, engine: newest.engine, isGatePassed: newest.gate?.passed ?? null },
    champion: inProduction === undefined ? null : { version: inProduction.version, isGatePassed: inProduction.gate?.passed ?? null, approvedBy: approverOf(inProduction) },
    waiting: versions.filter((version) => version.approvals.some((approval) => approval.state === 'waiting')).map((version) => version.version),
    route: routeOf(shared.endpoints.find((endpoint) => endpoint.name === declared.endpoint)),
    monitoring: await monitoringFacts(read, name, metric),
    retrainings: (await listRetrainings(read, { model: name })).map(({ state, candidate }) => ({ state, candidate })),
  };
}

/** The metric that the gate asks for first. */
const metricOf = (declared: ModelDeclaration): string => declared.gate.flatMap((condition) => ('metric' in condition ? [condition.metric] : []))[0] ?? 'auc';

async function bestRun(read: Reader, experimentId: string, metric: string): Promise<ModelFacts['best']> {
  const order = `metrics.\`${metric}\` ${isLowerBetter(metric) ? 'ASC' : 'DESC'}`;
  const { runs } = await searchRuns(read, { experimentIds: [experimentId], orderBy: [order], view: 'ACTIVE_ONLY', limit: 1 });
  const [run] = runs;
  const value = run?.metrics.find((each) => each.key === metric)?.value;
  return run === undefined || value === undefined || !Number.isFinite(value) ? null : { runId: run.id, runName: run.name, metric, value };
}

const approverOf = (version: ModelVersion): string | null =>
  version.approvals.find((approval) => approval.state === 'granted' && approval.alias === champion)?.by ?? null;

function routeOf(endpoint: Endpoint | undefined): RouteFacts | null {
  if (endpoint === undefined) return null;
  const { isStopped, targets, live } = endpoint;
  const sum = (count: (each: Endpoint['live'][number]) => number): number => live.reduce((total, each) => total + count(each), 0);
  return {
    isStopped,
    targets,
    live: live.length === 0 ? null : { requestsPerSecond: sum((each) => each.requestsPerSecond), requestCount: sum((each) => each.requestCount), failedCount: sum((each) => each.failedCount) },
  };
}

async function monitoringFacts(read: Reader, model: string, metric: string): Promise<MonitoringFacts> {
  const plan = await monitoringPlan(read, model);
  const name = metricName(metric);
  const points = (await listPoints(read, model, { granularity: plan.granularity, metric: name })).filter((point) => point.variant === 'champion' && point.state === 'known' && point.value !== null && !point.isPartial);
  const last = points.at(-1);
  const ofVersion = points.filter((point) => point.version === last?.version);
  const reference = last === undefined ? undefined : await referenceOf(read, plan, name, ofVersion);
  const firing = await listAlerts(read, { model, state: 'firing' });
  return {
    predictionCount: (await seriesOf(read, model)).reduce((sum, series) => sum + series.rowCount, 0),
    metric: name,
    known: last === undefined || last.value === null ? null : { windowStart: last.windowStart, version: last.version, value: last.value, coverage: last.rowCount === 0 ? 0 : last.labelledCount / last.rowCount },
    reference: reference ?? null,
    firing: firing.map(({ id, summary, acknowledgedAt }) => ({ id, summary, isAcknowledged: acknowledgedAt !== null })),
  };
}
