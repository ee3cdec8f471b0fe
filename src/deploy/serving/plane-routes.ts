import { TilthError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { ConfigFollower } from './config/config-follower.ts';
import { readInference, writeInference } from './dialects/inference-protocol.ts';
import { inferenceRoute, type Describes, type InferenceHost } from './dialects/inference-routes.ts';
import { packAnswer } from './listener/bodies.ts';
import type { Exchanges, PlaneAnswer, PlaneRequest, RequestHead } from './listener/exchange.ts';
import { refuseStrangers } from './listener/strangers.ts';
import { readInvocation, writePredictions } from './dialects/mlflow-dialect.ts';
import { failedAnswer, jsonAnswer, lineageOf } from './plane-answers.ts';
import { planeOpenapi } from './dialects/openapi.ts';
import { parquetType, readParquetInvocation } from './dialects/parquet-bodies.ts';
import type { ActiveEndpoint, CallerContext } from './answering/active-endpoint.ts';
import type { PredictionService } from './answering/prediction-service.ts';
import { inferenceIdOf, sagemakerHeaders, targetVersionOf } from './dialects/sagemaker.ts';
import { starting, tooManyRequests } from './serving-errors.ts';
import type { Traffic } from './counts/traffic.ts';

/** What the routes need to know of the plane that they belong to. */
export interface PlaneState {
  readonly name: string;
  readonly isDraining: boolean;
  /** requests under way */
  readonly requestCount: number;
  readonly service: PredictionService | undefined;
  readonly follower: ConfigFollower | undefined;
}

export interface PlaneRoutesOptions {
  readonly state: PlaneState;
  readonly traffic: Traffic;
  readonly log: Logger;
  readonly softwareVersion: string;
  /** requests under way at once; more are turned away */
  readonly maxRequests: number;
  /** of all processes, where there are several */
  readonly metricsOfAll?: (() => Promise<string>) | undefined;
  /** keep pages of a browser on the same machine out */
  readonly isLoopback: boolean;
}

type Route =
  | { readonly kind: 'invocations'; readonly endpoint: string | undefined }
  | { readonly kind: 'infer'; readonly endpoint: string; readonly version: string | undefined }
  | { readonly kind: 'plain'; readonly answer: Describes };

/** Paths are few, but callers can make up any number of them. */
const keptRoutes = 1000;

/** What the data plane answers, by path. */
export class PlaneRoutes implements Exchanges {
  readonly #options: PlaneRoutesOptions;
  readonly #routes = new Map<string, Route>();

  /** for those who describe models, over HTTP or gRPC */
  readonly host: InferenceHost;

  constructor(options: PlaneRoutesOptions) {
    this.#options = options;
    const { state, traffic, softwareVersion } = options;
    const isReady = (): boolean => this.#isReady;
    this.host = {
      traffic,
      softwareVersion,
      configured: () => this.#configured(),
      get isReady() {
        return isReady();
      },
      get isDraining() {
        return state.isDraining;
      },
    };
  }

  admit(head: RequestHead): void {
    const { state, isLoopback, maxRequests } = this.#options;
    if (isLoopback) refuseStrangers(head);
    const route = this.#routeOf(head);
    if (route.kind === 'plain') return;
    if (state.requestCount > maxRequests) throw tooManyRequests(maxRequests);
    const service = this.#configured();
    const endpoint = endpointFor(service, route.endpoint);
    service.admit(endpoint, service.deadline(endpoint, head.header('x-tilth-deadline-ms'), head.arrivedAt));
  }

  async answer(request: PlaneRequest): Promise<PlaneAnswer> {
    const route = this.#routeOf(request);
    if (route.kind === 'plain') return await route.answer(request);
    const service = this.#configured();
    const endpoint = endpointFor(service, route.endpoint);
    const context = callerContext(request, endpoint, service);
    return route.kind === 'invocations'
      ? invoke(service, endpoint, request, context)
      : infer(service, endpoint, request, context, route.version);
  }

  fail(head: Pick<RequestHead, 'method' | 'path'>, thrown: unknown): PlaneAnswer {
    return failedAnswer(this.#options.log, head, thrown);
  }

  #routeOf({ method, path }: RequestHead): Route {
    const key = `${method === 'HEAD' ? 'GET' : method} ${path}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = this.#find(key.slice(0, key.indexOf(' ')), path);
      if (this.#routes.size >= keptRoutes) this.#routes.clear();
      this.#routes.set(key, route);
    }
    return route;
  }

  #find(method: string, path: string): Route {
    if (method === 'POST') {
      if (path === '/invocations') return { kind: 'invocations', endpoint: undefined };
      const invocations = /^\/endpoints\/([^/]+)\/invocations$/.exec(path);
      if (invocations !== null)
        return { kind: 'invocations', endpoint: decodeURIComponent(invocations[1] ?? '') };
      const infer = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/infer$/.exec(path);
      if (infer !== null)
        return { kind: 'infer', endpoint: decodeURIComponent(infer[1] ?? ''), version: infer[2] };
      // KServe's V1 is MLflow's dialect in both directions
      const predict = /^\/v1\/models\/([^/]+):predict$/.exec(path);
      if (predict !== null) return { kind: 'invocations', endpoint: decodeURIComponent(predict[1] ?? '') };
    }
    if (method === 'GET') {
      const answer = Object.hasOwn(this.#plain, path) ? this.#plain[path] : undefined;
      if (answer !== undefined) return { kind: 'plain', answer };
    }
    const describes = inferenceRoute(this.host, method, path);
    if (describes !== undefined) return { kind: 'plain', answer: describes };
    throw new TilthError(
      'NOT_FOUND',
      404,
      `There is no ${method} ${path} here.`,
      'Predictions: POST /endpoints/NAME/invocations or POST /v2/models/NAME/infer.',
    );
  }

  readonly #plain: Record<string, () => PlaneAnswer | Promise<PlaneAnswer>> = {
    '/health': () => jsonAnswer(this.#isReady ? 200 : 503, this.#health()),
    // MLflow and SageMaker: 200 when a model is there, with MLflow's one line break
    '/ping': () => ({
      status: this.#options.state.isDraining ? 503 : this.#hasEndpoints ? 200 : 404,
      type: 'application/json',
      body: '\n',
    }),
    '/version': () => ({ status: 200, type: 'application/json', body: this.#options.softwareVersion }),
    '/openapi.json': () => jsonAnswer(200, planeOpenapi(this.#configured(), this.#options.softwareVersion)),
    '/metrics': async () => {
      const { traffic, metricsOfAll } = this.#options;
      const { registry } = traffic;
      return {
        status: 200,
        type: registry.contentType,
        body: await (metricsOfAll?.() ?? registry.metrics()),
      };
    },
  };

  get #isReady(): boolean {
    const { isDraining, follower } = this.#options.state;
    return !isDraining && follower?.isConfigured === true;
  }

  get #hasEndpoints(): boolean {
    return (this.#options.state.service?.endpoints.size ?? 0) > 0;
  }

  #health(): unknown {
    const { state } = this.#options;
    return {
      status: state.isDraining ? 'draining' : this.#isReady ? 'ok' : 'waiting for its first configuration',
      plane: state.name,
      revision: state.follower?.revision ?? -1,
      isControlPlaneReachable: state.follower?.isReachable ?? false,
      endpoints: [...(state.service?.endpoints.keys() ?? [])],
      problems: state.follower?.problems ?? [],
    };
  }

  /**
   * Until it has its first configuration, nobody may be told that an endpoint does not exist.
   *
   * @throws SERVING_STARTING
   */
  #configured(): PredictionService {
    const { service, follower } = this.#options.state;
    if (service === undefined || follower?.isConfigured !== true) throw starting();
    return service;
  }
}

const endpointFor = (service: PredictionService, name: string | undefined): ActiveEndpoint =>
  name === undefined ? service.onlyEndpoint() : service.endpoint(name);

const callerContext = (
  request: PlaneRequest,
  endpoint: ActiveEndpoint,
  service: PredictionService,
): CallerContext => ({
  stickyKey: request.header('x-tilth-key'),
  header: (name) => request.header(name),
  caller: request.header('x-tilth-caller') ?? null,
  // traceparent: version-trace-span-flags, https://www.w3.org/TR/trace-context/
  traceId: request.header('traceparent')?.split('-')[1] ?? null,
  startedAt: performance.now(),
  arrivedAt: request.arrivedAt,
  deadline: service.deadline(endpoint, request.header('x-tilth-deadline-ms'), request.arrivedAt),
});

async function invoke(
  service: PredictionService,
  endpoint: ActiveEndpoint,
  request: PlaneRequest,
  context: CallerContext,
): Promise<PlaneAnswer> {
  const requestId = request.header('x-tilth-request-id') ?? inferenceIdOf(request);
  const type = request.header('content-type') ?? '';
  const asked = type.startsWith(parquetType)
    ? await readParquetInvocation(request.body, requestId)
    : readInvocation(request.body, type, requestId);
  const prediction = await service.predict(endpoint, asked, context, targetVersionOf(request, endpoint));
  return {
    status: 200,
    type: 'application/json',
    body: writePredictions(prediction.scores),
    headers: { ...lineageOf(endpoint, prediction), ...sagemakerHeaders(request, prediction) },
  };
}

async function infer(
  service: PredictionService,
  endpoint: ActiveEndpoint,
  request: PlaneRequest,
  context: CallerContext,
  version: string | undefined,
): Promise<PlaneAnswer> {
  const jsonLength = request.header('inference-header-content-length');
  const asked = readInference(request.body, jsonLength === undefined ? undefined : Number(jsonLength));
  const prediction = await service.predict(endpoint, asked, context, version);
  const { json, binary } = writeInference(
    asked,
    prediction.scores,
    endpoint.name,
    prediction.target.served,
    prediction.requestId,
  );
  const headers = lineageOf(endpoint, prediction);
  const accepted = request.header('accept-encoding');
  if (binary === undefined)
    return packAnswer(accepted, { status: 200, type: 'application/json', body: json, headers });
  const head = Buffer.from(json);
  return packAnswer(accepted, {
    status: 200,
    type: 'application/octet-stream',
    body: Buffer.concat([head, binary]),
    headers: { ...headers, 'inference-header-content-length': String(head.length) },
  });
}
