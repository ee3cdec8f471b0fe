import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { batch, batchOutcome, newBatch, startedBatch } from './batch-api.ts';
import { finishBatch, startBatch } from './batches.ts';
import { getBatch, listBatches } from './batch-store.ts';

const byId = z.object({ id: z.string() });

/** Batches: who lets which version score what; the rows stay with whoever scores them. */
export function batchRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/batches',
      request: { body: takes(newBatch) },
      responses: answers(startedBatch, 'The batch, and what is needed to score it'),
    }),
    async (context) =>
      context.json(await startBatch(world, context.var.actor, context.req.valid('json')), 200),
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/batches',
      request: { query: z.object({ model: z.string().optional() }) },
      responses: answers(z.array(batch), 'Batches, the newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listBatches(world.database.read, context.req.valid('query').model), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/batches/{id}',
      request: { params: byId },
      responses: answers(batch, 'One batch'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await getBatch(world.database.read, context.req.valid('param').id), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/batches/{id}/done',
      request: { params: byId, body: takes(batchOutcome) },
      responses: answers(batch, 'The batch, done'),
    }),
    async (context) =>
      context.json(
        await finishBatch(world, context.var.actor, context.req.valid('param').id, context.req.valid('json')),
        200,
      ),
  );
  return api;
}
