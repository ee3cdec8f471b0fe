import { Tensor } from 'onnxruntime-node';
import { messageOf } from '../../../platform/errors.ts';
import { CallCost } from './call-cost.ts';
import type { Engine, EngineWatch } from './engine.ts';
import type { Label, Scores } from './scores.ts';
import { openGraph, type GraphSession } from './onnx-session.ts';
import { layoutOf, type Cell, type Column, type InputLayout, type Layout, type Rows } from './rows.ts';
import { sliceScores } from './scores.ts';
import type { ServedSchema } from '../serving-api.ts';
import { modelUnloadable } from '../serving-errors.ts';
import type { GraphRun, GraphThreads } from './threads/graph-threads.ts';

type ElementType = 'float32' | 'float64' | 'int32' | 'int64' | 'bool' | 'string';

interface BoundInput extends InputLayout {
  readonly elementType: ElementType;
}

interface Waiting {
  readonly rows: Rows;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (scores: Scores) => void;
  readonly reject: (cause: unknown) => void;
}

/** At most this many rows share a run; a larger request runs alone. */
const rowsPerRun = 1024;
/** A run that takes longer would keep health checks and small requests waiting: it goes to another thread. */
const longRunMs = 1;

export interface OnnxModelOptions {
  /** where long runs go; without them all are run here */
  readonly threads?: GraphThreads | undefined;
  readonly watch?: EngineWatch | undefined;
}

/** A graph in memory, run by onnxruntime. Requests of one turn of the event loop are scored in one run. */
export class OnnxModel implements Engine {
  readonly state = 'ready';
  readonly layout: Layout;
  readonly #path: string;
  readonly #session: GraphSession;
  readonly #options: OnnxModelOptions;
  readonly #inputs: readonly BoundInput[];
  readonly #labelOutput: string;
  readonly #probabilityOutput: string | undefined;
  readonly #cost = new CallCost();
  /** of this turn of the event loop */
  #queue: Waiting[] = [];
  /** waits for a thread */
  #longQueue: Waiting[] = [];
  #longRunCount = 0;
  #queuedRows = 0;
  #userCount = 0;
  #isRetired = false;

  private constructor(path: string, session: GraphSession, schema: ServedSchema, options: OnnxModelOptions) {
    this.#path = path;
    this.#options = options;
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
  static async load(path: string, schema: ServedSchema, options: OnnxModelOptions = {}): Promise<OnnxModel> {
    try {
      const session = await openGraph(path);
      const model = new OnnxModel(path, session, schema, options);
      await model.#warmUp();
      return model;
    } catch (cause) {
      throw modelUnloadable(`The model could not be loaded: ${messageOf(cause)}`, cause);
    }
  }

  async #warmUp(): Promise<void> {
    const rows = exampleRows(this.layout);
    try {
      // the first run of a graph is no measure of those that follow
      await this.#run([rows], 1, false);
      await this.score(rows);
    } catch (cause) {
      // a model that knows its categories refuses an empty one, in Python too
      if (!this.layout.features.some(({ datatype }) => datatype === 'BYTES')) throw cause;
    }
  }

  /** How long new rows would wait now, by what rows cost so far. */
  get estimatedWaitMs(): number {
    if (this.#queuedRows === 0) return 0;
    const ms = this.#cost.estimate(this.#queuedRows, Math.ceil(this.#queuedRows / rowsPerRun));
    return this.#longRunCount > 0 ? ms / (this.#options.threads?.size ?? 1) : ms;
  }

  /** Rows that are scored or wait for it. */
  get queuedRows(): number {
    return this.#queuedRows;
  }

  /** Would so many rows be scored elsewhere, in a later turn of the event loop? */
  isLong(rowCount: number): boolean {
    return this.#options.threads !== undefined && this.#cost.estimate(rowCount, 1) > longRunMs;
  }

  score(rows: Rows, signal?: AbortSignal): Promise<Scores> {
    return new Promise((resolve, reject) => {
      const one = { rows, signal, resolve, reject };
      this.#queuedRows += rows.rowCount;
      if (this.isLong(rows.rowCount)) {
        this.#longQueue.push(one);
        this.#runLong();
        return;
      }
      if (this.#queue.length === 0) setImmediate(() => void this.#runQueue());
      this.#queue.push(one);
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
    if (!this.#isRetired || this.#userCount > 0) return;
    this.#options.threads?.forget(this.#path);
    void this.#session.release();
  }

  async #runQueue(): Promise<void> {
    const waiting = this.#queue;
    this.#queue = [];
    const rowCount = waiting.reduce((sum, one) => sum + one.rows.rowCount, 0);
    if (this.isLong(rowCount)) {
      this.#longQueue.push(...waiting);
      this.#runLong();
      return;
    }
    for (let rest = waiting; rest.length > 0;) {
      const group = firstRun(rest);
      rest = rest.slice(group.length);
      await this.#runTogether(group, false);
    }
  }

  /** Gives the threads as much as they take; what waits meanwhile shares the next run. */
  #runLong(): void {
    while (this.#longQueue.length > 0 && this.#longRunCount < (this.#options.threads?.size ?? 1)) {
      const group = firstRun(this.#longQueue);
      this.#longQueue = this.#longQueue.slice(group.length);
      const wanted = group.filter((one) => one.signal?.aborted !== true);
      for (const one of group) if (one.signal?.aborted === true) this.#giveUp(one);
      if (wanted.length === 0) continue;
      this.#longRunCount++;
      void this.#runTogether(wanted, true).then(() => {
        this.#longRunCount--;
        this.#runLong();
      });
    }
  }

  #giveUp(one: Waiting): void {
    this.#queuedRows -= one.rows.rowCount;
    one.reject(one.signal?.reason);
  }

  async #runTogether(group: readonly Waiting[], isLong: boolean): Promise<void> {
    const rowCount = group.reduce((sum, one) => sum + one.rows.rowCount, 0);
    let scores: Scores;
    try {
      scores = await this.#run(
        group.map((one) => one.rows),
        rowCount,
        isLong,
      );
    } catch (cause) {
      if (group.length === 1) {
        this.#queuedRows -= rowCount;
        group[0]?.reject(cause);
        return;
      }
      // one request that the model can't score must not fail its neighbours
      for (const one of group) await this.#runTogether([one], isLong);
      return;
    }
    this.#queuedRows -= rowCount;
    let from = 0;
    for (const one of group) {
      one.resolve(group.length === 1 ? scores : sliceScores(scores, from, one.rows.rowCount));
      from += one.rows.rowCount;
    }
  }

  async #run(requests: readonly Rows[], rowCount: number, isLong: boolean): Promise<Scores> {
    const { results, ms } = isLong
      ? await this.#runElsewhere(requests, rowCount)
      : await this.#runHere(this.#feeds(requests, rowCount));
    this.#cost.add(rowCount, ms);
    this.#options.watch?.ran(rowCount, ms);
    const labels = results[this.#labelOutput];
    if (labels === undefined || labels.size !== rowCount) {
      throw new Error(`the model gave ${labels?.size ?? 0} labels for ${rowCount} rows`);
    }
    const probabilities =
      this.#probabilityOutput === undefined ? undefined : results[this.#probabilityOutput];
    const scores = {
      rowCount,
      labels: plainLabels(labels.data),
      probabilities: (probabilities?.data as Float32Array | undefined) ?? new Float32Array(0),
      classCount: probabilities === undefined ? 0 : probabilities.size / rowCount,
    };
    return scores;
  }

  #runHere(feeds: Record<string, Tensor>): GraphRun | Promise<GraphRun> {
    const startedAt = performance.now();
    const running = this.#session.run(feeds);
    if (!(running instanceof Promise)) return { results: running, ms: performance.now() - startedAt };
    return running.then((results) => ({ results, ms: performance.now() - startedAt }));
  }

  /** In a thread; here when the thread dies, or is too late to open a graph whose file is gone. */
  async #runElsewhere(requests: readonly Rows[], rowCount: number): Promise<GraphRun> {
    try {
      if (this.#options.threads !== undefined)
        return await this.#options.threads.run(this.#path, this.#feeds(requests, rowCount));
    } catch {
      // rows that the model can't score fail here again, in its own words
    }
    return this.#runHere(this.#feeds(requests, rowCount));
  }

  #feeds(requests: readonly Rows[], rowCount: number): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const input of this.#inputs) feeds[input.tensor.name] = tensorOf(input, requests, rowCount);
    return feeds;
  }
}

/** As many from the first on as share a run: one request at least. */
function firstRun(waiting: readonly Waiting[]): Waiting[] {
  let rowCount = 0;
  let count = 0;
  for (const { rows } of waiting) {
    rowCount += rows.rowCount;
    if (count > 0 && rowCount > rowsPerRun) break;
    count++;
  }
  return waiting.slice(0, count);
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
  // by halves: a BigInt is an object, and there is one per row
  const halves =
    data instanceof BigInt64Array ? new Int32Array(data.buffer, data.byteOffset, data.length * 2) : undefined;
  const labels: number[] = [];
  for (let row = 0; row < data.length; row++) {
    labels.push(
      halves === undefined
        ? Number(data[row])
        : (halves[row * 2 + 1] as number) * 2 ** 32 + ((halves[row * 2] as number) >>> 0),
    );
  }
  return labels;
}

/** Joins the requests' columns into one tensor, row-major when it has several features. */
function tensorOf(input: BoundInput, requests: readonly Rows[], rowCount: number): Tensor {
  const { elementType, featureCount } = input;
  const dims = [rowCount, ...input.tensor.shape];
  const cells = emptyCells(elementType, rowCount * featureCount);
  let firstRow = 0;
  for (const rows of requests) {
    const { block } = rows;
    if (
      block !== undefined &&
      block.length === rows.rowCount * featureCount &&
      (elementType === 'float32' || elementType === 'float64')
    ) {
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
function putBlock(
  cells: Float32Array | Float64Array,
  block: Float64Array,
  from: number,
  rowCount: number,
  featureCount: number,
): void {
  let at = 0;
  for (let feature = 0; feature < featureCount; feature++) {
    for (let row = 0, to = from + feature; row < rowCount; row++, to += featureCount)
      cells[to] = block[at++] as number;
  }
}

function putNumbers(
  cells: Float32Array | Float64Array,
  column: Float32Array | Float64Array,
  from: number,
  step: number,
): void {
  if (step === 1) cells.set(column, from);
  else for (let row = 0, at = from; row < column.length; row++, at += step) cells[at] = column[row] as number;
}

function putCells(
  cells: Cells,
  column: Column,
  from: number,
  step: number,
  convert: (cell: Cell) => number | bigint | string,
): void {
  for (let row = 0, at = from; row < column.length; row++, at += step)
    cells[at] = convert(column[row] as Cell);
}

type Cells = (number | bigint | string)[];

function emptyCells(type: ElementType, length: number): Cells {
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    int32: Int32Array,
    int64: BigInt64Array,
    bool: Uint8Array,
  };
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
