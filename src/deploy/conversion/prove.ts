import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { ParityCriteria } from '../../start/project/declaration.ts';
import type { ServedSchema } from '../serving/serving-api.ts';
import type { ExpectedFile, SchemaFile } from './convert-files.ts';
import { isFaithful, mostError } from './criteria.ts';
import { askGraph, loadGraph } from './graph.ts';
import { compareAnswers, type Comparison } from './parity.ts';

export interface Parity extends Omit<Comparison, 'worst'> {
  readonly worstRow: {
    readonly index: number;
    readonly row: Record<string, unknown>;
    readonly python: unknown;
    readonly onnx: unknown;
    readonly error: number;
  } | null;
  readonly skipped: ExpectedFile['skipped'];
  /** what was asked of the graph */
  readonly criteria: ParityCriteria;
  /** FP32, FP64 or a mix: what its numbers are read as */
  readonly precision: string;
  readonly runtime: string;
  readonly versions: Record<string, string>;
}

/** Version of the runtime that compares, which is the one that serves. */
export const runtimeName = `onnxruntime-node ${
  (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version
}`;

export interface Proof {
  readonly schema: ServedSchema;
  readonly parity: Parity;
  /** why it is not faithful, in one sentence; null when it is */
  readonly fault: string | null;
}

/**
 * Asks a graph all rows that its original was asked, and those that the original turned away.
 *
 * @throws when the graph can't be loaded
 */
export async function proveGraph(
  file: string,
  served: ServedSchema,
  { task, versions, inputs }: Pick<SchemaFile, 'task' | 'versions' | 'inputs'>,
  expected: ExpectedFile,
  criteria: ParityCriteria,
): Promise<Proof> {
  const graph = await loadGraph(file, served);
  graph.acquire();
  graph.retire();
  try {
    const original = { labels: expected.predict, probabilities: expected.predict_proba };
    const answers = await askGraph(graph, expected.columns, expected.count);
    const isClassifier = task !== 'regression';
    const { worst, ...measured } = compareAnswers(original, answers, {
      isClassifier,
      parts: expected.parts,
      most: mostError(isClassifier, criteria),
    });
    const said = (from: typeof answers, row: number): unknown =>
      from.probabilities?.[row] ?? from.labels[row];
    const parity: Parity = {
      ...measured,
      worstRow:
        worst === null
          ? null
          : {
              ...worst,
              row: Object.fromEntries(
                Object.entries(expected.columns).map(([name, cells]) => [name, cells[worst.index]]),
              ),
              python: said(original, worst.index),
              onnx: said(answers, worst.index),
            },
      skipped: expected.skipped,
      criteria,
      precision: [...new Set(inputs.map((input) => input.datatype).filter((type) => type !== 'BYTES'))].join(
        ' and ',
      ),
      runtime: runtimeName,
      versions,
    };
    const fault = isFaithful(measured, isClassifier, criteria)
      ? await unrefused(graph, expected)
      : unfaithful(parity, isClassifier);
    return { schema: served, parity, fault };
  } finally {
    graph.release();
  }
}

/** A graph must not answer what its original turns away, unless the schema already does: a missing or endless number. */
async function unrefused(
  graph: Awaited<ReturnType<typeof loadGraph>>,
  expected: ExpectedFile,
): Promise<string | null> {
  for (const { kind, column, columns } of expected.refused) {
    if (kind !== 'unseen' && kind !== 'empty' && kind !== 'text') continue;
    const { labels } = await askGraph(graph, columns, 1);
    if (!Number.isNaN(labels[0]))
      return `Python turns away ${wordsOf(kind)} in ${column}, and the graph answers.`;
  }
  return null;
}

function unfaithful(parity: Parity, isClassifier: boolean): string {
  const worst = [...parity.parts].sort(
    (a, b) => (a.labelsEqual ?? 1) - (b.labelsEqual ?? 1) || b.maxError - a.maxError,
  )[0];
  const on = worst === undefined ? '' : ` on ${wordsOf(worst.kind)}`;
  const size =
    worst === undefined || worst.maxError >= Number.MAX_VALUE
      ? 'without bound'
      : `by up to ${Number(worst.maxError.toPrecision(2))}`;
  const labels =
    isClassifier && worst?.labelsEqual !== null && worst !== undefined && worst.labelsEqual < 1
      ? `; labels equal in ${(worst.labelsEqual * 100).toFixed(2)} %`
      : '';
  return `It converts, and the graph answers otherwise than Python${on}: ${size}${labels}.`;
}

const words: Record<string, string> = {
  given: 'its own rows',
  crossed: 'rows mixed from its own',
  missing: 'rows with a missing value',
  unseen: 'a category that training never saw',
  empty: 'an empty text',
  text: 'unusual text',
  zero: 'zeros',
  tiny: 'tiny numbers',
  huge: 'huge numbers',
  whole: 'unusual whole numbers',
  threshold: 'rows at a threshold of its trees',
  jump: 'rows where its answer jumps',
};
const wordsOf = (kind: string): string => words[kind] ?? kind;

export const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(file, 'utf8')) as unknown;
