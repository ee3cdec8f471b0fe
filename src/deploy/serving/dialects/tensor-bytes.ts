import type { Cell, Column } from '../engines/rows.ts';
import { columnWrong, shapeWrong } from '../serving-errors.ts';

/** How one element of a datatype lies in bytes: little-endian. */
interface Element {
  /** bytes */
  readonly size: number;
  read(view: DataView, at: number): number | boolean;
  write(view: DataView, at: number, value: number): void;
}

/** Datatypes of the Open Inference Protocol with elements of one size; BF16 is Triton's and has no other form than bytes. */
const elements: Readonly<Record<string, Element>> = {
  BOOL: {
    size: 1,
    read: (view, at) => view.getUint8(at) !== 0,
    write: (view, at, value) => view.setUint8(at, value),
  },
  UINT8: {
    size: 1,
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, value),
  },
  INT8: {
    size: 1,
    read: (view, at) => view.getInt8(at),
    write: (view, at, value) => view.setInt8(at, value),
  },
  UINT16: {
    size: 2,
    read: (view, at) => view.getUint16(at, true),
    write: (view, at, value) => view.setUint16(at, value, true),
  },
  INT16: {
    size: 2,
    read: (view, at) => view.getInt16(at, true),
    write: (view, at, value) => view.setInt16(at, value, true),
  },
  UINT32: {
    size: 4,
    read: (view, at) => view.getUint32(at, true),
    write: (view, at, value) => view.setUint32(at, value, true),
  },
  INT32: {
    size: 4,
    read: (view, at) => view.getInt32(at, true),
    write: (view, at, value) => view.setInt32(at, value, true),
  },
  UINT64: {
    size: 8,
    read: (view, at) => Number(view.getBigUint64(at, true)),
    write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  INT64: {
    size: 8,
    read: (view, at) => Number(view.getBigInt64(at, true)),
    write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  FP16: {
    size: 2,
    read: (view, at) => view.getFloat16(at, true),
    write: (view, at, value) => view.setFloat16(at, value, true),
  },
  BF16: {
    size: 2,
    read: readBfloat16,
    write: (view, at, value) => view.setUint16(at, float32Bits(value) >>> 16, true),
  },
  FP32: {
    size: 4,
    read: (view, at) => view.getFloat32(at, true),
    write: (view, at, value) => view.setFloat32(at, value, true),
  },
  FP64: {
    size: 8,
    read: (view, at) => view.getFloat64(at, true),
    write: (view, at, value) => view.setFloat64(at, value, true),
  },
};

const scratch = new DataView(new ArrayBuffer(4));

/** The upper half of a float of 32 bits. */
function readBfloat16(view: DataView, at: number): number {
  scratch.setUint32(0, view.getUint16(at, true) << 16);
  return scratch.getFloat32(0);
}

function float32Bits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

/** All that a request may name. */
export const isDatatype = (datatype: string): boolean =>
  datatype === 'BYTES' || Object.hasOwn(elements, datatype);

/** The range of a datatype of whole numbers; undefined for all others. */
export function wholeRange(datatype: string): readonly [number, number] | undefined {
  const match = /^(U?)INT(\d+)$/.exec(datatype);
  if (match === null) return undefined;
  const bits = Number(match[2]);
  return match[1] === 'U' ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/**
 * The values of a tensor given as bytes, row-major; a text is its length in 4 bytes, then its bytes.
 *
 * @param count of values, by its shape
 * @throws SERVING_COLUMN_WRONG, SERVING_SHAPE_WRONG
 */
export function valuesOfBytes(name: string, datatype: string, bytes: Buffer, count: number): Column {
  if (datatype === 'BYTES') return textsOf(name, bytes);
  const element = elements[datatype];
  if (element === undefined) throw columnWrong(name, `has the datatype ${datatype}, which does not exist`);
  if (bytes.length !== count * element.size) {
    throw shapeWrong(
      `The input ${JSON.stringify(name)} has ${bytes.length} bytes; ${count} values of ${datatype} are ${count * element.size}.`,
    );
  }
  // a copy: the tensor may lie anywhere in the body, an array of numbers begins at a multiple of its size
  if (datatype === 'FP32') return new Float32Array(Uint8Array.from(bytes).buffer);
  if (datatype === 'FP64') return new Float64Array(Uint8Array.from(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (datatype === 'BOOL')
    return Array.from({ length: count }, (_, index): Cell => element.read(view, index));
  const values = new Float64Array(count);
  for (let index = 0; index < count; index++)
    values[index] = element.read(view, index * element.size) as number;
  return values;
}

function textsOf(name: string, bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 <= bytes.length ? at + 4 + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw columnWrong(name, 'has text whose lengths do not add up');
    texts.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return texts;
}

/** The same, the other way round. */
export function bytesOfValues(datatype: string, values: ArrayLike<string | number | boolean>): Buffer {
  if (datatype === 'BYTES') return bytesOfTexts(values);
  if (datatype === 'FP32' && values instanceof Float32Array)
    return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const element = elements[datatype] as Element;
  const bytes = Buffer.alloc(values.length * element.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < values.length; index++)
    element.write(view, index * element.size, Number(values[index]));
  return bytes;
}

function bytesOfTexts(values: ArrayLike<string | number | boolean>): Buffer {
  return Buffer.concat(
    Array.from(values, (value) => {
      const text = Buffer.from(String(value));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return Buffer.concat([length, text]);
    }),
  );
}
