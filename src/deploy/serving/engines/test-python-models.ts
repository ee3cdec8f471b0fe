import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packagePath } from '../../../platform/package-root.ts';
import { describeModel } from '../../python/describe-model.ts';
import { writeBundle } from '../../python/model-bundle.ts';
import type { Cell } from './rows.ts';
import type { ServedVersion } from '../serving-api.ts';
import { addBlob } from '../test-control-plane.ts';

const run = promisify(execFile);

export const testPython = process.env['TILTH_TEST_PYTHON'] ?? '';
export const needsTestPython = {
  skip:
    testPython === '' && process.env['CI'] === undefined
      ? 'needs TILTH_TEST_PYTHON, a Python with mlflow and scikit-learn'
      : false,
};

/** Rows, and what the model says of them in Python. */
export interface PythonSaid {
  readonly columns: readonly string[];
  readonly data: readonly (readonly Cell[])[];
  readonly predict: readonly (number | string | boolean)[];
  readonly predict_proba: readonly (readonly number[])[] | null;
}

/** Makes models of test/fixtures/serving/make_python_models.py. */
export async function makePythonModels(folder: string, names: readonly string[]): Promise<void> {
  await run(testPython, [
    packagePath('test', 'fixtures', 'serving', 'make_python_models.py'),
    folder,
    ...names,
  ]);
}

export const saidInPython = (folder: string, name: string): PythonSaid =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as PythonSaid;

/** Describes and bundles a model as its registration does, and makes it available at the test's control planes. */
export async function servePythonModel(folder: string, name: string, version = 1): Promise<ServedVersion> {
  const modelFolder = join(folder, name);
  const rowsFile = join(folder, `${name}.rows.json`);
  const { columns, data } = saidInPython(folder, name);
  writeFileSync(rowsFile, JSON.stringify({ columns, data: data.slice(0, 50) }));
  const job = {
    progress: async () => undefined,
    run: async (command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}) =>
      (await run(command, [...args], options.env === undefined ? {} : { env: options.env })).stdout,
  };
  const described = await describeModel({ modelFolder, rowsFile, python: testPython, folder }, job);
  if ('reason' in described) throw new Error(described.reason);
  const file = join(folder, `${name}.bundle`);
  const { byteCount } = await writeBundle(modelFolder, file);
  const digest = addBlob(readFileSync(file));
  return {
    model: name,
    version,
    runId: null,
    engine: 'python',
    digest,
    byteCount,
    schemaHash: digest,
    ...described,
  };
}
