import type { Label, Scores } from './scores.ts';
import type { Column, Feature, Rows } from './rows.ts';
import type { Datatype } from '../serving-api.ts';

/** What a frame is about; python/worker/frames.py is the other side and describes the bytes. */
export const ops = { hello: 1, score: 2, ping: 3, answer: 4, refused: 5, failed: 6 } as const;
const kinds = { float64: 1, float32: 2, int64: 3, bool: 4, text: 5, nullableText: 6 } as const;

export interface Frame {
  readonly id: number;
  readonly op: number;
  readonly rowCount: number;
  readonly columns: readonly FrameColumn[];
}

interface FrameColumn {
  readonly kind: number;
  readonly bytes: Buffer;
}

const headerBytes = 16;
const paddedTo8 = (size: number): number => (size + 7) & ~7;

export const pingFrame = (id: number): Buffer => frameOf(id, ops.ping, 0, []);

/** One frame for the rows of several requests, one behind the other. */
export function scoreFrame(
  id: number,
  features: readonly Feature[],
  requests: readonly Rows[],
  rowCount: number,
): Buffer {
  return frameOf(
    id,
    ops.score,
    rowCount,
    features.map((feature, index) => {
      const columns = requests.map((rows) => rows.columns[index] as Column);
      return feature.datatype === 'BYTES'
        ? textColumn(feature, columns, rowCount)
        : numberColumn(feature.datatype, columns, rowCount);
    }),
  );
}

function frameOf(id: number, op: number, rowCount: number, columns: readonly FrameColumn[]): Buffer {
  let size = headerBytes + columns.length * 8;
  for (const { bytes } of columns) size += paddedTo8(bytes.length);
  const frame = Buffer.alloc(size);
  frame.writeUInt32LE(id, 0);
  frame.writeUInt32LE(op, 4);
  frame.writeUInt32LE(rowCount, 8);
  frame.writeUInt32LE(columns.length, 12);
  let at = headerBytes + columns.length * 8;
  for (const [index, { kind, bytes }] of columns.entries()) {
    frame.writeUInt32LE(kind, headerBytes + index * 8);
    frame.writeUInt32LE(bytes.length, headerBytes + index * 8 + 4);
    frame.set(bytes, at);
    at += paddedTo8(bytes.length);
  }
  return frame;
}

/** Whole numbers go as doubles, which hold all that a request may give (up to 2^53); the worker makes them whole again. */
function numberColumn(datatype: Datatype, columns: readonly Column[], rowCount: number): FrameColumn {
  if (datatype === 'BOOL') {
    const bytes = Buffer.alloc(rowCount);
    let row = 0;
    for (const column of columns) for (const cell of column) bytes[row++] = cell === true ? 1 : 0;
    return { kind: kinds.bool, bytes };
  }
  const isSingle = datatype === 'FP32';
  const numbers = isSingle ? new Float32Array(rowCount) : new Float64Array(rowCount);
  let row = 0;
  for (const column of columns) {
    if (ArrayBuffer.isView(column)) numbers.set(column, row);
    else
      for (let at = 0; at < column.length; at++)
        numbers[row + at] = column[at] === null ? Number.NaN : Number(column[at]);
    row += column.length;
  }
  return { kind: isSingle ? kinds.float32 : kinds.float64, bytes: Buffer.from(numbers.buffer) };
}

function textColumn(feature: Feature, columns: readonly Column[], rowCount: number): FrameColumn {
  const texts = columns.flatMap((column) =>
    Array.from(column as readonly (string | null)[], (cell) => (cell === null ? null : String(cell))),
  );
  const offsets = new Uint32Array(rowCount + 1);
  for (const [row, text] of texts.entries())
    offsets[row + 1] = (offsets[row] as number) + (text === null ? 0 : Buffer.byteLength(text));
  const parts = [Buffer.from(offsets.buffer), Buffer.from(texts.map((text) => text ?? '').join(''))];
  if (!feature.isNullable) return { kind: kinds.text, bytes: Buffer.concat(parts) };
  const present = Buffer.from(texts.map((text) => (text === null ? 0 : 1)));
  return { kind: kinds.nullableText, bytes: Buffer.concat([...parts, present]) };
}

/** Puts frames together from the pieces in which they arrive. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #size = 0;
  /** bytes that the next frame needs, as far as is known */
  #needed = headerBytes;

  /** @returns the frames that are now complete */
  read(piece: Buffer): Frame[] {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const frames: Frame[] = [];
    while (this.#size >= this.#needed) {
      const [whole = Buffer.alloc(0)] =
        this.#pieces.length === 1 ? this.#pieces : [Buffer.concat(this.#pieces)];
      const columnCount = whole.readUInt32LE(12);
      let size = headerBytes + columnCount * 8;
      if (whole.length >= size) {
        for (let index = 0; index < columnCount; index++)
          size += paddedTo8(whole.readUInt32LE(headerBytes + index * 8 + 4));
        if (whole.length >= size) {
          frames.push(parseFrame(whole, columnCount));
          this.#set(whole.subarray(size), headerBytes);
          continue;
        }
      }
      this.#set(whole, size);
    }
    return frames;
  }

  #set(rest: Buffer, needed: number): void {
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    this.#needed = needed;
  }
}

function parseFrame(bytes: Buffer, columnCount: number): Frame {
  const columns: FrameColumn[] = [];
  let at = headerBytes + columnCount * 8;
  for (let index = 0; index < columnCount; index++) {
    const size = bytes.readUInt32LE(headerBytes + index * 8 + 4);
    columns.push({ kind: bytes.readUInt32LE(headerBytes + index * 8), bytes: bytes.subarray(at, at + size) });
    at += paddedTo8(size);
  }
  return { id: bytes.readUInt32LE(0), op: bytes.readUInt32LE(4), rowCount: bytes.readUInt32LE(8), columns };
}

/** The text of a frame that says hello, or what went wrong. */
export const textOf = (frame: Frame): string =>
  textsIn(frame.columns[0]?.bytes ?? Buffer.alloc(8), 1)[0] ?? '';

/** @throws when the answer is not for so many rows */
export function scoresOf(frame: Frame, rowCount: number): Scores {
  const [labels, probabilities] = frame.columns;
  if (labels === undefined || frame.rowCount !== rowCount)
    throw new Error(`the worker answered ${frame.rowCount} of ${rowCount} rows`);
  const numbers = probabilities === undefined ? new Float32Array(0) : floatsIn(probabilities);
  return {
    rowCount,
    labels: labelsIn(labels, rowCount),
    probabilities: numbers,
    classCount: numbers.length / rowCount,
  };
}

function labelsIn({ kind, bytes }: FrameColumn, rowCount: number): readonly Label[] {
  if (kind === kinds.text) return textsIn(bytes, rowCount);
  if (kind === kinds.bool) return Array.from(bytes, (one) => one !== 0);
  if (kind !== kinds.int64) return Array.from(floatsIn({ kind, bytes }));
  return Array.from(
    { length: rowCount },
    (_, row) => bytes.readInt32LE(row * 8 + 4) * 2 ** 32 + bytes.readUInt32LE(row * 8),
  );
}

/** A copy: an array of numbers begins at a multiple of its size, and the frame's bytes are let go. */
function floatsIn({ kind, bytes }: FrameColumn): Float32Array | Float64Array {
  const copy = Uint8Array.from(bytes).buffer;
  return kind === kinds.float32 ? new Float32Array(copy) : new Float64Array(copy);
}

function textsIn(bytes: Buffer, count: number): string[] {
  const first = 4 * (count + 1);
  return Array.from({ length: count }, (_, row) =>
    bytes.toString('utf8', first + bytes.readUInt32LE(row * 4), first + bytes.readUInt32LE(row * 4 + 4)),
  );
}
