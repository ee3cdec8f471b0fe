import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { can, requireRight } from '../../team/can.ts';
import { addLabels, countLabels } from './label-store.ts';
import { labelAnswer, newLabels, predictionPage, predictionSummary } from './prediction-api.ts';
import { readPage } from './prediction-log-reader.ts';
import { summarize } from './prediction-store.ts';
import { predictionLog } from './predictions.ts';

const ofModel = z.object({ model: z.string() });

export function predictionRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/models/{model}/labels',
      request: { params: ofModel, body: takes(newLabels) },
      responses: answers(labelAnswer, 'What turned out to be true is on the disk'),
    }),
    async (context) => {
      const { model } = context.req.valid('param');
      return context.json(await addLabels(world, context.var.actor, model, context.req.valid('json')), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/predictions/summary',
      request: { params: ofModel },
      responses: answers(predictionSummary, 'What the prediction log holds of a model'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      await (await predictionLog(world)).compaction.run();
      const labelCount = await countLabels(world.database.read, model);
      return context.json(await summarize(world.database.read, model, labelCount), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/predictions',
      request: {
        params: ofModel,
        query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(50), before: z.string().optional() }),
      },
      responses: answers(predictionPage, 'Logged predictions, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      const { limit, before } = context.req.valid('query');
      const showsFeatures = can(context.var.actor, 'prediction.read-raw');
      return context.json(await readPage(await predictionLog(world), model, { limit, before, showsFeatures }), 200);
    },
  );
  return api;
}
