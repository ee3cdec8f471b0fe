import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { createHome, type Home } from '../../platform/home.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import { ConfigFollower } from './config/config-follower.ts';
import type { GrpcListener } from './grpc/grpc-listener.ts';
import { defaultLimits, type ListenerLimits } from './listener/exchange.ts';
import { Listener } from './listener/listener.ts';
import { PlaneRoutes, type PlaneState } from './plane-routes.ts';
import { PredictionLog } from './log/prediction-log.ts';
import { PredictionService } from './answering/prediction-service.ts';
import { SpanExporter, type SpanExporterOptions } from './telemetry/span-exporter.ts';
import { TracedExchanges } from './telemetry/traced-exchanges.ts';
import { GraphThreads } from './engines/threads/graph-threads.ts';
import { Traffic } from './counts/traffic.ts';

export interface DataPlaneOptions {
  /** 0 takes a free one */
  readonly port: number;
  readonly host?: string;
  /** where it also answers over gRPC; 0 takes a free one, undefined leaves it out */
  readonly grpcPort?: number | undefined;
  readonly home: Home;
  /** address of the control plane; asked nothing where `sealed` is given */
  readonly server: string;
  /** a folder with a signed configuration and its models, which is served for ever as it is */
  readonly sealed?: string | undefined;
  readonly token?: string | undefined;
  /** the key that the control plane must sign with; undefined trusts the one that is met first */
  readonly serverKey?: string | undefined;
  /** processes per model that its own Python serves; default 1 */
  readonly pythonWorkers?: number | undefined;
  /** resident memory above which such a process is ended; default half of the machine's, at most 4 GiB */
  readonly pythonMemoryBytes?: number | undefined;
  /** its name in reports and the prediction log; host name and port unless given */
  readonly plane?: string | undefined;
  readonly durability?: 'group' | 'strict';
  /** of bytes, connections and slow callers */
  readonly limits?: Partial<ListenerLimits>;
  /** how long a request may take whose caller names no deadline */
  readonly requestTimeoutMs?: number;
  /** in one request */
  readonly maxRows?: number;
  /** requests under way at once; more are turned away with 503 */
  readonly maxRequests?: number;
  /** how long it still takes requests after it stopped being ready */
  readonly drainDelayMs?: number;
  /** how long it waits for what is under way then */
  readonly drainTimeoutMs?: number;
  /** where spans of requests go; nowhere unless given */
  readonly spans?: Omit<SpanExporterOptions, 'log'> | undefined;
  /** others of our processes listen at the same port */
  readonly isPortShared?: boolean;
  /** what `/metrics` answers instead of this process's own: those of all processes */
  readonly metricsOfAll?: (() => Promise<string>) | undefined;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** of tilth, told to callers */
  readonly softwareVersion?: string;
}

export interface DataPlane {
  /** `http://127.0.0.1:5081` */
  readonly address: string;
  /** `127.0.0.1:8001`, without a scheme as gRPC's clients take it; undefined when it was not asked for */
  readonly grpcAddress: string | undefined;
  /** Finishes what is under way, closes the log. */
  close(): Promise<void>;
  /** What `/metrics` tells, for those who add up several processes. */
  metrics(): Promise<object[]>;
}

const reportEveryMs = 1_000;
const loopback = '127.0.0.1';

/**
 * Serves predictions over HTTP, in MLflow's dialect and the Open Inference Protocol.
 *
 * @throws PORT_TAKEN
 */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const plane = new Plane(options);
  try {
    await plane.start();
  } catch (cause) {
    // the port was free; what it was taken for can't be
    if (plane.follower !== undefined) await plane.close();
    throw cause;
  }
  return plane;
}

class Plane implements DataPlane, PlaneState {
  address = '';
  grpcAddress: string | undefined;
  name = '';
  isDraining = false;
  service: PredictionService | undefined;
  follower: ConfigFollower | undefined;
  readonly #options: DataPlaneOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #traffic: Traffic;
  readonly #listener: Listener;
  readonly #routes: PlaneRoutes;
  readonly #spans: SpanExporter | undefined;
  #grpc: GrpcListener | undefined;
  readonly #startedAt: number;
  readonly #threads = new GraphThreads();
  #predictionLog: PredictionLog | undefined;
  #reporter: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: DataPlaneOptions) {
    const { host = loopback, port, limits, maxRequests = 4096, softwareVersion = '0.1.0' } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? createLogger('serve');
    this.#traffic = new Traffic(() => this.#clock.now());
    this.#startedAt = this.#clock.now();
    this.#routes = new PlaneRoutes({
      state: this,
      traffic: this.#traffic,
      log: this.#log,
      softwareVersion,
      maxRequests,
      isLoopback: host === loopback,
      metricsOfAll: options.metricsOfAll,
    });
    if (options.spans !== undefined) this.#spans = new SpanExporter({ ...options.spans, log: this.#log });
    this.#listener = new Listener({
      isShared: options.isPortShared === true,
      host,
      port,
      exchanges: this.#spans === undefined ? this.#routes : new TracedExchanges(this.#routes, this.#spans),
      ...(limits === undefined ? {} : { limits }),
    });
    this.#traffic.watchRequests(() => this.requestCount);
  }

  get requestCount(): number {
    return this.#listener.requestCount + (this.#grpc?.requestCount ?? 0);
  }

  /** The port is taken before the log is opened: it guards the log's folder, which bears its number. */
  async start(): Promise<void> {
    const { home, server, sealed, token, serverKey, durability, requestTimeoutMs, maxRows } = this.#options;
    createHome(home);
    const { host, port } = await this.#listener.listen();
    this.address = `http://${host}:${port}`;
    await this.#listenForGrpc();
    this.name = this.#options.plane ?? `${hostname()}-${port}`;
    this.#predictionLog = new PredictionLog({
      folder: join(home.predictions, 'segments'),
      plane: this.name,
      clock: this.#clock,
      log: this.#log,
      ...(durability === undefined ? {} : { durability }),
    });
    this.#traffic.watchLog(this.#predictionLog.counts);
    const service = new PredictionService({
      log: this.#predictionLog,
      traffic: this.#traffic,
      clock: this.#clock,
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(maxRows === undefined ? {} : { maxRows }),
    });
    this.follower = new ConfigFollower({
      folder: sealed ?? home.serving,
      server: sealed === undefined ? server : undefined,
      token,
      serverKey,
      log: this.#log,
      pythonWorkers: this.#options.pythonWorkers,
      pythonMemoryBytes: this.#options.pythonMemoryBytes,
      threads: this.#threads,
      watch: ({ model, version }) => this.#traffic.runsOf(model, version),
      onChange: (endpoints) => service.activate(endpoints),
    });
    this.service = service;
    this.#traffic.watchQueues(() => service.queues());
    await this.follower.start();
    this.#reporter = setInterval(() => void this.#report(), reportEveryMs).unref();
    this.#log.info(
      { address: this.address, plane: this.name, ...(sealed === undefined ? { server } : { sealed }) },
      'data plane answers',
    );
  }

  /** Most planes never need it, and it costs 0.1 s and 30 MB. */
  async #listenForGrpc(): Promise<void> {
    const { grpcPort, host = loopback, limits, maxRequests = 4096 } = this.#options;
    if (grpcPort === undefined) return;
    const { GrpcListener } = await import('./grpc/grpc-listener.ts');
    const grpc = new GrpcListener({
      host,
      port: grpcPort,
      inference: this.#routes.host,
      log: this.#log,
      maxMessageBytes: limits?.bodyBytes ?? defaultLimits.bodyBytes,
      maxRequests,
      requestCount: () => this.requestCount,
    });
    const bound = await grpc.listen();
    this.#grpc = grpc;
    this.grpcAddress = `${bound.host}:${bound.port}`;
  }

  metrics(): Promise<object[]> {
    return this.#traffic.registry.getMetricsAsJSON();
  }

  /** Not ready at once; requests under way and those that still come are answered; then all is closed. */
  close(): Promise<void> {
    return (this.#closed ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const { drainDelayMs = 0, drainTimeoutMs = 10_000 } = this.#options;
    this.isDraining = true;
    clearInterval(this.#reporter);
    this.#grpc?.tellHealth();
    await sleep(drainDelayMs);
    const closed = this.#listener.stopAccepting();
    const grpcClosed = this.#grpc?.stopAccepting();
    await sleep(drainDelayMs);
    await Promise.race([
      Promise.all([this.#listener.quiet(), grpcClosed]),
      sleep(drainTimeoutMs, undefined, { ref: false }),
    ]);
    this.#grpc?.destroyAll();
    this.#listener.endIdle();
    await Promise.race([closed, sleep(1_000, undefined, { ref: false })]);
    this.#listener.destroyAll();
    await this.service?.shadowsDone();
    await this.follower?.stop();
    await this.#threads.close();
    await this.#predictionLog?.close();
    await this.#spans?.close();
    this.#log.info({ plane: this.name }, 'data plane closed');
  }

  async #report(): Promise<void> {
    const { service } = this;
    const problems = this.follower?.problems ?? [];
    await this.follower?.report({
      plane: this.name,
      address: this.address,
      revision: this.follower.revision,
      startedAt: this.#startedAt,
      ...(problems.length === 0 ? {} : { problems: [...problems] }),
      endpoints: this.#traffic
        .report([...(service?.endpoints.keys() ?? [])])
        .map((each) => ({ ...each, queues: service?.versionQueues(each.name) ?? [] })),
    });
  }
}
