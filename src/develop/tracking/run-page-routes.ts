import { answers, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { artifactTable } from './artifact-table.ts';
import { artifactKeyBelow } from './artifacts.ts';
import { getRunInfo, logBatch } from './run-store.ts';
import { artifactTable as artifactTableView, runNote } from './tracking-api.ts';

/** The tag that MLflow's own page keeps a run's description in. */
const noteTag = 'mlflow.note.content';

/** What the page of one run needs beside the run: its notes, and tables among its files. */
export function addRunPageRoutes(api: Api, world: World): void {
  const parameter = z.object({ id: z.string() });

  api.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/runs/{id}/note',
      request: { params: parameter, body: takes(runNote) },
      responses: answers(runNote, 'What was written of a run, in Markdown; MLflow keeps it in the tag mlflow.note.content'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'run.log');
      const { text } = context.req.valid('json');
      await logBatch(world, context.req.valid('param').id, { tags: [{ key: noteTag, value: text }] });
      return context.json({ text }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/runs/{id}/artifact-table',
      request: { params: parameter, query: z.object({ path: z.string() }) },
      responses: answers(artifactTableView, 'The columns and first rows of a Parquet file'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { artifactUri } = await getRunInfo(world.database.read, context.req.valid('param').id);
      return context.json(await artifactTable(world, artifactKeyBelow(artifactUri, context.req.valid('query').path)), 200);
    },
  );
}
