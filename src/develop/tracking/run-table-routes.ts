import { answers, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { experimentsMeant } from './experiment-store.ts';
import type { Position } from './keyset.ts';
import { pageToken, readPageToken } from './mlflow-wire.ts';
import { searchRunIds } from './run-search.ts';
import { runKeys, runRows } from './run-table-store.ts';
import { listOf } from './search-tokens.ts';
import { runKeys as runKeysView, runTable, runTableRequest } from './tracking-api.ts';

const position = z.array(z.union([z.string(), z.number(), z.null()])) as unknown as z.ZodType<Position>;

/** The page's table of runs; added before `/api/v1/runs/{id}`, which would take their names for ids. */
export function addRunTableRoutes(api: Api, world: World): void {
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/runs/table',
      request: { body: takes(runTableRequest) },
      responses: answers(runTable, 'Runs that match, with the columns asked for and no others'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const request = context.req.valid('json');
      const orderBy = listOf(request.orderBy ?? '');
      const same = [request.experiment, request.filter, orderBy];
      const { ids, next } = await searchRunIds(read, {
        experimentIds: await experimentsMeant(read, request.experiment),
        filter: request.filter,
        orderBy,
        view: 'ACTIVE_ONLY',
        limit: request.limit,
        after: readPageToken(position, request.cursor, same),
      });
      const runs = await runRows(read, ids, request.columns);
      return context.json({ runs, ...(next === undefined ? {} : { nextCursor: pageToken(next, same) }) }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/keys',
      // id or name; all without
      request: { query: z.object({ experiment: z.string().optional() }) },
      responses: answers(runKeysView, 'Every key of a metric, param or tag that a run has'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await runKeys(read, await experimentsMeant(read, context.req.valid('query').experiment)), 200);
    },
  );
}
