import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { hiddenColumns, maskReport } from '../contracts/masking.ts';
import type {} from './data-store.ts';
import { newRefusal, refusal } from './refusal-api.ts';
import { listRefusals, recordRefusal } from './refusal-store.ts';

const params = z.object({ name: z.string().min(1) });
const path = '/api/v1/datasets/{name}/refusals';

/** Data that broke its contract when it was to be added. */
export function refusalRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path,
      request: { params },
      responses: answers(z.array(refusal), 'What was refused, newest first, with failing examples'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { name } = context.req.valid('param');
      const { read } = world.database;
      const found = await listRefusals(read, name);
      const declared = await read
        .selectFrom('dataset')
        .select('classification')
        .where('name', '=', name)
        .executeTakeFirst();
      const shown = found.map((one) => ({
        ...one,
        report: maskReport(
          one.report,
          hiddenColumns(context.var.actor, one.report.columns, declared?.classification ?? null),
        ),
      }));
      return context.json(shown, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path,
      request: { params, body: takes(newRefusal) },
      responses: answers(refusal, 'The refusal as it is kept'),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      return context.json(
        await recordRefusal(world, context.var.actor, name, context.req.valid('json').report),
        200,
      );
    },
  );
  return api;
}
