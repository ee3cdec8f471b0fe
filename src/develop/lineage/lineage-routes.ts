import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { lineageGraph, lineageKind } from './lineage-api.ts';
import { lineageOf } from './lineage-store.ts';

const query = z.object({
  kind: lineageKind,
  id: z.string(),
  /** steps away, in both directions */
  depth: z.coerce.number().int().min(1).max(50).default(10),
});

/** What a thing came from and what came from it. */
export function lineageRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage',
      request: { query },
      responses: answers(lineageGraph, 'Ancestors and descendants, and how they are joined'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { kind, id, depth } = context.req.valid('query');
      return context.json(await lineageOf(world.database.read, { kind, id }, depth), 200);
    },
  );
  return api;
}
