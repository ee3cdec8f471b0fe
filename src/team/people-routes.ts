import type { MiddlewareHandler } from 'hono';
import type { Actor } from '../platform/actor.ts';
import { answers, createApi, createRoute, takes, z, type Api, type Environment } from '../platform/http.ts';
import type { World } from '../platform/world.ts';
import { localActor } from './can.ts';
import { issuedToken, newPerson, person, whoAmI } from './people-api.ts';
import { actorOfToken, addPerson, issueToken, listPeople } from './people-store.ts';

/** Bearer token, or basic with the token as password (the MLflow client's form); the local user without one. */
export const identify = (world: World): MiddlewareHandler<Environment> =>
  async function identifyActor(context, next) {
    context.set('actor', await actorOf(world, context.req.header('authorization')));
    await next();
  };

/** Who a request's `Authorization` speaks for. @throws where a token is not known */
export function actorOf(world: World, authorization: string | undefined): Promise<Actor> | Actor {
  const token = tokenOf(authorization);
  return token === undefined ? localActor : actorOfToken(world.database.read, token, world.clock.now());
}

function tokenOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const [scheme, value = ''] = header.split(' ', 2);
  if (scheme?.toLowerCase() === 'bearer') return value;
  if (scheme?.toLowerCase() === 'basic')
    return Buffer.from(value, 'base64').toString().split(':').slice(1).join(':');
  return undefined;
}

export function peopleRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/me',
      responses: answers(whoAmI, 'Who this token belongs to'),
    }),
    (context) => {
      const { id, name, kind, roles } = context.var.actor;
      return context.json({ id, name, kind, roles: [...roles] }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/people',
      responses: answers(z.array(person), 'Everyone in the team'),
    }),
    async (context) => context.json(await listPeople(world.database.read), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/people',
      request: { body: takes(newPerson) },
      responses: answers(person, 'The person, added or changed'),
    }),
    async (context) =>
      context.json(await addPerson(world, context.var.actor, context.req.valid('json')), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/people/{id}/tokens',
      request: {
        params: z.object({ id: z.string() }),
        body: takes(z.object({ days: z.number().positive().max(90).default(30) })),
      },
      responses: answers(issuedToken, 'The token, shown this once'),
    }),
    async (context) => {
      const { days } = context.req.valid('json');
      return context.json(
        await issueToken(world, context.var.actor, context.req.valid('param').id, days),
        200,
      );
    },
  );
  return api;
}
