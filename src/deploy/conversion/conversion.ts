import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { JobContext } from '../../platform/jobs.ts';
import { packagePath } from '../../platform/package-root.ts';
import type { ServedSchema } from '../serving/serving-api.ts';
import { expectedFile, failureFile, schemaFile, servedSchemaOf, type ExpectedFile } from './convert-files.ts';
import { askGraph } from './graph.ts';
import { compareAnswers, type Comparison } from './parity.ts';

export interface ConversionInput {
  /** an MLflow model: the folder that holds `MLmodel` */
  readonly modelFolder: string;
  readonly outFolder: string;
  /** Parquet or JSON rows to compare on */
  readonly rowsFile: string;
  readonly maxRows: number;
  /** the model's own Python */
  readonly python: string;
}

export interface Parity extends Omit<Comparison, 'worst'> {
  readonly worstRow: {
    readonly index: number;
    readonly row: Record<string, unknown>;
    readonly python: unknown;
    readonly onnx: unknown;
    readonly error: number;
  } | null;
  readonly skipped: ExpectedFile['skipped'];
  readonly runtime: string;
  readonly versions: Record<string, string>;
}

export type Conversion =
  | {
      readonly engine: 'onnx';
      readonly onnxFile: string;
      readonly schema: ServedSchema;
      readonly parity: Parity;
    }
  | { readonly engine: 'python'; readonly code: string; readonly reason: string };

const converter = packagePath('python', 'convert', 'convert.py');
const exitNotConvertible = 3;

/** Version of the runtime that compares, which is the one that serves. */
export const runtimeName = `onnxruntime-node ${
  (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version
}`;

/**
 * Turns an MLflow model into a graph in the model's own Python, and measures here how far the graph's answers are
 * from the original's, on the user's rows and on rows made to break a careless conversion.
 *
 * @throws when the converter itself fails; a model without a faithful graph is an answer, not a failure
 */
export async function convertModel(
  input: ConversionInput,
  job: Pick<JobContext, 'run' | 'progress'>,
): Promise<Conversion> {
  await job.progress('converting in the model’s own Python');
  await job.run(
    input.python,
    [
      converter,
      input.modelFolder,
      input.outFolder,
      '--rows',
      input.rowsFile,
      '--max-rows',
      String(input.maxRows),
    ],
    {
      accept: [0, exitNotConvertible],
      env: {
        ...process.env,
        OMP_NUM_THREADS: '1',
        OPENBLAS_NUM_THREADS: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONWARNINGS: 'ignore',
      },
    },
  );
  const failure = join(input.outFolder, 'failure.json');
  if (existsSync(failure)) {
    const { code, reason } = failureFile.parse(await readJson(failure));
    return { engine: 'python', code, reason };
  }
  const schema = schemaFile.parse(await readJson(join(input.outFolder, 'schema.json')));
  const expected = expectedFile.parse(await readJson(join(input.outFolder, 'expected.json')));
  const onnxFile = join(input.outFolder, 'model.onnx');
  await job.progress(`comparing ${expected.count} rows with ${runtimeName}`);
  const original = {
    labels: expected.predict.map(scalarOf),
    probabilities: expected.predict_proba,
  };
  const served = await askGraph(onnxFile, schema, expected);
  const isClassifier = schema.task.endsWith('classification');
  const { worst, ...comparison } = compareAnswers(original, served, { isClassifier, parts: expected.parts });
  const answerOf = (answers: typeof served, row: number): unknown =>
    answers.probabilities?.[row] ?? answers.labels[row];
  return {
    engine: 'onnx',
    onnxFile,
    schema: servedSchemaOf(schema, expected),
    parity: {
      ...comparison,
      worstRow:
        worst === null
          ? null
          : {
              ...worst,
              row: Object.fromEntries(
                Object.entries(expected.columns).map(([name, cells]) => [name, cells[worst.index]]),
              ),
              python: answerOf(original, worst.index),
              onnx: answerOf(served, worst.index),
            },
      skipped: expected.skipped,
      runtime: runtimeName,
      versions: schema.versions,
    },
  };
}

/** scikit-learn's regressors may answer [[1.0], [2.0]]. */
const scalarOf = (value: unknown): string | number | boolean =>
  Array.isArray(value) ? scalarOf(value[0]) : (value as string | number | boolean);

const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(file, 'utf8')) as unknown;
