import { status, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import type { InferenceHost } from '../dialects/inference-routes.ts';
import { inferenceServiceName } from './definitions.ts';

interface HealthRequest {
  readonly service?: string;
}
interface HealthAnswer {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
}
type Watcher = ServerWritableStream<HealthRequest, HealthAnswer>;

const lookEveryMs = 500;
const known: ReadonlySet<string> = new Set(['', inferenceServiceName]);

/**
 * Is this server fit for requests? As load balancers and Kubernetes ask.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export class Health {
  readonly #host: InferenceHost;
  readonly #watchers = new Map<Watcher, HealthAnswer['status']>();
  readonly #timer: NodeJS.Timeout;

  constructor(host: InferenceHost) {
    this.#host = host;
    this.#timer = setInterval(() => this.tell(), lookEveryMs).unref();
  }

  readonly calls = {
    Check: (
      { request }: ServerUnaryCall<HealthRequest, HealthAnswer>,
      answer: sendUnaryData<HealthAnswer>,
    ): void => {
      if (known.has(request.service ?? '')) answer(null, { status: this.#status });
      else
        answer({
          code: status.NOT_FOUND,
          details: `There is no service ${JSON.stringify(request.service)} here.`,
        });
    },
    Watch: (call: Watcher): void => {
      if (!known.has(call.request.service ?? '')) {
        call.write({ status: 'SERVICE_UNKNOWN' });
        return;
      }
      this.#watchers.set(call, this.#status);
      call.write({ status: this.#status });
      call.on('close', () => this.#watchers.delete(call));
      call.on('cancelled', () => this.#watchers.delete(call));
    },
  };

  get #status(): HealthAnswer['status'] {
    return this.#host.isReady ? 'SERVING' : 'NOT_SERVING';
  }

  /** Tells those who watch what has changed. */
  tell(): void {
    const now = this.#status;
    for (const [watcher, told] of this.#watchers) {
      if (told === now) continue;
      this.#watchers.set(watcher, now);
      watcher.write({ status: now });
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.tell();
    for (const watcher of this.#watchers.keys()) watcher.end();
    this.#watchers.clear();
  }
}
