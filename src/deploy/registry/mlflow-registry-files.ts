import { sendArtifact } from '../../develop/tracking/artifact-answer.ts';
import { artifactKeyBelow } from '../../develop/tracking/artifacts.ts';
import { bothPrefixes, type FileCall } from '../../develop/tracking/mlflow-files.ts';
import { filledText, parseInput } from '../../develop/tracking/mlflow-wire.ts';
import { z } from '../../platform/http.ts';
import { parseVersion } from './registry.ts';
import { getVersionRow } from './registry-store.ts';

const ofVersion = z.object({ name: filledText, version: filledText, path: filledText });

/** The files of model versions, as MLflow's page loads them. */
export const registryFileCalls: readonly FileCall[] = [
  {
    method: 'get',
    paths: ['/model-versions/get-artifact', ...bothPrefixes('mlflow/model-versions/get-artifact')],
    right: 'read',
    async answer(world, context) {
      const { name, version, path } = parseInput(ofVersion, context.req.query());
      const { location } = await getVersionRow(world.database.read, name, parseVersion(version));
      return sendArtifact(world, context, artifactKeyBelow(location, path));
    },
  },
];
