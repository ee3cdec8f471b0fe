import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { evaluate } from './evaluation.ts';
import { newWatermark, watermarkAnswer } from './evaluation-api.ts';

export function evaluationRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/watermark',
      request: { params: z.object({ model: z.string() }), body: takes(newWatermark) },
      responses: answers(watermarkAnswer, 'Windows that were evaluated, and alerts that began to fire'),
    }),
    async (context) => {
      const { at } = context.req.valid('json');
      const instant = typeof at === 'number' ? at : Date.parse(at);
      return context.json(await evaluate(world, context.var.actor, context.req.valid('param').model, instant), 200);
    },
  );
  return api;
}
