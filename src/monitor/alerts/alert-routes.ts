import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { alert, alertState } from './alert-api.ts';
import { acknowledge } from './alerting.ts';
import { listAlerts } from './alert-store.ts';

export function alertRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/alerts',
      request: {
        query: z.object({
          model: z.string().optional(),
          state: alertState.optional(),
          limit: z.coerce.number().int().min(1).max(1000).optional(),
        }),
      },
      responses: answers(z.array(alert), 'Alerts, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listAlerts(world.database.read, context.req.valid('query')), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/alerts/{id}/ack',
      request: {
        params: z.object({ id: z.string() }),
        body: takes(z.object({ comment: z.string().max(2000).nullable().default(null) })),
      },
      responses: answers(alert, 'The alert, with who looks after it'),
    }),
    async (context) => {
      const { comment } = context.req.valid('json');
      return context.json(await acknowledge(world, context.var.actor, context.req.valid('param').id, comment), 200);
    },
  );
  return api;
}
