import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as TcpServer, type AddressInfo, type Socket } from 'node:net';
import { TilthError } from '../../../platform/errors.ts';
import { bodyTooLarge, tooManyBytes } from '../serving-errors.ts';
import { readBody } from './bodies.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import {
  defaultLimits,
  type Exchanges,
  type ListenerLimits,
  type PlaneAnswer,
  type RequestHead,
} from './exchange.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes a free one */
  readonly port: number;
  readonly exchanges: Exchanges;
  readonly limits?: Partial<ListenerLimits>;
  /** several processes may listen on one port (SO_REUSEPORT) */
  readonly isShared?: boolean;
}

const sweepEveryMs = 500;
/** Of a body that comes in chunks nobody knows how long it is. */
const assumedBytes = 1024 * 1024;

export const portTaken = (port: number, cause: unknown): TilthError =>
  new TilthError(
    'PORT_TAKEN',
    409,
    `Port ${port} is taken.`,
    `Choose another: tilth serve --port ${port + 1}`,
    { cause },
  );

/**
 * One port: plain requests for predictions are read by `Connection`, everything else by node:http on the same socket.
 */
export class Listener implements ConnectionHost {
  readonly exchanges: Exchanges;
  readonly limits: ListenerLimits;
  readonly #options: ListenerOptions;
  readonly #http: Server;
  readonly #connections = new Set<Connection>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #turns = new TurnClock();
  #requestCount = 0;
  #bodiesBytes = 0;
  #isClosing = false;
  #allDone: (() => void) | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.exchanges = options.exchanges;
    this.limits = { ...defaultLimits, ...options.limits };
    const { headMs, requestMs, idleMs, headBytes, connections } = this.limits;
    this.#http = createServer(
      {
        headersTimeout: headMs,
        requestTimeout: requestMs,
        keepAliveTimeout: idleMs,
        maxHeaderSize: headBytes,
        connectionsCheckingInterval: sweepEveryMs,
        noDelay: true,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#http.maxConnections = connections;
    this.#http.on(
      'checkContinue',
      (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response, true),
    );
    const [toHttp] = this.#http.listeners('connection');
    this.#http.removeAllListeners('connection');
    this.#http.on('connection', (socket: Socket) => void this.#connections.add(new Connection(socket, this)));
    this.handOver = (connection, socket, unread) => {
      this.#connections.delete(connection);
      if (socket.readableEnded) return void socket.destroy();
      socket.unshift(unread);
      toHttp?.call(this.#http, socket);
    };
    this.#sweeper = setInterval(() => this.#sweep(), sweepEveryMs).unref();
  }

  readonly handOver: ConnectionHost['handOver'];

  /** @throws PORT_TAKEN */
  listen(): Promise<{ host: string; port: number }> {
    const { host, port, isShared } = this.#options;
    return new Promise((resolve, reject) => {
      this.#http.once('error', (cause: NodeJS.ErrnoException) =>
        reject(cause.code === 'EADDRINUSE' ? portTaken(port, cause) : cause),
      );
      this.#http.listen(
        { port, host, backlog: 4096, ...(isShared === true ? { reusePort: true } : {}) },
        () => resolve({ host, port: (this.#http.address() as AddressInfo).port }),
      );
    });
  }

  get requestCount(): number {
    return this.#requestCount;
  }

  get connectionCount(): Promise<number> {
    return new Promise((resolve) => this.#http.getConnections((_, count) => resolve(count)));
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** No new connections; those there are end with their next answer. */
  stopAccepting(): Promise<void> {
    // http's own close would cut idle connections at once, also those whose next request is on its way
    const closed = new Promise<void>(
      (resolve) => void TcpServer.prototype.close.call(this.#http, () => resolve()),
    );
    this.#isClosing = true;
    return closed;
  }

  /** Resolves when no request is under way. */
  quiet(): Promise<void> {
    if (this.#requestCount === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#allDone = resolve));
  }

  endIdle(): void {
    this.#http.closeIdleConnections();
    for (const connection of this.#connections) if (connection.isIdle) connection.end();
  }

  destroyAll(): void {
    clearInterval(this.#sweeper);
    this.#http.closeAllConnections();
    for (const connection of this.#connections) connection.destroy();
  }

  arrivedAt(): number {
    return this.#turns.arrivedAt();
  }

  begun(bodyBytes: number): void {
    this.#requestCount++;
    this.#bodiesBytes += bodyBytes;
    if (bodyBytes > this.limits.bodyBytes) throw bodyTooLarge(this.limits.bodyBytes);
    if (this.#bodiesBytes > this.limits.allBodiesBytes) throw tooManyBytes(this.limits.allBodiesBytes);
  }

  ended(bodyBytes: number): void {
    this.#bodiesBytes -= bodyBytes;
    if (--this.#requestCount === 0) this.#allDone?.();
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.sweep(now);
  }

  async #serve(request: IncomingMessage, response: ServerResponse, isAwaitingGo = false): Promise<void> {
    const head = headOf(request, this.arrivedAt());
    const isChunked = request.headers['transfer-encoding'] !== undefined;
    const bodyBytes = head.bodyBytes ?? (isChunked ? Math.min(assumedBytes, this.limits.bodyBytes) : 0);
    try {
      this.begun(bodyBytes);
      this.exchanges.admit(head);
      if (isAwaitingGo) response.writeContinue();
      const body = await readBody(request, this.limits.bodyBytes);
      this.#send(request, response, await this.exchanges.answer({ ...head, body }));
    } catch (thrown) {
      this.#send(request, response, this.exchanges.fail(head, thrown));
    } finally {
      this.ended(bodyBytes);
    }
  }

  #send(request: IncomingMessage, response: ServerResponse, answer: PlaneAnswer): void {
    if (response.headersSent || response.destroyed) return;
    // the rest of a body that was not read would be taken for the next request
    if (this.#isClosing || !request.complete) response.setHeader('connection', 'close');
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
    if (!response.writableFinished)
      response.setTimeout(this.limits.answerMs, () => void request.socket.destroy());
  }
}

function headOf(request: IncomingMessage, arrivedAt: number): RequestHead {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const length = request.headers['content-length'];
  return {
    method: request.method ?? 'GET',
    path: query === -1 ? url : url.slice(0, query),
    bodyBytes: length === undefined ? undefined : Number(length),
    arrivedAt,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

/** Less than this between two turns was no waiting for something to come. */
const noticedIdleMs = 0.05;

/**
 * Tells since when what is read now may have waited in the kernel: since the turn of the event loop before, unless
 * the process slept in between.
 */
class TurnClock {
  #arrivedAt = 0;
  #beganAt = 0;
  #idleBefore = 0;
  #isKnown = false;

  arrivedAt(): number {
    if (this.#isKnown) return this.#arrivedAt;
    this.#isKnown = true;
    setImmediate(this.#turnOver);
    const now = performance.now();
    const { idle } = performance.eventLoopUtilization();
    this.#arrivedAt = idle - this.#idleBefore < noticedIdleMs && this.#beganAt > 0 ? this.#beganAt : now;
    this.#beganAt = now;
    this.#idleBefore = idle;
    return this.#arrivedAt;
  }

  readonly #turnOver = (): void => {
    this.#isKnown = false;
  };
}
