import type { Actor } from '../../platform/actor.ts';
import type { Feature } from '../../platform/feature.ts';
import { answers, createApi, createRoute, takes, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { cleanUp, cleanupJobKind, planCleanup } from './cleanup.ts';
import { cleanupPlan, cleanupRequest, cleanupStarted, type CleanupRequest } from './cleanup-api.ts';

interface CleanupInput {
  readonly actor: Actor;
  readonly request: CleanupRequest;
}

/** Freeing the space of what was deleted: a plan to read, and a job that carries it out. */
export const cleanupFeature: Feature = {
  name: 'cleanup',
  routes: cleanupRoutes,
  start: (world) =>
    world.jobs.handle(cleanupJobKind, ({ actor, request }: CleanupInput, job) =>
      cleanUp(world, actor, request, job),
    ),
};

function cleanupRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/cleanup/plan',
      request: { body: takes(cleanupRequest) },
      responses: answers(
        cleanupPlan,
        'What a cleanup would remove for good, with its bytes, and what it would keep and why',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await planCleanup(world, context.req.valid('json')), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/cleanup',
      request: { body: takes(cleanupRequest) },
      responses: answers(cleanupStarted, 'The job that removes it; its output says what was removed'),
    }),
    async (context) => {
      const { actor } = context.var;
      requireRight(actor, 'cleanup.remove');
      const input: CleanupInput = { actor, request: context.req.valid('json') };
      const job = await world.database.write((tx) =>
        world.jobs.enqueue(tx, { kind: cleanupJobKind, key: cleanupJobKind, input, requestedBy: actor.id }),
      );
      return context.json({ job }, 200);
    },
  );
  return api;
}
