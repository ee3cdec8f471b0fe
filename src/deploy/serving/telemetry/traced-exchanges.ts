import { randomBytes } from 'node:crypto';
import type { Exchanges, PlaneAnswer, PlaneRequest, RequestHead } from '../listener/exchange.ts';
import type { SpanExporter } from './span-exporter.ts';

/** version-trace-parent-flags, https://www.w3.org/TR/trace-context/ */
const traceparent = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})/;
const prediction = /(?:\/invocations|\/infer|:predict)$/;

/** A span for each request for predictions, unless its caller decided that this trace is not kept. */
export class TracedExchanges implements Exchanges {
  readonly #inner: Exchanges;
  readonly #spans: SpanExporter;

  constructor(inner: Exchanges, spans: SpanExporter) {
    this.#inner = inner;
    this.#spans = spans;
  }

  admit(head: RequestHead): void {
    this.#inner.admit(head);
  }

  async answer(request: PlaneRequest): Promise<PlaneAnswer> {
    const answer = await this.#inner.answer(request);
    this.#trace(request, answer);
    return answer;
  }

  fail(head: RequestHead, thrown: unknown): PlaneAnswer {
    const answer = this.#inner.fail(head, thrown);
    this.#trace(head, answer);
    return answer;
  }

  #trace(head: RequestHead, { status, headers }: PlaneAnswer): void {
    if (!prediction.test(head.path)) return;
    const [, traceId, parentSpanId, flags = '01'] = traceparent.exec(head.header('traceparent') ?? '') ?? [];
    // the lowest bit: sampled
    if ((Number.parseInt(flags, 16) & 1) === 0) return;
    const endedAt = performance.timeOrigin + performance.now();
    const attributes: Record<string, string | number> = {
      'http.request.method': head.method,
      'url.path': head.path,
      'http.response.status_code': status,
    };
    for (const name of ['model', 'version', 'request-id']) {
      const value = headers?.[`x-tilth-${name}`];
      if (value !== undefined) attributes[`tilth.${name.replace('-', '_')}`] = value;
    }
    this.#spans.add({
      traceId: traceId ?? randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      parentSpanId,
      name: `${head.method} ${head.path}`,
      startedAt: performance.timeOrigin + head.arrivedAt,
      endedAt,
      attributes,
      isError: status >= 500,
    });
  }
}
