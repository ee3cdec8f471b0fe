import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { experimentsMeant, getExperiment } from '../tracking/experiment-store.ts';
import type { Position } from '../tracking/keyset.ts';
import { pageToken, readPageToken } from '../tracking/mlflow-wire.ts';
import { listOf } from '../tracking/search-tokens.ts';
import { spansInArtifact } from './span-artifact.ts';
import { searchTraces } from './trace-search.ts';
import { assessmentViewOf, spanViewsOf, viewOf } from './trace-views.ts';
import { deletedTrace, traceDetail, tracePage } from './traces-api.ts';
import { deleteTraces, getSpans, getTraceInfo, rootNames, runsOfTrace } from './traces-store.ts';

const position = z.array(z.union([z.string(), z.number(), z.null()])) as unknown as z.ZodType<Position>;

/** Traces for the page. */
export function traceRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/traces',
      request: {
        query: z.object({
          /** id or name; all without */
          experiment: z.string().optional(),
          filter: z.string().optional(),
          /** several are separated by commas */
          orderBy: z.string().optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          cursor: z.string().optional(),
        }),
      },
      responses: answers(tracePage, 'Traces that match, newest first unless ordered otherwise'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const query = context.req.valid('query');
      const orderBy = listOf(query.orderBy ?? '');
      const same = [query.experiment, query.filter, orderBy];
      const { traces, next } = await searchTraces(read, {
        experimentIds: await experimentsMeant(read, query.experiment),
        filter: query.filter,
        orderBy,
        limit: query.limit,
        after: readPageToken(position, query.cursor, same),
      });
      const names = await rootNames(read, traces);
      return context.json({ traces: traces.map((trace) => viewOf(trace, names.get(trace.id))), ...(next === undefined ? {} : { nextCursor: pageToken(next, same) }) }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/traces/{id}',
      request: { params: z.object({ id: z.string() }) },
      responses: answers(traceDetail, 'A trace with its spans and what was said of it'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const trace = await getTraceInfo(read, context.req.valid('param').id);
      const [experiment, linkedRunIds, stored] = await Promise.all([
        getExperiment(read, trace.experimentId),
        runsOfTrace(read, trace.id),
        getSpans(read, [trace.id]),
      ]);
      const spans = stored.get(trace.id) ?? (await spansInArtifact(world, trace));
      return context.json(
        {
          ...viewOf(trace, spans.find((span) => span.parentId === null)?.name),
          experimentName: experiment.name,
          linkedRunIds,
          assessments: trace.assessments.map(assessmentViewOf),
          spans: spanViewsOf(spans),
        },
        200,
      );
    },
  );

  api.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/traces/{id}',
      request: { params: z.object({ id: z.string() }) },
      responses: answers(deletedTrace, 'The trace is gone for good, with its spans and files'),
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      requireRight(context.var.actor, 'trace.delete');
      const { experimentId } = await getTraceInfo(read, id);
      await deleteTraces(world, context.var.actor, experimentId, { traceIds: [id] });
      return context.json({ deleted: id }, 200);
    },
  );
  return api;
}
