import { answers, createApi, createRoute, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { board } from './board-api.ts';
import { readBoard } from './board-store.ts';

export function boardRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/board', responses: answers(board, 'Every project through the five practices, as it stands now') }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await readBoard(world), 200);
    },
  );
  return api;
}
