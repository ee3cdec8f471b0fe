import { sql } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { sendArtifact } from './artifact-answer.ts';
import { artifactKeyBelow, listArtifacts } from './artifacts.ts';
import { metricCurve } from './curve-store.ts';
import { experimentsMeant, getExperiment, searchExperiments } from './experiment-store.ts';
import type { Position } from './keyset.ts';
import { getLoggedModel } from './logged-model-store.ts';
import { pageToken, readPageToken } from './mlflow-wire.ts';
import { addRunPageRoutes } from './run-page-routes.ts';
import { searchRuns } from './run-search.ts';
import { getRun, getRunInfo, getRuns } from './run-store.ts';
import { addRunTableRoutes } from './run-table-routes.ts';
import { addSearchRoutes } from './search-routes.ts';
import { listOf } from './search-tokens.ts';
import { artifactView, comparison, experimentView, metricHistoryView, runDetail, runPage, type ExperimentView } from './tracking-api.ts';
import { runNotFound } from './tracking-errors.ts';
import { compareRuns, pointView, recordOf, viewOf } from './tracking-views.ts';

const position = z.array(z.union([z.string(), z.number(), z.null()])) as unknown as z.ZodType<Position>;
const runParameter = z.object({ id: z.string() });

/** Experiments and runs for the page and the command line. */
export function trackingRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;

  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/experiments', responses: answers(z.array(experimentView), 'Experiments with their run counts, newest first') }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listExperiments(read), 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs',
      request: {
        query: z.object({
          /** id or name; all without */
          experiment: z.string().optional(),
          filter: z.string().optional(),
          /** several are separated by commas */
          orderBy: z.string().optional(),
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
          cursor: z.string().optional(),
          deleted: z.enum(['true', 'false']).default('false'),
        }),
      },
      responses: answers(runPage, 'Runs that match, newest first unless ordered otherwise'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const query = context.req.valid('query');
      const orderBy = listOf(query.orderBy ?? '');
      const same = [query.experiment, query.filter, orderBy, query.deleted];
      const { runs, next } = await searchRuns(read, {
        experimentIds: await experimentsMeant(read, query.experiment),
        filter: query.filter,
        orderBy,
        view: query.deleted === 'true' ? 'DELETED_ONLY' : 'ACTIVE_ONLY',
        limit: query.limit,
        after: readPageToken(position, query.cursor, same),
      });
      return context.json({ runs: runs.map(viewOf), ...(next === undefined ? {} : { nextCursor: pageToken(next, same) }) }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/compare',
      request: { query: z.object({ ids: z.string() }) },
      responses: answers(comparison, 'Params, metrics, datasets and tags of runs side by side'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const ids = context.req.valid('query').ids.split(',').filter((id) => id !== '');
      if (ids.length < 1 || ids.length > 100) throw badRequest(`${ids.length} runs can't be compared; give 1 to 100 ids.`);
      const runs = await getRuns(read, ids);
      for (const id of ids) if (!runs.some((run) => run.id === id)) throw runNotFound(id);
      const views = runs.map(viewOf);
      return context.json({ runs: views, fields: compareRuns(views) }, 200);
    },
  );

  addSearchRoutes(api, world);
  addRunTableRoutes(api, world);
  addRunPageRoutes(api, world);

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}',
      request: { params: runParameter },
      responses: answers(runDetail, 'A run with its artifacts, inputs and outputs'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const run = await getRun(read, context.req.valid('param').id);
      const [experiment, artifacts, outputModels] = await Promise.all([
        getExperiment(read, run.experimentId),
        listArtifacts(world, run.artifactUri, ''),
        Promise.all(run.modelOutputs.map(({ modelId }) => getLoggedModel(read, modelId).catch(() => undefined))),
      ]);
      return context.json(
        {
          ...viewOf(run),
          experimentName: experiment.name,
          artifactUri: run.artifactUri,
          artifacts: artifacts.map(shownArtifact),
          inputModelIds: run.modelInputs.map((model) => model.modelId),
          outputModels: outputModels.flatMap((model) =>
            model === undefined ? [] : [{ id: model.id, name: model.name, status: model.status, modelType: model.modelType, createdAt: model.createdAt }],
          ),
        },
        200,
      );
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/artifacts',
      request: { params: runParameter, query: z.object({ path: z.string().default('') }) },
      responses: answers(z.array(artifactView), 'What lies directly below a folder'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { artifactUri } = await getRunInfo(read, context.req.valid('param').id);
      return context.json((await listArtifacts(world, artifactUri, context.req.valid('query').path)).map(shownArtifact), 200);
    },
  );

  api.get('/api/v1/runs/:id/artifact', async (context) => {
    requireRight(context.var.actor, 'read');
    const { artifactUri } = await getRunInfo(read, context.req.param('id'));
    return sendArtifact(world, context, artifactKeyBelow(artifactUri, context.req.query('path') ?? ''));
  });

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/metrics/{key}',
      request: {
        params: z.object({ id: z.string(), key: z.string() }),
        query: z.object({ points: z.coerce.number().int().min(10).max(100_000).default(1_000) }),
      },
      responses: answers(metricHistoryView, 'The history of a metric, thinned out with its extremes kept'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { id, key } = context.req.valid('param');
      await getRunInfo(read, id);
      const { pointCount, points } = await metricCurve(read, id, key, context.req.valid('query').points);
      return context.json({ key, pointCount, points: points.map(pointView) }, 200);
    },
  );
  return api;
}

const shownArtifact = (artifact: { path: string; isFolder: boolean; byteCount: number | undefined }) => ({
  path: artifact.path,
  isFolder: artifact.isFolder,
  ...(artifact.byteCount === undefined ? {} : { byteCount: artifact.byteCount }),
});

export async function listExperiments(read: Reader): Promise<ExperimentView[]> {
  const { experiments } = await searchExperiments(read, { orderBy: [], view: 'ALL', limit: 10_000 });
  const { rows } = await sql<{ experiment_id: number; run_count: number; last_run_at: number | null }>`
    SELECT experiment_id, count(*) AS run_count, max(started_at) AS last_run_at FROM run
    WHERE lifecycle_stage = 'active' GROUP BY experiment_id`.execute(read);
  const counts = new Map(rows.map((row) => [String(row.experiment_id), row]));
  return experiments.map(({ id, name, lifecycleStage, createdAt, updatedAt, tags }) => ({
    id,
    name,
    lifecycleStage,
    createdAt,
    updatedAt,
    runCount: counts.get(id)?.run_count ?? 0,
    lastRunAt: counts.get(id)?.last_run_at ?? null,
    tags: recordOf(tags),
  }));
}
