import { streamSSE } from 'hono/streaming';
import { auditEvent } from './event-api.ts';
import { listEvents } from './events.ts';
import { answers, createApi, createRoute, z, type Api } from './http.ts';
import type { World } from './world.ts';

const heartbeatMs = 15_000;

/** The audit log as a list, and live as server-sent events. */
export function eventRoutes(world: World): Api {
  const api = createApi();
  const limit = z.coerce.number().int().min(1).max(10_000).optional();
  const seq = z.coerce.number().int().optional();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/events',
      request: {
        query: z.object({
          kind: z.string().optional(),
          thing: z.string().optional(),
          verb: z.string().optional(),
          afterSeq: seq,
          beforeSeq: seq,
          limit,
        }),
      },
      responses: answers(z.array(auditEvent), 'Events, newest first; oldest first after a given one'),
    }),
    async (context) => context.json(await listEvents(world.database.read, context.req.valid('query')), 200),
  );
  api.get('/api/v1/events/stream', (context) =>
    streamSSE(context, async (stream) => {
      const end = world.events.subscribe((event) => {
        void stream.writeSSE({ event: 'event', id: String(event.seq), data: JSON.stringify(event) }).catch(() => undefined);
      });
      stream.onAbort(end);
      await stream.writeSSE({ event: 'hello', data: '{}' });
      while (!stream.aborted) {
        await stream.sleep(heartbeatMs);
        await stream.write(': still here\n\n');
      }
    }),
  );
  return api;
}
