import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { getRunInfo } from '../tracking/run-store.ts';
import { compareRuns } from './likeness.ts';
import { likeness, newReproduction, reproduction, reproductions } from './reproduce-api.ts';
import { recordReproduction, reproductionsOf } from './reproduction-store.ts';

const runParameter = z.object({ id: z.string() });

/** How alike two runs are, and what became of doing a run again. */
export function reproduceRoutes(world: World): Api {
  const api = createApi();

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/likeness/{other}',
      request: {
        params: runParameter.extend({ other: z.string() }),
        /** patterns of names that don't count, separated by commas */
        query: z.object({ leaveOut: z.string().default('') }),
      },
      responses: answers(
        likeness,
        'Every output of two runs side by side, bit by bit, and everything that they had to work with',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { id, other } = context.req.valid('param');
      const patterns = context.req
        .valid('query')
        .leaveOut.split(',')
        .filter((pattern) => pattern !== '');
      return context.json(await compareRuns(world, id, other, patterns), 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/reproductions',
      request: { params: runParameter },
      responses: answers(
        reproductions,
        'Every time that a run was done again, the newest first: verdict, evidence, causes',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { id } = await getRunInfo(world.database.read, context.req.valid('param').id);
      return context.json({ runId: id, reproductions: await reproductionsOf(world.database.read, id) }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/runs/{id}/reproductions',
      request: { params: runParameter, body: takes(newReproduction) },
      responses: answers(
        reproduction,
        'The verdict over a run that was done again, with its evidence; kept with the run',
      ),
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      return context.json(
        await recordReproduction(world, context.var.actor, id, context.req.valid('json')),
        200,
      );
    },
  );
  return api;
}
