import { answers, createApi, createRoute, z, type Api } from './http.ts';
import type { World } from './world.ts';
import { job } from './job-api.ts';

export function jobRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/jobs',
      request: {
        query: z.object({
          kind: z.string().optional(),
          key: z.string().optional(),
          limit: z.coerce.number().int().min(1).max(1000).optional(),
        }),
      },
      responses: answers(z.array(job), 'Jobs, newest first'),
    }),
    async (context) => context.json(await world.jobs.list(context.req.valid('query')), 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/jobs/{id}',
      request: { params: z.object({ id: z.string() }), query: z.object({ wait: z.enum(['true', 'false']).optional() }) },
      responses: answers(job, 'One job; with wait=true answered when it has ended'),
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      const found = context.req.valid('query').wait === 'true' ? await world.jobs.wait(id) : await world.jobs.get(id);
      return context.json(found, 200);
    },
  );
  api.get('/api/v1/jobs/:id/log', async (context) => {
    const found = await world.jobs.get(context.req.param('id'));
    return context.text(await world.jobs.readLog(found.id));
  });
  return api;
}
