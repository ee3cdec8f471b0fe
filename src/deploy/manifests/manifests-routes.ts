import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { sealedDeployment } from './deployment-api.ts';
import { sealDeployment } from './sealed-deployment.ts';

/** What is needed to run an endpoint elsewhere. */
export function manifestsRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}/deployment',
      request: { params: z.object({ name: z.string() }) },
      responses: answers(
        sealedDeployment,
        'The endpoint as it is now, signed, with approval and gate report of what answers',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await sealDeployment(world, context.req.valid('param').name), 200);
    },
  );
  return api;
}
