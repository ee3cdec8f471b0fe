import { crc32 } from 'node:zlib';
import type { MetricColumns } from './metric-columns.ts';
import { metricBlockDamaged } from './tracking-errors.ts';

// Points as bytes, all numbers little-endian:
//   version u8 | CRC-32 of all that follows u32 | point count u32 | columns
// A stretch of one metric's history has the columns timestamps, steps, values; a batch has the series before them.
// Each column is one byte that says how it is written, and its numbers.

const version = 1;
const headBytes = 9;

/** How a column is written: whole numbers by the change of their difference, others as they are. */
const written = { float64: 0, float32: 1, whole: 2 } as const;

/** Below it in size, a change of a difference can be doubled and stays exact. */
const largestChange = 2 ** 51;

/** Bytes of the longest varint: 7 bits each of a number below 2^53. */
const varintBytes = 8;

/** One point of each of many metrics of a run, in the order of their series. */
export interface MetricBatch extends MetricColumns {
  readonly series: Float64Array;
}

/** @param columns at least one point */
export const encodeBlock = (columns: MetricColumns): Uint8Array => encode([columns.timestamps, columns.steps, columns.values]);

/** @param batch at least one point */
export const encodeBatch = (batch: MetricBatch): Uint8Array => encode([batch.series, batch.timestamps, batch.steps, batch.values]);

/** @throws METRIC_BLOCK_DAMAGED */
export function decodeBlock(bytes: Uint8Array): MetricColumns {
  const [timestamps, steps, values] = decode(bytes, 3) as [Float64Array, Float64Array, Float64Array];
  return { timestamps, steps, values };
}

/** @throws METRIC_BLOCK_DAMAGED */
export function decodeBatch(bytes: Uint8Array): MetricBatch {
  const [series, timestamps, steps, values] = decode(bytes, 4) as [Float64Array, Float64Array, Float64Array, Float64Array];
  return { series, timestamps, steps, values };
}

function encode(columns: readonly Float64Array[]): Uint8Array {
  const count = columns[0]?.length ?? 0;
  const writer = new BlockWriter(headBytes + columns.length * (1 + (varintBytes + 1) * count));
  for (const column of columns) writer.column(column);
  return writer.finish(count);
}

function decode(bytes: Uint8Array, columnCount: number): Float64Array[] {
  if (bytes.length < headBytes) throw metricBlockDamaged(`it has ${bytes.length} bytes`);
  if (bytes[0] !== version) throw metricBlockDamaged(`its version is ${bytes[0]}, known is ${version}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (crc32(bytes.subarray(5)) !== view.getUint32(1, true)) throw metricBlockDamaged('its checksum is wrong');
  const count = view.getUint32(5, true);
  const columns = Array.from({ length: columnCount }, () => new Float64Array(count));
  let at = headBytes;
  for (const column of columns) at = readColumn(bytes, view, at, column);
  if (at !== bytes.length) throw metricBlockDamaged(`${bytes.length - at} bytes are left over`);
  return columns;
}

/** Kept from block to block, since a write makes many and each is used up before the next begins. */
let scratch = new Uint8Array(128 * 1024);

class BlockWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = headBytes;

  constructor(most: number) {
    if (scratch.length < most) scratch = new Uint8Array(most);
    this.#bytes = scratch;
    this.#view = new DataView(scratch.buffer);
  }

  column(numbers: Float64Array): void {
    const start = this.#at;
    this.#bytes[start] = written.whole;
    this.#at = start + 1;
    if (this.#whole(numbers)) return;
    const isSingle = numbers.every((number) => Math.fround(number) === number || number !== number);
    this.#bytes[start] = isSingle ? written.float32 : written.float64;
    this.#at = start + 1;
    const view = this.#view;
    for (const number of numbers) {
      if (isSingle) view.setFloat32(this.#at, number, true);
      else view.setFloat64(this.#at, number, true);
      this.#at += isSingle ? 4 : 8;
    }
  }

  finish(count: number): Uint8Array {
    this.#view.setUint32(5, count, true);
    this.#view.setUint32(1, crc32(this.#bytes.subarray(5, this.#at)), true);
    this.#bytes[0] = version;
    return this.#bytes.slice(0, this.#at);
  }

  /**
   * The first number, then by how much each difference is larger than the one before; a 0 is followed by how many more
   * of them come. An even step or clock so takes no room.
   *
   * @returns false where a number is not whole, or too large for differences to be exact
   */
  #whole(numbers: Float64Array): boolean {
    let before = 0;
    let difference = 0;
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      if (!Number.isSafeInteger(number) || Object.is(number, -0)) return false;
      const change = number - before - difference;
      if (change > largestChange || change < -largestChange || !Number.isSafeInteger(number - before)) return false;
      this.#varint(change >= 0 ? 2 * change : -2 * change - 1);
      if (index > 0) difference = number - before;
      before = number;
      if (change === 0) {
        const first = index;
        while (index + 1 < numbers.length && Object.is(numbers[index + 1], before + difference)) {
          before += difference;
          index += 1;
          if (!Number.isSafeInteger(before)) return false;
        }
        this.#varint(index - first);
      }
    }
    return true;
  }

  #varint(number: number): void {
    let rest = number;
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }
}

/** @returns where the column ends */
function readColumn(bytes: Uint8Array, view: DataView, start: number, column: Float64Array): number {
  const how = bytes[start];
  if (how === written.whole) return readWhole(bytes, start + 1, column);
  if (how !== written.float32 && how !== written.float64) throw metricBlockDamaged(`a column is written in the way ${how}`);
  const size = how === written.float32 ? 4 : 8;
  const end = start + 1 + size * column.length;
  if (end > bytes.length) throw metricBlockDamaged('it is too short');
  for (let index = 0, at = start + 1; index < column.length; index += 1, at += size) {
    column[index] = size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
  }
  return end;
}

function readWhole(bytes: Uint8Array, start: number, column: Float64Array): number {
  let at = start;
  let number = 0;
  let difference = 0;
  const varint = (): number => {
    let byte = bytes[at++] as number;
    let read = byte & 127;
    for (let scale = 128; byte >= 128; scale *= 128) {
      byte = bytes[at++] as number;
      read += (byte & 127) * scale;
    }
    return read;
  };
  for (let index = 0; index < column.length; ) {
    const code = varint();
    const change = code % 2 === 0 ? code / 2 : -(code + 1) / 2;
    const isFirst = index === 0;
    if (!isFirst) difference += change;
    number += isFirst ? change : difference;
    column[index++] = number;
    if (code !== 0) continue;
    const end = index + varint();
    if (end > column.length) throw metricBlockDamaged('a stretch is too long');
    while (index < end) column[index++] = number += difference;
  }
  return at;
}
