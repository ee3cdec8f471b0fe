import type { TilthError } from '../../../platform/errors.ts';
import { readExtras, type AskedPrediction } from './asked-prediction.ts';
import type { Scores } from '../engines/scores.ts';
import { answerCodec, codecOf, unpacked, type Codec } from './inference-codecs.ts';
import { parseRequestJson, type ParsedRequest } from './number-lists.ts';
import type { Cell } from '../engines/rows.ts';
import type { ServedVersion } from '../serving-api.ts';
import { bodyUnreadable, columnWrong, featureUnserved, shapeWrong } from '../serving-errors.ts';
import { bytesOfValues, valuesOfBytes } from './tensor-bytes.ts';
import {
  checkWrittenValues,
  columnsOf,
  filledTensor,
  outputsOf,
  rowsOfTensors,
  scoredTensor,
  tensorFace,
  type GivenTensor,
  type TensorFace,
} from './tensors.ts';

interface WantedOutput {
  readonly name: string;
  /** undefined: as the request says for all */
  readonly isBinary: boolean | undefined;
}

/** An inference request, and how its answer is to be written. */
export interface AskedInference extends AskedPrediction {
  /** undefined: all outputs */
  readonly outputs: readonly WantedOutput[] | undefined;
  readonly isBinaryByDefault: boolean;
  /** undefined: the caller says nothing of codecs, and hears nothing of them */
  readonly codec: Codec | undefined;
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
 * @throws SERVING_BODY_UNREADABLE, SERVING_SHAPE_WRONG, SERVING_COLUMN_WRONG, SERVING_FEATURE_UNSERVED
 * @see https://github.com/kserve/open-inference-protocol and Triton's binary tensor data extension
 */
export function readInference(body: Buffer, jsonLength: number | undefined): AskedInference {
  if (jsonLength !== undefined && !(jsonLength >= 0 && jsonLength <= body.length)) {
    throw bodyUnreadable(
      `Inference-Header-Content-Length is ${jsonLength}, and the body has ${body.length} bytes.`,
    );
  }
  const { document: request, numbersIn } = parseRequest(body.subarray(0, jsonLength ?? body.length));
  if (!Array.isArray(request.inputs))
    throw bodyUnreadable('The request must have "inputs", a list of tensors.');
  let position = jsonLength ?? body.length;
  let codec = codecOf(request.parameters?.['content_type']);
  const tensors = request.inputs.map((given: unknown) => {
    const tensor = recordOf(given, 'An input') as JsonTensor;
    refuseSharedMemory(tensor.parameters);
    const size = tensor.parameters?.['binary_data_size'];
    if (size !== undefined && !(Number.isSafeInteger(size) && (size as number) >= 0))
      throw bodyUnreadable('A binary_data_size is no count of bytes.');
    const binary = typeof size === 'number' ? body.subarray(position, (position += size)) : undefined;
    const own = codecOf(tensor.parameters?.['content_type']);
    codec ??= own;
    return unpacked(readTensor(tensor, binary, typeof size === 'number' ? size : 0, numbersIn), own ?? codec);
  });
  if (position < body.length)
    throw bodyUnreadable(`The body has ${body.length - position} bytes that no tensor claims.`);
  const outputs = readOutputs(request.outputs);
  const isDataFrame = codec === 'pd';
  return {
    requestId: requestIdOf(request.id),
    ...readExtras(request.parameters),
    timeoutMs: timeoutOf(request.parameters?.['timeout']),
    rowsFor: (layout) => rowsOfTensors(layout, tensors, { isDataFrame }),
    isBinaryByDefault: request.parameters?.['binary_data_output'] === true,
    outputs,
    outputNames: outputs?.map((output) => output.name),
    codec,
  };
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bodyUnreadable(`${what} is no JSON object.`);
  return value as Record<string, unknown>;
}

export function requestIdOf(id: unknown): string | undefined {
  if (id === undefined || id === null || id === '') return undefined;
  if (typeof id !== 'string' && typeof id !== 'number')
    throw bodyUnreadable('The "id" of the request is no text.');
  return String(id);
}

/** Triton counts in µs; 0 stands for none. */
export function timeoutOf(micros: unknown): number | undefined {
  const value = Number(micros ?? 0);
  return value > 0 ? value / 1000 : undefined;
}

/** @throws SERVING_FEATURE_UNSERVED */
export function refuseSharedMemory(parameters: Readonly<Record<string, unknown>> | undefined): void {
  if (parameters?.['shared_memory_region'] !== undefined)
    throw featureUnserved('Tensors in shared memory', 'Send the values with the request.');
  if (Number(parameters?.['classification'] ?? 0) > 0) {
    throw featureUnserved(
      'The classification extension',
      'Ask for the output "probabilities", which has all classes.',
    );
  }
}

/** An empty list means all, as none at all does. */
function readOutputs(outputs: unknown): readonly WantedOutput[] | undefined {
  if (!Array.isArray(outputs) || outputs.length === 0) return undefined;
  return outputs.map((given: unknown) => {
    const output = recordOf(given, 'An output') as JsonTensor;
    if (typeof output.name !== 'string') throw bodyUnreadable('An output lacks its name.');
    refuseSharedMemory(output.parameters);
    const isBinary = output.parameters?.['binary_data'];
    return { name: output.name, isBinary: typeof isBinary === 'boolean' ? isBinary : undefined };
  });
}

function parseRequest(json: Buffer): ParsedRequest & { document: JsonRequest } {
  let request: ParsedRequest;
  try {
    request = parseRequestJson(json, 'rows');
  } catch (cause) {
    throw bodyUnreadable('The request is not valid JSON.', undefined, cause);
  }
  const { document, numbersIn } = request;
  return { document: recordOf(document, 'The request'), numbersIn };
}

function readTensor(
  tensor: JsonTensor,
  binary: Buffer | undefined,
  size: number,
  numbersIn: ParsedRequest['numbersIn'],
): GivenTensor {
  if (typeof tensor.name !== 'string') throw bodyUnreadable('An input lacks its name.');
  const face = tensorFace(tensor.name, tensor.datatype, tensor.shape);
  if (binary !== undefined) {
    if (binary.length !== size)
      throw columnWrong(face.name, `claims ${size} bytes, and the body has ${binary.length} left`);
    return filledTensor(face, valuesOfBytes(face.name, face.datatype, binary, face.count));
  }
  const values = numbersIn(tensor.data)?.values ?? flatData(face, tensor.data);
  // floats come from the quick reader as what they are
  if (!ArrayBuffer.isView(values) || !face.datatype.startsWith('FP')) checkWrittenValues(face, values);
  return filledTensor(face, values);
}

/** The values may be nested as the shape says, or flat. */
function flatData({ name }: TensorFace, data: unknown): readonly Cell[] {
  if (!Array.isArray(data)) throw columnWrong(name, 'has neither "data" nor binary data');
  let level: readonly unknown[] = data;
  while (Array.isArray(level[0])) {
    const { length } = level[0];
    if (!level.every((one) => Array.isArray(one) && one.length === length))
      throw shapeWrong(`The input ${JSON.stringify(name)} has lists of different lengths.`);
    level = (level as readonly unknown[][]).flat();
  }
  return level as readonly Cell[];
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
  const wanted = asked.outputs ?? outputsOf(version).map(({ name }) => ({ name, isBinary: undefined }));
  const binaries: Buffer[] = [];
  const tensors = wanted.flatMap(({ name, isBinary = asked.isBinaryByDefault }) => {
    const tensor = scoredTensor(version, scores, name);
    return (asked.codec === 'pd' ? columnsOf(version, tensor) : [tensor]).map((one) => ({
      ...one,
      isBinary,
    }));
  });
  const outputs = tensors.map(({ name, datatype, shape, values, isBinary }) => {
    const content = asked.codec === undefined ? {} : { content_type: answerCodec(datatype) };
    if (isBinary) {
      const bytes = bytesOfValues(datatype, values);
      binaries.push(bytes);
      return { name, datatype, shape, parameters: { ...content, binary_data_size: bytes.length } };
    }
    const data = Array.isArray(values) ? (values as readonly Cell[]) : Array.from(values);
    return { name, datatype, shape, ...(asked.codec === undefined ? {} : { parameters: content }), data };
  });
  const parameters = asked.codec === 'pd' ? { parameters: { content_type: 'pd' } } : {};
  const json = JSON.stringify({
    model_name: endpoint,
    model_version: String(version.version),
    id: requestId,
    ...parameters,
    outputs,
  });
  return { json, binary: binaries.length === 0 ? undefined : Buffer.concat(binaries) };
}

export const writeInferenceError = (error: TilthError): string =>
  JSON.stringify({ error: inferenceMessage(error) });

export const inferenceMessage = (error: TilthError): string =>
  error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
