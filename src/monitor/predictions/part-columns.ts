import type { RecordHead, RecordValue, StoredColumn, StoredRecord } from '../../deploy/serving/log/prediction-record.ts';
import { columnOf, dictionaryOf, featurePrefix, isPresent, listOf, numbersOf, probabilityPrefix } from '../../deploy/serving/log/record-format.ts';
import { packBits, type ParquetColumn, type ParquetType } from './parquet.ts';
import type { ColumnType, Layout } from './prediction-layout.ts';

/** Rows of a record that follow each other: [from, to). */
export interface Slice {
  readonly record: StoredRecord;
  /** ms since the epoch per row of the record, when it happened; empty when the caller said it of none */
  readonly times: Float64Array;
  readonly from: number;
  readonly to: number;
}

export const rowsIn = (slices: readonly Slice[]): number => slices.reduce((sum, { from, to }) => sum + to - from, 0);

/** The columns of a part that holds these rows. */
export function partColumns(slices: readonly Slice[], layout: Layout): ParquetColumn[] {
  const { schemaHash } = slices[0]?.record.head ?? { schemaHash: '' };
  const texts = (name: string, of: (head: RecordHead) => string | null): ParquetColumn => sharedColumn(slices, name, 'text', of);
  const value = (name: string, type: ColumnType): ParquetColumn => valueColumn(slices, name, name, type);
  return [
    texts('request_id', (head) => head.requestId),
    rowNumbers(slices),
    sharedColumn(slices, 'ts', 'timestamp', (head) => head.at),
    eventTimes(slices),
    valueColumn(slices, 'key', 'key', 'text'),
    texts('model', (head) => head.model),
    sharedColumn(slices, 'version', 'int32', (head) => head.version),
    texts('endpoint', (head) => head.endpoint),
    texts('variant', (head) => head.variant),
    texts('run_id', (head) => head.runId),
    texts('schema_hash', () => schemaHash),
    ...Object.entries(layout.features).map(([name, type]) => value(featurePrefix + name, type)),
    ...(layout.prediction === null ? [] : [value('prediction', layout.prediction)]),
    ...layout.classes.map((label) => value(probabilityPrefix + label, 'number')),
    sharedColumn(slices, 'latency_us', 'double', (head) => head.latencyUs),
    texts('status', (head) => head.status),
    texts('error', (head) => head.error),
    texts('caller', (head) => head.caller),
    texts('trace_id', (head) => head.traceId),
  ];
}

/** What all rows of a record share: a dictionary and a run per record. */
function sharedColumn<Shared extends string | number>(
  slices: readonly Slice[],
  name: string,
  type: ParquetType,
  of: (head: RecordHead) => Shared | null,
): ParquetColumn {
  const presence = new Uint8Array(rowsIn(slices));
  const places = new Map<Shared, number>();
  const runs: number[] = [];
  let row = 0;
  for (const { record, from, to } of slices) {
    const value = of(record.head);
    const end = row + to - from;
    if (value !== null) {
      presence.fill(1, row, end);
      let place = places.get(value);
      if (place === undefined) places.set(value, (place = places.size));
      if (runs.length > 0 && runs.at(-2) === place) runs[runs.length - 1] = (runs.at(-1) as number) + end - row;
      else runs.push(place, end - row);
    }
    row = end;
  }
  const values = [...places.keys()];
  const distinct = plainValues(values, type);
  const isTime = type === 'timestamp' && values.length > 0;
  const range = isTime ? timeRange(values as number[]) : undefined;
  return { name, type, isPresent: presence, content: { distinct: [distinct], distinctCount: places.size, places: { runs } }, range };
}

function rowNumbers(slices: readonly Slice[]): ParquetColumn {
  const rowCount = rowsIn(slices);
  const numbers = new Int32Array(rowCount);
  let end = 0;
  for (const { from, to } of slices) for (let row = from; row < to; row++) numbers[end++] = row;
  return { name: 'row', type: 'int32', isPresent: new Uint8Array(rowCount).fill(1), content: { values: [bytesOf(numbers)] } };
}

function eventTimes(slices: readonly Slice[]): ParquetColumn {
  const { presence, numbers } = gatherNumbers(slices, 'event_at');
  const range = numbers.length === 0 ? undefined : timeRange(numbers);
  return { name: 'event_ts', type: 'timestamp', isPresent: presence, content: { values: [microseconds(numbers)] }, range };
}

function timeRange(times: ArrayLike<number>): NonNullable<ParquetColumn['range']> {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < times.length; index++) {
    least = Math.min(least, times[index] as number);
    most = Math.max(most, times[index] as number);
  }
  return { least: microseconds([least]), most: microseconds([most]) };
}

/** Milliseconds as 64-bit microseconds, written by halves: a BigInt is an object, and there is one per row. */
function microseconds(times: ArrayLike<number>): Uint8Array {
  const halves = new Int32Array(times.length * 2);
  for (let index = 0; index < times.length; index++) {
    const micros = Math.round((times[index] as number) * 1000);
    const high = Math.floor(micros / 2 ** 32);
    halves[index * 2] = micros - high * 2 ** 32;
    halves[index * 2 + 1] = high;
  }
  return bytesOf(halves);
}

function valueColumn(slices: readonly Slice[], name: string, stored: string, type: ColumnType): ParquetColumn {
  if (type === 'number') {
    const { presence, numbers } = gatherNumbers(slices, stored);
    return { name, type: 'double', isPresent: presence, content: { values: [bytesOf(numbers)] } };
  }
  if (type === 'boolean') {
    const { presence, pieces } = gather(slices, stored, (column, first, last) =>
      column.type === 'boolean' ? column.bytes.subarray(first, last) : undefined,
    );
    return { name, type, isPresent: presence, content: { values: [packBits(Buffer.concat(pieces))] } };
  }
  return textColumn(slices, name, stored);
}

/** Values as numbers; what is no number is missing. */
function gatherNumbers(slices: readonly Slice[], name: string): { presence: Uint8Array; numbers: Float64Array } {
  const isPlain = slices.every(({ record }) => {
    const place = record.shape.get(name);
    return place?.type === 'float64' && place.presentAt === null;
  });
  return isPlain ? copyFloats(slices, name) : convertNumbers(slices, name);
}

/** The common case, without an object per column and record: requests of one row make many records. */
function copyFloats(slices: readonly Slice[], name: string): { presence: Uint8Array; numbers: Float64Array } {
  const rowCount = rowsIn(slices);
  const numbers = new Float64Array(rowCount);
  const bytes = bytesOf(numbers);
  let end = 0;
  for (const { record, from, to } of slices) {
    const { payload, columnsAt } = record;
    const at = columnsAt + (record.shape.get(name)?.at ?? 0) + from * 8;
    const length = (to - from) * 8;
    // copying eight bytes here is quicker than asking for it
    if (length === 8) for (let byte = 0; byte < 8; byte++) bytes[end + byte] = payload[at + byte] as number;
    else payload.copy(bytes, end, at, at + length);
    end += length;
  }
  return { presence: new Uint8Array(rowCount).fill(1), numbers };
}

function convertNumbers(slices: readonly Slice[], name: string): { presence: Uint8Array; numbers: Float64Array } {
  const numbers = new Float64Array(rowsIn(slices));
  let end = 0;
  const { presence } = gather(slices, name, (column, first, last) => {
    const values = numbersOf(column);
    if (values === undefined) return undefined;
    if (values instanceof BigInt64Array) for (let index = first; index < last; index++) numbers[end++] = Number(values[index]);
    else {
      numbers.set(first === 0 && last === values.length ? values : values.subarray(first, last), end);
      end += last - first;
    }
    return nothing;
  }, (value) => {
    const number = value === null || value === '' ? Number.NaN : Number(value);
    if (Number.isNaN(number)) return undefined;
    numbers[end++] = number;
    return nothing;
  });
  return { presence, numbers: numbers.subarray(0, end) };
}

const nothing = new Uint8Array(0);

function textColumn(slices: readonly Slice[], name: string, stored: string): ParquetColumn {
  const types = new Set(slices.map(({ record }) => record.shape.get(stored)?.type));
  types.delete(undefined);
  if (types.size === 1 && types.has('dictionary')) return dictionaryColumn(slices, name, stored);
  const { presence, pieces } = gather(slices, stored, (column, first, last, count) => {
    if (column.type === 'text') {
      return first === 0 && last === count ? column.bytes : column.bytes.subarray(offsetOf(column.bytes, first), offsetOf(column.bytes, last));
    }
    if (column.type !== 'dictionary') return undefined;
    const { texts, places } = dictionaryOf(column);
    const encoded = texts.map((text) => plainText(text));
    return Buffer.concat(Array.from(places.subarray(first, last), (place) => encoded[place] as Buffer));
  }, (value) => plainText(String(value)));
  return { name, type: 'text', isPresent: presence, content: { values: pieces } };
}

function dictionaryColumn(slices: readonly Slice[], name: string, stored: string): ParquetColumn {
  const known = new Map<string, number>();
  const each = new Uint32Array(rowsIn(slices));
  let end = 0;
  const { presence } = gather(slices, stored, (column, first, last) => {
    const { texts, places } = dictionaryOf(column);
    const renumbered = texts.map((text) => {
      let place = known.get(text);
      if (place === undefined) known.set(text, (place = known.size));
      return place;
    });
    for (let index = first; index < last; index++) each[end++] = renumbered[places[index] as number] as number;
    return nothing;
  });
  const places = each.subarray(0, end);
  const distinct = [...known.keys()].map(plainText);
  const content = { distinct, distinctCount: known.size, places: { each: known.size <= 256 ? Uint8Array.from(places) : places } };
  return { name, type: 'text', isPresent: presence, content };
}

/**
 * Collects the values of a column over all slices, and which rows have one.
 *
 * @param take gives the values `first` to `last` of a stored column; undefined when they are of another type than wanted
 * @param fit makes such values fit, one by one; undefined when one can't
 */
function gather(
  slices: readonly Slice[],
  name: string,
  take: (column: StoredColumn, first: number, last: number, count: number) => Uint8Array | undefined,
  fit: (value: Exclude<RecordValue, null>) => Uint8Array | undefined = () => undefined,
): { presence: Uint8Array; pieces: Uint8Array[] } {
  const presence = new Uint8Array(rowsIn(slices));
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { record, from, to } of slices) {
    const column = columnOf(record, name);
    if (column !== undefined) {
      const first = valuesBefore(column, from);
      const last = copyPresence(column, from, to, presence, at, first);
      const { rowCount } = record.head;
      const taken = take(column, first, last, to === rowCount ? last : valuesBefore(column, rowCount));
      if (taken !== undefined) pieces.push(taken);
      else pieces.push(...fitValues(listOf(column, rowCount).slice(from, to), presence, at, fit));
    }
    at += to - from;
  }
  return { presence, pieces };
}

function fitValues(
  values: readonly RecordValue[],
  presence: Uint8Array,
  at: number,
  fit: (value: Exclude<RecordValue, null>) => Uint8Array | undefined,
): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (const [index, value] of values.entries()) {
    const fitted = value === null ? undefined : fit(value);
    presence[at + index] = fitted === undefined ? 0 : 1;
    if (fitted !== undefined) pieces.push(fitted);
  }
  return pieces;
}

function valuesBefore({ present }: StoredColumn, row: number): number {
  if (present === null) return row;
  let count = 0;
  for (let each = 0; each < row; each++) if (isPresent(present, each)) count++;
  return count;
}

/** @returns how many values of the column lie before the row `to` */
function copyPresence({ present }: StoredColumn, from: number, to: number, presence: Uint8Array, at: number, first: number): number {
  if (present === null) {
    presence.fill(1, at, at + to - from);
    return to;
  }
  let last = first;
  for (let row = from; row < to; row++) {
    if (!isPresent(present, row)) continue;
    presence[at + row - from] = 1;
    last++;
  }
  return last;
}

/** Where the text with this number begins. */
function offsetOf(bytes: Uint8Array, index: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let each = 0; each < index; each++) at += 4 + view.getUint32(at, true);
  return at;
}

function plainText(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(4 + length);
  bytes.writeUInt32LE(length);
  bytes.write(text, 4);
  return bytes;
}

function plainValues(values: readonly (string | number)[], type: ParquetType): Uint8Array {
  if (type === 'text') return Buffer.concat((values as string[]).map(plainText));
  if (type === 'timestamp') return microseconds(values as number[]);
  return bytesOf(type === 'int32' ? Int32Array.from(values as number[]) : Float64Array.from(values as number[]));
}

const bytesOf = (array: Int32Array | Float64Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
