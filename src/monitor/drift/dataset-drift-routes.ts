import { profilePair } from '../../develop/data/profile-store.ts';
import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { datasetDrift } from './dataset-drift-api.ts';
import { driftBetween } from './dataset-drift.ts';

/** How far data moved between two of its versions; no model needs to have seen either. */
export function datasetDriftRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/datasets/{name}/drift',
      request: {
        params: z.object({ name: z.string().min(1) }),
        query: z.object({
          /** md5 or its first letters; the version before `to` */
          from: z.string().optional(),
          /** the newest version */
          to: z.string().optional(),
        }),
      },
      responses: answers(
        datasetDrift,
        'Each column that both versions have: how far it moved, and its shares in common bins',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { from, to } = context.req.valid('query');
      const pair = await profilePair(world.database.read, context.req.valid('param').name, from, to);
      return context.json(driftBetween(pair.from, pair.to), 200);
    },
  );
  return api;
}
