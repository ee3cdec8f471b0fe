import { resolve } from 'node:path';
import { inWorkspace } from './in-workspace.ts';

/**
 * Gives files that are links to the cache bytes of their own, so that they can be changed.
 *
 * @returns how many files there were
 * @throws DATA_PATH_MISSING
 */
export async function unprotectData(folder: string, targets: readonly string[]): Promise<number> {
  return inWorkspace(folder, true, (workspace) =>
    targets.reduce((count, target) => count + workspace.unprotect(resolve(folder, target)), 0),
  );
}
