import {
  closeSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeTime } from 'ulid';
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import { newUlid } from '../../platform/ids.ts';
import type { Logger } from '../../platform/log.ts';
import type { PredictionRecord } from './prediction-record.ts';
import { notLogged, segmentDamaged } from './serving-errors.ts';

/** First bytes of every segment; the number is the version of the format (docs/reference/prediction-log.md). */
const magic = Buffer.from('TILTHPL1');
const headerLength = 8;

export interface PredictionLogOptions {
  /** `<home>/predictions/segments`; each data plane has a folder of its own below it */
  readonly folder: string;
  readonly plane: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** `strict` answers after fsync; `group` (default) after write, with fsync every 50 ms */
  readonly durability?: 'group' | 'strict';
  readonly segmentBytes?: number;
  readonly segmentAgeMs?: number;
  readonly syncEveryMs?: number;
  /** how many request ids are remembered against logging a retry twice */
  readonly rememberedCount?: number;
}

export interface PredictionLogCounts {
  recordCount: number;
  repeatCount: number;
  failureCount: number;
  byteCount: number;
  syncFailureCount: number;
}

interface Turn {
  readonly frames: Buffer[];
  readonly keys: string[];
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

interface OpenSegment {
  readonly path: string;
  readonly file: number;
  readonly openedAt: number;
  byteCount: number;
  isDirty: boolean;
  /** turns that wait for fsync (strict only) */
  waiting: Turn[];
}

/** How long a foreign open segment must have been silent before its plane counts as gone. */
const abandonedAfterMs = 60_000;
/** Retries come soon; older segments are not read for request ids at start. */
const rememberedForMs = 3_600_000;

/** The durable log of answers: whoever was answered is in it, exactly once. */
export class PredictionLog {
  readonly counts: PredictionLogCounts = { recordCount: 0, repeatCount: 0, failureCount: 0, byteCount: 0, syncFailureCount: 0 };
  readonly #options: Required<PredictionLogOptions>;
  readonly #folder: string;
  readonly #remembered = new Set<string>();
  /** what is being written: a repeat of it waits for the same write */
  readonly #pending = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  readonly #ticker: NodeJS.Timeout;
  #segment: OpenSegment | undefined;
  #turn: Turn | undefined;
  #syncing: Promise<void> | undefined;

  /** Recovers what an earlier process left, then opens for appending. */
  constructor(options: PredictionLogOptions) {
    this.#options = {
      durability: 'group',
      segmentBytes: 8 * 1024 * 1024,
      segmentAgeMs: 5_000,
      syncEveryMs: 50,
      rememberedCount: 200_000,
      ...options,
    };
    this.#folder = join(options.folder, options.plane);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#recover();
    this.#ticker = setInterval(() => this.#tick(), this.#options.syncEveryMs).unref();
  }

  /**
   * Resolves when the record can no longer be lost by this process's death: then the caller may answer.
   * All records of one turn of the event loop are one write.
   *
   * @returns `repeat` when this request was logged before for the same version; it is not logged again
   * @throws SERVING_PREDICTION_NOT_LOGGED
   */
  async append(record: PredictionRecord): Promise<'logged' | 'repeat'> {
    const key = keyOf(record);
    if (this.#remembered.has(key)) {
      this.counts.repeatCount++;
      await this.#pending.get(key);
      return 'repeat';
    }
    this.#remember(key);
    const turn = (this.#turn ??= this.#startTurn());
    turn.frames.push(frame(record));
    turn.keys.push(key);
    this.#pending.set(key, turn.done);
    await turn.done;
    return 'logged';
  }

  /** Writes what is waiting, closes the segment; nothing may be appended after. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#writeTurn();
    this.#rotate();
    await Promise.all(this.#closing);
  }

  #startTurn(): Turn {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // after all microtasks of this turn, so that every answer of one batch is in one write
    process.nextTick(() => this.#writeTurn());
    return { frames: [], keys: [], done: promise, resolve, reject };
  }

  #writeTurn(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#turn = undefined;
    try {
      const segment = this.#write(turn.frames.length === 1 ? (turn.frames[0] as Buffer) : Buffer.concat(turn.frames));
      this.counts.recordCount += turn.frames.length;
      if (this.#options.durability === 'strict') {
        segment.waiting.push(turn);
        void this.#sync(segment);
      } else this.#settle(turn);
      if (segment.byteCount >= this.#options.segmentBytes) this.#rotate();
    } catch (cause) {
      this.#refuse(turn, cause);
    }
  }

  #write(bytes: Buffer): OpenSegment {
    const segment = (this.#segment ??= this.#openSegment());
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(segment.file, bytes, written);
    } catch (cause) {
      // a torn record in the middle would hide all that follow
      this.#cutBack(segment);
      throw cause;
    }
    segment.byteCount += bytes.length;
    segment.isDirty = true;
    this.counts.byteCount += bytes.length;
    return segment;
  }

  #cutBack(segment: OpenSegment): void {
    try {
      ftruncateSync(segment.file, segment.byteCount);
    } catch (cause) {
      this.#options.log.error({ segment: segment.path, cause: messageOf(cause) }, 'segment given up after a failed write');
      this.#segment = undefined;
    }
  }

  #settle(turn: Turn): void {
    for (const key of turn.keys) this.#pending.delete(key);
    turn.resolve();
  }

  #refuse(turn: Turn, cause: unknown): void {
    this.counts.failureCount += turn.frames.length;
    for (const key of turn.keys) {
      this.#pending.delete(key);
      this.#remembered.delete(key);
    }
    turn.reject(notLogged(cause));
  }

  #openSegment(): OpenSegment {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${newUlid()}.open`);
    const file = openSync(path, 'ax', 0o600);
    try {
      writeSync(file, magic);
    } catch (cause) {
      closeSync(file);
      rmSync(path);
      throw cause;
    }
    return { path, file, openedAt: this.#options.clock.now(), byteCount: magic.length, isDirty: true, waiting: [] };
  }

  #tick(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    if (this.#options.clock.now() - segment.openedAt >= this.#options.segmentAgeMs) this.#rotate();
    else if (segment.isDirty) void this.#sync(segment);
  }

  /** One fsync at a time; those who come meanwhile share the next one. */
  async #sync(segment: OpenSegment): Promise<void> {
    if (this.#syncing !== undefined) return this.#syncing;
    this.#syncing = this.#syncUntilClean(segment);
    await this.#syncing;
    this.#syncing = undefined;
  }

  async #syncUntilClean(segment: OpenSegment): Promise<void> {
    do {
      const turns = segment.waiting;
      segment.waiting = [];
      segment.isDirty = false;
      const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => fsync(segment.file, resolve));
      if (failure !== null) {
        this.counts.syncFailureCount++;
        this.#options.log.error({ segment: segment.path, cause: failure.message }, 'prediction segment not synced');
      }
      for (const turn of turns) {
        if (failure === null) this.#settle(turn);
        else this.#refuse(turn, failure);
      }
    } while (segment.waiting.length > 0);
  }

  #rotate(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    const closing = this.#closeSegment(segment).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #closeSegment(segment: OpenSegment): Promise<void> {
    await this.#syncing;
    await this.#syncUntilClean(segment);
    try {
      closeSync(segment.file);
      renameSync(segment.path, closedPath(segment.path));
    } catch (cause) {
      this.#options.log.error({ segment: segment.path }, `prediction segment not closed: ${messageOf(cause)}`);
    }
  }

  #remember(key: string): void {
    this.#remembered.add(key);
    if (this.#remembered.size <= this.#options.rememberedCount) return;
    const [oldest] = this.#remembered;
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  #recover(): void {
    const now = this.#options.clock.now();
    const planes = readdirSync(this.#options.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const closed: string[] = [];
    for (const plane of planes) {
      const folder = join(this.#options.folder, plane.name);
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        const isOurs = folder === this.#folder;
        if (name.endsWith('.seg')) closed.push(path);
        else if (name.endsWith('.open') && (isOurs || now - statSync(path).mtimeMs > abandonedAfterMs)) {
          const recovered = recoverSegment(path, this.#options.log);
          if (recovered !== undefined) closed.push(recovered);
        }
      }
    }
    this.#rememberFrom(closed, now);
  }

  #rememberFrom(paths: readonly string[], now: number): void {
    const newestFirst = paths
      .filter((path) => now - decodeTime(basename(path, '.seg')) < rememberedForMs)
      .sort((left, right) => (basename(left) < basename(right) ? 1 : -1));
    const keys: string[] = [];
    for (const path of newestFirst) {
      if (keys.length >= this.#options.rememberedCount) break;
      try {
        for (const { record } of readSegment(path)) keys.push(keyOf(record));
      } catch (cause) {
        this.#options.log.error({ segment: path }, messageOf(cause));
      }
    }
    for (const key of keys.toReversed()) this.#remember(key);
  }
}

/** One prediction is one request answered by one version of one model. */
const keyOf = (record: Pick<PredictionRecord, 'requestId' | 'model' | 'version'>): string =>
  `${record.model}\n${record.version}\n${record.requestId}`;

function frame(record: PredictionRecord): Buffer {
  const text = JSON.stringify(record);
  const bytes = Buffer.allocUnsafe(headerLength + Buffer.byteLength(text));
  bytes.write(text, headerLength);
  const payload = bytes.subarray(headerLength);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt32LE(crc32(payload), 4);
  return bytes;
}

const closedPath = (path: string): string => path.replace(/\.open$/, '.seg');

/** Cuts the torn tail of a segment whose process died, and closes it. */
function recoverSegment(path: string, log: Logger): string | undefined {
  const bytes = readFileSync(path);
  const whole = wholeLength(bytes);
  if (whole <= magic.length) {
    rmSync(path);
    return undefined;
  }
  const file = openSync(path, 'r+');
  if (whole < bytes.length) {
    log.warn({ segment: path, cutBytes: bytes.length - whole }, 'torn tail of a prediction segment cut');
    ftruncateSync(file, whole);
  }
  fsyncSync(file);
  closeSync(file);
  const closed = closedPath(path);
  renameSync(path, closed);
  return closed;
}

function wholeLength(bytes: Buffer): number {
  if (!bytes.subarray(0, magic.length).equals(magic)) return 0;
  let end = magic.length;
  for (const { offset, payload } of frames(bytes)) end = offset + headerLength + payload.length;
  return end;
}

function* frames(bytes: Buffer, from = magic.length): Generator<{ offset: number; payload: Buffer }> {
  for (let offset = from; offset + headerLength <= bytes.length; ) {
    const length = bytes.readUInt32LE(offset);
    const payload = bytes.subarray(offset + headerLength, offset + headerLength + length);
    if (length === 0 || payload.length < length || crc32(payload) !== bytes.readUInt32LE(offset + 4)) return;
    yield { offset, payload };
    offset += headerLength + length;
  }
}

/** One record and where it starts: (segment, offset) names it for ever. */
export interface SegmentEntry {
  readonly offset: number;
  /** where the next record starts */
  readonly end: number;
  readonly record: PredictionRecord;
}

/**
 * The records of a segment in the order they were written, beginning at the offset `from`. An `.open` segment ends at its torn tail, if it has one.
 *
 * @throws PREDICTION_SEGMENT_DAMAGED after the last whole record of a closed segment that does not end there
 * @see docs/reference/prediction-log.md
 */
export function* readSegment(path: string, from = magic.length): Generator<SegmentEntry> {
  const bytes = readFileSync(path);
  const isClosed = path.endsWith('.seg');
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    if (isClosed) throw segmentDamaged(path, 0);
    return;
  }
  let end = from;
  for (const { offset, payload } of frames(bytes, from)) {
    end = offset + headerLength + payload.length;
    yield { offset, end, record: JSON.parse(payload.toString()) as PredictionRecord };
  }
  if (isClosed && end < bytes.length) throw segmentDamaged(path, end);
}
