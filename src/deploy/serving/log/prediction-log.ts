import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeTime } from 'ulid';
import type { Clock } from '../../../platform/clock.ts';
import { messageOf } from '../../../platform/errors.ts';
import { newUlid } from '../../../platform/ids.ts';
import type { Logger } from '../../../platform/log.ts';
import type { NewRecord, PredictionRecord, RecordHead, StoredRecord } from './prediction-record.ts';
import { RecordWriter, decodeHead, decodeRecord, frameHeaderLength, plainRecord } from './record-format.ts';
import { notLogged, segmentDamaged, segmentOfOtherVersion } from '../serving-errors.ts';

/** First bytes of every segment; the number is the version of the format (docs/reference/prediction-log.md). */
const magic = Buffer.from('TILTHPL2');

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

/** Records that are written together. */
interface Turn {
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
  readonly counts: PredictionLogCounts = {
    recordCount: 0,
    repeatCount: 0,
    failureCount: 0,
    byteCount: 0,
    syncFailureCount: 0,
  };
  readonly #options: Required<PredictionLogOptions>;
  readonly #folder: string;
  readonly #remembered = new Set<string>();
  /** what is being written: a repeat of it waits for the same write */
  readonly #pending = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  readonly #ticker: NodeJS.Timeout;
  readonly #records = new RecordWriter();
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
  async append(record: NewRecord): Promise<'logged' | 'repeat'> {
    const key = keyOf(record);
    if (this.#remembered.has(key)) {
      this.counts.repeatCount++;
      await this.#pending.get(key);
      return 'repeat';
    }
    const turn = (this.#turn ??= this.#startTurn());
    this.#records.add(record);
    this.#remember(key);
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
    return { keys: [], done: promise, resolve, reject };
  }

  #writeTurn(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#turn = undefined;
    try {
      const segment = this.#write(this.#records.written);
      this.counts.recordCount += turn.keys.length;
      if (this.#options.durability === 'strict') {
        segment.waiting.push(turn);
        void this.#sync(segment);
      } else this.#settle(turn);
      if (segment.byteCount >= this.#options.segmentBytes) this.#rotate();
    } catch (cause) {
      this.#refuse(turn, cause);
    } finally {
      this.#records.clear();
    }
  }

  #write(bytes: Buffer): OpenSegment {
    const segment = (this.#segment ??= this.#openSegment());
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(segment.file, bytes, written);
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
      this.#options.log.error(
        { segment: segment.path, cause: messageOf(cause) },
        'segment given up after a failed write',
      );
      this.#segment = undefined;
    }
  }

  #settle(turn: Turn): void {
    for (const key of turn.keys) this.#pending.delete(key);
    turn.resolve();
  }

  #refuse(turn: Turn, cause: unknown): void {
    this.counts.failureCount += turn.keys.length;
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
    return {
      path,
      file,
      openedAt: this.#options.clock.now(),
      byteCount: magic.length,
      isDirty: true,
      waiting: [],
    };
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
      const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) =>
        fsync(segment.file, resolve),
      );
      if (failure !== null) {
        this.counts.syncFailureCount++;
        this.#options.log.error(
          { segment: segment.path, cause: failure.message },
          'prediction segment not synced',
        );
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
      this.#options.log.error(
        { segment: segment.path },
        `prediction segment not closed: ${messageOf(cause)}`,
      );
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
    const planes = readdirSync(this.#options.folder, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
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
        for (const { payload } of readFrames(path)) keys.push(keyOf(decodeHead(payload)));
      } catch (cause) {
        this.#options.log.error({ segment: path }, messageOf(cause));
      }
    }
    for (const key of keys.toReversed()) this.#remember(key);
  }
}

/** One prediction is one request answered by one version of one model. */
const keyOf = (record: Pick<RecordHead, 'requestId' | 'model' | 'version'>): string =>
  `${record.model}\n${record.version}\n${record.requestId}`;

const closedPath = (path: string): string => path.replace(/\.open$/, '.seg');

/** Cuts the torn tail of a segment whose process died, and closes it. */
function recoverSegment(path: string, log: Logger): string | undefined {
  const bytes = readFileSync(path);
  if (isOfOtherVersion(bytes)) {
    log.error({ segment: path }, 'prediction segment left as it is: another version of tilth wrote it');
    return undefined;
  }
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
  if (!isOurs(bytes)) return 0;
  let end = magic.length;
  for (const frame of framesIn(bytes, magic.length)) end = frame.end;
  return end;
}

const isOurs = (bytes: Buffer): boolean => bytes.subarray(0, magic.length).equals(magic);
const isOfOtherVersion = (bytes: Buffer): boolean =>
  bytes.length >= magic.length &&
  !isOurs(bytes) &&
  bytes.subarray(0, magic.length - 1).equals(magic.subarray(0, -1));

interface Frame {
  readonly offset: number;
  /** where the next record starts */
  readonly end: number;
  readonly payload: Buffer;
}

function* framesIn(bytes: Buffer, from: number): Generator<Frame> {
  for (let offset = from; offset + frameHeaderLength <= bytes.length;) {
    const end = offset + frameHeaderLength + bytes.readUInt32LE(offset);
    const payload = bytes.subarray(offset + frameHeaderLength, end);
    if (payload.length === 0 || end > bytes.length || crc32(payload) !== bytes.readUInt32LE(offset + 4))
      return;
    yield { offset, end, payload };
    offset = end;
  }
}

function* readFrames(path: string, from: number = magic.length): Generator<Frame> {
  const bytes = readFrom(path, from);
  const isClosed = path.endsWith('.seg');
  if (!isOurs(bytes)) {
    if (isOfOtherVersion(bytes)) throw segmentOfOtherVersion(path);
    if (isClosed) throw segmentDamaged(path, 0);
    return;
  }
  const skipped = from - magic.length;
  let end = magic.length;
  for (const frame of framesIn(bytes, magic.length)) {
    end = frame.end;
    yield { offset: frame.offset + skipped, end: end + skipped, payload: frame.payload };
  }
  if (isClosed && end < bytes.length) throw segmentDamaged(path, end + skipped);
}

/** The magic, and what follows from the offset `from` on. */
function readFrom(path: string, from: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(magic.length + Math.max(0, fstatSync(file).size - from));
    let end = readSync(file, bytes, 0, magic.length, 0);
    while (end >= magic.length && end < bytes.length) {
      const count = readSync(file, bytes, end, bytes.length - end, from + end - magic.length);
      if (count === 0) break;
      end += count;
    }
    return bytes.subarray(0, end);
  } finally {
    closeSync(file);
  }
}

/** One record and where it starts: (segment, offset) names it for ever. */
export interface SegmentEntry<Record> {
  readonly offset: number;
  /** where the next record starts */
  readonly end: number;
  readonly record: Record;
}

/**
 * The records of a segment in the order they were written, beginning at the offset `from`. An `.open` segment ends at its torn tail, if it has one.
 *
 * @throws PREDICTION_SEGMENT_DAMAGED after the last whole record of a closed segment that does not end there, PREDICTION_SEGMENT_VERSION
 * @see docs/reference/prediction-log.md
 */
export function* readColumns(path: string, from?: number): Generator<SegmentEntry<StoredRecord>> {
  for (const { offset, end, payload } of readFrames(path, from))
    yield { offset, end, record: decodeRecord(payload) };
}

/** As `readColumns`, with the columns as plain lists. */
export function* readSegment(path: string, from?: number): Generator<SegmentEntry<PredictionRecord>> {
  for (const entry of readColumns(path, from)) yield { ...entry, record: plainRecord(entry.record) };
}
