import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { compare } from './comparison.ts';
import { comparison, newOutcomes, outcomesAnswer } from './comparison-api.ts';
import { addOutcomes } from './outcome-store.ts';
import { newRollout, rollout, steering } from './rollout-api.ts';
import { getRollout, rolloutHistory, startRollout, steerRollout } from './rollouts.ts';

const named = z.object({ name: z.string() });

/** Rollouts by steps, and the comparison of canary and champion by what came of their answers. */
export function rolloutRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints/{name}/rollouts',
      request: { params: named, body: takes(newRollout) },
      responses: answers(rollout, 'The rollout; its first step answers from now on'),
    }),
    async (context) =>
      context.json(
        await startRollout(
          world,
          context.var.actor,
          context.req.valid('param').name,
          context.req.valid('json'),
        ),
        200,
      ),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}/rollouts',
      request: { params: named },
      responses: answers(z.array(rollout), 'Rollouts with each decision and its evidence, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await rolloutHistory(world, context.req.valid('param').name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}/rollout',
      request: { params: named },
      responses: answers(rollout, 'The rollout under way with what would be decided now, or the newest one'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await getRollout(world, context.req.valid('param').name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints/{name}/rollout/{steering}',
      request: {
        params: named.extend({ steering }),
        body: takes(z.object({ reason: z.string().optional() })),
      },
      responses: answers(rollout, 'The rollout as it stands now'),
    }),
    async (context) => {
      const { name, steering: how } = context.req.valid('param');
      const { reason } = context.req.valid('json');
      return context.json(await steerRollout(world, context.var.actor, name, how, reason), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}/compare',
      request: {
        params: named,
        query: z.object({
          metric: z.string().default('accuracy'),
          version: z.coerce.number().int().optional(),
          effect: z.coerce.number().positive().optional(),
          confidence: z.coerce.number().gt(0.5).lt(1).optional(),
          better: z.enum(['higher', 'lower']).optional(),
        }),
      },
      responses: answers(comparison, 'Canary and champion by their outcomes; may be read at any moment'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { metric, version, effect, confidence, better } = context.req.valid('query');
      const endpoint = context.req.valid('param').name;
      const isHigherBetter = better === undefined ? undefined : better === 'higher';
      return context.json(
        await compare(world, { endpoint, candidate: version, metric, effect, confidence, isHigherBetter }),
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints/{name}/outcomes',
      request: { params: named, body: takes(newOutcomes) },
      responses: answers(outcomesAnswer, 'How many were new; the first word about a request stays'),
    }),
    async (context) =>
      context.json(
        await addOutcomes(
          world,
          context.var.actor,
          context.req.valid('param').name,
          context.req.valid('json').outcomes,
        ),
        200,
      ),
  );
  return api;
}
