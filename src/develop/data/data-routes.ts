import { answers, createApi, createRoute, takes, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { hiddenColumns, maskReport } from '../contracts/masking.ts';
import { dataset, datasetVersion, datasetWithVersions, newDatasetVersion } from './data-api.ts';
import { addDatasetVersion, getDataset, listDatasets } from './data-store.ts';

const params = z.object({ name: z.string().min(1) });

/** Datasets, their versions and what the checks of their contracts found. */
export function dataRoutes(world: World): Api {
  const api = createApi();
  api.openapi(
    createRoute({ method: 'get', path: '/api/v1/datasets', responses: answers(z.array(dataset), 'Every dataset with its newest version') }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      return context.json(await listDatasets(world.database.read), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/datasets/{name}',
      request: { params },
      responses: answers(datasetWithVersions, 'The dataset and its versions, newest first'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const found = await getDataset(world.database.read, context.req.valid('param').name);
      const versions = found.versions.map((version) => {
        const hidden = hiddenColumns(context.var.actor, version.columns, found.classification);
        return { ...version, report: version.report === null ? null : maskReport(version.report, hidden) };
      });
      return context.json({ ...found, versions }, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/datasets/{name}/versions',
      request: { params, body: takes(newDatasetVersion) },
      responses: answers(datasetVersion, 'The version as it is kept'),
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      return context.json(await addDatasetVersion(world, context.var.actor, name, context.req.valid('json')), 200);
    },
  );
  return api;
}
