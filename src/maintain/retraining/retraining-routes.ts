import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { retraining, startRetraining as startShape } from './retraining-api.ts';
import { getRetraining, listRetrainings } from './retraining-store.ts';
import { startRetraining } from './retrainings.ts';

export function retrainingRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/retrainings',
      request: { query: z.object({ model: z.string().optional(), active: z.enum(['true', 'false']).optional() }) },
      responses: answers(z.array(retraining), 'Newest first'),
    }),
    async (context) => {
      const { model, active } = context.req.valid('query');
      return context.json(await listRetrainings(world.database.read, { model, isActive: active === 'true' }), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/retrainings/{id}',
      request: { params: z.object({ id: z.string() }) },
      responses: answers(retraining, 'One retraining with its steps'),
    }),
    async (context) => context.json(await getRetraining(world.database.read, context.req.valid('param').id), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{name}/retrain',
      request: { params: z.object({ name: z.string() }), body: takes(startShape) },
      responses: answers(retraining, 'The retraining, started or already under way'),
    }),
    async (context) => {
      const { actor } = context.var;
      const { asOf } = context.req.valid('json');
      const cause = { kind: 'person', id: actor.id } as const;
      return context.json(await startRetraining(world, actor, context.req.valid('param').name, cause, asOf ?? world.clock.now()), 200);
    },
  );
  return api;
}
