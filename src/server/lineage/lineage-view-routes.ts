import { lineageKind, type LineageNode } from '../../develop/lineage/lineage-api.ts';
import { lineageOf } from '../../develop/lineage/lineage-store.ts';
import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { namedNodes, searchLineage } from './lineage-names.ts';
import { lineageView, namedNode } from './lineage-view-api.ts';

/** more can't be drawn so that anybody sees something */
const mostNodes = 2000;
const keyOf = (node: LineageNode): string => `${node.kind}\n${node.id}`;

/** The lineage as the page draws it: with names from tracking and pipelines, and a search. */
export function lineageViewRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/view',
      request: {
        query: z.object({
          kind: lineageKind,
          id: z.string(),
          /** steps away, in both directions */
          depth: z.coerce.number().int().min(1).max(50).default(10),
        }),
      },
      responses: answers(lineageView, 'Ancestors and descendants with their names'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { kind, id, depth } = context.req.valid('query');
      const { nodes, edges } = await lineageOf(read, { kind, id }, depth);
      const shown = nodes.slice(0, mostNodes);
      const known = new Set(shown.map(keyOf));
      const view = {
        nodes: await namedNodes(read, shown),
        edges: edges.filter(({ from, to }) => known.has(keyOf(from)) && known.has(keyOf(to))),
        leftOut: nodes.length - shown.length,
      };
      return context.json(view, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/search',
      request: { query: z.object({ words: z.string().min(1).max(200) }) },
      responses: answers(z.array(namedNode), 'Things with these letters in their name'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await searchLineage(read, context.req.valid('query').words), 200);
    },
  );
  return api;
}
