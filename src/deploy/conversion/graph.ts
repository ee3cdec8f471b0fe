import type { OnnxModel } from '../serving/engines/served-model.ts';
import type { Cell, Column, Rows } from '../serving/engines/rows.ts';
import type { ServedSchema } from '../serving/serving-api.ts';
import type { Answers } from './parity.ts';
import type { ExpectedFile } from './convert-files.ts';

/** A graph as the data plane has it in memory, with the very options that it serves with. */
export async function loadGraph(file: string, schema: ServedSchema): Promise<OnnxModel> {
  // loaded when the first model is converted: the control plane starts without the runtime
  const { OnnxModel: Model } = await import('../serving/engines/served-model.ts');
  return Model.load(file, schema);
}

/** Rows per call: the server answers others between two of them. */
const batchRows = 256;

/**
 * Asks a graph the rows that its original was asked.
 * A row that the graph turns away is answered with NaN, and an empty list of probabilities.
 */
export async function askGraph(
  graph: OnnxModel,
  columns: ExpectedFile['columns'],
  rowCount: number,
): Promise<Answers> {
  const labels: (string | number | boolean)[] = [];
  const probabilities: number[][] = [];
  const all = graph.layout.names.map((name, index) =>
    columnOf(columns, name, graph.layout.features[index]?.datatype),
  );
  const ask = async (from: number, to: number): Promise<void> => {
    const rows: Rows = {
      rowCount: to - from,
      columns: all.map((column) => column.slice(from, to) as Column),
    };
    const scores = await graph.score(rows).catch(() => undefined);
    if (scores !== undefined) {
      labels.push(...scores.labels);
      const { classCount } = scores;
      for (let row = 0; row < to - from; row += 1)
        probabilities.push(
          Array.from(scores.probabilities.subarray(row * classCount, (row + 1) * classCount)),
        );
    } else if (to - from === 1) {
      labels.push(NaN);
      probabilities.push([]);
    } else {
      const middle = (from + to) >> 1;
      await ask(from, middle);
      await ask(middle, to);
    }
  };
  for (let from = 0; from < rowCount; from += batchRows)
    await ask(from, Math.min(from + batchRows, rowCount));
  return { labels, probabilities: probabilities.some((row) => row.length > 0) ? probabilities : null };
}

/** As a request's column comes to the engine: numbers in an array of numbers, where NaN is a missing one. */
function columnOf(columns: ExpectedFile['columns'], name: string, datatype: string | undefined): Column {
  const cells: readonly Cell[] | undefined = columns[name];
  if (cells === undefined) throw new Error(`the rows lack the column ${name}`);
  if (datatype === 'BYTES' || datatype === 'BOOL') return cells;
  return Float64Array.from(cells, (cell) => (cell === null ? NaN : Number(cell)));
}
