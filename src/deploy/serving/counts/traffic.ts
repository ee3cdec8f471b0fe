import { Counter, Gauge, Histogram, createRegistry } from '../../../platform/metrics.ts';
import type { PredictionLogCounts } from '../log/prediction-log.ts';
import type { ServingReport } from '../serving-api.ts';
import { CountsByVersion } from './version-counts.ts';

/** How a request ended: answered, refused for what it asked, failed here, turned away when busy, or answered too late to be given. */
export type Outcome = 'ok' | 'invalid' | 'failed' | 'busy' | 'late';

/** Latencies kept per endpoint for the report's percentiles. */
const keptLatencies = 2048;

interface EndpointTraffic {
  requestCount: number;
  rowCount: number;
  failedCount: number;
  countAtReport: number;
  reportedAt: number;
  readonly latenciesUs: Float64Array;
  latencyCount: number;
}

/** Counts what the data plane does, for `/metrics` and for its report to the control plane. */
export class Traffic {
  readonly registry = createRegistry();
  readonly versions = new CountsByVersion();
  readonly #endpoints = new Map<string, EndpointTraffic>();
  readonly #requests = new Counter({
    name: 'tilth_inference_requests_total',
    help: 'Requests for predictions by how they ended (ok, invalid, failed, busy, late)',
    labelNames: ['endpoint', 'model', 'version', 'status'],
    registers: [this.registry],
  });
  readonly #rows = new Counter({
    name: 'tilth_inference_rows_total',
    help: 'Rows that were answered',
    labelNames: ['endpoint', 'model', 'version'],
    registers: [this.registry],
  });
  readonly #duration = new Histogram({
    name: 'tilth_inference_duration_seconds',
    help: 'From the last byte of the request to the answer, log write included',
    labelNames: ['endpoint', 'model', 'version'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });
  readonly #shed = new Counter({
    name: 'tilth_inference_shed_total',
    help: 'Requests turned away before their body was read, because they could not be answered in time',
    labelNames: ['endpoint', 'model'],
    registers: [this.registry],
  });
  readonly #runRows = new Histogram({
    name: 'tilth_engine_batch_rows',
    help: 'Rows that were scored in one run of a model, of all requests that shared it',
    labelNames: ['model', 'version'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 10_000],
    registers: [this.registry],
  });
  readonly #runDuration = new Histogram({
    name: 'tilth_engine_run_seconds',
    help: 'What one run of a model takes, without waiting for it',
    labelNames: ['model', 'version'],
    buckets: [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
    registers: [this.registry],
  });
  readonly #shadows = new Counter({
    name: 'tilth_shadow_requests_total',
    help: 'Requests for a shadow: logged, dropped (its queue was full), or failed',
    labelNames: ['endpoint', 'model', 'version', 'status'],
    registers: [this.registry],
  });
  readonly #tritonSuccess = this.#triton('nv_inference_request_success', 'Requests answered');
  readonly #tritonFailure = this.#triton('nv_inference_request_failure', 'Requests not answered');
  readonly #tritonCount = this.#triton('nv_inference_count', 'Rows answered');
  readonly #tritonDuration = this.#triton(
    'nv_inference_request_duration_us',
    'Sum of the durations of requests',
  );

  readonly #now: () => number;

  /** @param now ms since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  #triton(name: string, help: string): Counter<'model' | 'version'> {
    return new Counter({ name, help, labelNames: ['model', 'version'], registers: [this.registry] });
  }

  /** Who is told of the runs of a version's model. */
  runsOf(model: string, version: number): { ran(rowCount: number, ms: number): void } {
    const labels = { model, version: String(version) };
    return {
      ran: (rowCount, ms) => {
        this.#runRows.observe(labels, rowCount);
        this.#runDuration.observe(labels, ms / 1000);
      },
    };
  }

  /** How many rows wait for each endpoint's models and how long, read when somebody asks. */
  watchQueues(
    queues: () => Iterable<{ readonly endpoint: string; readonly rowCount: number; readonly waitMs: number }>,
  ): void {
    const gauges = [
      [
        'tilth_inference_queue_rows',
        'Rows that are scored or wait for it',
        (one: { rowCount: number }) => one.rowCount,
      ],
      [
        'tilth_inference_queue_wait_seconds',
        'How long new rows would wait, as admission estimates it',
        (one: { waitMs: number }) => one.waitMs / 1000,
      ],
    ] as const;
    for (const [name, help, valueOf] of gauges) {
      const collect = function (this: Gauge): void {
        this.reset();
        for (const one of queues()) this.set({ endpoint: one.endpoint }, valueOf(one));
      };
      this.registry.registerMetric(
        new Gauge({ name, help, labelNames: ['endpoint'], registers: [], collect }),
      );
    }
  }

  /** How many requests are under way, read when somebody asks. */
  watchRequests(count: () => number): void {
    const collect = function (this: Gauge): void {
      this.set(count());
    };
    this.registry.registerMetric(
      new Gauge({
        name: 'tilth_inference_requests_in_flight',
        help: 'Requests under way',
        registers: [],
        collect,
      }),
    );
  }

  /** The log's own counts, read when somebody asks. */
  watchLog(counts: PredictionLogCounts): void {
    const watched: readonly [string, string, keyof PredictionLogCounts][] = [
      ['tilth_prediction_log_records_total', 'Records written to the prediction log', 'recordCount'],
      ['tilth_prediction_log_repeats_total', 'Requests answered again and not logged twice', 'repeatCount'],
      [
        'tilth_prediction_log_failures_total',
        'Records that could not be written; their requests got 503',
        'failureCount',
      ],
      ['tilth_prediction_log_bytes_total', 'Bytes written to the prediction log', 'byteCount'],
      ['tilth_prediction_log_sync_failures_total', 'Failed fsync of a segment', 'syncFailureCount'],
    ];
    for (const [name, help, count] of watched) {
      const collect = function (this: Gauge): void {
        this.set(counts[count]);
      };
      this.registry.registerMetric(new Gauge({ name, help, registers: [], collect }));
    }
  }

  answered(endpoint: string, model: string, version: number, rowCount: number, latencyUs: number): void {
    const one = this.#of(endpoint);
    one.requestCount++;
    one.rowCount += rowCount;
    one.latenciesUs[one.latencyCount++ % keptLatencies] = latencyUs;
    const versionText = String(version);
    this.#requests.inc({ endpoint, model, version: versionText, status: 'ok' });
    this.#rows.inc({ endpoint, model, version: versionText }, rowCount);
    this.#duration.observe({ endpoint, model, version: versionText }, latencyUs / 1e6);
    this.#tritonSuccess.inc({ model: endpoint, version: versionText });
    this.#tritonCount.inc({ model: endpoint, version: versionText }, rowCount);
    this.#tritonDuration.inc({ model: endpoint, version: versionText }, latencyUs);
  }

  /** Counted as failed in the report only when the fault is ours. */
  refused(endpoint: string, model: string, version: string, outcome: Exclude<Outcome, 'ok'>): void {
    const one = this.#of(endpoint);
    one.requestCount++;
    if (outcome !== 'invalid') one.failedCount++;
    this.#requests.inc({ endpoint, model, version, status: outcome });
    this.#tritonFailure.inc({ model: endpoint, version });
  }

  /** Turned away before its body was read, and so before a version was chosen. */
  shed(endpoint: string, model: string): void {
    const one = this.#of(endpoint);
    one.requestCount++;
    one.failedCount++;
    this.#shed.inc({ endpoint, model });
  }

  shadowed(endpoint: string, model: string, version: number, status: 'logged' | 'dropped' | 'failed'): void {
    this.#shadows.inc({ endpoint, model, version: String(version), status });
    if (status === 'dropped') this.versions.dropped(endpoint, version);
  }

  /** What each endpoint did; the rate is since the report before. */
  report(names: readonly string[]): ServingReport['endpoints'] {
    const now = this.#now();
    return names.map((name) => {
      const one = this.#of(name);
      const sorted = one.latenciesUs.slice(0, Math.min(one.latencyCount, keptLatencies)).sort();
      const seconds = Math.max((now - one.reportedAt) / 1000, 0.001);
      const requestsPerSecond = (one.requestCount - one.countAtReport) / seconds;
      one.countAtReport = one.requestCount;
      one.reportedAt = now;
      return {
        name,
        requestCount: one.requestCount,
        rowCount: one.rowCount,
        failedCount: one.failedCount,
        p50Us: percentile(sorted, 0.5),
        p99Us: percentile(sorted, 0.99),
        requestsPerSecond,
        versions: this.versions.report(name),
      };
    });
  }

  #of(endpoint: string): EndpointTraffic {
    let one = this.#endpoints.get(endpoint);
    if (one === undefined) {
      one = {
        requestCount: 0,
        rowCount: 0,
        failedCount: 0,
        countAtReport: 0,
        reportedAt: this.#now(),
        latenciesUs: new Float64Array(keptLatencies),
        latencyCount: 0,
      };
      this.#endpoints.set(endpoint, one);
    }
    return one;
  }
}

const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
