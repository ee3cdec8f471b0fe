import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';

export type ParquetType = 'boolean' | 'int32' | 'double' | 'text' | 'timestamp';

/** A column of a file. Values are in Parquet's plain encoding, of the rows that have one. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** 1 where the row has a value; one byte per row */
  readonly isPresent: Uint8Array;
  readonly content: PlainValues | DictionaryValues;
  /** smallest and largest value in the plain encoding, so that readers can pass over the file */
  readonly range?: { readonly least: Uint8Array; readonly most: Uint8Array } | undefined;
}

export interface PlainValues {
  readonly values: readonly Uint8Array[];
}

export interface DictionaryValues {
  readonly distinct: readonly Uint8Array[];
  readonly distinctCount: number;
  /** which of the distinct values: one per value, or runs of (place, count) one after the other */
  readonly places: { readonly each: Uint8Array | Uint32Array } | { readonly runs: readonly number[] };
}

const physicalType: Record<ParquetType, number> = { boolean: 0, int32: 1, timestamp: 2, double: 5, text: 6 };
const plain = 0;
const runLength = 3;
const dictionaryIndexes = 8;
const uncompressed = 0;
const zstd = 6;
/** Below it, setting up the compressor costs more than it saves. */
const worthCompressingBytes = 1024;

const compress = promisify<Uint8Array, object, Buffer>(zstdCompress);
/** Of random numbers of two to six digits, level 1 leaves a third more than level 3, for three quarters of the time; merging packs again. */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * A Parquet file of one row group, with one page of values per column.
 *
 * @see https://parquet.apache.org/docs/file-format/
 */
export async function parquetFile(columns: readonly ParquetColumn[], rowCount: number): Promise<Uint8Array[]> {
  const chunks = await Promise.all(columns.map(encodeChunk));
  const pieces: Uint8Array[] = [magic];
  const metadata: Struct[] = [];
  let offset = magic.length;
  for (const [index, chunk] of chunks.entries()) {
    metadata.push(chunkMetadata(columns[index] as ParquetColumn, chunk, rowCount, offset));
    pieces.push(...chunk.pieces);
    offset += lengthOf(chunk.pieces);
  }
  const footer = encodeStruct({
    1: i32(2),
    2: structs([{ 4: text('schema'), 5: i32(columns.length) }, ...columns.map(schemaElement)]),
    3: i64(rowCount),
    4: structs([{ 1: structs(metadata), 2: i64(offset - magic.length), 3: i64(rowCount) }]),
    6: text('tilth'),
    7: structs(columns.map(() => ({ 1: struct({}) }))),
  });
  return [...pieces, footer, u32(footer.length), magic];
}

const magic = Buffer.from('PAR1');

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, piece) => sum + piece.length, 0);

interface Chunk {
  /** pages with their headers */
  readonly pieces: readonly Uint8Array[];
  readonly codec: number;
  readonly dictionaryLength: number;
  readonly uncompressedLength: number;
  readonly missingCount: number;
}

async function encodeChunk(column: ParquetColumn): Promise<Chunk> {
  const { content, isPresent } = column;
  const levels = encodeLevels(isPresent);
  const values = 'values' in content ? content.values : encodePlaces(content);
  const body = Buffer.concat([u32(levels.bytes.length), levels.bytes, ...values]);
  const distinct = 'values' in content ? undefined : Buffer.concat(content.distinct);
  // one codec for all pages of a column
  const codec = Math.max(body.length, distinct?.length ?? 0) < worthCompressingBytes ? uncompressed : zstd;
  const encoding = distinct === undefined ? plain : dictionaryIndexes;
  const dataPage = { 1: i32(isPresent.length), 2: i32(encoding), 3: i32(runLength), 4: i32(runLength) };
  const page = await encodePage({ 1: i32(0), 5: struct(dataPage) }, body, codec);
  if (distinct === undefined) return { ...page, codec, dictionaryLength: 0, missingCount: levels.missingCount };
  const dictionaryPage = { 1: i32((content as DictionaryValues).distinctCount), 2: i32(plain) };
  const dictionary = await encodePage({ 1: i32(2), 7: struct(dictionaryPage) }, distinct, codec);
  return {
    pieces: [...dictionary.pieces, ...page.pieces],
    codec,
    dictionaryLength: lengthOf(dictionary.pieces),
    uncompressedLength: dictionary.uncompressedLength + page.uncompressedLength,
    missingCount: levels.missingCount,
  };
}

async function encodePage(fields: Struct, body: Buffer, codec: number) {
  const stored = codec === zstd ? await compress(body, compression) : body;
  const header = encodeStruct({ ...fields, 2: i32(body.length), 3: i32(stored.length) });
  return { pieces: [header, stored], uncompressedLength: header.length + body.length };
}

/** Definition levels: one run where all rows are alike, else a bit per row. */
function encodeLevels(isPresent: Uint8Array): { bytes: Uint8Array; missingCount: number } {
  let missingCount = 0;
  for (const each of isPresent) if (each === 0) missingCount++;
  if (missingCount === 0 || missingCount === isPresent.length) {
    return { bytes: Uint8Array.from([...varint(isPresent.length * 2), missingCount === 0 ? 1 : 0]), missingCount };
  }
  const bits = packBits(isPresent);
  return { bytes: Buffer.concat([Uint8Array.from(varint(bits.length * 2 + 1)), bits]), missingCount };
}

/** A bit per byte, lowest first: definition levels, and booleans. */
export function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array((bytes.length + 7) >>> 3);
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] === 1) bits[index >>> 3] = (bits[index >>> 3] as number) | (1 << (index & 7));
  }
  return bits;
}

function encodePlaces({ places, distinctCount }: DictionaryValues): Uint8Array[] {
  if ('runs' in places) {
    const width = distinctCount > 65_536 ? 4 : distinctCount > 256 ? 2 : 1;
    const bytes = [width * 8];
    for (let at = 0; at < places.runs.length; at += 2) {
      bytes.push(...varint((places.runs[at + 1] as number) * 2));
      for (let byte = 0; byte < width; byte++) bytes.push(((places.runs[at] as number) >>> (byte * 8)) & 255);
    }
    return [Uint8Array.from(bytes)];
  }
  // whole bytes per place: the packing is a copy, and the compressor takes out what is empty
  const { each } = places;
  const groupCount = Math.ceil(each.length / 8);
  const padding = new Uint8Array((groupCount * 8 - each.length) * each.BYTES_PER_ELEMENT);
  const raw = new Uint8Array(each.buffer, each.byteOffset, each.byteLength);
  return [Uint8Array.from([each.BYTES_PER_ELEMENT * 8, ...varint(groupCount * 2 + 1)]), raw, padding];
}

function schemaElement({ name, type }: ParquetColumn): Struct {
  const element: Struct = { 1: i32(physicalType[type]), 3: i32(1), 4: text(name) };
  if (type === 'text') return { ...element, 6: i32(0), 10: struct({ 1: struct({}) }) };
  // microseconds, of no time zone
  if (type === 'timestamp') return { ...element, 10: struct({ 8: struct({ 1: bool(false), 2: struct({ 2: struct({}) }) }) }) };
  return element;
}

function chunkMetadata(column: ParquetColumn, chunk: Chunk, rowCount: number, offset: number): Struct {
  const hasDictionary = chunk.dictionaryLength > 0;
  const range: Struct = column.range === undefined ? {} : { 5: bytes(column.range.most), 6: bytes(column.range.least) };
  const metadata: Struct = {
    1: i32(physicalType[column.type]),
    2: i32s(hasDictionary ? [plain, runLength, dictionaryIndexes] : [plain, runLength]),
    3: texts([column.name]),
    4: i32(chunk.codec),
    5: i64(rowCount),
    6: i64(chunk.uncompressedLength),
    7: i64(lengthOf(chunk.pieces)),
    9: i64(offset + chunk.dictionaryLength),
    ...(hasDictionary ? { 11: i64(offset) } : {}),
    12: struct({ 3: i64(chunk.missingCount), ...range }),
  };
  return { 2: i64(offset), 3: struct(metadata) };
}

/** A value in Thrift's compact protocol: its type code and its bytes. @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
interface Value {
  readonly code: number;
  readonly bytes: readonly Uint8Array[];
}

/** By field number; numbers come in ascending order. */
type Struct = Readonly<Record<number, Value>>;

const value = (code: number, ...parts: Uint8Array[]): Value => ({ code, bytes: parts });
const i32 = (number: number): Value => value(5, Uint8Array.from(zigzag(number)));
const i64 = (number: number): Value => value(6, Uint8Array.from(zigzag(number)));
const bool = (is: boolean): Value => value(is ? 1 : 2);
const bytes = (of: Uint8Array): Value => value(8, Uint8Array.from(varint(of.length)), of);
const text = (of: string): Value => bytes(Buffer.from(of));
const struct = (of: Struct): Value => value(12, encodeStruct(of));
const structs = (list: readonly Struct[]): Value => listOf(12, list.map(encodeStruct));
const texts = (list: readonly string[]): Value => listOf(8, list.map((each) => Buffer.concat(text(each).bytes)));
const i32s = (list: readonly number[]): Value => listOf(5, list.map((each) => Uint8Array.from(zigzag(each))));

const listOf = (code: number, items: readonly Uint8Array[]): Value => {
  const header = items.length < 15 ? [(items.length << 4) | code] : [0xf0 | code, ...varint(items.length)];
  return value(9, Uint8Array.from(header), ...items);
};

function encodeStruct(fields: Struct): Buffer {
  const parts: Uint8Array[] = [];
  let before = 0;
  for (const [key, each] of Object.entries(fields)) {
    const id = Number(key);
    parts.push(Uint8Array.of(((id - before) << 4) | each.code), ...each.bytes);
    before = id;
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

const zigzag = (number: number): number[] => varint(number < 0 ? -number * 2 - 1 : number * 2);

function varint(number: number): number[] {
  const digits: number[] = [];
  let rest = number;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) | 128);
  return [...digits, rest];
}

function u32(number: number): Buffer {
  const of = Buffer.alloc(4);
  of.writeUInt32LE(number);
  return of;
}
