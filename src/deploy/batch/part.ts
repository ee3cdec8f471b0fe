import type { Label, Scores } from '../serving/engines/scores.ts';
import { rowsPerPart } from './batch.ts';
import type { Block } from './read-rows.ts';

/** The rows of a whole block. */
export const everyRow: Int32Array = Int32Array.from({ length: rowsPerPart }, (_, row) => row);

/** What labels are written as. */
export type LabelKind = 'text' | 'flag' | 'number';

/** What was said of the rows of a block, by their place in it. */
export class Part {
  readonly source: string;
  /** of the block, within the source */
  readonly firstRow: number;
  readonly rowCount: number;
  readonly keys: Block['keys'];
  /** 1 where a row has an answer */
  readonly isAnswered: Uint8Array;
  /** class → one per row */
  readonly probabilities = new Map<string, Float64Array>();
  /** why rows have no answer; null where they are left out */
  readonly faults: ReadonlyMap<number, string> | null;
  readonly #classes: readonly (number | string | boolean)[];
  #kind: LabelKind | undefined;
  #labels: Float64Array | Label[] = [];
  #answeredCount = 0;

  /** @param classes of the model, in the order of its probabilities */
  constructor(
    source: string,
    block: Block,
    classes: readonly (number | string | boolean)[],
    faults: ReadonlyMap<number, string> | null,
  ) {
    this.source = source;
    this.firstRow = block.firstRow;
    this.rowCount = block.rowCount;
    this.keys = block.keys;
    this.isAnswered = new Uint8Array(block.rowCount);
    this.faults = faults;
    this.#classes = classes;
    if (classes.some((label) => typeof label === 'string')) this.#kind = 'text';
  }

  get kind(): LabelKind {
    return this.#kind ?? 'number';
  }

  get labels(): Float64Array | readonly Label[] {
    return this.#labels;
  }

  /** @param places of the scored rows in the block */
  put(places: Int32Array, { labels, probabilities, classCount }: Scores): void {
    const { isAnswered } = this;
    this.#answeredCount += places.length;
    const kept = this.#labelsFor(labels);
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] as number;
      isAnswered[place] = 1;
      kept[place] = labels[at] as number;
    }
    for (let index = 0; index < classCount; index += 1) {
      const column = this.#probabilitiesOf(String(this.#classes[index] ?? index));
      for (let at = 0, from = index; at < places.length; at += 1, from += classCount)
        column[places[at] as number] = probabilities[from] as number;
    }
  }

  /** Has each row an answer? */
  get isComplete(): boolean {
    return this.#answeredCount === this.rowCount;
  }

  faultOfRows(): (string | null)[] {
    return Array.from({ length: this.rowCount }, (_, row) => this.faults?.get(row) ?? null);
  }

  /** Those that are written: all where faults are told, else those with an answer. */
  rows(): Int32Array {
    const rows = everyRow.subarray(0, this.rowCount);
    return this.isComplete || this.faults !== null ? rows : rows.filter((row) => this.isAnswered[row] === 1);
  }

  #labelsFor([first]: readonly Label[]): (number | Label)[] | Float64Array {
    this.#kind ??= typeof first === 'string' ? 'text' : typeof first === 'boolean' ? 'flag' : 'number';
    if (this.#labels.length === 0)
      this.#labels =
        this.#kind === 'number' ? new Float64Array(this.rowCount) : Array.from({ length: this.rowCount });
    return this.#labels;
  }

  #probabilitiesOf(label: string): Float64Array {
    let column = this.probabilities.get(label);
    if (column === undefined)
      this.probabilities.set(label, (column = new Float64Array(this.rowCount).fill(Number.NaN)));
    return column;
  }
}
