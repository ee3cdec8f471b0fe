import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TilthError } from '../../platform/errors.ts';
import type { JobContext } from '../../platform/jobs.ts';
import { packagePath } from '../../platform/package-root.ts';
import type { ParityCriteria } from '../../start/project/declaration.ts';
import type { ServedSchema } from '../serving/serving-api.ts';
import { failureFile, type SchemaFile } from './convert-files.ts';
import { proveFirstFaithful } from './prove-apart.ts';
import { readJson, runtimeName, type Parity } from './prove.ts';

export interface ConversionInput {
  /** an MLflow model: the folder that holds `MLmodel` */
  readonly modelFolder: string;
  readonly outFolder: string;
  /** Parquet or JSON rows to compare on */
  readonly rowsFile: string;
  /** the model's own Python */
  readonly python: string;
  readonly criteria: ParityCriteria;
  readonly limits?: Limits;
}

/** What the conversion of one model may take. */
export interface Limits {
  readonly seconds: number;
  readonly megabytes: number;
}

const defaultLimits: Limits = { seconds: 15 * 60, megabytes: 16 * 1024 };

export type Conversion =
  | {
      readonly engine: 'onnx';
      readonly onnxFile: string;
      /** rows and the original's answers, to prove the graph again with another runtime */
      readonly expectedFile: string;
      /** the graph as the converter describes it */
      readonly converted: SchemaFile;
      readonly schema: ServedSchema;
      readonly parity: Parity;
    }
  | { readonly engine: 'python'; readonly code: string; readonly reason: string };

const converter = packagePath('python', 'convert', 'convert.py');
const exitNotConvertible = 3;

/**
 * Turns an MLflow model into a graph in the model's own Python, and measures here how far the graph's answers are
 * from the original's, on the user's rows and on rows made to break a careless conversion.
 * Whatever the model's code does there, it is an answer: the version is then served by Python, with the reason.
 *
 * @throws when the job was ended
 */
export async function convertModel(
  input: ConversionInput,
  job: Pick<JobContext, 'run' | 'progress' | 'signal'>,
): Promise<Conversion> {
  await job.progress('converting in the model’s own Python');
  const ended = await runConverter(input, job);
  if (ended !== undefined) return { engine: 'python', ...ended };
  const failure = join(input.outFolder, 'failure.json');
  if (existsSync(failure)) {
    const { code, reason } = failureFile.parse(await readJson(failure));
    return { engine: 'python', code, reason };
  }
  await job.progress(`comparing with ${runtimeName}`);
  const proven = await proveFirstFaithful(input.outFolder, input.criteria, job.signal);
  if (!('proof' in proven)) return { engine: 'python', code: 'NOT_FAITHFUL', reason: proven.fault };
  const { onnxFile, converted, proof } = proven;
  const { schema, parity } = proof;
  return {
    engine: 'onnx',
    onnxFile,
    expectedFile: join(input.outFolder, 'expected.json'),
    converted,
    schema,
    parity,
  };
}

/** @returns why there is no outcome; undefined when there is one */
async function runConverter(
  { python, modelFolder, outFolder, rowsFile, criteria, limits = defaultLimits }: ConversionInput,
  job: Pick<JobContext, 'run' | 'signal'>,
): Promise<{ code: string; reason: string } | undefined> {
  const args = [
    converter,
    modelFolder,
    outFolder,
    '--rows',
    rowsFile,
    '--max-rows',
    String(criteria.rows),
    '--labels-equal',
    String(criteria.labelsEqual),
    '--max-error',
    String(criteria.maxError),
    '--regression-error',
    String(criteria.regressionError),
    '--seconds',
    String(limits.seconds),
    '--megabytes',
    String(limits.megabytes),
  ];
  const env = {
    ...process.env,
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
  };
  const startedAt = performance.now();
  try {
    await job.run(python, args, { accept: [0, exitNotConvertible], env });
    return undefined;
  } catch (cause) {
    if (job.signal.aborted) throw cause;
    const tookLong = performance.now() - startedAt >= limits.seconds * 1000 - 500;
    if (tookLong)
      return { code: 'CONVERTER_SLOW', reason: `Its conversion took longer than ${limits.seconds} s.` };
    return { code: 'CONVERTER_FAILED', reason: `Its conversion ended early: ${lastLine(cause)}` };
  }
}

/** What the program said last; a crash says nothing. */
function lastLine(cause: unknown): string {
  const lines = cause instanceof Error ? cause.message.trim().split('\n') : [];
  if (!(cause instanceof TilthError) || lines.length > 1)
    return (lines.at(-1) ?? 'it can’t be started').slice(0, 300);
  return 'it crashed.';
}
