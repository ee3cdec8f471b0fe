import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { TilthError, messageOf } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import type { InferenceHost } from '../dialects/inference-routes.ts';
import { inferenceMessage } from '../dialects/inference-protocol.ts';
import { asKnownError } from '../plane-answers.ts';
import { tooManyRequests } from '../serving-errors.ts';
import type { CallOf } from './call-context.ts';
import { loadServices } from './definitions.ts';
import { asServiceError } from './grpc-status.ts';
import { Health } from './health.ts';
import { addTo, infer, plainCalls, type InferAnswer } from './inference-calls.ts';
import { InferStream, type StreamAnswer } from './infer-stream.ts';
import type { ModelInferRequest, ModelInferResponse } from './messages.ts';

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0 takes a free one */
  readonly port: number;
  readonly inference: InferenceHost;
  readonly log: Logger;
  /** larger messages are refused with RESOURCE_EXHAUSTED */
  readonly maxMessageBytes: number;
  /** of the whole plane, over HTTP and gRPC */
  readonly maxRequests: number;
  readonly requestCount: () => number;
}

type InferStreamCall = ServerDuplexStream<ModelInferRequest, StreamAnswer>;

/** The Open Inference Protocol over gRPC, on a port of its own, without TLS. */
export class GrpcListener {
  readonly #options: GrpcListenerOptions;
  readonly #server: Server;
  readonly #health: Health;
  readonly #streams = new Set<InferStream>();
  #requestCount = 0;

  constructor(options: GrpcListenerOptions) {
    this.#options = options;
    this.#health = new Health(options.inference);
    this.#server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.maxRequests,
      // callers that left without a word are noticed, and those that ask nothing give their connection back
      'grpc.keepalive_time_ms': 60_000,
      'grpc.max_connection_idle_ms': 15 * 60_000,
    });
    const services = loadServices();
    this.#server.addService(services.health, this.#health.calls);
    this.#server.addService(services.inference, {
      ...this.#plainHandlers(),
      ModelInfer: (
        call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
        answer: sendUnaryData<ModelInferResponse>,
      ) => void this.#infer(call, answer),
      ModelStreamInfer: (call: InferStreamCall) => this.#stream(call),
    });
  }

  /** Calls for predictions under way. */
  get requestCount(): number {
    return this.#requestCount;
  }

  /** @throws PORT_TAKEN */
  listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options;
    const address = host.includes(':') ? `[${host}]` : host;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (cause, bound) => {
        if (cause === null) resolve({ host, port: bound });
        else {
          const hint = `Choose another: tilth serve --grpc-port ${port + 1}`;
          reject(
            new TilthError('PORT_TAKEN', 409, `Port ${port} can't be listened on for gRPC.`, hint, { cause }),
          );
        }
      });
    });
  }

  /** Takes no new calls, answers those that are there; resolves when none is left. */
  stopAccepting(): Promise<void> {
    this.#health.stop();
    for (const stream of this.#streams) stream.end();
    return new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Tells those who watch its health that the plane's readiness changed. */
  tellHealth(): void {
    this.#health.tell();
  }

  destroyAll(): void {
    this.#server.forceShutdown();
  }

  #plainHandlers() {
    const { inference } = this.#options;
    const handlers: Record<
      string,
      (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => void
    > = {};
    for (const [name, handle] of Object.entries(plainCalls)) {
      handlers[name] = (call, answer) => {
        try {
          answer(null, handle(inference, call.request));
        } catch (thrown) {
          answer(asServiceError(this.#known(name, thrown)));
        }
      };
    }
    return handlers;
  }

  /** Counted while it is under way; turned away when the plane has enough to do. */
  async #predict(call: CallOf, request: ModelInferRequest): Promise<InferAnswer> {
    const { inference, maxRequests, requestCount } = this.#options;
    this.#requestCount++;
    try {
      const service = inference.configured();
      if (requestCount() > maxRequests) throw tooManyRequests(maxRequests);
      return await infer(service, request, call);
    } finally {
      this.#requestCount--;
    }
  }

  async #infer(
    call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
    answer: sendUnaryData<ModelInferResponse>,
  ): Promise<void> {
    try {
      const { response, lineage } = await this.#predict(
        { metadata: call.metadata, deadline: call.getDeadline() },
        call.request,
      );
      if (call.cancelled) return;
      call.sendMetadata(addTo(new Metadata(), lineage));
      answer(null, response);
    } catch (thrown) {
      answer(asServiceError(this.#known('ModelInfer', thrown)));
    }
  }

  #stream(call: InferStreamCall): void {
    const stream = new InferStream(call, async (request) => {
      try {
        const { response } = await this.#predict(
          { metadata: call.metadata, deadline: call.getDeadline() },
          request,
        );
        return { error_message: '', infer_response: response };
      } catch (thrown) {
        const error = this.#known('ModelStreamInfer', thrown);
        const { model_name = '', id = '' } = request;
        return { error_message: inferenceMessage(error), infer_response: { model_name, id } };
      }
    });
    this.#streams.add(stream);
    call.on('close', () => this.#streams.delete(stream));
    call.on('cancelled', () => this.#streams.delete(stream));
    if (this.#options.inference.isDraining) stream.end();
  }

  /** What is our fault goes to the log, never to the caller. */
  #known(call: string, thrown: unknown): TilthError {
    const error = asKnownError(thrown);
    const { cause, code } = error;
    if (error.status === 500)
      this.#options.log.error(
        { code, call, cause: cause === undefined ? undefined : messageOf(cause) },
        messageOf(thrown),
      );
    return error;
  }
}
