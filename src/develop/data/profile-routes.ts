import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { hiddenColumns } from '../contracts/masking.ts';
import { getDataset } from './data-store.ts';
import { dataDifference, newDataProfile, versionProfile } from './profile-api.ts';
import { differenceOf } from './profile-difference.ts';
import { maskProfile } from './profile.ts';
import { findProfile, keepProfile, profilePair, versionNamed } from './profile-store.ts';

const version = z.object({ name: z.string().min(1), version: z.string().min(4) });
const path = '/api/v1/datasets/{name}/versions/{version}/profile';

/** What versions hold, and what changed between two of them. */
export function profileRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;
  api.openapi(
    createRoute({
      method: 'get',
      path,
      request: { params: version },
      responses: answers(versionProfile, 'Tables, columns and files of the version'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { name, version: word } = context.req.valid('param');
      const found = await findProfile(read, name, await versionNamed(read, name, word));
      const { classification } = await getDataset(read, name);
      const columns = found.profile.tables.flatMap((table) => table.columns);
      const typed = columns.map((column) => ({
        name: column.name,
        type: column.type,
        classification: column.classification ?? undefined,
      }));
      const hidden = hiddenColumns(context.var.actor, typed, classification);
      return context.json(
        { ...found, profile: maskProfile(found.profile, (column) => hidden.has(column.name)) },
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'put',
      path,
      request: { params: version, body: takes(newDataProfile) },
      responses: answers(versionProfile, 'The profile as it is kept'),
    }),
    async (context) => {
      const { name, version: word } = context.req.valid('param');
      return context.json(
        await keepProfile(world, context.var.actor, name, word, context.req.valid('json')),
        200,
      );
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/datasets/{name}/difference',
      request: {
        params: z.object({ name: z.string().min(1) }),
        query: z.object({
          /** md5 or its first letters; the version before `to` */
          from: z.string().optional(),
          /** the newest version */
          to: z.string().optional(),
        }),
      },
      responses: answers(dataDifference, 'Files, tables and columns that changed'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { from, to } = context.req.valid('query');
      const pair = await profilePair(read, context.req.valid('param').name, from, to);
      return context.json(differenceOf(pair.from, pair.to), 200);
    },
  );
  return api;
}
