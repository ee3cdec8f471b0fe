import { crc32 } from 'node:zlib';
import {
  columnTypes,
  type ColumnPlace,
  type ColumnType,
  type FeatureBlock,
  type NewRecord,
  type PredictionRecord,
  type RecordHead,
  type RecordShape,
  type RecordValue,
  type RecordValues,
  type StoredColumn,
  type StoredRecord,
} from './prediction-record.ts';

/**
 * The bytes of a record in a segment. Numbers are little-endian; every part begins at a multiple of 8 bytes, so that
 * columns can be read and written in place.
 *
 *     u32 length of the payload, u32 CRC-32 of the payload
 *     payload: u32 length of the head, u32 length of the names, u32 count of columns, u32 zero
 *              head: JSON object of what all rows share; names: JSON list of the columns' names
 *              per column: u8 type, u8 1 when values are missing, u16 zero, u32 length of its values
 *              per column: one bit per row, set where there is a value (only when values are missing); the values there are
 *
 * Values by type: float64, float32, int64, int32: themselves; boolean: a byte each; text: u32 length, then UTF-8;
 * dictionary: u32 count of distinct texts, these texts, then a byte per value, which of them it is. Texts are laid out
 * as in Parquet's plain encoding, so compaction copies them as they are.
 *
 * @see docs/reference/prediction-log.md
 */
export const frameHeaderLength = 8;
const payloadHeaderLength = 16;
const columnHeaderLength = 8;

export const featurePrefix = 'feature_';
export const probabilityPrefix = 'proba_';

const keptBytes = 1024 * 1024;
const dictionarySize = 256;
/** Fewer values are not worth a dictionary. */
const dictionaryFrom = 16;

const padded = (length: number): number => (length + 7) & ~7;

/** Collects records in one buffer, which is then written as it is. */
export class RecordWriter {
  #bytes = Buffer.alloc(keptBytes);
  #floats = floatsOver(this.#bytes);
  #end = 0;
  readonly #names = new WeakMap<readonly string[], { readonly kind: string; readonly json: Buffer }>();

  /** The records since the last `clear`; valid until the next call. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
    if (this.#bytes.length > 4 * keptBytes) this.#replace(keptBytes);
  }

  add(record: NewRecord): void {
    const start = this.#end;
    try {
      this.#add(record, start);
    } catch (cause) {
      this.#end = start;
      throw cause;
    }
  }

  #add(record: NewRecord, start: number): void {
    const { eventAt, keys, features, block, prediction, probabilities, ...head } = record;
    const columns: RecordValues[] = [];
    const put = (name: string, values: RecordValues): void => {
      if (values.length !== record.rowCount) {
        throw new RangeError(`the column ${name} has ${values.length} values for ${record.rowCount} rows`);
      }
      columns.push(values);
    };
    if (eventAt !== null) put('event_at', eventAt);
    if (keys !== null) put('key', keys);
    put('prediction', prediction);
    const blockAt = columns.length;
    if (block === undefined)
      for (const name in features) put(featurePrefix + name, features[name] as RecordValues);
    for (const label in probabilities) put(probabilityPrefix + label, probabilities[label] as RecordValues);

    const payload = start + frameHeaderLength;
    this.#end = payload + payloadHeaderLength;
    const headLength = this.#putText(JSON.stringify(head));
    const namesLength = this.#putNames(record);
    this.#pad();
    const blockCount = block?.names.length ?? 0;
    const columnCount = columns.length + blockCount;
    let header = this.#end;
    this.#reserve(columnCount * columnHeaderLength);
    this.#end += columnCount * columnHeaderLength;
    for (let index = 0; index <= columns.length; index++) {
      if (index === blockAt && block !== undefined) {
        this.#putBlock(header, block, record.rowCount);
        header += blockCount * columnHeaderLength;
      }
      if (index === columns.length) break;
      this.#putColumn(header, columns[index] as RecordValues);
      header += columnHeaderLength;
    }

    this.#bytes.writeUInt32LE(headLength, payload);
    this.#bytes.writeUInt32LE(namesLength, payload + 4);
    this.#bytes.writeUInt32LE(columnCount, payload + 8);
    this.#bytes.writeUInt32LE(0, payload + 12);
    this.#bytes.writeUInt32LE(this.#end - payload, start);
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(payload, this.#end)), start + 4);
  }

  /** JSON of the columns' names; it is the same for all records of a model and a kind of request, so it is kept. */
  #putNames(record: NewRecord): number {
    const { eventAt, keys, features, block, probabilities } = record;
    const labels = Object.keys(probabilities);
    const make = (): string =>
      JSON.stringify([
        ...(eventAt === null ? [] : ['event_at']),
        ...(keys === null ? [] : ['key']),
        'prediction',
        ...(block?.names ?? Object.keys(features)).map((name) => featurePrefix + name),
        ...labels.map((label) => probabilityPrefix + label),
      ]);
    if (block === undefined) return this.#putText(make());
    const kind = `${eventAt === null} ${keys === null} ${JSON.stringify(labels)}`;
    let kept = this.#names.get(block.names);
    if (kept?.kind !== kind) this.#names.set(block.names, (kept = { kind, json: Buffer.from(make()) }));
    this.#reserve(kept.json.length);
    kept.json.copy(this.#bytes, this.#end);
    this.#end += kept.json.length;
    return kept.json.length;
  }

  /** As `#putColumn` for each of its columns: they lie in memory as in the record. */
  #putBlock(header: number, { names, values }: FeatureBlock, rowCount: number): void {
    if (values.length !== names.length * rowCount) {
      throw new RangeError(`${values.length} values for ${names.length} columns of ${rowCount} rows`);
    }
    for (let at = header; at < header + names.length * columnHeaderLength; at += columnHeaderLength) {
      this.#bytes.writeUInt32LE(columnTypes.float64, at);
      this.#bytes.writeUInt32LE(rowCount * 8, at + 4);
    }
    this.#putFloats(values);
  }

  #putColumn(header: number, values: RecordValues): void {
    const type = typeOf(values);
    const missingCount = countMissing(values);
    let given = values;
    if (missingCount > 0) {
      given = presentOnly(values, values.length - missingCount);
      this.#putPresence(values);
    }
    const start = this.#end;
    const kept = this.#putValues(type, given);
    this.#bytes[header] = columnTypes[kept];
    this.#bytes[header + 1] = missingCount > 0 ? 1 : 0;
    this.#bytes.writeUInt16LE(0, header + 2);
    this.#bytes.writeUInt32LE(this.#end - start, header + 4);
    this.#pad();
  }

  #putPresence(values: RecordValues): void {
    const length = (values.length + 7) >>> 3;
    this.#reserve(length);
    this.#bytes.fill(0, this.#end, this.#end + length);
    for (let row = 0; row < values.length; row++) {
      if (isMissing(values[row])) continue;
      const at = this.#end + (row >>> 3);
      this.#bytes[at] = (this.#bytes[at] as number) | (1 << (row & 7));
    }
    this.#end += length;
    this.#pad();
  }

  #putValues(type: GivenType, values: RecordValues): ColumnType {
    if (type === 'text') return this.#putTexts(values as readonly RecordValue[]);
    if (type === 'float64') this.#putFloats(values as ArrayLike<number>);
    else if (type === 'boolean') {
      this.#reserve(values.length);
      for (const value of values as readonly boolean[]) this.#bytes[this.#end++] = value ? 1 : 0;
    } else {
      const array = narrow[type](values);
      this.#reserve(array.byteLength);
      this.#bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), this.#end);
      this.#end += array.byteLength;
    }
    return type;
  }

  #putFloats(values: ArrayLike<number>): void {
    this.#reserve(values.length * 8);
    const first = this.#end / 8;
    if (values instanceof Float64Array && values.length > 16) this.#floats.set(values, first);
    else
      for (let index = 0; index < values.length; index++)
        this.#floats[first + index] = values[index] as number;
    this.#end += values.length * 8;
  }

  /** As a dictionary where the values repeat. */
  #putTexts(values: readonly RecordValue[]): ColumnType {
    const distinct = values.length < dictionaryFrom ? undefined : distinctOf(values);
    if (distinct === undefined) {
      for (const value of values) this.#putPrefixed(value);
      return 'text';
    }
    this.#reserve(4);
    this.#bytes.writeUInt32LE(distinct.size, this.#end);
    this.#end += 4;
    for (const value of distinct.keys()) this.#putPrefixed(value);
    this.#reserve(values.length);
    for (const value of values) this.#bytes[this.#end++] = distinct.get(String(value)) as number;
    return 'dictionary';
  }

  #putPrefixed(value: RecordValue): void {
    const at = this.#end;
    this.#reserve(4);
    this.#end += 4;
    const length = this.#putText(typeof value === 'string' ? value : String(value));
    this.#bytes.writeUInt32LE(length, at);
  }

  /** @returns its length in bytes */
  #putText(text: string): number {
    this.#reserve(text.length * 3);
    const start = this.#end;
    if (text.length <= 32) {
      // short texts are mostly ASCII: a call into the encoder costs more than they do
      let index = 0;
      for (let code = 0; index < text.length && (code = text.charCodeAt(index)) < 128; index++)
        this.#bytes[start + index] = code;
      if (index === text.length) {
        this.#end = start + index;
        return index;
      }
    }
    const length = this.#bytes.write(text, start);
    this.#end = start + length;
    return length;
  }

  #pad(): void {
    const end = padded(this.#end);
    this.#reserve(8);
    while (this.#end < end) this.#bytes[this.#end++] = 0;
  }

  #reserve(length: number): void {
    if (this.#end + length + 8 <= this.#bytes.length) return;
    this.#replace(Math.max(this.#bytes.length * 2, padded(this.#end + length + 8)));
  }

  #replace(length: number): void {
    const grown = Buffer.alloc(length);
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
    this.#floats = floatsOver(grown);
  }
}

const floatsOver = (bytes: Buffer): Float64Array =>
  new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 3);

const isMissing = (value: unknown): boolean => value === null || value === undefined || value !== value;

function countMissing(values: RecordValues): number {
  let count = 0;
  if (values instanceof Int32Array || values instanceof BigInt64Array) return 0;
  if (values instanceof Float64Array || values instanceof Float32Array) {
    for (let row = 0; row < values.length; row++) if (values[row] !== values[row]) count++;
    return count;
  }
  for (const value of values) if (isMissing(value)) count++;
  return count;
}

function presentOnly(values: RecordValues, count: number): RecordValues {
  const isFloat = values instanceof Float64Array || values instanceof Float32Array;
  if (!isFloat) return (values as readonly RecordValue[]).filter((value) => !isMissing(value));
  const present = values instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
  let end = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (value === value) present[end++] = value;
  }
  return present;
}

/** Whether texts get a dictionary is seen when they are written. */
type GivenType = Exclude<ColumnType, 'dictionary'>;

/** The narrowest type that holds all values; values of several kinds are kept as texts. */
function typeOf(values: RecordValues): GivenType {
  if (values instanceof Float64Array) return 'float64';
  if (values instanceof Float32Array) return 'float32';
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof BigInt64Array) return 'int64';
  let type: GivenType | undefined;
  for (const value of values) {
    if (isMissing(value)) continue;
    const own = typeOfValue(value);
    if (type === own || type === undefined) type = own;
    else if (type === 'int32' && own === 'float64') type = own;
    else if (type !== 'float64' || own !== 'int32') return 'text';
  }
  return type ?? 'float64';
}

function typeOfValue(value: RecordValue): GivenType {
  if (typeof value === 'number') return (value | 0) === value && !Object.is(value, -0) ? 'int32' : 'float64';
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? 'int64' : 'text';
  return typeof value === 'boolean' ? 'boolean' : 'text';
}

type Narrow = (values: RecordValues) => Float32Array | Int32Array | BigInt64Array;

const narrow: Record<'float32' | 'int32' | 'int64', Narrow> = {
  float32: (values) => values as Float32Array,
  int32: (values) => (values instanceof Int32Array ? values : Int32Array.from(values as readonly number[])),
  int64: (values) =>
    values instanceof BigInt64Array ? values : BigInt64Array.from(values as readonly bigint[]),
};

/** Text → its place; undefined when there are too many. */
function distinctOf(values: readonly RecordValue[]): Map<string, number> | undefined {
  const places = new Map<string, number>();
  const most = Math.min(dictionarySize, values.length >>> 1);
  for (const value of values) {
    const text = typeof value === 'string' ? value : String(value);
    if (places.has(text)) continue;
    if (places.size === most) return undefined;
    places.set(text, places.size);
  }
  return places;
}

const typesByCode = Object.keys(columnTypes) as ColumnType[];

/** What all rows of a record share, without its columns. */
export function decodeHead(payload: Buffer): RecordHead {
  const length = payload.readUInt32LE(0);
  return JSON.parse(
    payload.toString('utf8', payloadHeaderLength, payloadHeaderLength + length),
  ) as RecordHead;
}

/** A record in place: nothing of its columns is copied. */
export function decodeRecord(payload: Buffer): StoredRecord {
  const head = decodeHead(payload);
  const namesAt = payloadHeaderLength + payload.readUInt32LE(0);
  const namesEnd = namesAt + payload.readUInt32LE(4);
  const table = padded(namesEnd);
  const columnsAt = table + payload.readUInt32LE(8) * columnHeaderLength;
  // names and table as they are tell one shape from another
  const key = `${head.rowCount} ${payload.toString('latin1', namesAt, columnsAt)}`;
  let shape = knownShapes.get(key);
  if (shape === undefined) {
    if (knownShapes.size >= 1000) knownShapes.clear();
    knownShapes.set(
      key,
      (shape = readShape(
        payload,
        head.rowCount,
        JSON.parse(payload.toString('utf8', namesAt, namesEnd)) as string[],
        table,
      )),
    );
  }
  return { head, shape, payload, columnsAt };
}

const knownShapes = new Map<string, RecordShape>();

function readShape(payload: Buffer, rowCount: number, names: readonly string[], table: number): RecordShape {
  const shape = new Map<string, ColumnPlace>();
  let end = 0;
  const take = (byteCount: number): number => {
    const at = end;
    end += padded(byteCount);
    return at;
  };
  for (const [index, name] of names.entries()) {
    const header = table + index * columnHeaderLength;
    const type = typesByCode[(payload[header] as number) - 1];
    if (type === undefined)
      throw new RangeError(`the column ${name} is of the unknown type ${payload[header]}`);
    const presentAt = payload[header + 1] === 1 ? take((rowCount + 7) >>> 3) : null;
    const byteCount = payload.readUInt32LE(header + 4);
    shape.set(name, { type, presentAt, at: take(byteCount), byteCount });
  }
  return shape;
}

/** A column of a record; its bytes are views of the payload. */
export function columnOf(
  { head, shape, payload, columnsAt }: StoredRecord,
  name: string,
): StoredColumn | undefined {
  const place = shape.get(name);
  if (place === undefined) return undefined;
  const view = (at: number, byteCount: number): Uint8Array =>
    new Uint8Array(payload.buffer, payload.byteOffset + columnsAt + at, byteCount);
  return {
    type: place.type,
    present: place.presentAt === null ? null : view(place.presentAt, (head.rowCount + 7) >>> 3),
    bytes: view(place.at, place.byteCount),
  };
}

/** Its values as numbers, without the missing ones; undefined for texts. */
export function numbersOf(
  column: StoredColumn,
): Float64Array | Float32Array | Int32Array | BigInt64Array | undefined {
  const array = { float64: Float64Array, float32: Float32Array, int32: Int32Array, int64: BigInt64Array }[
    column.type as 'float64'
  ];
  if (array === undefined) return undefined;
  const { bytes } = column;
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes);
  return new array(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    aligned.byteLength / array.BYTES_PER_ELEMENT,
  );
}

/** The texts of bytes in Parquet's plain encoding: u32 length, then UTF-8. */
export function textsIn(
  bytes: Uint8Array,
  from = 0,
  count = Number.POSITIVE_INFINITY,
): { texts: string[]; end: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = from;
  while (at < buffer.length && texts.length < count) {
    const length = buffer.readUInt32LE(at);
    texts.push(buffer.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { texts, end: at };
}

/** A dictionary's distinct texts, and which of them each value is. */
export function dictionaryOf(column: StoredColumn): { texts: string[]; places: Uint8Array } {
  const count = Buffer.from(column.bytes.buffer, column.bytes.byteOffset, 4).readUInt32LE(0);
  const { texts, end } = textsIn(column.bytes, 4, count);
  return { texts, places: column.bytes.subarray(end) };
}

/** One value per row, null where it is missing. */
export function listOf(column: StoredColumn, rowCount: number): RecordValue[] {
  const values = presentValues(column);
  const { present } = column;
  if (present === null) return values;
  let next = 0;
  return Array.from({ length: rowCount }, (_, row) =>
    isPresent(present, row) ? (values[next++] ?? null) : null,
  );
}

export const isPresent = (present: Uint8Array, row: number): boolean =>
  ((present[row >>> 3] as number) & (1 << (row & 7))) !== 0;

function presentValues(column: StoredColumn): RecordValue[] {
  if (column.type === 'text') return textsIn(column.bytes).texts;
  if (column.type === 'boolean') return Array.from(column.bytes, (byte) => byte === 1);
  if (column.type === 'dictionary') {
    const { texts, places } = dictionaryOf(column);
    return Array.from(places, (place) => texts[place] as string);
  }
  return Array.from(numbersOf(column) as ArrayLike<number | bigint>);
}

/** A record with its columns as plain lists. */
export function plainRecord(record: StoredRecord): PredictionRecord {
  const { head, shape } = record;
  const list = (name: string): RecordValue[] | null => {
    const column = columnOf(record, name);
    return column === undefined ? null : listOf(column, head.rowCount);
  };
  const listsOf = <Value extends RecordValue>(prefix: string): Record<string, Value[]> =>
    Object.fromEntries(
      [...shape.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name.slice(prefix.length), (list(name) ?? []) as Value[]]),
    );
  return {
    ...head,
    eventAt: list('event_at') as (number | null)[] | null,
    keys: list('key') as string[] | null,
    features: listsOf(featurePrefix),
    prediction: list('prediction') ?? [],
    probabilities: listsOf(probabilityPrefix),
  };
}
