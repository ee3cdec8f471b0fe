import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { policyReport } from './policy-api.ts';
import { recordReport } from './policy-store.ts';

/** Policies are evaluated where the data lies; what they said is kept here. */
export function policyRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/policies/results',
      request: { body: takes(policyReport) },
      responses: answers(z.object({}), 'The results are in the audit log'),
    }),
    async (context) => {
      await recordReport(world, context.var.actor, context.req.valid('json'));
      return context.json({}, 200);
    },
  );
  return api;
}
