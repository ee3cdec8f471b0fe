import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../platform/client.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import type { CommonFlags } from '../../platform/terminal.ts';
import type { Endpoint } from '../../deploy/endpoints/endpoint-api.ts';
import { layoutOf, type Feature } from '../../deploy/serving/engines/rows.ts';
import type { ServingConfig } from '../../deploy/serving/serving-api.ts';
import type { Alert } from '../alerts/alert-api.ts';
import type { WatermarkAnswer } from '../evaluation/evaluation-api.ts';
import type { PerformanceHistory } from '../performance/performance-api.ts';
import type { LabelAnswer } from '../predictions/prediction-api.ts';
import { isPartly, windowsBetween, type Granularity } from '../windows/window.ts';
import { ReplaySource, type ReplayColumns, type ReplayRows } from './replay-source.ts';

export interface ReplayOptions {
  readonly flags: CommonFlags;
  readonly file: string;
  readonly endpoint: string;
  readonly name: string;
  readonly columns: ReplayColumns;
  readonly batchRows: number;
  /** address of the data plane; else the endpoint's own, asked of the control plane */
  readonly plane?: string | undefined;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly waitsForRetraining: boolean;
  /** where it is remembered how far the replay got */
  readonly cursorFile: string;
  /** how long a process may be away before the replay gives up */
  readonly patienceMs?: number;
  readonly onProgress?: (progress: ReplayProgress) => void;
}

export interface ReplayProgress {
  readonly rowCount: number;
  /** simulated time */
  readonly at: number;
  readonly rowsPerSecond: number;
  readonly doing: string;
}

/** What a replay did; counts since its beginning, also when it was resumed. */
export interface ReplaySummary {
  readonly name: string;
  readonly model: string;
  readonly rows: number;
  readonly requests: number;
  /** requests that were refused for good; their rows are not in the log */
  readonly failed: number;
  /** attempts that were made again because a process was away */
  readonly retried: number;
  readonly labels: number;
  readonly windows: number;
  readonly alerts: readonly Pick<Alert, 'id' | 'rule' | 'version' | 'summary'>[];
  /** simulated time until which all was sent, ms since the epoch */
  readonly until: number;
  readonly isDone: boolean;
  readonly seconds: number;
  /** what the first refused request was told */
  readonly firstFailure: string | null;
}

/** How far a replay got; written after each stretch, so that a killed replay goes on where it was. */
interface Cursor {
  file: string;
  endpoint: string;
  /** place of the next row */
  place: number;
  /** labels up to this time were sent */
  labelsTo: number;
  /** simulated time until which windows were closed */
  at: number;
  isDone: boolean;
  rows: number;
  requests: number;
  failed: number;
  retried: number;
  labels: number;
  windows: number;
  alerts: Pick<Alert, 'id' | 'rule' | 'version' | 'summary'>[];
  seconds: number;
  firstFailure: string | null;
}

const newCursor = (options: ReplayOptions): Cursor => ({
  file: options.file,
  endpoint: options.endpoint,
  place: 0,
  labelsTo: 0,
  at: 0,
  isDone: false,
  rows: 0,
  requests: 0,
  failed: 0,
  retried: 0,
  labels: 0,
  windows: 0,
  alerts: [],
  seconds: 0,
  firstFailure: null,
});

/** Requests that are under way at once. */
const underWay = 2;
/** Batches between two notes of how far it got. */
const stretchBatches = 32;
const labelsPerRequest = 20_000;
/** The last time that a date can hold. */
const forever = 8.64e15;

/**
 * Sends a file of past traffic to an endpoint as if it happened now: rows in their order, what turned out to be true when
 * it did, and at the end of each window the word that all of it has been seen.
 *
 * @throws REPLAY_GAVE_UP when a process stays away
 */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const source = await ReplaySource.open(options.file, options.columns);
  try {
    return await new Replay(options, source).run();
  } finally {
    await source.close();
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #source: ReplaySource;
  readonly #cursor: Cursor;
  readonly #startedAt = performance.now();
  readonly #secondsBefore: number;
  #model = '';
  #plane: string | undefined;
  #rowsNow = 0;

  constructor(options: ReplayOptions, source: ReplaySource) {
    this.#options = options;
    this.#source = source;
    this.#cursor = readCursor(options);
    this.#secondsBefore = this.#cursor.seconds;
  }

  async run(): Promise<ReplaySummary> {
    const { flags, endpoint } = this.#options;
    const found = await this.#patiently(() => call<Endpoint>(flags, 'GET', `/api/v1/endpoints/${encodeURIComponent(endpoint)}`));
    this.#model = found.model;
    const { granularity } = await this.#patiently(() => call<PerformanceHistory>(flags, 'GET', this.#path('performance')));
    const range = await this.#source.range();
    const from = Math.max(this.#options.from ?? range.first, this.#cursor.at);
    const end = range.last + 1;
    const until = Math.min(this.#options.until ?? Infinity, end);
    if (!this.#cursor.isDone) {
      for (const window of windowsBetween(granularity as Granularity, from, until)) {
        // the last window of the file is over when its rows reach to about its end, not when a week was cut off
        const isWhole = until === end && window.end >= end && !isPartly(window, window.start, range.last);
        await this.#window(Math.max(window.start, from), Math.min(window.end, until), isWhole ? window.end : undefined);
      }
      if (until === end) await this.#finish(range.last);
    }
    this.#save();
    return this.#summary();
  }

  /** Sends the rows and labels of one window, then says that it is over. */
  async #window(from: number, to: number, closesAt = to): Promise<void> {
    const cursor = this.#cursor;
    const features = await this.#features();
    const places = await this.#source.places(from, to);
    const { batchRows } = this.#options;
    for (let start = Math.max(places.start, cursor.place); start < places.end; start = cursor.place) {
      const end = Math.min(places.end, start + batchRows * stretchBatches);
      const rows = await this.#source.rows(
        start,
        end,
        features.map((feature) => feature.name),
      );
      await this.#stretch(start, rows, features);
      cursor.place = end;
      this.#save();
      this.#tell(rows.eventAt.at(-1) ?? to, 'sending');
    }
    await this.#sendLabels(to);
    await this.#close(closesAt);
    cursor.at = to;
    this.#save();
    if (this.#options.waitsForRetraining) await this.#awaitRetraining(to);
  }

  /** Batches of consecutive rows, a few at once; the id of a request is the place of its first row, so that a retry has the same. */
  async #stretch(start: number, rows: ReplayRows, features: readonly Feature[]): Promise<void> {
    const { batchRows } = this.#options;
    const offsets = Array.from({ length: Math.ceil(rows.keys.length / batchRows) }, (_, batch) => batch * batchRows);
    const work = async (): Promise<void> => {
      for (let offset = offsets.shift(); offset !== undefined; offset = offsets.shift()) {
        await this.#predict(start + offset, sliceRows(rows, offset, offset + batchRows), features);
      }
    };
    await Promise.all(Array.from({ length: underWay }, work));
  }

  async #predict(place: number, rows: ReplayRows, features: readonly Feature[]): Promise<void> {
    const body = JSON.stringify(inferenceRequest(`replay-${this.#options.name}-${place}`, rows, features));
    const refusal = await this.#patiently(() => this.#post(body));
    const cursor = this.#cursor;
    cursor.requests++;
    if (refusal === undefined) {
      cursor.rows += rows.keys.length;
      this.#rowsNow += rows.keys.length;
      return;
    }
    cursor.failed++;
    cursor.firstFailure ??= refusal;
  }

  /** @returns why the request was refused for good; undefined when it was answered */
  async #post(body: string): Promise<string | undefined> {
    const { endpoint } = this.#options;
    const plane = await this.#planeAddress();
    const token = process.env['TILTH_TOKEN'];
    let response: Response;
    try {
      response = await fetch(`${plane}/v2/models/${encodeURIComponent(endpoint)}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }) },
        body,
      });
    } catch (cause) {
      // it may come back under another address
      this.#plane = undefined;
      throw away(`The data plane at ${plane} does not answer: ${messageOf(cause)}`, cause);
    }
    const text = await response.text();
    if (response.ok) return undefined;
    if (isPassing(response.status)) {
      this.#plane = undefined;
      throw away(`The data plane at ${plane} answers ${response.status}: ${text.slice(0, 300)}`);
    }
    return `${response.status}: ${text.slice(0, 500)}`;
  }

  async #planeAddress(): Promise<string> {
    this.#plane ??= this.#options.plane ?? (await this.#livePlane());
    return this.#plane;
  }

  async #livePlane(): Promise<string> {
    const { flags, endpoint } = this.#options;
    const { live } = await call<Endpoint>(flags, 'GET', `/api/v1/endpoints/${encodeURIComponent(endpoint)}`);
    const [youngest] = live.toSorted((left, right) => left.ageMs - right.ageMs);
    if (youngest !== undefined) return youngest.address.replace(/\/$/, '');
    throw away(`No data plane serves the endpoint ${JSON.stringify(endpoint)}.`);
  }

  /** What the version in production takes; asked once per window, since a new one may take other inputs. */
  async #features(): Promise<readonly Feature[]> {
    const { flags, endpoint } = this.#options;
    return this.#patiently(async () => {
      const config = await call<ServingConfig>(flags, 'GET', '/api/v1/serving/config');
      const target = config.endpoints.find((each) => each.name === endpoint)?.targets.find((each) => each.variant === 'champion');
      const version = config.versions.find((each) => each.model === this.#model && each.version === target?.version);
      if (version === undefined) throw away(`The endpoint ${JSON.stringify(endpoint)} has no version in production.`);
      if (!(await this.#takesUp(config.revision))) throw away('The data plane does not take up the newest route.');
      const { features } = layoutOf(version.schema);
      const missing = features.filter((feature) => !this.#source.features.includes(feature.name));
      if (missing.length === 0) return features;
      throw new TilthError(
        'REPLAY_COLUMN_MISSING',
        400,
        `${this.#options.file} lacks the inputs ${missing.map((feature) => feature.name).join(', ')} of ${this.#model} version ${version.version}.`,
      );
    });
  }

  /** Waits a moment for the data plane to answer by this configuration: a week must not begin on the route of the one before. */
  async #takesUp(revision: number): Promise<boolean> {
    const { flags, endpoint, plane } = this.#options;
    if (plane !== undefined) return true;
    for (let attempt = 0; attempt < 50; attempt++) {
      const { live } = await call<Endpoint>(flags, 'GET', `/api/v1/endpoints/${encodeURIComponent(endpoint)}`);
      if (live.some((each) => each.revision >= revision)) return true;
      if (live.length === 0) return false;
      await sleep(100);
    }
    return false;
  }

  /** Labels that had been observed by then. */
  async #sendLabels(to: number): Promise<void> {
    const cursor = this.#cursor;
    const from = this.#options.from ?? 0;
    const labels = await this.#source.labels(cursor.labelsTo, to, from, this.#options.until ?? forever);
    for (let start = 0; start < labels.length; start += labelsPerRequest) {
      const part = labels.slice(start, start + labelsPerRequest);
      await this.#patiently(() => call<LabelAnswer>(this.#options.flags, 'POST', this.#path('labels'), part));
      cursor.labels += part.length;
    }
    cursor.labelsTo = to;
  }

  async #close(at: number): Promise<void> {
    const cursor = this.#cursor;
    this.#tell(at, 'evaluating');
    const answer = await this.#patiently(() => call<WatermarkAnswer>(this.#options.flags, 'POST', this.#path('watermark'), { at }));
    cursor.windows += answer.windows.filter((window) => window.isNew).length;
    cursor.alerts.push(...answer.alerts.map(({ id, rule, version, summary }) => ({ id, rule, version, summary })));
  }

  /** Labels that came after the last row, and the last word. */
  async #finish(last: number): Promise<void> {
    await this.#sendLabels(forever);
    await this.#close(last);
    this.#cursor.isDone = true;
  }

  /** A week passes in a second here, so the replay stands still while a new version is made. */
  async #awaitRetraining(at: number): Promise<void> {
    for (;;) {
      const path = `/api/v1/retrainings?active=true&model=${encodeURIComponent(this.#model)}`;
      const retrainings = await this.#patiently(() => call<ActiveRetraining[]>(this.#options.flags, 'GET', path));
      const active = retrainings.find((each) => each.state !== 'shadow');
      if (active === undefined) return;
      this.#tell(at, `waiting for retraining: ${active.state}`);
      await sleep(500);
    }
  }

  /** Again and again, with growing pauses, while a process is away. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const patienceMs = this.#options.patienceMs ?? 120_000;
    const startedAt = performance.now();
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 2000)) {
      try {
        return await work();
      } catch (thrown) {
        if (!isAway(thrown)) throw thrown;
        if (performance.now() - startedAt > patienceMs) throw gaveUp(this.#options.name, patienceMs, thrown);
        this.#cursor.retried++;
        await sleep(pauseMs);
      }
    }
  }

  #path(rest: string): string {
    return `/api/v1/models/${encodeURIComponent(this.#model)}/${rest}`;
  }

  #tell(at: number, doing: string): void {
    const rowsPerSecond = this.#rowsNow / ((performance.now() - this.#startedAt) / 1000);
    this.#options.onProgress?.({ rowCount: this.#cursor.rows, at, rowsPerSecond, doing });
  }

  #save(): void {
    const { cursorFile } = this.#options;
    this.#cursor.seconds = this.#secondsBefore + (performance.now() - this.#startedAt) / 1000;
    mkdirSync(dirname(cursorFile), { recursive: true, mode: 0o700 });
    writeFileSync(`${cursorFile}.writing`, JSON.stringify(this.#cursor), { flush: true });
    renameSync(`${cursorFile}.writing`, cursorFile);
  }

  #summary(): ReplaySummary {
    const { rows, requests, failed, retried, labels, windows, alerts, at, isDone, seconds, firstFailure } = this.#cursor;
    const { name } = this.#options;
    return { name, model: this.#model, rows, requests, failed, retried, labels, windows, alerts, until: at, isDone, seconds, firstFailure };
  }
}

function readCursor(options: ReplayOptions): Cursor {
  let cursor: Cursor;
  try {
    cursor = JSON.parse(readFileSync(options.cursorFile, 'utf8')) as Cursor;
  } catch {
    return newCursor(options);
  }
  if (cursor.file === options.file && cursor.endpoint === options.endpoint) return cursor;
  throw new TilthError(
    'REPLAY_NAME_TAKEN',
    409,
    `A replay named ${JSON.stringify(options.name)} of ${cursor.file} to ${cursor.endpoint} exists.`,
    'Give this one a name of its own: --name NAME',
  );
}

const sliceRows = (rows: ReplayRows, from: number, to: number): ReplayRows => ({
  keys: rows.keys.slice(from, to),
  eventAt: rows.eventAt.slice(from, to),
  features: new Map([...rows.features].map(([name, values]) => [name, values.slice(from, to)])),
});

/** A request of the Open Inference Protocol with one tensor per input. */
const inferenceRequest = (id: string, rows: ReplayRows, features: readonly Feature[]) => ({
  id,
  parameters: { tilth_keys: rows.keys, tilth_event_at: rows.eventAt },
  inputs: features.map(({ name, datatype }) => ({ name, shape: [rows.keys.length, 1], datatype, data: rows.features.get(name) ?? [] })),
});

/** What a replay needs to know of a retraining; the shape is the maintain stage's. */
interface ActiveRetraining {
  readonly state: string;
}

/** Statuses of a process that is about to be well again. */
const isPassing = (status: number): boolean => status === 429 || status >= 500;

const away = (message: string, cause?: unknown): TilthError => new TilthError('REPLAY_AWAY', 503, message, undefined, { cause });

const isAway = (thrown: unknown): boolean =>
  thrown instanceof TilthError && (thrown.code === 'REPLAY_AWAY' || thrown.code === 'SERVER_NOT_REACHABLE' || thrown.status >= 500);

const gaveUp = (name: string, patienceMs: number, cause: unknown): TilthError =>
  new TilthError(
    'REPLAY_GAVE_UP',
    503,
    `The replay ${name} waited ${Math.round(patienceMs / 1000)} s: ${messageOf(cause)}`,
    'Start the processes with: tilth up; the same command goes on where this one stopped.',
    { cause },
  );
