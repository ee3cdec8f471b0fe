import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as TcpServer, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { TilthError, errorBody, messageOf } from '../../platform/errors.ts';
import { createHome, type Home } from '../../platform/home.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import { ConfigFollower } from './config-follower.ts';
import { modelConfig, modelMetadata, readInference, writeInference, writeInferenceError } from './inference-protocol.ts';
import { readInvocation, writeMlflowError, writePredictions } from './mlflow-dialect.ts';
import { packBody, readBody, refuseStrangers } from './plane-http.ts';
import { PredictionLog } from './prediction-log.ts';
import { PredictionService, type ActiveEndpoint, type CallerContext, type Prediction } from './prediction-service.ts';
import { busy, starting } from './serving-errors.ts';
import { Traffic } from './traffic.ts';

export interface DataPlaneOptions {
  /** 0 takes a free one */
  readonly port: number;
  readonly host?: string;
  readonly home: Home;
  /** address of the control plane */
  readonly server: string;
  readonly token?: string | undefined;
  /** its name in reports and the prediction log; host name and port unless given */
  readonly plane?: string | undefined;
  readonly durability?: 'group' | 'strict';
  readonly maxBodyBytes?: number;
  /** requests under way at once; more are turned away with 503 */
  readonly maxRequests?: number;
  /** how long it still takes requests after it stopped being ready */
  readonly drainDelayMs?: number;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** of tilth, told to callers */
  readonly softwareVersion?: string;
}

export interface DataPlane {
  /** `http://127.0.0.1:5081` */
  readonly address: string;
  /** Finishes what is under way, closes the log. */
  close(): Promise<void>;
}

const reportEveryMs = 1_000;
const drainTimeoutMs = 10_000;

/**
 * Serves predictions over HTTP, in MLflow's dialect and the Open Inference Protocol.
 *
 * @throws PORT_TAKEN
 */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const plane = new Plane(options);
  await plane.start();
  return plane;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
/** How a dialect says that something went wrong. */
type ErrorWriter = (error: TilthError) => string;

class Plane implements DataPlane {
  address = '';
  readonly #options: DataPlaneOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #traffic: Traffic;
  readonly #http: Server;
  readonly #startedAt: number;
  #name = '';
  #predictionLog: PredictionLog | undefined;
  #service: PredictionService | undefined;
  #follower: ConfigFollower | undefined;
  #reporter: NodeJS.Timeout | undefined;
  #requestCount = 0;
  #isDraining = false;
  /** no new connections; those there are end with their next answer */
  #isClosing = false;
  #closed: Promise<void> | undefined;
  #allDone: (() => void) | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? createLogger('serve');
    this.#traffic = new Traffic(() => this.#clock.now());
    this.#startedAt = this.#clock.now();
    this.#http = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => void this.#answer(request, response));
  }

  /** The port is taken before the log is opened: it guards the log's folder, which bears its number. */
  async start(): Promise<void> {
    const { home, server, token, durability } = this.#options;
    createHome(home);
    const { host, port } = await this.#listen();
    this.address = `http://${host}:${port}`;
    this.#name = this.#options.plane ?? `${hostname()}-${port}`;
    this.#predictionLog = new PredictionLog({
      folder: join(home.predictions, 'segments'),
      plane: this.#name,
      clock: this.#clock,
      log: this.#log,
      ...(durability === undefined ? {} : { durability }),
    });
    this.#traffic.watchLog(this.#predictionLog.counts);
    const service = new PredictionService({ log: this.#predictionLog, traffic: this.#traffic, clock: this.#clock });
    this.#follower = new ConfigFollower({
      folder: home.serving,
      server,
      token,
      log: this.#log,
      onChange: (endpoints) => service.activate(endpoints),
    });
    this.#service = service;
    await this.#follower.start();
    this.#reporter = setInterval(() => void this.#report(), reportEveryMs).unref();
    this.#log.info({ address: this.address, plane: this.#name, server }, 'data plane answers');
  }

  /** Not ready at once; requests under way and those that still come are answered; then all is closed. */
  close(): Promise<void> {
    return (this.#closed ??= this.#drain());
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#reporter);
    await sleep(this.#options.drainDelayMs ?? 0);
    // http's own close would cut idle connections at once, also those whose next request is on its way
    const closed = new Promise<void>((resolve) => void TcpServer.prototype.close.call(this.#http, () => resolve()));
    this.#isClosing = true;
    await sleep(this.#options.drainDelayMs ?? 0);
    await Promise.race([this.#quiet(), sleep(drainTimeoutMs, undefined, { ref: false })]);
    this.#http.closeIdleConnections();
    await Promise.race([closed, sleep(1_000, undefined, { ref: false })]);
    this.#http.closeAllConnections();
    await this.#service?.shadowsDone();
    await this.#follower?.stop();
    await this.#predictionLog?.close();
    this.#log.info({ plane: this.#name }, 'data plane closed');
  }

  #quiet(): Promise<void> {
    if (this.#requestCount === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#allDone = resolve));
  }

  #listen(): Promise<{ host: string; port: number }> {
    const { host = '127.0.0.1', port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#http.once('error', (cause: NodeJS.ErrnoException) =>
        reject(
          cause.code === 'EADDRINUSE'
            ? new TilthError('PORT_TAKEN', 409, `Port ${port} is taken.`, `Choose another: tilth serve --port ${port + 1}`, { cause })
            : cause,
        ),
      );
      this.#http.listen(port, host, () => resolve({ host, port: (this.#http.address() as AddressInfo).port }));
    });
  }

  async #report(): Promise<void> {
    const problems = this.#follower?.problems ?? [];
    await this.#follower?.report({
      plane: this.#name,
      address: this.address,
      revision: this.#follower.revision,
      startedAt: this.#startedAt,
      ...(problems.length === 0 ? {} : { problems: [...problems] }),
      endpoints: this.#traffic.report([...(this.#service?.endpoints.keys() ?? [])]),
    });
  }

  get #isReady(): boolean {
    return !this.#isDraining && this.#follower?.isConfigured === true;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request.url ?? '/');
    const writeError = errorWriterOf(path);
    this.#requestCount++;
    if (this.#isClosing) response.setHeader('connection', 'close');
    try {
      if (this.#isLoopback) refuseStrangers(request);
      await this.#route(request.method ?? 'GET', path)(request, response);
    } catch (thrown) {
      this.#fail(request, response, thrown, writeError);
    } finally {
      if (--this.#requestCount === 0) this.#allDone?.();
    }
  }

  get #isLoopback(): boolean {
    return (this.#options.host ?? '127.0.0.1') === '127.0.0.1';
  }

  #fail(request: IncomingMessage, response: ServerResponse, thrown: unknown, writeError: ErrorWriter): void {
    const error = asKnownError(thrown);
    if (error.status >= 500) {
      const { cause } = error;
      this.#log.error({ code: error.code, path: request.url, cause: cause === undefined ? undefined : messageOf(cause) }, messageOf(thrown));
    }
    if (response.headersSent || response.destroyed) return;
    if (error.status === 503) response.setHeader('retry-after', '1');
    // the rest of a body that was not read would be taken for the next request
    if (!request.complete) response.setHeader('connection', 'close');
    const type = error.status === 415 ? 'text/plain' : 'application/json';
    send(response, error.status, type, error.status === 415 ? `${error.message} ${error.hint ?? ''}` : writeError(error));
  }

  #route(method: string, path: string): Handler {
    if (method === 'POST') {
      if (path === '/invocations') return (request, response) => this.#invoke(request, response, undefined);
      const invocations = /^\/endpoints\/([^/]+)\/invocations$/.exec(path);
      if (invocations !== null) return (request, response) => this.#invoke(request, response, decodeURIComponent(invocations[1] ?? ''));
      const infer = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/infer$/.exec(path);
      if (infer !== null) return (request, response) => this.#infer(request, response, decodeURIComponent(infer[1] ?? ''), infer[2]);
      if (path === '/v2/repository/index') return (_, response) => this.#index(response);
    }
    if (method === 'GET' || method === 'HEAD') {
      const model = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(\/ready|\/config)?$/.exec(path);
      if (model !== null) return (_, response) => this.#model(response, decodeURIComponent(model[1] ?? ''), model[2], model[3]);
      const handler = this.#plain[path];
      if (handler !== undefined) return handler;
    }
    throw new TilthError('NOT_FOUND', 404, `There is no ${method} ${path} here.`, 'Predictions: POST /endpoints/NAME/invocations or POST /v2/models/NAME/infer.');
  }

  readonly #plain: Record<string, Handler> = {
    '/health': (_, response) => sendJson(response, this.#isReady ? 200 : 503, this.#health()),
    // MLflow answers one line break when a model is there
    '/ping': (_, response) => send(response, this.#isDraining ? 503 : this.#hasEndpoints ? 200 : 404, 'application/json', '\n'),
    '/version': (_, response) => send(response, 200, 'application/json', this.#softwareVersion),
    '/metrics': async (_, response) => send(response, 200, this.#traffic.registry.contentType, await this.#traffic.registry.metrics()),
    '/v2': (_, response) =>
      sendJson(response, 200, { name: 'tilth', version: this.#softwareVersion, extensions: ['binary_tensor_data', 'model_repository', 'model_configuration'] }),
    '/v2/health/live': (_, response) => sendJson(response, 200, { live: true }),
    '/v2/health/ready': (_, response) => sendJson(response, this.#isReady ? 200 : 503, { ready: this.#isReady }),
  };

  get #hasEndpoints(): boolean {
    return (this.#service?.endpoints.size ?? 0) > 0;
  }

  get #softwareVersion(): string {
    return this.#options.softwareVersion ?? '0.1.0';
  }

  #health(): unknown {
    return {
      status: this.#isDraining ? 'draining' : this.#isReady ? 'ok' : 'waiting for its first configuration',
      plane: this.#name,
      revision: this.#follower?.revision ?? -1,
      isControlPlaneReachable: this.#follower?.isReachable ?? false,
      endpoints: [...(this.#service?.endpoints.keys() ?? [])],
      problems: this.#follower?.problems ?? [],
    };
  }

  /**
   * Until it has its first configuration, nobody may be told that an endpoint does not exist.
   *
   * @throws SERVING_STARTING
   */
  #configured(): PredictionService {
    if (this.#service === undefined || this.#follower?.isConfigured !== true) throw starting();
    return this.#service;
  }

  /** Turned away before the body is read: reading it is the costly part. */
  async #admit(request: IncomingMessage): Promise<{ service: PredictionService; body: Buffer; context: CallerContext }> {
    const { maxRequests = 4096, maxBodyBytes = 64 * 1024 * 1024 } = this.#options;
    if (this.#requestCount > maxRequests) throw busy(`More than ${maxRequests} requests are under way.`);
    const body = await readBody(request, maxBodyBytes);
    return { service: this.#configured(), body, context: callerContext(request) };
  }

  async #invoke(request: IncomingMessage, response: ServerResponse, name: string | undefined): Promise<void> {
    const { service, body, context } = await this.#admit(request);
    const endpoint = name === undefined ? service.onlyEndpoint() : service.endpoint(name);
    const asked = readInvocation(body, request.headers['content-type'] ?? '', headerOf(request, 'x-tilth-request-id'));
    const prediction = await service.predict(endpoint, asked, context);
    setLineage(response, endpoint, prediction);
    send(response, 200, 'application/json', writePredictions(prediction.scores));
  }

  async #infer(request: IncomingMessage, response: ServerResponse, name: string, version: string | undefined): Promise<void> {
    const { service, body, context } = await this.#admit(request);
    const endpoint = service.endpoint(name);
    const jsonLength = headerOf(request, 'inference-header-content-length');
    const asked = readInference(body, jsonLength === undefined ? undefined : Number(jsonLength));
    const prediction = await service.predict(endpoint, asked, context, version);
    setLineage(response, endpoint, prediction);
    const answer = writeInference(asked, prediction.scores, endpoint.name, prediction.target.served, prediction.requestId);
    const json = Buffer.from(answer.json);
    if (answer.binary !== undefined) response.setHeader('inference-header-content-length', json.length);
    const whole = answer.binary === undefined ? json : Buffer.concat([json, answer.binary]);
    const type = answer.binary === undefined ? 'application/json' : 'application/octet-stream';
    send(response, 200, type, await packBody(request, response, whole));
  }

  #model(response: ServerResponse, name: string, version: string | undefined, what: string | undefined): void {
    const service = this.#configured();
    const endpoint = service.endpoint(name);
    const { served } = service.target(endpoint, version, 1 - Number.EPSILON);
    if (what === '/ready') return sendJson(response, this.#isDraining ? 503 : 200, { name, ready: !this.#isDraining });
    sendJson(response, 200, what === '/config' ? modelConfig(endpoint, served) : modelMetadata(endpoint, served));
  }

  #index(response: ServerResponse): void {
    const endpoints = [...(this.#service?.endpoints.values() ?? [])];
    sendJson(
      response,
      200,
      endpoints.flatMap(({ name, targets }) => targets.map(({ version }) => ({ name, version: String(version), state: 'READY', reason: '' }))),
    );
  }
}

const pathOf = (url: string): string => {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
};

/** Each dialect has a shape of its own for errors. */
function errorWriterOf(path: string): ErrorWriter {
  if (path.startsWith('/v2')) return writeInferenceError;
  if (path.endsWith('/invocations')) return writeMlflowError;
  return (error) => JSON.stringify(errorBody(error));
}

function asKnownError(thrown: unknown): TilthError {
  if (thrown instanceof TilthError) return thrown;
  if (thrown instanceof URIError || thrown instanceof SyntaxError) {
    return new TilthError('SERVING_BODY_UNREADABLE', 400, `The request can't be read: ${thrown.message}.`, undefined, { cause: thrown });
  }
  return new TilthError('BUG', 500, 'Something in tilth broke; the log of the data plane has the details.', 'Please report it.', {
    cause: thrown,
  });
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.statusCode = status;
  response.setHeader('content-type', type);
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void =>
  send(response, status, 'application/json', JSON.stringify(value));

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const callerContext = (request: IncomingMessage): CallerContext => ({
  stickyKey: headerOf(request, 'x-tilth-key'),
  header: (name) => headerOf(request, name.toLowerCase()),
  caller: headerOf(request, 'x-tilth-caller') ?? null,
  // traceparent: version-trace-span-flags, https://www.w3.org/TR/trace-context/
  traceId: headerOf(request, 'traceparent')?.split('-')[1] ?? null,
  startedAt: performance.now(),
});

/** Which version answered, so that every answer can be explained later. */
function setLineage(response: ServerResponse, endpoint: ActiveEndpoint, { target, requestId, logged }: Prediction): void {
  response.setHeader('x-tilth-model', endpoint.model);
  response.setHeader('x-tilth-version', String(target.version));
  response.setHeader('x-tilth-request-id', headerSafe(requestId));
  if (logged === 'repeat') response.setHeader('x-tilth-logged', 'repeat');
}

const headerSafe = (text: string): string => (/^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text));
