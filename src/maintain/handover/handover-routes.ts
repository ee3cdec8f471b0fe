import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { handover, newHandover, ownedThing } from './handover-api.ts';
import { carryOut, inventoryOf, listHandovers } from './handover-store.ts';

export function handoverRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/handovers', responses: answers(z.array(handover), 'Newest first') }),
    async (context) => context.json(await listHandovers(world.database.read), 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/people/{id}/owned',
      request: { params: z.object({ id: z.string() }) },
      responses: answers(z.array(ownedThing), 'What a person owns, and who else knows it'),
    }),
    async (context) => context.json(await inventoryOf(world.database.read, context.req.valid('param').id), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/handovers',
      request: { body: takes(newHandover) },
      responses: answers(handover, 'What passed over'),
    }),
    async (context) => {
      const { from, to, reason } = context.req.valid('json');
      return context.json(await carryOut(world, context.var.actor, from, to, reason), 200);
    },
  );
  return api;
}
