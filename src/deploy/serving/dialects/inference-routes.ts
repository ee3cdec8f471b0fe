import type { PlaneAnswer, PlaneRequest } from '../listener/exchange.ts';
import {
  modelConfig,
  modelMetadata,
  modelStatistics,
  repositoryIndex,
  serverMetadata,
} from './model-documents.ts';
import { jsonAnswer } from '../plane-answers.ts';
import type { ActiveEndpoint } from '../answering/active-endpoint.ts';
import type { PredictionService } from '../answering/prediction-service.ts';
import type { ServedVersion } from '../serving-api.ts';
import { bodyUnreadable, loadRefused } from '../serving-errors.ts';
import type { Traffic } from '../counts/traffic.ts';

/** What those who describe models need to know of the plane. */
export interface InferenceHost {
  readonly isReady: boolean;
  readonly isDraining: boolean;
  readonly softwareVersion: string;
  readonly traffic: Traffic;
  /** @throws SERVING_STARTING */
  configured(): PredictionService;
}

/** Answers one request that asks for no prediction. */
export type Describes = (request: PlaneRequest) => PlaneAnswer | Promise<PlaneAnswer>;

/**
 * What a path of the Open Inference Protocol (V1 or V2), or of MLflow's deployments client, tells about models.
 *
 * @returns undefined for a path that is none of theirs
 * @see https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol and the same of V2
 */
export function inferenceRoute(host: InferenceHost, method: string, path: string): Describes | undefined {
  if (method === 'GET') {
    const plain = Object.hasOwn(plainDocuments, path) ? plainDocuments[path] : undefined;
    return plain === undefined ? documentOfModel(host, path) : () => plain(host);
  }
  if (method !== 'POST') return undefined;
  if (path === '/v2/repository/index') return ({ body }) => jsonAnswer(200, indexFor(host, body));
  const change = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/.exec(path);
  if (change === null) return undefined;
  return ({ body }) =>
    changeOfModel(host, decodeURIComponent(change[1] ?? ''), change[2] as 'load' | 'unload', body);
}

const plainDocuments: Readonly<Record<string, (host: InferenceHost) => PlaneAnswer>> = {
  // what a client of KServe's V1 takes for a living server
  '/': () => jsonAnswer(200, { status: 'alive' }),
  '/v2': (host) => jsonAnswer(200, serverMetadata(host.softwareVersion)),
  '/v2/': (host) => jsonAnswer(200, serverMetadata(host.softwareVersion)),
  '/v2/health/live': () => jsonAnswer(200, { live: true }),
  '/v2/health/ready': ({ isReady }) => jsonAnswer(isReady ? 200 : 503, { ready: isReady }),
  '/v1/models': (host) => jsonAnswer(200, { models: [...host.configured().endpoints.keys()] }),
  '/v2/models': (host) => jsonAnswer(200, { models: [...host.configured().endpoints.keys()] }),
  '/v2/models/stats': (host) => {
    const names = [...host.configured().endpoints.keys()];
    return jsonAnswer(200, {
      model_stats: names.flatMap((name) => modelStatistics(name, host.traffic.versions.report(name))),
    });
  },
  '/api/2.0/endpoints/': (host) =>
    jsonAnswer(200, { endpoints: [...host.configured().endpoints.values()].map(deploymentsEndpoint) }),
};

function documentOfModel(host: InferenceHost, path: string): Describes | undefined {
  const model = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready|\/config|\/stats)?$/.exec(path);
  if (model !== null) {
    const [, name = '', version, what] = model;
    return () => describe(host, decodeURIComponent(name), version, what);
  }
  const v1 = /^\/v1\/models\/([^/:]+)$/.exec(path);
  if (v1 !== null) return () => readiness(host, decodeURIComponent(v1[1] ?? ''), undefined);
  const deployments = /^\/api\/2\.0\/endpoints\/([^/]+)$/.exec(path);
  if (deployments === null) return undefined;
  return () =>
    jsonAnswer(
      200,
      deploymentsEndpoint(host.configured().endpoint(decodeURIComponent(deployments[1] ?? ''))),
    );
}

function readiness(host: InferenceHost, name: string, version: string | undefined): PlaneAnswer {
  const isReady = isEndpointReady(host, host.configured().endpoint(name), version);
  return jsonAnswer(isReady ? 200 : 503, { name, ready: isReady });
}

function describe(
  host: InferenceHost,
  name: string,
  version: string | undefined,
  what: string | undefined,
): PlaneAnswer {
  const endpoint = host.configured().endpoint(name);
  if (what === '/ready') return readiness(host, name, version);
  if (what === '/stats') return jsonAnswer(200, { model_stats: statisticsOf(host, endpoint, version) });
  const served = servedVersionOf(host, endpoint, version);
  return jsonAnswer(
    200,
    what === '/config' ? modelConfig(endpoint, served) : modelMetadata(endpoint, served),
  );
}

/** The version that is named, else the champion. @throws SERVING_VERSION_UNKNOWN */
export const servedVersionOf = (
  host: InferenceHost,
  endpoint: ActiveEndpoint,
  version?: string,
): ServedVersion => host.configured().target(endpoint, version, 1 - Number.EPSILON).served;

/** @throws SERVING_VERSION_UNKNOWN */
export function isEndpointReady(host: InferenceHost, endpoint: ActiveEndpoint, version?: string): boolean {
  const { inMemory } = host.configured().target(endpoint, version, 1 - Number.EPSILON);
  return !host.isDraining && inMemory.state === 'ready';
}

/** @throws SERVING_VERSION_UNKNOWN */
export function statisticsOf(host: InferenceHost, endpoint: ActiveEndpoint, version?: string) {
  if (version !== undefined) host.configured().target(endpoint, version);
  const counts = host.traffic.versions.report(endpoint.name);
  return modelStatistics(
    endpoint.name,
    version === undefined ? counts : counts.filter((one) => String(one.version) === version),
  );
}

function indexFor(host: InferenceHost, body: Buffer) {
  const index = repositoryIndex(host.configured().endpoints.values(), host.isDraining);
  return documentOf(body)['ready'] === true ? index.filter((one) => one.state === 'READY') : index;
}

/**
 * A model that is served is loaded, so asking for that is no request for a change; all else is.
 *
 * @throws SERVING_LOAD_REFUSED, SERVING_ENDPOINT_UNKNOWN
 */
export function requireNoChange(
  host: InferenceHost,
  name: string,
  verb: 'load' | 'unload',
  parameters: object,
): void {
  host.configured().endpoint(name);
  if (verb === 'unload' || Object.keys(parameters).length > 0) throw loadRefused(verb, name);
}

function changeOfModel(
  host: InferenceHost,
  name: string,
  verb: 'load' | 'unload',
  body: Buffer,
): PlaneAnswer {
  requireNoChange(host, name, verb, (documentOf(body)['parameters'] ?? {}) as object);
  return jsonAnswer(200, {});
}

function documentOf(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    return (JSON.parse(body.toString()) ?? {}) as Record<string, unknown>;
  } catch (cause) {
    throw bodyUnreadable('The request is not valid JSON.', undefined, cause);
  }
}

/** As `mlflow.deployments` reads it; its own servers give language models only, so the type is ours. */
const deploymentsEndpoint = (endpoint: ActiveEndpoint) => ({
  name: endpoint.name,
  endpoint_type: 'tilth/model',
  model: { name: endpoint.model, provider: 'tilth' },
  endpoint_url: `/endpoints/${encodeURIComponent(endpoint.name)}/invocations`,
  limit: null,
});
