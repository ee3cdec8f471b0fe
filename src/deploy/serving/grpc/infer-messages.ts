import { readExtras, type AskedPrediction } from '../dialects/asked-prediction.ts';
import type { Scores } from '../engines/scores.ts';
import { codecOf, answerCodec, unpacked, type Codec } from '../dialects/inference-codecs.ts';
import { refuseSharedMemory, requestIdOf, timeoutOf } from '../dialects/inference-protocol.ts';
import type { Cell, Column } from '../engines/rows.ts';
import type { ServedVersion } from '../serving-api.ts';
import { bodyUnreadable, columnWrong } from '../serving-errors.ts';
import { bytesOfValues, valuesOfBytes } from '../dialects/tensor-bytes.ts';
import {
  checkWrittenValues,
  columnsOf,
  filledTensor,
  outputsOf,
  rowsOfTensors,
  scoredTensor,
  tensorFace,
  type GivenTensor,
} from '../dialects/tensors.ts';
import type {
  InferParameter,
  InputTensor,
  ModelInferRequest,
  ModelInferResponse,
  Parameters,
  TensorContents,
} from './messages.ts';

/** A request, and how its answer is to be written: as it asks, so it is answered. */
export interface AskedCall extends AskedPrediction {
  readonly isRaw: boolean;
  readonly codec: Codec | undefined;
}

/**
 * @throws SERVING_BODY_UNREADABLE, SERVING_COLUMN_WRONG, SERVING_SHAPE_WRONG, SERVING_FEATURE_UNSERVED
 * @see https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
 */
export function readCall(request: ModelInferRequest): AskedCall {
  const { inputs = [], outputs = [], raw_input_contents: raw = [] } = request;
  const isRaw = raw.length > 0;
  if (isRaw && raw.length !== inputs.length)
    throw bodyUnreadable(`raw_input_contents has ${raw.length} tensors for ${inputs.length} inputs.`);
  const parameters = plain(request.parameters);
  let codec = codecOf(parameters['content_type']);
  const tensors = inputs.map((input, index) => {
    const own = plain(input.parameters);
    refuseSharedMemory(own);
    codec ??= codecOf(own['content_type']);
    return unpacked(readInput(input, raw[index]), codecOf(own['content_type']) ?? codec);
  });
  for (const output of outputs) refuseSharedMemory(plain(output.parameters));
  const isDataFrame = codec === 'pd';
  return {
    requestId: requestIdOf(request.id),
    ...readExtras(parameters),
    timeoutMs: timeoutOf(parameters['timeout']),
    rowsFor: (layout) => rowsOfTensors(layout, tensors, { isDataFrame }),
    outputNames: outputs.length === 0 ? undefined : outputs.map(({ name = '' }) => name),
    isRaw,
    codec,
  };
}

/** Parameters without the wrapping of their types. */
function plain(parameters: Parameters | undefined): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(parameters ?? {})) values[name] = choiceOf(parameter);
  return values;
}

const choiceOf = (parameter: InferParameter): unknown =>
  parameter.parameter_choice === undefined ? undefined : parameter[parameter.parameter_choice];

function readInput(input: InputTensor, raw: Buffer | undefined): GivenTensor {
  const { name = '', datatype, shape = [], contents } = input;
  if (name === '') throw bodyUnreadable('An input lacks its name.');
  const face = tensorFace(name, datatype, shape);
  if (raw !== undefined) {
    if (contents !== undefined && Object.keys(contents).length > 0)
      throw columnWrong(name, 'has both contents and raw_input_contents');
    return filledTensor(face, valuesOfBytes(name, face.datatype, raw, face.count));
  }
  const field = contentsField(face.datatype);
  if (field === undefined)
    throw columnWrong(name, `is of ${face.datatype}, which comes in raw_input_contents only`);
  const values = contents?.[field] ?? [];
  const column: Column =
    field === 'bytes_contents'
      ? (values as readonly Buffer[]).map((text) => text.toString('utf8'))
      : (values as readonly Cell[]);
  checkWrittenValues(face, column);
  return filledTensor(face, column);
}

/** The list of `InferTensorContents` that holds a datatype. */
function contentsField(datatype: string): keyof TensorContents | undefined {
  if (datatype === 'BYTES') return 'bytes_contents';
  if (datatype === 'FP32' || datatype === 'FP64' || datatype === 'BOOL')
    return `${datatype.toLowerCase() as 'fp32' | 'fp64' | 'bool'}_contents`;
  if (datatype === 'INT64' || datatype === 'UINT64')
    return `${datatype.toLowerCase() as 'int64' | 'uint64'}_contents`;
  if (datatype.startsWith('INT')) return 'int_contents';
  return datatype.startsWith('UINT') ? 'uint_contents' : undefined;
}

/** @throws SERVING_OUTPUT_UNKNOWN */
export function writeCall(
  asked: AskedCall,
  scores: Scores,
  endpoint: string,
  version: ServedVersion,
  requestId: string,
): ModelInferResponse {
  const names = asked.outputNames ?? outputsOf(version).map(({ name }) => name);
  const { codec, isRaw } = asked;
  const tensors = names.flatMap((name) => {
    const tensor = scoredTensor(version, scores, name);
    return codec === 'pd' ? columnsOf(version, tensor) : [tensor];
  });
  return {
    model_name: endpoint,
    model_version: String(version.version),
    id: requestId,
    ...(codec === 'pd' ? { parameters: contentType('pd') } : {}),
    outputs: tensors.map(({ name, datatype, shape, values }) => ({
      name,
      datatype,
      shape,
      ...(codec === undefined ? {} : { parameters: contentType(answerCodec(datatype)) }),
      ...(isRaw ? {} : { contents: contentsOf(datatype, values) }),
    })),
    ...(isRaw
      ? { raw_output_contents: tensors.map(({ datatype, values }) => bytesOfValues(datatype, values)) }
      : {}),
  };
}

const contentType = (codec: Codec): Parameters => ({ content_type: { string_param: codec } });

function contentsOf(datatype: string, values: ArrayLike<string | number | boolean>): TensorContents {
  const field = contentsField(datatype) ?? 'fp32_contents';
  if (field === 'bytes_contents')
    return { bytes_contents: Array.from(values, (value) => Buffer.from(String(value))) };
  return { [field]: Array.from(values) };
}
