import type { Datatype, ServedSchema, TensorSchema } from './serving-api.ts';
import { columnMissing, columnWrong, shapeWrong } from './serving-errors.ts';

/** One value of one row as it came in; null is a missing value. */
export type Cell = number | string | boolean | null;

/** The values of one column, one per row; numbers that came in binary stay in their array. */
export type Column = readonly Cell[] | Float32Array | Float64Array;

/** Rows ready for a model: one column per feature, in the order of its layout. */
export interface Rows {
  readonly rowCount: number;
  readonly columns: readonly Column[];
}

/** One column that a model takes, by the name that callers use and the log keeps. */
export interface Feature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly isNullable: boolean;
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
      features.push({ name, datatype: tensor.datatype, isNullable: tensor.nullable });
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
export function takeRows(layout: Layout, rowCount: number, columnOf: (name: string, index: number) => Column | undefined): Rows {
  const columns: Column[] = [];
  const missing: string[] = [];
  for (const [index, feature] of layout.features.entries()) {
    const column = columnOf(feature.name, index);
    if (column === undefined) missing.push(feature.name);
    else columns.push(column);
  }
  if (missing.length > 0) throw columnMissing(missing, layout.names);
  const rows = { rowCount, columns };
  checkRows(layout, rows);
  return rows;
}

function checkRows(layout: Layout, rows: Rows): void {
  for (const [index, feature] of layout.features.entries()) {
    const column = rows.columns[index] ?? [];
    if (column.length !== rows.rowCount) {
      throw shapeWrong(`The column ${JSON.stringify(feature.name)} has ${column.length} values for ${rows.rowCount} rows.`);
    }
    checkColumn(feature, column);
  }
}

function checkColumn(feature: Feature, column: Column): void {
  const isValid = validators[feature.datatype];
  for (let row = 0; row < column.length; row++) {
    const value = column[row] as Cell | undefined;
    if (value === null || value === undefined || Number.isNaN(value)) {
      if (!feature.isNullable) throw columnWrong(feature.name, `lacks a value in row ${row}, and it may not`);
    } else if (!isValid(value)) {
      throw columnWrong(feature.name, `takes ${words[feature.datatype]}, and row ${row} holds ${shown(value)}`);
    }
  }
}

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
export function featuresOf(layout: Layout, rows: Rows): Record<string, readonly Cell[]> {
  const features: Record<string, readonly Cell[]> = {};
  for (const [index, name] of layout.names.entries()) {
    const column = rows.columns[index] ?? [];
    features[name] = Array.isArray(column) ? (column as readonly Cell[]) : Array.from(column as Float32Array);
  }
  return features;
}
