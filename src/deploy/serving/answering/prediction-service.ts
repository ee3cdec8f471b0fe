import { TilthError } from '../../../platform/errors.ts';
import { newUlid } from '../../../platform/ids.ts';
import type { Clock } from '../../../platform/clock.ts';
import type { ActiveEndpoint, ActiveTarget, CallerContext } from './active-endpoint.ts';
import { Admission, deadlineOf, type Deadline } from './admission.ts';
import { checkExtras, checkOutputs, type AskedPrediction } from '../dialects/asked-prediction.ts';
import type { Scores } from '../engines/scores.ts';
import type { PredictionLog } from '../log/prediction-log.ts';
import type { NewRecord } from '../log/prediction-record.ts';
import { chooseTarget, drawFor } from './route-choice.ts';
import { featuresOf, type Layout, type Rows } from '../engines/rows.ts';
import type { ServedVersion } from '../serving-api.ts';
import {
  contractBrokenBy,
  deadlinePassed,
  endpointAmbiguous,
  endpointUnknown,
  modelFailed,
  tooManyRows,
  versionUnknown,
} from '../serving-errors.ts';
import { Shadows } from './shadows.ts';
import type { Traffic } from '../counts/traffic.ts';

export interface Prediction {
  readonly requestId: string;
  readonly target: ActiveTarget;
  readonly scores: Scores;
  /** `repeat` when the request was answered and logged before */
  readonly logged: 'logged' | 'repeat';
}

export interface PredictionServiceOptions {
  readonly log: PredictionLog;
  readonly traffic: Traffic;
  readonly clock: Clock;
  /** how long a request may take whose caller names no deadline; no caller may name a later one */
  readonly requestTimeoutMs?: number;
  readonly maxRows?: number;
  /** requests that may wait for their shadow */
  readonly shadowQueueLength?: number;
  /** after that a shadow is no longer waited for */
  readonly longestShadowMs?: number;
}

/** Answers requests by the routes that are active, and logs every answer before it is given. */
export class PredictionService {
  #endpoints: ReadonlyMap<string, ActiveEndpoint> = new Map();
  readonly #admissions = new Map<string, Admission>();
  readonly #shadows: Shadows;
  readonly #options: Required<PredictionServiceOptions>;

  constructor(options: PredictionServiceOptions) {
    this.#options = {
      requestTimeoutMs: 10_000,
      maxRows: 100_000,
      shadowQueueLength: 1000,
      longestShadowMs: 10_000,
      ...options,
    };
    this.#shadows = new Shadows({
      traffic: options.traffic,
      longestQueue: this.#options.shadowQueueLength,
      longestMs: this.#options.longestShadowMs,
    });
  }

  get endpoints(): ReadonlyMap<string, ActiveEndpoint> {
    return this.#endpoints;
  }

  /** Takes effect for the next request; those under way end with the models they began with. */
  activate(endpoints: ReadonlyMap<string, ActiveEndpoint>): void {
    this.#endpoints = endpoints;
  }

  /** @throws SERVING_ENDPOINT_UNKNOWN */
  endpoint(name: string): ActiveEndpoint {
    const endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) throw endpointUnknown(name, [...this.#endpoints.keys()]);
    return endpoint;
  }

  /** @throws SERVING_ENDPOINT_AMBIGUOUS, SERVING_NOTHING_SERVED */
  onlyEndpoint(): ActiveEndpoint {
    const [only, second] = this.#endpoints.values();
    if (only === undefined || second !== undefined) throw endpointAmbiguous([...this.#endpoints.keys()]);
    return only;
  }

  /** When an answer is too late: as the caller says, else the endpoint, and never later than this plane's own limit. */
  deadline({ deadlineMs }: ActiveEndpoint, givenMs: string | undefined, arrivedAt: number): Deadline {
    const latestMs = this.#options.requestTimeoutMs;
    return deadlineOf(givenMs, arrivedAt, { defaultMs: deadlineMs ?? latestMs, latestMs });
  }

  /**
   * Before anything is read of a request: could its answer be there in time?
   *
   * @throws SERVING_BUSY, SERVING_DEADLINE_TOO_SHORT
   */
  admit(endpoint: ActiveEndpoint, deadline: Deadline): void {
    let waitMs = 0;
    for (const target of endpoint.targets) {
      if (target.variant !== 'shadow' && target.weight > 0)
        waitMs = Math.max(waitMs, target.inMemory.estimatedWaitMs);
    }
    try {
      this.#admission(endpoint.name).check(endpoint.name, waitMs, deadline, performance.now());
    } catch (thrown) {
      this.#options.traffic.shed(endpoint.name, endpoint.model);
      throw thrown;
    }
  }

  /** What waits for each endpoint's models now. */
  *queues(): Generator<{ endpoint: string; rowCount: number; waitMs: number }> {
    for (const { name, targets } of this.#endpoints.values()) {
      const models = [...new Set(targets.map((target) => target.inMemory))];
      yield {
        endpoint: name,
        rowCount: models.reduce((sum, model) => sum + (model.queuedRows ?? 0), 0),
        waitMs: models.reduce((most, model) => Math.max(most, model.estimatedWaitMs), 0),
      };
    }
  }

  /** What waits for each version that an endpoint names. */
  versionQueues(endpoint: string): { version: number; rowCount: number; waitMs: number }[] {
    const targets = this.#endpoints.get(endpoint)?.targets ?? [];
    return targets.map(({ version, inMemory }) => ({
      version,
      rowCount: inMemory.queuedRows ?? 0,
      waitMs: inMemory.estimatedWaitMs,
    }));
  }

  #admission(endpoint: string): Admission {
    let admission = this.#admissions.get(endpoint);
    if (admission === undefined) this.#admissions.set(endpoint, (admission = new Admission()));
    return admission;
  }

  /**
   * @param version when the caller wants this one and not the route's choice
   * @throws SERVING_VERSION_UNKNOWN
   */
  target(endpoint: ActiveEndpoint, version?: string, draw = Math.random()): ActiveTarget {
    // a shadow may be unapproved: it answers nobody, not even a caller who names it
    const answering = endpoint.targets.filter((one) => one.variant !== 'shadow');
    const target =
      version === undefined
        ? chooseTarget(endpoint.targets, draw)
        : answering.find((one) => String(one.version) === version);
    if (target === undefined) {
      throw versionUnknown(
        endpoint.name,
        version ?? 'champion',
        answering.map((one) => one.version),
      );
    }
    return target;
  }

  /**
   * Scores the rows, writes them to the prediction log, and starts the shadows for later.
   *
   * @throws what `AskedPrediction.rowsFor` throws, SERVING_BUSY, SERVING_MODEL_FAILED, SERVING_PREDICTION_NOT_LOGGED
   */
  async predict(
    endpoint: ActiveEndpoint,
    asked: AskedPrediction,
    context: CallerContext,
    version?: string,
  ): Promise<Prediction> {
    const requestId = asked.requestId ?? newUlid();
    const target = this.target(
      endpoint,
      version,
      version === undefined ? drawFor(endpoint, asked, context) : undefined,
    );
    try {
      checkOutputs(asked, target.served);
      const rows = asked.rowsFor(target.inMemory.layout);
      checkExtras(asked, rows.rowCount);
      const broken = target.check?.(rows.columns);
      if (broken !== undefined) throw contractBrokenBy(broken);
      if (rows.rowCount > this.#options.maxRows) throw tooManyRows(rows.rowCount, this.#options.maxRows);
      const admission = this.#admission(endpoint.name);
      const waitMs = target.inMemory.estimatedWaitMs;
      const deadline = bodyDeadline(asked, context);
      const begunAt = performance.now();
      admission.check(endpoint.name, waitMs, deadline, begunAt);
      const scores = await scoreInTime(target, rows, deadline.at, endpoint.name);
      admission.answered(performance.now() - begunAt, waitMs);
      const latencyUs = Math.round((performance.now() - context.startedAt) * 1000);
      const record = this.#record(endpoint, target, asked, requestId, context, rows, scores, latencyUs);
      const logged = await this.#options.log.append(record);
      this.#options.traffic.answered(endpoint.name, endpoint.model, target.version, rows.rowCount, latencyUs);
      this.#options.traffic.versions.answered(
        endpoint.name,
        target.version,
        target.variant,
        rows.rowCount,
        latencyUs,
      );
      // also for a repeat: the plane may have died between its answer and its shadow, which is logged once like any other
      if (version === undefined) this.#showShadows(endpoint, asked, requestId, context, target, rows, scores);
      return { requestId, target, scores, logged };
    } catch (thrown) {
      const outcome = outcomeOf(thrown);
      this.#options.traffic.refused(endpoint.name, endpoint.model, String(target.version), outcome);
      this.#options.traffic.versions.refused(
        endpoint.name,
        target.version,
        target.variant,
        outcome !== 'invalid',
      );
      throw thrown;
    }
  }

  /** Resolves when no shadow is waiting any more. */
  shadowsDone(): Promise<void> {
    return this.#shadows.done();
  }

  #showShadows(
    endpoint: ActiveEndpoint,
    asked: AskedPrediction,
    requestId: string,
    context: CallerContext,
    answered: ActiveTarget,
    rows: Rows,
    scores: Scores,
  ): void {
    for (const shadow of endpoint.targets) {
      if (shadow.variant !== 'shadow') continue;
      this.#shadows.show(shadow, {
        endpoint,
        scores,
        rowsFor: ({ served, inMemory }) =>
          served.schemaHash === answered.served.schemaHash ? rows : asked.rowsFor(inMemory.layout),
        keep: (target, itsRows, itsScores, latencyUs) =>
          this.#options.log.append(
            this.#record(endpoint, target, asked, requestId, context, itsRows, itsScores, latencyUs),
          ),
      });
    }
  }

  #record(
    endpoint: ActiveEndpoint,
    target: ActiveTarget,
    asked: AskedPrediction,
    requestId: string,
    context: CallerContext,
    rows: Rows,
    scores: Scores,
    latencyUs: number,
  ): NewRecord {
    return {
      requestId,
      at: this.#options.clock.now(),
      eventAt: asked.eventAt,
      keys: asked.keys,
      endpoint: endpoint.name,
      model: target.served.model,
      version: target.version,
      runId: target.served.runId,
      variant: target.variant,
      schemaHash: target.served.schemaHash,
      rowCount: rows.rowCount,
      ...loggedFeatures(target.inMemory.layout, rows),
      prediction: scores.labels,
      probabilities: probabilitiesByClass(target.served, scores),
      latencyUs,
      status: 'ok',
      error: null,
      caller: context.caller,
      traceId: context.traceId,
    };
  }
}

/** A deadline that only the body tells counts from when the request came, as the header's does. */
function bodyDeadline(asked: AskedPrediction, { deadline, arrivedAt }: CallerContext): Deadline {
  if (asked.timeoutMs === undefined) return deadline;
  const at = arrivedAt + asked.timeoutMs;
  return at < deadline.at ? { at, isOfCaller: true } : deadline;
}

/** @throws SERVING_DEADLINE_PASSED, and what `scoreWith` throws */
async function scoreInTime(
  target: ActiveTarget,
  rows: Rows,
  deadlineAt: number,
  endpoint: string,
): Promise<Scores> {
  const leftMs = deadlineAt - performance.now();
  if (leftMs <= 0) throw deadlinePassed(endpoint);
  // within a turn of the event loop nobody could give up
  const isLong = target.inMemory.isLong?.(rows.rowCount) ?? true;
  const scores = await (isLong ? scoreUntil(target, rows, leftMs, endpoint) : scoreWith(target, rows));
  if (performance.now() > deadlineAt) throw deadlinePassed(endpoint);
  return scores;
}

/** Gives up at the deadline, and tells the model so. */
function scoreUntil(target: ActiveTarget, rows: Rows, leftMs: number, endpoint: string): Promise<Scores> {
  return new Promise((resolve, reject) => {
    const giveUp = new AbortController();
    const timer = setTimeout(() => {
      const late = deadlinePassed(endpoint);
      giveUp.abort(late);
      reject(late);
    }, leftMs);
    scoreWith(target, rows, giveUp.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

async function scoreWith(target: ActiveTarget, rows: Rows, signal?: AbortSignal): Promise<Scores> {
  target.inMemory.acquire();
  try {
    return await target.inMemory.score(rows, signal);
  } catch (cause) {
    // a worker tells what kind of failure it is
    throw cause instanceof TilthError ? cause : modelFailed(target.served.model, target.version, cause);
  } finally {
    target.inMemory.release();
  }
}

/** As one list where it is one, and complete; otherwise column by column. */
function loggedFeatures(layout: Layout, rows: Rows): Pick<NewRecord, 'features' | 'block'> {
  const { block, isComplete } = rows;
  if (block === undefined || isComplete !== true) return { features: featuresOf(layout, rows) };
  return { features: {}, block: { names: layout.names, values: block } };
}

function probabilitiesByClass(
  served: ServedVersion,
  scores: Scores,
): Record<string, Float32Array | Float64Array> {
  const { rowCount, classCount, probabilities } = scores;
  const columns: Record<string, Float32Array | Float64Array> = {};
  for (let index = 0; index < classCount; index++) {
    const column =
      probabilities instanceof Float32Array ? new Float32Array(rowCount) : new Float64Array(rowCount);
    for (let row = 0, at = index; row < rowCount; row++, at += classCount)
      column[row] = probabilities[at] as number;
    columns[String(served.schema.classes[index] ?? index)] = column;
  }
  return columns;
}

function outcomeOf(thrown: unknown): 'invalid' | 'failed' | 'busy' | 'late' {
  if (!(thrown instanceof TilthError)) return 'failed';
  if (thrown.status === 503 || thrown.status === 429) return 'busy';
  if (thrown.status === 504) return 'late';
  return thrown.status < 500 ? 'invalid' : 'failed';
}
