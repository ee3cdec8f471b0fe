import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { modelCard } from './card-api.ts';
import { cardOf } from './cards.ts';

export function cardRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/versions/{version}/card',
      request: { params: z.object({ model: z.string(), version: z.string() }) },
      responses: answers(modelCard, 'The model card, computed now; version may be "champion": the one in production, else the newest'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model, version } = context.req.valid('param');
      return context.json(await cardOf(world, model, version), 200);
    },
  );
  return api;
}
