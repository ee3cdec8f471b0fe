import { auditEvent } from '../../platform/event-api.ts';
import { listEvents } from '../../platform/events.ts';
import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { verdict } from './audit-api.ts';
import { verifyLog } from './audit-store.ts';

export function auditRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/audit/verify', responses: answers(verdict, 'Whether the log is whole') }),
    async (context) => {
      requireRight(context.var.actor, 'audit.read');
      return context.json(await verifyLog(world.database.read), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/audit',
      request: {
        query: z.object({
          kind: z.string().optional(),
          thing: z.string().optional(),
          verb: z.string().optional(),
          beforeSeq: z.coerce.number().int().optional(),
          limit: z.coerce.number().int().min(1).max(10_000).default(100),
        }),
      },
      responses: answers(z.array(auditEvent), 'Who did what, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'audit.read');
      return context.json(await listEvents(world.database.read, context.req.valid('query')), 200);
    },
  );
  return api;
}
