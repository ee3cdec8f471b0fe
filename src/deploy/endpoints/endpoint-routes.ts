import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { servingConfig, servingReport } from '../serving/serving-api.ts';
import {
  endpoint,
  newEndpoint,
  plane,
  rollbackRequest,
  routeChange,
  routeRevision,
  servingKey as servingKeyShape,
} from './endpoint-api.ts';
import { getEndpointRow, routeHistory } from './endpoint-store.ts';
import { createEndpoint, rollbackEndpoint, routeEndpoint, stopEndpoint } from './endpoints.ts';
import { awaitServingConfig, getEndpoint, hearReport, listEndpoints, listPlanes } from './serving-state.ts';
import { rotateServingKey, servingKey, servingSigner } from './serving-key.ts';

const named = z.object({ name: z.string() });
const withReason = z.object({ reason: z.string().optional() });
const longestWaitMs = 60_000;

/** Endpoints and their routes; and what data planes ask and tell. */
export function endpointRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints',
      responses: answers(z.array(endpoint), 'Endpoints with route and live numbers'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listEndpoints(world), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints',
      request: { body: takes(newEndpoint) },
      responses: answers(endpoint, 'The endpoint; its champion answers where the model has one'),
    }),
    async (context) => {
      const made = await createEndpoint(world, context.var.actor, context.req.valid('json'));
      return context.json(await getEndpoint(world, made.name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}',
      request: { params: named },
      responses: answers(endpoint, 'One endpoint'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await getEndpoint(world, context.req.valid('param').name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/endpoints/{name}/route',
      request: { params: named, body: takes(routeChange) },
      responses: answers(endpoint, 'The endpoint with its new route'),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      await routeEndpoint(world, context.var.actor, name, context.req.valid('json'));
      return context.json(await getEndpoint(world, name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints/{name}/rollback',
      request: { params: named, body: takes(rollbackRequest) },
      responses: answers(endpoint, 'The endpoint with its previous champion'),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      await rollbackEndpoint(world, context.var.actor, name, context.req.valid('json'));
      return context.json(await getEndpoint(world, name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/endpoints/{name}/stop',
      request: { params: named, body: takes(withReason) },
      responses: answers(endpoint, 'The endpoint, out of service'),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      await stopEndpoint(world, context.var.actor, name, context.req.valid('json').reason);
      return context.json(await getEndpoint(world, name), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/endpoints/{name}/routes',
      request: { params: named, query: z.object({ at: z.coerce.number().optional() }) },
      responses: answers(z.array(routeRevision), 'Routes that the endpoint had, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { name } = context.req.valid('param');
      await getEndpointRow(read, name);
      return context.json(await routeHistory(read, name, context.req.valid('query').at), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/serving/config',
      request: {
        query: z.object({
          after: z.coerce.number().int().default(-1),
          waitMs: z.coerce.number().int().min(0).max(longestWaitMs).default(0),
        }),
      },
      responses: answers(
        servingConfig,
        'What data planes serve; answered when it is another than `after`, or after waitMs',
      ),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { after, waitMs } = context.req.valid('query');
      const config = await awaitServingConfig(world, { after, waitMs, signal: context.req.raw.signal });
      // the very bytes of the answer are signed
      for (const [name, value] of Object.entries(servingSigner(world).sign(JSON.stringify(config))))
        context.header(name, value);
      return context.json(config, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/serving/key',
      responses: answers(servingKeyShape, 'The public key that configurations are signed with'),
    }),
    (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(servingKey(world), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/serving/key/rotate',
      responses: answers(servingKeyShape, 'The new key; the old one vouches for it'),
    }),
    async (context) => context.json(await rotateServingKey(world, context.var.actor), 200),
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/serving/report',
      request: { body: takes(servingReport) },
      responses: answers(z.object({}), 'Heard'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'endpoint.report');
      await hearReport(world, context.req.valid('json'));
      return context.json({}, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/serving/planes',
      responses: answers(z.array(plane), 'Data planes, the last heard first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listPlanes(world), 200);
    },
  );
  return api;
}
