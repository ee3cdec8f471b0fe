import type { Actor } from '../../platform/actor.ts';
import type { Feature } from '../../platform/feature.ts';
import { answers, createApi, createRoute, takes, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { getExperiment } from '../../develop/tracking/experiment-store.ts';
import { requireRight } from '../../team/can.ts';
import {
  exchangeStarted,
  exportRequest,
  importRequest,
  type ExportRequest,
  type ImportRequest,
} from './exchange-api.ts';
import { exchangeMigrations } from './exchange-store.ts';
import { exportJobKind, exportMlflow, pathsOf } from './export.ts';
import { checkImport, importJobKind, importMlflow } from './import.ts';

interface ImportInput {
  readonly actor: Actor;
  readonly request: ImportRequest;
}

interface ExportInput {
  readonly actor: Actor;
  readonly request: ExportRequest;
}

/** What MLflow keeps comes in and goes out again, as jobs that survive a restart. */
export const exchangeFeature: Feature = {
  name: 'exchange',
  migrations: exchangeMigrations,
  routes: exchangeRoutes,
  start: (world) => {
    world.jobs.handle(importJobKind, ({ actor, request }: ImportInput, job) =>
      importMlflow(world, actor, request, job),
    );
    world.jobs.handle(exportJobKind, ({ actor, request }: ExportInput, job) =>
      exportMlflow(world, actor, request, job),
    );
  },
};

function exchangeRoutes(world: World): Api {
  const api = createApi();
  const queue = (kind: string, key: string, input: ImportInput | ExportInput): Promise<string> =>
    world.database.write((tx) => world.jobs.enqueue(tx, { kind, key, input, requestedBy: input.actor.id }));
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/imports/mlflow',
      request: { body: takes(importRequest) },
      responses: answers(
        exchangeStarted,
        'The job that imports an MLflow store; its output says what was taken and what was left',
      ),
    }),
    async (context) => {
      const { actor } = context.var;
      requireRight(actor, 'tracking.import');
      const request = context.req.valid('json');
      await checkImport(world, actor, request);
      const key = `${importJobKind}:${request.isDryRun ? 'dry:' : ''}${request.source}`;
      return context.json({ job: await queue(importJobKind, key, { actor, request }) }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/exports/mlflow',
      request: { body: takes(exportRequest) },
      responses: answers(
        exchangeStarted,
        'The job that writes an MLflow store; its output says what was written',
      ),
    }),
    async (context) => {
      const { actor } = context.var;
      requireRight(actor, 'tracking.export');
      const request = context.req.valid('json');
      await pathsOf(request.target);
      for (const id of request.experiments ?? []) await getExperiment(world.database.read, id);
      return context.json(
        { job: await queue(exportJobKind, `${exportJobKind}:${request.target}`, { actor, request }) },
        200,
      );
    },
  );
  return api;
}
