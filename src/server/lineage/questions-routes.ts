import { openLineageEvents as eventPage, received } from '../../develop/lineage/openlineage-api.ts';
import { receiveEvent } from '../../develop/lineage/openlineage-store.ts';
import { predictionLog } from '../../monitor/predictions/predictions.ts';
import type { Reader } from '../../platform/database/database.ts';
import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { liveModelsOf } from './live-models.ts';
import { openLineageEvents } from './openlineage-events.ts';
import { provenanceOf, type Asked } from './provenance.ts';
import { liveModel, provenance } from './questions-api.ts';
import { originUnknown } from './questions-errors.ts';

/** The two questions that lineage is asked, and OpenLineage in and out. */
export function lineageQuestionRoutes(world: World): Api {
  const api = createApi();
  const { read } = world.database;
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/live-models',
      request: { query: z.object({ dataset: z.string(), md5: z.string().optional() }) },
      responses: answers(z.array(liveModel), 'Models that answer now and saw this dataset'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { dataset, md5 } = context.req.valid('query');
      return context.json(await liveModelsOf(read, dataset, md5), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/provenance',
      request: {
        query: z.object({
          /** `late/3`, or the id of a request that was answered */
          of: z.string(),
        }),
      },
      responses: answers(provenance, 'Data, code and approvals that this came from'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { of } = context.req.valid('query');
      const asked = askedOf(of);
      let found = await provenanceOf(read, asked);
      if (found === undefined && 'requestId' in asked) {
        // the newest predictions may not have reached the log's index yet
        await (await predictionLog(world)).compaction.run();
        found = await provenanceOf(read, asked);
      }
      if (found === undefined) throw originUnknown(of);
      return context.json(found, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/lineage',
      request: { body: takes(z.looseObject({})) },
      responses: answers(received, 'The event is kept and joined into the graph'),
    }),
    async (context) => {
      const body: unknown = await context.req.json();
      return context.json({ id: await receiveEvent(world, context.var.actor, body, knownDatasets) }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/lineage/events',
      request: {
        query: z.object({
          after: z.string().optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
      },
      responses: answers(eventPage, 'What happened here and elsewhere, as OpenLineage events'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { after, limit } = context.req.valid('query');
      const page = await openLineageEvents(read, { after, limit });
      return context.json({ events: page.events as Record<string, unknown>[], next: page.next }, 200);
    },
  );
  return api;
}

function askedOf(thing: string): Asked {
  const [, model, version] = /^(.+)\/(\d+)$/.exec(thing) ?? [];
  return model === undefined ? { requestId: thing } : { model, version: Number(version) };
}

async function knownDatasets(reader: Reader, names: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await reader.selectFrom('dataset').select('name').where('name', 'in', names).execute();
  return new Set(rows.map(({ name }) => name));
}
