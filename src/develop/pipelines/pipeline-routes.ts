import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { readExecutionLog } from './execution-log.ts';
import {
  execution,
  executionList,
  executionLog,
  newExecution,
  newPipeline,
  pipelineList,
} from './pipeline-api.ts';
import {
  getExecution,
  listExecutions,
  listPipelines,
  recordExecution,
  recordPipeline,
} from './pipeline-store.ts';

const query = z.object({
  project: z.string().optional(),
  stage: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});

/** Pipelines of projects, and runs of their stages. */
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
    async (context) =>
      context.json(await recordExecution(world, context.var.actor, context.req.valid('json')), 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/pipelines/executions/{id}/log',
      request: {
        params: z.object({ id: z.string() }),
        query: z.object({ from: z.coerce.number().int().min(0).default(0) }),
      },
      responses: answers(executionLog, 'Lines of what the stage printed, while it runs too'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const found = await getExecution(world.database.read, context.req.valid('param').id);
      return context.json(await readExecutionLog(world, found, context.req.valid('query').from), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/pipelines',
      request: { query: z.object({ project: z.string().optional() }) },
      responses: answers(pipelineList, 'Pipelines with the state of each stage and its newest execution'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(
        { pipelines: await listPipelines(world.database.read, context.req.valid('query').project) },
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/pipelines/{project}',
      request: { params: z.object({ project: z.string() }), body: takes(newPipeline) },
      responses: answers(z.object({}), 'The pipeline is kept as it is now'),
    }),
    async (context) => {
      await recordPipeline(
        world,
        context.var.actor,
        context.req.valid('param').project,
        context.req.valid('json'),
      );
      return context.json({}, 200);
    },
  );
  return api;
}
