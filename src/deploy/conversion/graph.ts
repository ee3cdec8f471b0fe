import type { Tensor } from 'onnxruntime-node';
import type { Answers } from './parity.ts';
import type { ExpectedFile, SchemaFile } from './convert-files.ts';

type Cells = readonly (number | string | boolean | null)[];

/** Rows per call: small enough that a text column's copy stays small, large enough that calls don't count. */
const batchRows = 1024;

/**
 * Asks a graph the rows that its original was asked, with the runtime that serves.
 *
 * @throws when the graph can't be loaded, or does not take the columns
 */
export async function askGraph(file: string, schema: SchemaFile, expected: ExpectedFile): Promise<Answers> {
  // loaded when the first model is converted: the control plane starts without it
  const { InferenceSession, Tensor: TensorOf } = await import('onnxruntime-node');
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  });
  try {
    const labels: (string | number | boolean)[] = [];
    const probabilities: number[][] = [];
    const [labelOutput, probabilityOutput] = schema.outputs;
    const hasProbabilities = schema.task.endsWith('classification') && probabilityOutput !== undefined;
    for (let from = 0; from < expected.count; from += batchRows) {
      const to = Math.min(from + batchRows, expected.count);
      const answers = await session.run(feedOf(TensorOf, schema, expected, from, to));
      labels.push(...valuesOf(answers[labelOutput?.name ?? ''], labelOutput?.name));
      if (hasProbabilities) {
        const flat = valuesOf(answers[probabilityOutput.name], probabilityOutput.name) as number[];
        const width = flat.length / (to - from);
        for (let row = 0; row < to - from; row += 1)
          probabilities.push(flat.slice(row * width, (row + 1) * width));
      }
    }
    return { labels, probabilities: hasProbabilities ? probabilities : null };
  } finally {
    await session.release();
  }
}

function feedOf(
  TensorOf: typeof Tensor,
  schema: SchemaFile,
  expected: ExpectedFile,
  from: number,
  to: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    schema.inputs.map((input) => {
      const columns = input.columns.map((column) => cellsOf(expected, column.name));
      const shape = [to - from, columns.length];
      if (input.datatype === 'BYTES') {
        const texts: string[] = [];
        for (let row = from; row < to; row += 1) for (const cells of columns) texts.push(String(cells[row]));
        return [input.name, new TensorOf('string', texts, shape)];
      }
      const numbers = new Float32Array((to - from) * columns.length);
      for (const [place, cells] of columns.entries()) {
        for (let row = from; row < to; row += 1) {
          const value = cells[row];
          numbers[(row - from) * columns.length + place] =
            value === null || value === undefined ? NaN : Number(value);
        }
      }
      return [input.name, new TensorOf('float32', numbers, shape)];
    }),
  );
}

function cellsOf(expected: ExpectedFile, column: string): Cells {
  const cells = expected.columns[column];
  if (cells === undefined) throw new Error(`the rows lack the column ${column}`);
  return cells;
}

function valuesOf(output: Tensor | undefined, name: string | undefined): (string | number | boolean)[] {
  if (output === undefined) throw new Error(`the graph has no output ${name}`);
  const data = output.data as ArrayLike<string | number | bigint | boolean>;
  // int64 arrives as BigInt, which JSON can't hold
  return Array.from(data, (value) => (typeof value === 'bigint' ? Number(value) : value));
}
