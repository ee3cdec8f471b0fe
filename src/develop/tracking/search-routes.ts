import { answers, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { experimentsMeant } from './experiment-store.ts';
import { completeFilter } from './run-completions.ts';
import { groupRuns } from './run-groups.ts';
import { listOf } from './search-tokens.ts';
import { filterCompletion, runGroups, runGroupsRequest } from './tracking-api.ts';
import { viewOf } from './tracking-views.ts';

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

/** Groups of runs, and help with writing a filter; added before `/api/v1/runs/{id}`, which would take their names for ids. */
export function addSearchRoutes(api: Api, world: World): void {
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/runs/aggregate',
      request: { body: takes(runGroupsRequest) },
      responses: answers(runGroups, 'Groups of the runs that match, with counts, figures of metrics and their first runs'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const request = context.req.valid('json');
      const [groupBy, aggregates, orderBy] = [request.groupBy, request.aggregates, request.orderBy].map((list) => list.flatMap(listOf)) as [string[], string[], string[]];
      const { groups, hasMore } = await groupRuns(read, {
        experimentIds: await experimentsMeant(read, request.experiment),
        filter: request.filter,
        groupBy,
        aggregates,
        orderBy,
        top: request.top === undefined ? undefined : { count: request.top.count, orderBy: request.top.orderBy.flatMap(listOf) },
        view: 'ACTIVE_ONLY',
        limit: request.limit,
      });
      const shown = groups.map(({ keys, runCount, values, runs }) => ({
        keys: [...keys],
        runCount,
        values: values.map(finite),
        ...(runs === undefined ? {} : { runs: runs.map(viewOf) }),
      }));
      return context.json({ groupBy, aggregates, groups: shown, hasMore }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/filter-completions',
      request: {
        query: z.object({
          /** id or name; all without */
          experiment: z.string().optional(),
          filter: z.string().max(10_000).default(''),
          /** characters before the cursor; the end without */
          at: z.coerce.number().int().min(0).optional(),
        }),
      },
      responses: answers(filterCompletion, 'What fits at the cursor of a filter, and why the filter is none yet'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { experiment, filter, at } = context.req.valid('query');
      const experimentIds = await experimentsMeant(read, experiment);
      return context.json(await completeFilter(read, experimentIds, filter, Math.min(at ?? filter.length, filter.length)), 200);
    },
  );
}
