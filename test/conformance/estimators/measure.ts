import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { defaultCriteria, mostError } from '../../../src/deploy/conversion/criteria.ts';
import { compareAnswers, type Answers } from '../../../src/deploy/conversion/parity.ts';
import { proveFirstFaithful } from '../../../src/deploy/conversion/prove-apart.ts';
import { packagePath } from '../../../src/platform/package-root.ts';
import { takeRows, wholeColumn, type Cell } from '../../../src/deploy/serving/engines/rows.ts';
import { OnnxModel } from '../../../src/deploy/serving/engines/served-model.ts';

const run = promisify(execFile);

/** Rows that nobody saw at conversion, asked of each graph that is served. */
export const freshRows = 10_000;

/** What became of one estimator. */
export interface Outcome {
  readonly name: string;
  readonly engine: 'onnx' | 'python';
  /** why Python serves it; empty for a graph */
  readonly reason: string;
  readonly precision: string;
  /** at registration */
  readonly proven: Measured | null;
  /** on rows that nobody saw at registration; null where Python serves */
  readonly fresh: (Measured & { readonly isFaithful: boolean }) | null;
}

interface Measured {
  readonly rowCount: number;
  readonly labelsEqual: number | null;
  readonly maxError: number;
  readonly beyondCount: number;
}

const made = z.array(
  z.object({
    name: z.string(),
    folder: z.string(),
    result: z.object({ converted: z.boolean(), code: z.string().optional(), reason: z.string().optional() }),
  }),
);

const answers = z.object({
  columns: z.record(z.string(), z.array(z.union([z.number(), z.string(), z.boolean(), z.null()]))),
  predict: z.array(z.unknown()),
  predict_proba: z.array(z.array(z.number())).nullable(),
});

/** Logs and converts all estimators of `models.py`, proves their graphs, and asks each the fresh rows. */
export async function measureEstimators(python: string, folder: string): Promise<Outcome[]> {
  const here = import.meta.dirname;
  const args = [join(here, 'make.py'), folder, packagePath('python', 'convert'), String(freshRows)];
  const env = { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' };
  await run(python, args, { env, maxBuffer: 2 ** 26 });
  const outcomes: Outcome[] = [];
  const share = defaultCriteria.labelsEqual;
  for (const one of made.parse(JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8')))) {
    const { converted: hasGraph, reason } = one.result;
    const nothing = { name: one.name, engine: 'python', precision: '', proven: null, fresh: null } as const;
    if (!hasGraph) {
      outcomes.push({ ...nothing, reason: reason ?? '' });
      continue;
    }
    const proven = await proveFirstFaithful(join(folder, one.folder, 'out'), defaultCriteria);
    if (!('proof' in proven)) {
      outcomes.push({ ...nothing, reason: proven.fault });
      continue;
    }
    const { onnxFile, converted, proof } = proven;
    const said = answers.parse(JSON.parse(await readFile(join(folder, one.folder, 'fresh.json'), 'utf8')));
    const model = await OnnxModel.load(onnxFile, proof.schema);
    const original = { labels: said.predict.map(scalarOf), probabilities: said.predict_proba };
    const isClassifier = converted.task !== 'regression';
    const fresh = compareAnswers(original, await served(model, said.columns), {
      isClassifier,
      parts: [],
      most: mostError(isClassifier, defaultCriteria),
    });
    model.retire();
    outcomes.push({
      name: one.name,
      engine: 'onnx',
      reason: '',
      precision: proof.parity.precision,
      proven: proof.parity,
      fresh: {
        ...fresh,
        isFaithful: (fresh.labelsEqual ?? 1) >= share && 1 - fresh.beyondCount / fresh.rowCount >= share,
      },
    });
  }
  return outcomes;
}

/** As a request goes: held to the schema, put into the order of the model, scored by its engine. */
async function served(model: OnnxModel, columns: Record<string, Cell[]>): Promise<Answers> {
  const rowCount = Object.values(columns)[0]?.length ?? 0;
  const labels: (string | number | boolean)[] = [];
  const probabilities: number[][] = [];
  for (let from = 0; from < rowCount; from += 1000) {
    const to = Math.min(from + 1000, rowCount);
    const rows = takeRows(model.layout, to - from, (name) => {
      const cells = columns[name];
      return cells === undefined ? undefined : wholeColumn(cells.slice(from, to).map(asNumber));
    });
    const scores = await model.score(rows);
    labels.push(...scores.labels);
    const { classCount } = scores;
    for (let row = 0; classCount > 0 && row < to - from; row += 1)
      probabilities.push(Array.from(scores.probabilities.subarray(row * classCount, (row + 1) * classCount)));
  }
  return { labels, probabilities: probabilities.length > 0 ? probabilities : null };
}

/** A flag among numbers, which the client sends as it is and the schema calls a number. */
const asNumber = (cell: Cell): Cell => (typeof cell === 'boolean' ? Number(cell) : cell);

/** catboost answers [[label], …]. */
const scalarOf = (value: unknown): string | number | boolean =>
  Array.isArray(value) ? scalarOf(value[0]) : (value as string | number | boolean);
