import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { monitoringPlan } from '../windows/monitoring-plan.ts';
import { instant } from '../windows/instant.ts';
import { driftHistory } from './drift-api.ts';
import { listDrift } from './drift-store.ts';

export function driftRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/drift',
      request: {
        params: z.object({ model: z.string() }),
        query: z.object({
          /** start of a window */
          window: instant.optional(),
          version: z.coerce.number().int().optional(),
          from: instant.optional(),
          to: instant.optional(),
        }),
      },
      responses: answers(driftHistory, 'Drift of each feature in each window'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      const { granularity } = await monitoringPlan(world.database.read, model);
      const windows = await listDrift(world.database.read, model, {
        granularity,
        ...context.req.valid('query'),
      });
      return context.json({ model, windows }, 200);
    },
  );
  return api;
}
