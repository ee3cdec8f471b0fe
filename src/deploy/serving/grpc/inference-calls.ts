import type { Metadata } from '@grpc/grpc-js';
import type { InferenceHost } from '../dialects/inference-routes.ts';
import {
  isEndpointReady,
  requireNoChange,
  servedVersionOf,
  statisticsOf,
} from '../dialects/inference-routes.ts';
import { modelConfig, modelMetadata, repositoryIndex, serverMetadata } from '../dialects/model-documents.ts';
import { lineageOf } from '../plane-answers.ts';
import type { PredictionService } from '../answering/prediction-service.ts';
import { contextOf, type CallOf } from './call-context.ts';
import { readCall, writeCall } from './infer-messages.ts';
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelRequest,
  RepositoryChangeRequest,
} from './messages.ts';

/** An empty text of a message stands for none. */
const versionOf = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const endpointOf = (host: InferenceHost, name: string | undefined) => host.configured().endpoint(name ?? '');

/** What each call but the predicting ones answers; errors are thrown. */
export const plainCalls = {
  ServerLive: () => ({ live: true }),
  ServerReady: (host: InferenceHost) => ({ ready: host.isReady }),
  ServerMetadata: (host: InferenceHost) => serverMetadata(host.softwareVersion),
  ModelReady: (host: InferenceHost, { name, version }: ModelRequest) => ({
    ready: isEndpointReady(host, endpointOf(host, name), versionOf(version)),
  }),
  ModelMetadata: (host: InferenceHost, { name, version }: ModelRequest) => {
    const endpoint = endpointOf(host, name);
    return modelMetadata(endpoint, servedVersionOf(host, endpoint, versionOf(version)));
  },
  ModelConfig: (host: InferenceHost, { name, version }: ModelRequest) => {
    const endpoint = endpointOf(host, name);
    return { config: modelConfig(endpoint, servedVersionOf(host, endpoint, versionOf(version))) };
  },
  ModelStatistics: (host: InferenceHost, { name, version }: ModelRequest) => {
    const service = host.configured();
    const endpoints =
      versionOf(name) === undefined ? [...service.endpoints.values()] : [endpointOf(host, name)];
    return { model_stats: endpoints.flatMap((endpoint) => statisticsOf(host, endpoint, versionOf(version))) };
  },
  RepositoryIndex: (host: InferenceHost, { ready = false }: { ready?: boolean }) => {
    const models = repositoryIndex(host.configured().endpoints.values(), host.isDraining);
    return { models: ready ? models.filter((one) => one.state === 'READY') : models };
  },
  RepositoryModelLoad: (host: InferenceHost, request: RepositoryChangeRequest) =>
    change(host, request, 'load'),
  RepositoryModelUnload: (host: InferenceHost, request: RepositoryChangeRequest) =>
    change(host, request, 'unload'),
} as const;

/** KServe's field 1 is the model, Triton's is the repository and its field 2 the model. */
function change(host: InferenceHost, request: RepositoryChangeRequest, verb: 'load' | 'unload'): object {
  const name = versionOf(request.model_name) ?? request.repository_name ?? '';
  requireNoChange(host, name, verb, request.parameters ?? {});
  return { model_name: name, isLoaded: true };
}

export interface InferAnswer {
  readonly response: ModelInferResponse;
  /** which version answered, for the metadata */
  readonly lineage: Record<string, string>;
}

/**
 * One prediction, on the same way as over HTTP.
 *
 * @throws what `PredictionService.predict` throws
 */
export async function infer(
  service: PredictionService,
  request: ModelInferRequest,
  call: CallOf,
): Promise<InferAnswer> {
  const endpoint = service.endpoint(request.model_name ?? '');
  const context = contextOf(call, endpoint, service);
  service.admit(endpoint, context.deadline);
  const asked = readCall(request);
  const prediction = await service.predict(endpoint, asked, context, versionOf(request.model_version));
  const { scores, target, requestId } = prediction;
  return {
    response: writeCall(asked, scores, endpoint.name, target.served, requestId),
    lineage: lineageOf(endpoint, prediction),
  };
}

export function addTo(metadata: Metadata, values: Record<string, string>): Metadata {
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}
