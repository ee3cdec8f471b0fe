import type { Logger } from '../../../platform/log.ts';
import { messageOf } from '../../../platform/errors.ts';

/** One request as OpenTelemetry's collectors take it: a server's span. */
export interface Span {
  /** 32 hex characters */
  readonly traceId: string;
  /** 16 hex characters */
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** ms since the epoch, with fractions */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly isError: boolean;
}

export interface SpanExporterOptions {
  /** where spans are posted: `http://collector:4318/v1/traces` */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly log: Logger;
}

/**
 * Where spans go by OpenTelemetry's own variables; undefined where they say nothing.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export function spanTarget(environment: NodeJS.ProcessEnv): Omit<SpanExporterOptions, 'log'> | undefined {
  const own = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const all = environment['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if ((own ?? all ?? '') === '' || environment['OTEL_SDK_DISABLED'] === 'true') return undefined;
  const pairs = (
    environment['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ??
    environment['OTEL_EXPORTER_OTLP_HEADERS'] ??
    ''
  ).split(',');
  const headers = pairs.flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 ? [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())] as const] : [];
  });
  return {
    url: own ?? `${all?.replace(/\/$/, '')}/v1/traces`,
    headers: Object.fromEntries(headers),
    serviceName: environment['OTEL_SERVICE_NAME'] ?? 'tilth-serve',
  };
}

const keptSpans = 4096;
const spansPerPost = 512;
const postEveryMs = 2_000;
const postTimeoutMs = 5_000;

/** Sends spans now and then; a collector that is slow or away costs spans, never a request. */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #ticker: NodeJS.Timeout;
  #spans: Span[] = [];
  #lostCount = 0;
  #posting: Promise<void> | undefined;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#ticker = setInterval(() => void this.flush(), postEveryMs).unref();
  }

  add(span: Span): void {
    if (this.#spans.length >= keptSpans) this.#lostCount++;
    else if (this.#spans.push(span) >= spansPerPost) void this.flush();
  }

  /** Sends what there is; one post at a time. */
  flush(): Promise<void> {
    return (this.#posting ??= this.#post().finally(() => (this.#posting = undefined)));
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await this.#posting;
    await this.flush();
  }

  async #post(): Promise<void> {
    if (this.#lostCount > 0)
      this.#options.log.warn(
        { count: this.#lostCount },
        'spans dropped: the collector takes them too slowly',
      );
    this.#lostCount = 0;
    while (this.#spans.length > 0) {
      const spans = this.#spans.splice(0, spansPerPost);
      try {
        const response = await fetch(this.#options.url, {
          method: 'POST',
          headers: { ...this.#options.headers, 'content-type': 'application/json' },
          body: JSON.stringify(exportRequest(this.#options.serviceName, spans)),
          signal: AbortSignal.timeout(postTimeoutMs),
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`it answered ${response.status}`);
      } catch (cause) {
        this.#options.log.warn(
          { count: spans.length, url: this.#options.url },
          `spans not delivered: ${messageOf(cause)}`,
        );
        return;
      }
    }
  }
}

/** ExportTraceServiceRequest in OTLP's JSON form: ids in hexadecimal, times in ns as text. */
export function exportRequest(serviceName: string, spans: readonly Span[]): unknown {
  const nanos = (at: number): string => `${BigInt(Math.round(at * 1000)) * 1000n}`;
  const attribute = (key: string, value: string | number) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  });
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute('service.name', serviceName)] },
        scopeSpans: [
          {
            scope: { name: 'tilth' },
            spans: spans.map((span) => ({
              traceId: span.traceId,
              spanId: span.spanId,
              ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
              name: span.name,
              kind: 2,
              startTimeUnixNano: nanos(span.startedAt),
              endTimeUnixNano: nanos(span.endedAt),
              attributes: Object.entries(span.attributes).map(([key, value]) => attribute(key, value)),
              status: span.isError ? { code: 2 } : {},
            })),
          },
        ],
      },
    ],
  };
}
