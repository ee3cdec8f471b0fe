import type { Scores } from '../engines/scores.ts';
import {
  takeRows,
  wholeColumn,
  type Cell,
  type Column,
  type Layout,
  type Rows,
  type StridedColumn,
} from '../engines/rows.ts';
import type { ServedVersion, TensorSchema } from '../serving-api.ts';
import { columnMissing, columnWrong, outputUnknown, shapeWrong } from '../serving-errors.ts';
import { isDatatype, wholeRange } from './tensor-bytes.ts';

/** One tensor of a request, its values flat and row-major. */
export interface GivenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly values: Column;
}

/** What a caller says of a tensor, checked before its values are read. */
export interface TensorFace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  /** of values, by the shape */
  readonly count: number;
}

/** @throws SERVING_COLUMN_WRONG */
export function tensorFace(name: string, datatype: unknown, shape: unknown): TensorFace {
  if (typeof datatype !== 'string') throw columnWrong(name, 'lacks its datatype');
  if (!isDatatype(datatype))
    throw columnWrong(
      name,
      `has the datatype ${datatype}, which does not exist`,
      'There are BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 and BYTES.',
    );
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw columnWrong(name, 'lacks its shape, a list of whole numbers');
  }
  const sizes = shape as number[];
  return { name, datatype, shape: sizes, count: sizes.reduce((product, size) => product * size, 1) };
}

/** @throws SERVING_SHAPE_WRONG when the values do not fill the shape */
export function filledTensor({ name, shape, datatype, count }: TensorFace, values: Column): GivenTensor {
  if (values.length !== count) {
    throw shapeWrong(
      `The input ${JSON.stringify(name)} has ${values.length} values for the shape [${shape.join(', ')}].`,
    );
  }
  return { name, shape, datatype, values };
}

/**
 * Do values that were written out fit the datatype that was written beside them?
 *
 * @throws SERVING_COLUMN_WRONG
 */
export function checkWrittenValues({ name, datatype }: TensorFace, values: Column): void {
  if (datatype === 'BF16') throw columnWrong(name, 'is of BF16, which is given as bytes only');
  const range = wholeRange(datatype);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as Cell;
    if (value === null || value !== value) continue;
    const isFit =
      range !== undefined
        ? Number.isInteger(value) && (value as number) >= range[0] && (value as number) <= range[1]
        : datatype === 'BOOL'
          ? typeof value === 'boolean' || value === 0 || value === 1
          : typeof value === (datatype === 'BYTES' ? 'string' : 'number');
    if (!isFit)
      throw columnWrong(
        name,
        `is said to be of ${datatype}, and its value ${index} is ${JSON.stringify(value)?.slice(0, 60)}`,
      );
  }
}

/** How the rows are read from tensors. */
export interface TensorReading {
  /** tensors that the model does not take are left out: they are columns of a data frame */
  readonly isDataFrame: boolean;
}

/**
 * The rows that tensors hold, whether they come as the model's inputs or column by column.
 *
 * @throws SERVING_COLUMN_MISSING, SERVING_COLUMN_WRONG, SERVING_SHAPE_WRONG
 */
export function rowsOfTensors(
  layout: Layout,
  tensors: readonly GivenTensor[],
  { isDataFrame }: TensorReading,
): Rows {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  if (given.size < tensors.length) throw shapeWrong('Two inputs have the same name.');
  nameOnlyBlock(layout, given);
  const columns = new Map<string, StridedColumn>();
  for (const input of layout.inputs) {
    const tensor = given.get(input.tensor.name);
    if (tensor === undefined) continue;
    const features = layout.features.slice(input.firstFeature, input.firstFeature + input.featureCount);
    checkTensor(
      tensor,
      input.tensor.datatype,
      input.tensor.shape,
      features.every((feature) => feature.isBoolean),
    );
    for (let feature = 0; feature < input.featureCount; feature++) {
      const name = layout.names[input.firstFeature + feature] ?? '';
      columns.set(name, { values: tensor.values, first: feature, step: input.featureCount });
    }
    given.delete(tensor.name);
  }
  // a block may also be given column by column
  for (const feature of layout.features) {
    const tensor = given.get(feature.name);
    if (tensor === undefined || columns.has(feature.name)) continue;
    checkTensor(tensor, feature.datatype, [1], feature.isBoolean);
    columns.set(feature.name, wholeColumn(tensor.values));
    given.delete(tensor.name);
  }
  const [unknown] = given.keys();
  if (unknown !== undefined && !isDataFrame) {
    throw columnWrong(
      unknown,
      'is not an input of the model',
      `The model takes: ${layout.inputs.map((one) => one.tensor.name).join(', ')}.`,
    );
  }
  if (columns.size === 0) throw columnMissing(layout.names, layout.names);
  const [first] = columns.values();
  const rowCount = first === undefined ? 0 : first.values.length / first.step;
  return takeRows(layout, rowCount, (name) => columns.get(name));
}

/** Callers of scikit-learn servers name the only block as they like (`input-0`): its shape says what is meant. */
function nameOnlyBlock(layout: Layout, given: Map<string, GivenTensor>): void {
  const [block] = layout.inputs;
  const [tensor] = given.values();
  if (block === undefined || tensor === undefined || layout.inputs.length > 1 || given.size > 1) return;
  const isBlock =
    block.featureCount > 1 && tensor.shape.length === 2 && tensor.shape[1] === block.featureCount;
  if (!isBlock || tensor.name === block.tensor.name) return;
  given.clear();
  given.set(block.tensor.name, { ...tensor, name: block.tensor.name });
}

function checkTensor(
  tensor: GivenTensor,
  datatype: string,
  shape: readonly number[],
  isBoolean: boolean,
): void {
  const isFit = tensor.datatype === datatype || isWidening(tensor.datatype, datatype);
  if (!isFit && !(isBoolean && isTruthType(tensor.datatype))) {
    throw columnWrong(tensor.name, `is of ${tensor.datatype}, and the model takes ${datatype}`);
  }
  const isBatch =
    tensor.shape.length === shape.length + 1 &&
    shape.every((size, index) => tensor.shape[index + 1] === size);
  const isFlatColumn = tensor.shape.length === 1 && shape.length === 1 && shape[0] === 1;
  if (!isBatch && !isFlatColumn) {
    throw columnWrong(
      tensor.name,
      `has the shape [${tensor.shape.join(', ')}], and the model takes [-1, ${shape.join(', ')}]`,
    );
  }
}

/** A column of truths may come as what it is, or as 1 and 0. */
const isTruthType = (given: string): boolean => /^(BOOL|FP\d+|U?INT\d+)$/.test(given);

/** Numbers may be given narrower or as the other float; text never as a number. */
function isWidening(given: string, wanted: string): boolean {
  const isNumber = /^(FP|BF|U?INT)\d+$/.test(given);
  if (wanted === 'FP32' || wanted === 'FP64') return isNumber;
  return wanted === 'INT64' ? /^U?INT/.test(given) : wanted === 'INT32' && /^U?INT(8|16)$/.test(given);
}

/** What a model gives: the label (or the value of a regression), then the probabilities of a classifier. */
export function outputsOf(
  version: ServedVersion,
): readonly (TensorSchema & { readonly role: 'label' | 'probabilities' })[] {
  return version.schema.outputs
    .slice(0, 2)
    .map((output, index) => ({ ...output, role: index === 0 ? 'label' : 'probabilities' }));
}

/** One tensor of an answer, its values flat and row-major. */
export interface ScoredTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<string | number | boolean>;
}

/** @throws SERVING_OUTPUT_UNKNOWN */
export function scoredTensor(version: ServedVersion, scores: Scores, name: string): ScoredTensor {
  const known = outputsOf(version);
  const output = known.find((one) => one.name === name);
  if (output === undefined)
    throw outputUnknown(
      name,
      known.map((one) => one.name),
    );
  const { datatype } = output;
  if (output.role === 'label')
    return { name, datatype, shape: [scores.rowCount, ...output.shape], values: scores.labels };
  return { name, datatype, shape: [scores.rowCount, scores.classCount], values: scores.probabilities };
}

/** A block as columns of a data frame, named by the class that each is of: its readers know nothing else. */
export function columnsOf(
  version: ServedVersion,
  { name, datatype, shape, values }: ScoredTensor,
): ScoredTensor[] {
  const [rowCount = 0, width = 1] = shape;
  if (width === 1) return [{ name, datatype, shape, values }];
  return Array.from({ length: width }, (_, column) => ({
    name: `${name}_${version.schema.classes[column] ?? column}`,
    datatype,
    shape: [rowCount, 1],
    values: Array.from({ length: rowCount }, (__, row) => values[row * width + column] ?? 0),
  }));
}
