import { Tensor } from 'onnxruntime-node';
import { messageOf } from '../../platform/errors.ts';
import type { Engine, Label, Scores } from './engine.ts';
import { openGraph, type GraphSession } from './onnx-session.ts';
import { layoutOf, type Cell, type Column, type InputLayout, type Layout, type Rows } from './rows.ts';
import { sliceScores } from './scores.ts';
import type { ServedSchema } from './serving-api.ts';
import { modelUnloadable } from './serving-errors.ts';

type ElementType = 'float32' | 'float64' | 'int32' | 'int64' | 'bool' | 'string';

interface BoundInput extends InputLayout {
  readonly elementType: ElementType;
}

interface Waiting {
  readonly rows: Rows;
  readonly resolve: (scores: Scores) => void;
  readonly reject: (cause: unknown) => void;
}

/** At most this many rows share a run; a larger request runs alone. */
const rowsPerRun = 1024;

/** A graph in memory, run by onnxruntime. Requests of one turn of the event loop are scored in one run. */
export class OnnxModel implements Engine {
  readonly state = 'ready';
  readonly layout: Layout;
  readonly #session: GraphSession;
  readonly #inputs: readonly BoundInput[];
  readonly #labelOutput: string;
  readonly #probabilityOutput: string | undefined;
  #queue: Waiting[] = [];
  #queuedRows = 0;
  #microsPerRow = 10;
  #userCount = 0;
  #isRetired = false;

  private constructor(session: GraphSession, schema: ServedSchema) {
    this.layout = layoutOf(schema);
    this.#session = session;
    this.#inputs = this.layout.inputs.map((input) => bindInput(session, input));
    const outputs = session.outputs.filter((output) => output.isTensor);
    const floats = outputs.filter((output) => output.type === 'float32' || output.type === 'float64');
    const label = outputs.find((output) => !floats.includes(output)) ?? floats[0];
    if (label === undefined) throw modelUnloadable('The model has no output that can be read.');
    this.#labelOutput = label.name;
    this.#probabilityOutput = floats.find((output) => output !== label)?.name;
  }

  /**
   * Loads a model and runs it once, so that the first request is not the slow one.
   *
   * @throws SERVING_MODEL_UNLOADABLE
   */
  static async load(path: string, schema: ServedSchema): Promise<OnnxModel> {
    try {
      const session = await openGraph(path);
      const model = new OnnxModel(session, schema);
      await model.score(exampleRows(model.layout));
      return model;
    } catch (cause) {
      throw modelUnloadable(`The model could not be loaded: ${messageOf(cause)}`, cause);
    }
  }

  /** How long new rows would wait now, by what rows cost so far. */
  get estimatedWaitMs(): number {
    return (this.#queuedRows * this.#microsPerRow) / 1000;
  }

  score(rows: Rows): Promise<Scores> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => void this.#runQueue());
      this.#queue.push({ rows, resolve, reject });
      this.#queuedRows += rows.rowCount;
    });
  }

  /** Holds the model in memory until `release`, also when it is retired meanwhile. */
  acquire(): void {
    this.#userCount++;
  }

  release(): void {
    this.#userCount--;
    this.#freeIfUnused();
  }

  /** Frees the memory as soon as nobody uses the model any more. */
  retire(): void {
    this.#isRetired = true;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (this.#isRetired && this.#userCount === 0) void this.#session.release();
  }

  async #runQueue(): Promise<void> {
    const waiting = this.#queue;
    this.#queue = [];
    for (let start = 0; start < waiting.length; ) {
      let end = start + 1;
      let rowCount = waiting[start]?.rows.rowCount ?? 0;
      while (end < waiting.length && rowCount + (waiting[end]?.rows.rowCount ?? 0) <= rowsPerRun) {
        rowCount += waiting[end++]?.rows.rowCount ?? 0;
      }
      await this.#runTogether(waiting.slice(start, end), rowCount);
      this.#queuedRows -= rowCount;
      start = end;
    }
  }

  async #runTogether(group: readonly Waiting[], rowCount: number): Promise<void> {
    let scores: Scores;
    try {
      scores = await this.#run(group.map((one) => one.rows), rowCount);
    } catch (cause) {
      if (group.length === 1) return group[0]?.reject(cause);
      // one request that the model can't score must not fail its neighbours
      for (const one of group) await this.#runTogether([one], one.rows.rowCount);
      return;
    }
    let from = 0;
    for (const one of group) {
      one.resolve(group.length === 1 ? scores : sliceScores(scores, from, one.rows.rowCount));
      from += one.rows.rowCount;
    }
  }

  async #run(requests: readonly Rows[], rowCount: number): Promise<Scores> {
    const feeds: Record<string, Tensor> = {};
    for (const input of this.#inputs) feeds[input.tensor.name] = tensorOf(input, requests, rowCount);
    const startedAt = performance.now();
    const running = this.#session.run(feeds);
    const results = running instanceof Promise ? await running : running;
    const micros = ((performance.now() - startedAt) * 1000) / Math.max(rowCount, 1);
    this.#microsPerRow = this.#microsPerRow * 0.9 + micros * 0.1;
    const labels = results[this.#labelOutput];
    if (labels === undefined || labels.size !== rowCount) {
      throw new Error(`the model gave ${labels?.size ?? 0} labels for ${rowCount} rows`);
    }
    const probabilities = this.#probabilityOutput === undefined ? undefined : results[this.#probabilityOutput];
    const scores = {
      rowCount,
      labels: plainLabels(labels.data),
      probabilities: (probabilities?.data as Float32Array | undefined) ?? new Float32Array(0),
      classCount: probabilities === undefined ? 0 : probabilities.size / rowCount,
    };
    return scores;
  }
}

function bindInput(session: GraphSession, input: InputLayout): BoundInput {
  const given = session.inputs.find((one) => one.name === input.tensor.name);
  if (given === undefined || !given.isTensor) {
    throw modelUnloadable(
      `The schema names an input ${JSON.stringify(input.tensor.name)}; the model has ${session.inputs.map((one) => one.name).join(', ')}.`,
    );
  }
  return { ...input, elementType: given.type as ElementType };
}

function exampleRows(layout: Layout): Rows {
  const example = { BOOL: false, INT32: 0, INT64: 0, FP32: 0, FP64: 0, BYTES: '' } as const;
  return { rowCount: 1, columns: layout.features.map((feature) => [example[feature.datatype]]) };
}

function plainLabels(data: Tensor['data']): readonly Label[] {
  if (Array.isArray(data)) return data as string[];
  if (!(data instanceof BigInt64Array)) return Array.from(data as ArrayLike<number | bigint>, Number);
  // by halves: a BigInt is an object, and there is one per row
  const halves = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  return Array.from({ length: data.length }, (_, row) => (halves[row * 2 + 1] as number) * 2 ** 32 + ((halves[row * 2] as number) >>> 0));
}

/** Joins the requests' columns into one tensor, row-major when it has several features. */
function tensorOf(input: BoundInput, requests: readonly Rows[], rowCount: number): Tensor {
  const { elementType, featureCount } = input;
  const dims = [rowCount, ...input.tensor.shape];
  const cells = emptyCells(elementType, rowCount * featureCount);
  let firstRow = 0;
  for (const rows of requests) {
    const { block } = rows;
    if (block !== undefined && block.length === rows.rowCount * featureCount && (elementType === 'float32' || elementType === 'float64')) {
      putBlock(cells as unknown as Float32Array, block, firstRow * featureCount, rows.rowCount, featureCount);
      firstRow += rows.rowCount;
      continue;
    }
    for (let feature = 0; feature < featureCount; feature++) {
      const column = rows.columns[input.firstFeature + feature] as Column;
      const at = firstRow * featureCount + feature;
      const isPlain = ArrayBuffer.isView(column) && (elementType === 'float32' || elementType === 'float64');
      if (isPlain) putNumbers(cells as unknown as Float32Array, column, at, featureCount);
      else putCells(cells, column, at, featureCount, converters[elementType]);
    }
    firstRow += rows.rowCount;
  }
  return new Tensor(elementType as 'float32', cells as unknown as Float32Array, dims);
}

/** From column after column to row after row. */
function putBlock(cells: Float32Array | Float64Array, block: Float64Array, from: number, rowCount: number, featureCount: number): void {
  let at = 0;
  for (let feature = 0; feature < featureCount; feature++) {
    for (let row = 0, to = from + feature; row < rowCount; row++, to += featureCount) cells[to] = block[at++] as number;
  }
}

function putNumbers(cells: Float32Array | Float64Array, column: Float32Array | Float64Array, from: number, step: number): void {
  if (step === 1) cells.set(column, from);
  else for (let row = 0, at = from; row < column.length; row++, at += step) cells[at] = column[row] as number;
}

function putCells(cells: Cells, column: Column, from: number, step: number, convert: (cell: Cell) => number | bigint | string): void {
  for (let row = 0, at = from; row < column.length; row++, at += step) cells[at] = convert(column[row] as Cell);
}

type Cells = (number | bigint | string)[];

function emptyCells(type: ElementType, length: number): Cells {
  const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
  return (type === 'string' ? Array.from({ length }) : new arrays[type](length)) as unknown as Cells;
}

/** A missing number is NaN, a missing text is the empty one: as at conversion. */
const converters: Record<ElementType, (cell: Cell) => number | bigint | string> = {
  float32: (cell) => (cell === null ? Number.NaN : Number(cell)),
  float64: (cell) => (cell === null ? Number.NaN : Number(cell)),
  int32: Number,
  int64: (cell) => BigInt(Number(cell) || 0),
  bool: Number,
  string: (cell) => (cell === null ? '' : String(cell)),
};
