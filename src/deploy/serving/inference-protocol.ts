import type { TilthError } from '../../platform/errors.ts';
import { readExtras, type AskedPrediction } from './asked-prediction.ts';
import { parseRequestJson, type ParsedRequest } from './number-lists.ts';
import { takeRows, wholeColumn, type Cell, type Column, type Layout, type Rows, type StridedColumn } from './rows.ts';
import type { Label, Scores } from './engine.ts';
import type { ServedEndpoint, ServedVersion, TensorSchema } from './serving-api.ts';
import { badDeadline, bodyUnreadable, columnMissing, columnWrong, outputUnknown, shapeWrong } from './serving-errors.ts';

/** One tensor of a request, its values flat and row-major. */
interface GivenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly values: Column;
}

interface WantedOutput {
  readonly name: string;
  readonly isBinary: boolean;
}

/** An inference request, and how its answer is to be written. */
export interface AskedInference extends AskedPrediction {
  /** undefined: all outputs */
  readonly outputs: readonly WantedOutput[] | undefined;
  readonly isBinaryByDefault: boolean;
}

interface JsonTensor {
  readonly name?: unknown;
  readonly shape?: unknown;
  readonly datatype?: unknown;
  readonly data?: unknown;
  readonly parameters?: Record<string, unknown>;
}

interface JsonRequest {
  readonly id?: unknown;
  readonly parameters?: Record<string, unknown>;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

/**
 * Reads the body of `POST /v2/models/{model}/infer`.
 *
 * @param jsonLength of the header Inference-Header-Content-Length; behind it come the binary tensors
 * @throws SERVING_BODY_UNREADABLE, SERVING_SHAPE_WRONG
 * @see https://github.com/kserve/open-inference-protocol and Triton's binary tensor data extension
 */
export function readInference(body: Buffer, jsonLength: number | undefined): AskedInference {
  if (jsonLength !== undefined && !(jsonLength >= 0 && jsonLength <= body.length)) {
    throw bodyUnreadable(`Inference-Header-Content-Length is ${jsonLength}, and the body has ${body.length} bytes.`);
  }
  const { document: request, numbersIn } = parseRequest(body.subarray(0, jsonLength ?? body.length));
  if (!Array.isArray(request.inputs)) throw bodyUnreadable('The request must have "inputs", a list of tensors.');
  let position = jsonLength ?? body.length;
  const tensors = (request.inputs as readonly JsonTensor[]).map((tensor) => {
    const size = tensor.parameters?.['binary_data_size'];
    const binary = typeof size === 'number' ? body.subarray(position, (position += size)) : undefined;
    return readTensor(tensor, binary, typeof size === 'number' ? size : 0, numbersIn);
  });
  if (position < body.length) throw bodyUnreadable(`The body has ${body.length - position} bytes that no tensor claims.`);
  const outputs = readOutputs(request.outputs);
  return {
    requestId: request.id === undefined || request.id === '' ? undefined : String(request.id as string),
    ...readExtras(request.parameters),
    timeoutMs: timeoutOf(request.parameters),
    rowsFor: (layout) => rowsOfTensors(layout, tensors),
    isBinaryByDefault: request.parameters?.['binary_data_output'] === true,
    outputs,
    outputNames: outputs?.map((output) => output.name),
  };
}

/** In microseconds, as Triton has it; 0 is none. */
function timeoutOf(parameters: JsonRequest['parameters']): number | undefined {
  const timeout = parameters?.['timeout'];
  const micros = typeof timeout === 'string' ? Number(timeout) : timeout;
  if (micros === undefined || micros === 0) return undefined;
  if (typeof micros !== 'number' || !(micros > 0)) throw badDeadline(String(timeout as string));
  return micros / 1000;
}

/** An empty list means all, as none at all does. */
function readOutputs(outputs: unknown): readonly WantedOutput[] | undefined {
  if (!Array.isArray(outputs) || outputs.length === 0) return undefined;
  return (outputs as readonly JsonTensor[]).map((output) => ({
    name: String(output.name as string),
    isBinary: output.parameters?.['binary_data'] === true,
  }));
}

function parseRequest(json: Buffer): ParsedRequest & { document: JsonRequest } {
  let request: ParsedRequest;
  try {
    request = parseRequestJson(json, 'rows');
  } catch (cause) {
    throw bodyUnreadable('The request is not valid JSON.', undefined, cause);
  }
  const { document, numbersIn } = request;
  if (typeof document !== 'object' || document === null) throw bodyUnreadable('The request must be a JSON object.');
  return { document: document as JsonRequest, numbersIn };
}

function readTensor(tensor: JsonTensor, binary: Buffer | undefined, size: number, numbersIn: ParsedRequest['numbersIn']): GivenTensor {
  const { name, shape, datatype } = tensor;
  if (typeof name !== 'string') throw bodyUnreadable('An input lacks its name.');
  if (typeof datatype !== 'string') throw columnWrong(name, 'lacks its datatype');
  if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw columnWrong(name, 'lacks its shape, a list of whole numbers');
  }
  const count = shape.reduce<number>((product, size) => product * (size as number), 1);
  if (binary !== undefined && binary.length !== size) throw columnWrong(name, `claims ${size} bytes, and the body has ${binary.length} left`);
  const values = binary === undefined ? (numbersIn(tensor.data)?.values ?? flatData(name, tensor.data)) : decode(name, datatype, binary, count);
  if (values.length !== count) {
    throw shapeWrong(`The input ${JSON.stringify(name)} has ${values.length} values for the shape [${shape.join(', ')}].`);
  }
  return { name, shape: shape as number[], datatype, values };
}

function flatData(name: string, data: unknown): readonly Cell[] {
  if (!Array.isArray(data)) throw columnWrong(name, 'has neither "data" nor binary data');
  return Array.isArray(data[0]) ? (data.flat(16) as Cell[]) : (data as Cell[]);
}

/** Little-endian, row-major; a text is its length in 4 bytes, then its bytes. */
function decode(name: string, datatype: string, bytes: Buffer, count: number): Column {
  if (datatype === 'BYTES') return decodeTexts(name, bytes);
  const reader = elements[datatype];
  if (reader === undefined) throw columnWrong(name, `has the datatype ${datatype}, which is not read here`);
  if (bytes.length !== count * reader.size) {
    throw shapeWrong(`The input ${JSON.stringify(name)} has ${bytes.length} bytes; ${count} values of ${datatype} are ${count * reader.size}.`);
  }
  // a copy: the tensor may lie anywhere in the body, an array of numbers begins at a multiple of its size
  if (datatype === 'FP32') return new Float32Array(Uint8Array.from(bytes).buffer);
  if (datatype === 'FP64') return new Float64Array(Uint8Array.from(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (datatype === 'BOOL') return Array.from({ length: count }, (_, index) => reader.read(view, index));
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++) values[index] = reader.read(view, index * reader.size) as number;
  return values;
}

interface ElementReader {
  readonly size: number;
  read(view: DataView, at: number): Cell;
}

const elements: Record<string, ElementReader> = {
  BOOL: { size: 1, read: (view, at) => view.getUint8(at) !== 0 },
  UINT8: { size: 1, read: (view, at) => view.getUint8(at) },
  INT8: { size: 1, read: (view, at) => view.getInt8(at) },
  UINT16: { size: 2, read: (view, at) => view.getUint16(at, true) },
  INT16: { size: 2, read: (view, at) => view.getInt16(at, true) },
  UINT32: { size: 4, read: (view, at) => view.getUint32(at, true) },
  INT32: { size: 4, read: (view, at) => view.getInt32(at, true) },
  UINT64: { size: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  INT64: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  FP16: { size: 2, read: (view, at) => view.getFloat16(at, true) },
  FP32: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  FP64: { size: 8, read: (view, at) => view.getFloat64(at, true) },
};

function decodeTexts(name: string, bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 <= bytes.length ? at + 4 + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw columnWrong(name, 'has text whose lengths do not add up');
    texts.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return texts;
}

function rowsOfTensors(layout: Layout, tensors: readonly GivenTensor[]): Rows {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const columns = new Map<string, StridedColumn>();
  for (const input of layout.inputs) {
    const tensor = given.get(input.tensor.name);
    if (tensor === undefined) continue;
    checkTensor(tensor, input.tensor.datatype, input.tensor.shape);
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
    checkTensor(tensor, feature.datatype, [1]);
    columns.set(feature.name, wholeColumn(tensor.values));
    given.delete(tensor.name);
  }
  const [unknown] = given.keys();
  if (unknown !== undefined) {
    throw columnWrong(unknown, 'is not an input of the model', `The model takes: ${layout.inputs.map((one) => one.tensor.name).join(', ')}.`);
  }
  if (columns.size === 0) throw columnMissing(layout.names, layout.names);
  const [first] = columns.values();
  const rowCount = first === undefined ? 0 : first.values.length / first.step;
  return takeRows(layout, rowCount, (name) => columns.get(name));
}

function checkTensor(tensor: GivenTensor, datatype: string, shape: readonly number[]): void {
  if (tensor.datatype !== datatype && !isWidening(tensor.datatype, datatype)) {
    throw columnWrong(tensor.name, `is of ${tensor.datatype}, and the model takes ${datatype}`);
  }
  const isBatch = tensor.shape.length === shape.length + 1 && shape.every((size, index) => tensor.shape[index + 1] === size);
  const isFlatColumn = tensor.shape.length === 1 && shape.length === 1 && shape[0] === 1;
  if (!isBatch && !isFlatColumn) {
    throw columnWrong(tensor.name, `has the shape [${tensor.shape.join(', ')}], and the model takes [-1, ${shape.join(', ')}]`);
  }
}

/** Numbers may be given narrower or as the other float; text never as a number. */
function isWidening(given: string, wanted: string): boolean {
  const isNumber = /^(FP|U?INT)\d+$/.test(given);
  if (wanted === 'FP32' || wanted === 'FP64') return isNumber;
  return wanted === 'INT64' ? /^U?INT/.test(given) : wanted === 'INT32' && /^U?INT(8|16)$/.test(given);
}

/** One answer: a JSON part, and the binary tensors behind it. */
export interface InferenceAnswer {
  readonly json: string;
  readonly binary: Buffer | undefined;
}

/** @throws SERVING_OUTPUT_UNKNOWN */
export function writeInference(
  asked: AskedInference,
  scores: Scores,
  endpoint: string,
  version: ServedVersion,
  requestId: string,
): InferenceAnswer {
  const known = outputsOf(version);
  const wanted = asked.outputs ?? known.map(({ name }) => ({ name, isBinary: asked.isBinaryByDefault }));
  const binaries: Buffer[] = [];
  const outputs = wanted.map(({ name, isBinary }) => {
    const output = known.find((one) => one.name === name);
    if (output === undefined) throw outputUnknown(name, known.map((one) => one.name));
    const isLabel = output.role === 'label';
    const values = isLabel ? scores.labels : scores.probabilities;
    const shape = isLabel ? [scores.rowCount, ...output.shape] : [scores.rowCount, scores.classCount];
    if (!isBinary && !asked.isBinaryByDefault) return { name, datatype: output.datatype, shape, data: isLabel ? values : Array.from(values as Float32Array) };
    const bytes = encode(output.datatype, values);
    binaries.push(bytes);
    return { name, datatype: output.datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  const json = JSON.stringify({ model_name: endpoint, model_version: String(version.version), id: requestId, outputs });
  return { json, binary: binaries.length === 0 ? undefined : Buffer.concat(binaries) };
}

interface OutputSchema extends TensorSchema {
  readonly role: 'label' | 'probabilities';
}

/** What an endpoint gives: the label (or the value of a regression), then the probabilities of a classifier. */
export function outputsOf(version: ServedVersion): readonly OutputSchema[] {
  return version.schema.outputs.slice(0, 2).map((output, index) => ({ ...output, role: index === 0 ? 'label' : 'probabilities' }));
}

function encode(datatype: string, values: ArrayLike<Label>): Buffer {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      Array.from(values, (value) => {
        const text = Buffer.from(String(value));
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        return Buffer.concat([length, text]);
      }),
    );
  }
  const size = elements[datatype]?.size ?? 4;
  const bytes = Buffer.alloc(values.length * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < values.length; index++) writeElement(view, datatype, index * size, Number(values[index]));
  return bytes;
}

function writeElement(view: DataView, datatype: string, at: number, value: number): void {
  if (datatype === 'INT64') view.setBigInt64(at, BigInt(value), true);
  else if (datatype === 'INT32') view.setInt32(at, value, true);
  else if (datatype === 'FP64') view.setFloat64(at, value, true);
  else if (datatype === 'BOOL') view.setUint8(at, value);
  else view.setFloat32(at, value, true);
}

const tensorFace = (tensor: TensorSchema) => ({ name: tensor.name, datatype: tensor.datatype, shape: [-1, ...tensor.shape] });

/** `GET /v2/models/{endpoint}` */
export const modelMetadata = (endpoint: ServedEndpoint, version: ServedVersion) => ({
  name: endpoint.name,
  versions: endpoint.targets.map((target) => String(target.version)),
  platform: 'onnxruntime_onnx',
  inputs: version.schema.inputs.map(tensorFace),
  outputs: outputsOf(version).map(tensorFace),
});

/** `GET /v2/models/{endpoint}/config`, as Triton gives it. */
export const modelConfig = (endpoint: ServedEndpoint, version: ServedVersion) => {
  const face = (tensor: TensorSchema) => ({
    name: tensor.name,
    data_type: tensor.datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${tensor.datatype}`,
    dims: [-1, ...tensor.shape],
  });
  return {
    name: endpoint.name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    max_batch_size: 0,
    version_policy: { specific: { versions: endpoint.targets.map((target) => target.version) } },
    input: version.schema.inputs.map(face),
    output: outputsOf(version).map(face),
    dynamic_batching: { max_queue_delay_microseconds: 0 },
  };
};

export const writeInferenceError = (error: TilthError): string =>
  JSON.stringify({ error: error.hint === undefined ? error.message : `${error.message} ${error.hint}` });
