import type { Reader } from '../../platform/database/database.ts';
import type { Hold } from '../registry/version-deletion.ts';
import { listEndpointRows } from './endpoint-store.ts';

/** Versions that an endpoint sends traffic to, shadows among them: they can't be deleted. */
export async function routedVersions(read: Reader, model: string): Promise<Hold[]> {
  return (await listEndpointRows(read, model))
    .filter((endpoint) => !endpoint.isStopped)
    .flatMap(({ name, targets }) =>
      targets.map(({ version, variant }) => ({
        version,
        why: `the endpoint ${name} routes to it as ${variant}`,
        next: `Route ${name} to another version first, or stop it: tilth endpoint stop ${name}`,
      })),
    );
}
