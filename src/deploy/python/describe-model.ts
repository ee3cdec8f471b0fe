import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JobContext } from '../../platform/jobs.ts';
import { packagePath } from '../../platform/package-root.ts';
import { servedPython, servedSchema, type ServedPython, type ServedSchema } from '../serving/serving-api.ts';

/** How a model wants to be asked in its own Python; or why it can't be. */
export type ModelDescription =
  | { readonly schema: ServedSchema; readonly python: ServedPython }
  | { readonly reason: string };

const described = z.union([
  z.object({ reason: z.string() }),
  servedPython.omit({ path: true, version: true }).extend({ schema: servedSchema, python: z.string() }),
]);

/**
 * Loads a model in a short-lived process of its own Python and asks it the rows.
 *
 * @param folder where the answer may be written
 * @throws JOB_COMMAND_FAILED when the Python itself does not run
 */
export async function describeModel(
  {
    modelFolder,
    rowsFile,
    python,
    folder,
  }: { modelFolder: string; rowsFile: string; python: string; folder: string },
  job: Pick<JobContext, 'run' | 'progress'>,
): Promise<ModelDescription> {
  await job.progress('asking the model in its own Python');
  const out = join(folder, 'description.json');
  await job.run(python, [packagePath('python', 'worker', 'describe.py'), modelFolder, rowsFile, out], {
    env: { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1', PYTHONWARNINGS: 'ignore' },
  });
  const said = described.parse(JSON.parse(await readFile(out, 'utf8')));
  if ('reason' in said) return said;
  const { schema, python: version, ...rest } = said;
  return { schema, python: { path: python, version, ...rest } };
}
