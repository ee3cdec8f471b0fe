import type { Actor } from '../../platform/actor.ts';
import type { Reader } from '../../platform/database/database.ts';
import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { can, requireRight } from '../../team/can.ts';
import { declarationOf } from '../../start/project/project-store.ts';
import { hiddenColumns, maskColumns } from '../../develop/contracts/masking.ts';
import { listDatasets } from '../../develop/data/data-store.ts';
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
      const page = await readPage(await predictionLog(world), model, { limit, before, showsFeatures });
      const hidden = await hiddenFeatures(world.database.read, context.var.actor, model);
      const predictions = page.predictions.map((one) =>
        one.features === null ? one : { ...one, features: maskColumns([one.features], hidden)[0] ?? null },
      );
      return context.json({ ...page, predictions }, 200);
    },
  );
  return api;
}

/** Inputs that are columns of the model's dataset and classified there. */
async function hiddenFeatures(read: Reader, actor: Actor, model: string): Promise<ReadonlySet<string>> {
  const declared = await declarationOf(read, model);
  if (declared === undefined || can(actor, 'data.read-classified')) return new Set();
  const dataset = (await listDatasets(read)).find(({ name }) => name === declared.model.dataset);
  return dataset === undefined ? new Set() : hiddenColumns(actor, dataset.latest?.columns ?? [], dataset.classification);
}
