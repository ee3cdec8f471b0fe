import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { execution, executionList, newExecution } from './pipeline-api.ts';
import { listExecutions, recordExecution } from './pipeline-store.ts';

const query = z.object({
  project: z.string().optional(),
  stage: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});

/** Runs of pipeline stages. */
export function pipelineRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/pipelines/executions',
      request: { query },
      responses: answers(executionList, 'Executions, newest first, and the graph of the stages'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listExecutions(world.database.read, context.req.valid('query')), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/pipelines/executions',
      request: { body: takes(newExecution) },
      responses: answers(execution, 'The execution as it is kept'),
    }),
    async (context) => context.json(await recordExecution(world, context.var.actor, context.req.valid('json')), 200),
  );
  return api;
}
