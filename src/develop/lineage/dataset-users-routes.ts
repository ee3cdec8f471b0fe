import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { datasetUsers } from './dataset-users-api.ts';
import { usersOfDatasets } from './dataset-users.ts';

/** Runs, model versions and endpoints that came from datasets. */
export function datasetUsersRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/dataset-users',
      request: {
        query: z.object({
          /** one dataset; all that are used when not given */
          dataset: z.string().optional(),
        }),
      },
      responses: answers(z.array(datasetUsers), 'Who uses each dataset'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(
        await usersOfDatasets(world.database.read, context.req.valid('query').dataset),
        200,
      );
    },
  );
  return api;
}
