import type { Datatype, ServedSchema, TensorSchema } from '../serving-api.ts';
import { columnMissing, columnWrong, shapeWrong } from '../serving-errors.ts';

/** One value of one row as it came in; null is a missing value. */
export type Cell = number | string | boolean | null;

/** A value that DuckDB read, as one of a row; what JSON has no word for is text, and what is no finite number is missing. */
export function cellOf(value: unknown): Cell {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value as string);
}

/** The values of one column, one per row; numbers in an array of numbers, where NaN is a missing value. */
export type Column = readonly Cell[] | Float32Array | Float64Array;

/** Every `step`-th of the values from `first` on: a column of a block that is given row by row. */
export interface StridedColumn {
  readonly values: Column;
  readonly first: number;
  readonly step: number;
}

/** A column as a request holds it: in one list, or one place of each row. */
export type GivenColumn =
  | StridedColumn
  | { readonly rows: readonly (readonly Cell[])[]; readonly place: number };

export const wholeColumn = (values: Column): StridedColumn => ({ values, first: 0, step: 1 });

/** Rows ready for a model: one column per feature, in the order of its layout. */
export interface Rows {
  readonly rowCount: number;
  readonly columns: readonly Column[];
  /** the same numbers in one list, column after column, where all of them are numbers */
  readonly block?: Float64Array;
  /** no number of the block is missing */
  readonly isComplete?: boolean;
}

/** One column that a model takes, by the name that callers use and the log keeps. */
export interface Feature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly isNullable: boolean;
  /** true or false by the model's signature, whatever the model takes it as */
  readonly isBoolean: boolean;
}

/** One tensor that a model takes, and which features it is made of. */
export interface InputLayout {
  readonly tensor: TensorSchema;
  /** index of its first feature; the others follow */
  readonly firstFeature: number;
  readonly featureCount: number;
}

/** How the columns of a request become the tensors of a model. */
export interface Layout {
  readonly inputs: readonly InputLayout[];
  readonly features: readonly Feature[];
  readonly names: readonly string[];
  /** feature name → index */
  readonly indexes: ReadonlyMap<string, number>;
}

/** A tensor of shape [N, 1] is one feature; a block of shape [N, F] is F of them. */
export function layoutOf(schema: ServedSchema): Layout {
  const inputs: InputLayout[] = [];
  const features: Feature[] = [];
  for (const tensor of schema.inputs) {
    const featureCount = tensor.shape.reduce((product, size) => product * size, 1);
    inputs.push({ tensor, firstFeature: features.length, featureCount });
    for (let index = 0; index < featureCount; index++) {
      const name = tensor.columns?.[index] ?? (featureCount === 1 ? tensor.name : `${tensor.name}_${index}`);
      const isBoolean = tensor.datatype === 'BOOL' || (tensor.booleans?.includes(name) ?? false);
      features.push({ name, datatype: tensor.datatype, isNullable: tensor.nullable, isBoolean });
    }
  }
  const names = features.map((feature) => feature.name);
  return { inputs, features, names, indexes: new Map(names.map((name, index) => [name, index])) };
}

/**
 * Puts columns into the model's order, drops what it does not take and checks every value.
 *
 * @param columnOf gives a column by name, undefined when the request lacks it
 * @throws SERVING_COLUMN_MISSING, SERVING_COLUMN_WRONG, SERVING_SHAPE_WRONG
 */
export function takeRows(
  layout: Layout,
  rowCount: number,
  columnOf: (name: string, index: number) => GivenColumn | undefined,
): Rows {
  const given = layout.features.map((feature, index) => columnOf(feature.name, index));
  const missing = layout.names.filter((_, index) => given[index] === undefined);
  if (missing.length > 0) throw columnMissing(missing, layout.names);
  const columns = layout.features.map((feature, index) =>
    takeColumn(feature, given[index] as GivenColumn, rowCount),
  );
  return { rowCount, columns };
}

/** Rows in one list; a column is cut out of it when somebody asks. */
class BlockRows implements Rows {
  readonly rowCount: number;
  readonly block: Float64Array;
  readonly isComplete: boolean;
  #columns: readonly Column[] | undefined;

  constructor(rowCount: number, block: Float64Array, isComplete: boolean) {
    this.rowCount = rowCount;
    this.block = block;
    this.isComplete = isComplete;
  }

  get columns(): readonly Column[] {
    const { rowCount, block } = this;
    return (this.#columns ??= Array.from({ length: block.length / rowCount }, (_, index) =>
      block.subarray(index * rowCount, (index + 1) * rowCount),
    ));
  }
}

/** Where in a request each feature of a layout is; undefined when the request can't be taken as a block. */
type Places = Int32Array | 'same' | undefined;

const knownPlaces = new WeakMap<readonly string[], WeakMap<Layout, Places>>();

function placesOf(layout: Layout, given: readonly string[]): Places {
  let byLayout = knownPlaces.get(given);
  if (byLayout === undefined) knownPlaces.set(given, (byLayout = new WeakMap()));
  if (!byLayout.has(layout)) byLayout.set(layout, findPlaces(layout, given));
  return byLayout.get(layout);
}

function findPlaces({ features }: Layout, given: readonly string[]): Places {
  if (!features.every(({ datatype }) => datatype === 'FP32' || datatype === 'FP64')) return undefined;
  // as elsewhere, of two columns of one name the last one counts
  const places = Int32Array.from(features, ({ name }) => given.lastIndexOf(name));
  if (places.includes(-1)) return undefined;
  return places.length === given.length && places.every((place, index) => place === index) ? 'same' : places;
}

/**
 * As `takeRows`, for rows of nothing but numbers: without an object for each column.
 *
 * @param given names of the columns, the same array each time the same names come
 * @param values column after column, in the order of `given`
 * @returns undefined when the layout or the columns are not fit for it, and `takeRows` has to say what is wrong
 */
export function takeBlock(layout: Layout, given: readonly string[], values: Float64Array): Rows | undefined {
  const places = placesOf(layout, given);
  if (places === undefined) return undefined;
  const { features } = layout;
  const rowCount = values.length / given.length;
  let block = values;
  if (places !== 'same') {
    block = new Float64Array(features.length * rowCount);
    for (let index = 0; index < places.length; index++) {
      const from = (places[index] as number) * rowCount;
      for (let row = 0; row < rowCount; row++) block[index * rowCount + row] = values[from + row] as number;
    }
  }
  let isComplete = true;
  for (let at = 0; at < block.length; at++) {
    if (block[at] === block[at]) continue;
    if (!(features[Math.floor(at / rowCount)] as Feature).isNullable) return undefined;
    isComplete = false;
  }
  for (let index = 0; index < features.length; index++) {
    if (!(features[index] as Feature).isBoolean) continue;
    for (let at = index * rowCount; at < (index + 1) * rowCount; at++)
      if (!isTruthNumber(block[at] as number)) return undefined;
  }
  return new BlockRows(rowCount, block, isComplete);
}

function takeColumn(feature: Feature, given: GivenColumn, rowCount: number): Column {
  const length = 'rows' in given ? given.rows.length : given.values.length / given.step;
  if (length !== rowCount) {
    throw shapeWrong(`The column ${JSON.stringify(feature.name)} has ${length} values for ${rowCount} rows.`);
  }
  if (feature.datatype === 'BYTES' || feature.datatype === 'BOOL') return takeCells(feature, given, rowCount);
  if (!('rows' in given) && given.step === 1 && ArrayBuffer.isView(given.values)) {
    checkNumbers(feature, given.values);
    return given.values;
  }
  const numbers =
    !('rows' in given) && given.values instanceof Float32Array
      ? new Float32Array(rowCount)
      : new Float64Array(rowCount);
  if ('rows' in given) {
    const { rows, place } = given;
    for (let row = 0; row < rowCount; row++) {
      const value = rows[row]?.[place];
      numbers[row] = typeof value === 'number' ? value : numberOf(feature, value, row);
    }
  } else {
    const { values, first, step } = given;
    for (let row = 0, at = first; row < rowCount; row++, at += step) {
      const value = values[at];
      numbers[row] = typeof value === 'number' ? value : numberOf(feature, value, row);
    }
  }
  checkNumbers(feature, numbers);
  return numbers;
}

function numberOf(feature: Feature, value: Cell | undefined, row: number): number {
  if (feature.isBoolean && typeof value === 'boolean') return Number(value);
  if (value !== null && value !== undefined) throw wrongValue(feature, value, row);
  return Number.NaN;
}

function checkNumbers(feature: Feature, numbers: Float32Array | Float64Array): void {
  if (feature.isBoolean) {
    const odd = numbers.findIndex((value) => !isTruthNumber(value));
    if (odd !== -1) throw wrongValue(feature, numbers[odd] as number, odd);
  }
  const isWholeOnly = feature.datatype === 'INT32' || feature.datatype === 'INT64';
  if (feature.isNullable && !isWholeOnly) return;
  const isValid = validators[feature.datatype];
  for (let row = 0; row < numbers.length; row++) {
    const value = numbers[row] as number;
    if (value !== value) {
      if (!feature.isNullable) throw missingValue(feature, row);
    } else if (isWholeOnly && !isValid(value)) throw wrongValue(feature, value, row);
  }
}

function takeCells(feature: Feature, given: GivenColumn, rowCount: number): Column {
  const isValid = validators[feature.datatype];
  const cells: Cell[] = [];
  for (let row = 0; row < rowCount; row++) {
    const value =
      'rows' in given ? given.rows[row]?.[given.place] : given.values[given.first + row * given.step];
    if (value === null || value === undefined || Number.isNaN(value)) {
      if (!feature.isNullable) throw missingValue(feature, row);
      cells.push(null);
    } else if (feature.isBoolean && (value === 0 || value === 1)) cells.push(value === 1);
    else if (isValid(value)) cells.push(value);
    else throw wrongValue(feature, value, row);
  }
  return cells;
}

const missingValue = (feature: Feature, row: number): Error =>
  columnWrong(feature.name, `lacks a value in row ${row}, and it may not`);

/** As Python counts them; a missing value is another question. */
const isTruthNumber = (value: number): boolean => value === 0 || value === 1 || value !== value;

const wrongValue = (feature: Feature, value: Cell, row: number): Error =>
  columnWrong(
    feature.name,
    `takes ${words[feature.isBoolean ? 'BOOL' : feature.datatype]}, and row ${row} holds ${shown(value)}`,
  );

const isWhole = (value: Cell, limit: number): boolean =>
  Number.isInteger(value) && (value as number) >= -limit && (value as number) < limit;

const validators: Record<Datatype, (value: Cell) => boolean> = {
  BOOL: (value) => typeof value === 'boolean',
  INT32: (value) => isWhole(value, 2 ** 31),
  INT64: (value) => Number.isSafeInteger(value),
  FP32: (value) => typeof value === 'number',
  FP64: (value) => typeof value === 'number',
  BYTES: (value) => typeof value === 'string',
};

const words: Record<Datatype, string> = {
  BOOL: 'true or false (BOOL)',
  INT32: 'whole numbers of 32 bits (INT32)',
  INT64: 'whole numbers up to 2^53 (INT64)',
  FP32: 'numbers (FP32)',
  FP64: 'numbers (FP64)',
  BYTES: 'text (BYTES)',
};

const shown = (value: Cell): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** The columns by feature name, as the prediction log keeps them. */
export function featuresOf(layout: Layout, rows: Rows): Record<string, Column> {
  const features: Record<string, Column> = {};
  for (const [index, name] of layout.names.entries()) features[name] = rows.columns[index] as Column;
  return features;
}
