import type { ActiveEndpoint } from '../answering/active-endpoint.ts';
import type { ServedEndpoint, ServedVersion, TensorSchema, VersionCounts } from '../serving-api.ts';
import { middleOf } from '../counts/latency-histogram.ts';
import { outputsOf } from './tensors.ts';

/** Of the Open Inference Protocol, as `GET /v2` names them. */
export const extensions = [
  'binary_tensor_data',
  'model_repository',
  'model_configuration',
  'statistics',
] as const;

export const serverMetadata = (softwareVersion: string) => ({
  name: 'tilth',
  version: softwareVersion,
  extensions: [...extensions],
});

const platformOf = (version: ServedVersion): string =>
  version.engine === 'python' ? 'python' : 'onnxruntime_onnx';

/** Those that answer callers; a shadow answers nobody. */
const answeringVersions = (endpoint: ServedEndpoint): number[] =>
  endpoint.targets.filter((target) => target.variant !== 'shadow').map((target) => target.version);

const tensorFace = (tensor: TensorSchema) => ({
  name: tensor.name,
  datatype: tensor.datatype as string,
  shape: [-1, ...tensor.shape],
});

/** `GET /v2/models/{endpoint}` */
export const modelMetadata = (endpoint: ServedEndpoint, version: ServedVersion) => ({
  name: endpoint.name,
  versions: answeringVersions(endpoint).map(String),
  platform: platformOf(version),
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
    platform: platformOf(version),
    backend: version.engine === 'python' ? 'python' : 'onnxruntime',
    max_batch_size: 0,
    version_policy: { specific: { versions: answeringVersions(endpoint) } },
    input: version.schema.inputs.map(face),
    output: outputsOf(version).map(face),
    dynamic_batching: { max_queue_delay_microseconds: 0 },
  };
};

/** `POST /v2/repository/index`: every version in memory, and whether it answers. */
export const repositoryIndex = (endpoints: Iterable<ActiveEndpoint>, isDraining: boolean) =>
  [...endpoints].flatMap(({ name, targets }) =>
    targets.map(({ version, variant, inMemory }) => {
      const isReady = !isDraining && inMemory.state === 'ready';
      const reason = isDraining
        ? 'the server is shutting down'
        : isReady
          ? variant === 'shadow'
            ? 'shadow: answers nobody'
            : ''
          : `its process is ${inMemory.state}`;
      return { name, version: String(version), state: isReady ? 'READY' : 'UNAVAILABLE', reason };
    }),
  );

/** Count and sum of times; what is not measured has the count 0. */
const duration = (count = 0, ns = 0) => ({ count, ns: Math.round(ns) });

/**
 * `GET /v2/models/{endpoint}/stats`, as Triton gives it: what each version did since the data plane began. The sum of
 * times is that of the histogram's buckets, right to a tenth; requests that were scored together count one each.
 */
export const modelStatistics = (endpoint: string, counts: readonly VersionCounts[]) =>
  counts.map((one) => {
    const answered = one.requestCount - one.failedCount - one.refusedCount;
    const sumUs = one.latencies.reduce((sum, count, bucket) => sum + count * middleOf(bucket), 0);
    return {
      name: endpoint,
      version: String(one.version),
      inference_count: one.rowCount,
      execution_count: answered,
      inference_stats: {
        success: duration(answered, sumUs * 1000),
        fail: duration(one.failedCount + one.refusedCount),
        queue: duration(),
        compute_input: duration(),
        compute_infer: duration(),
        compute_output: duration(),
        cache_hit: duration(),
        cache_miss: duration(),
      },
      batch_stats: [],
    };
  });
