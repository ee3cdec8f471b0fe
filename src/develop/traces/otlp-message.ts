import { otlpInvalid } from './traces-errors.ts';
import type { AnyValue, Attribute, Span, SpanBatch, SpanEvent, SpanLink, SpanStatus } from './traces.ts';

// OpenTelemetry's ExportTraceServiceRequest in protobuf's binary form: just the messages that carry spans. The numbers of
// the fields are those of opentelemetry-proto; a field that is not named here is skipped, as protobuf asks for.

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** messages inside messages; protobuf's own readers stop there too */
const deepest = 100;

/**
 * The spans of an export request.
 *
 * @throws OTLP_INVALID for what is not one: cut off, a wrong wire type, text that is not UTF-8, nested too deep
 */
export function readExportRequest(bytes: Uint8Array): SpanBatch[] {
  const batches: SpanBatch[] = [];
  eachField(new Cursor(bytes), (field, cursor) => {
    if (field !== 1) return false;
    batches.push(readResourceSpans(cursor.message()));
    return true;
  });
  return batches;
}

function readResourceSpans(cursor: Cursor): SpanBatch {
  const resource: Attribute[] = [];
  const spans: Span[] = [];
  eachField(cursor, (field, at) => {
    if (field === 1) eachField(at.message(), (inner, within) => inner === 1 && add(resource, readAttribute(within.message())));
    else if (field === 2) eachField(at.message(), (inner, within) => inner === 2 && add(spans, readSpan(within.message())));
    else return false;
    return true;
  });
  return { resource: uniqueAttributes(resource), spans };
}

function readSpan(cursor: Cursor): Span {
  const ids = { traceId: '', id: '', parentId: '' };
  let name = '';
  let startNanos = '0';
  let endNanos = '0';
  let status: { status: SpanStatus; statusMessage: string } = { status: 'UNSET', statusMessage: '' };
  const attributes: Attribute[] = [];
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  eachField(cursor, (field, at) => {
    switch (field) {
      case 1:
        ids.traceId = hexOf(at.bytes());
        return true;
      case 2:
        ids.id = hexOf(at.bytes());
        return true;
      case 4:
        ids.parentId = hexOf(at.bytes());
        return true;
      case 5:
        name = at.text();
        return true;
      case 7:
        startNanos = at.fixed64();
        return true;
      case 8:
        endNanos = at.fixed64();
        return true;
      case 9:
        return add(attributes, readAttribute(at.message()));
      case 11:
        return add(events, readEvent(at.message()));
      case 13:
        return add(links, readLink(at.message()));
      case 15:
        status = readStatus(at.message(), status);
        return true;
      default:
        return false;
    }
  });
  return {
    ...checkedIds(ids.traceId, ids.id, ids.parentId),
    name,
    startNanos,
    endNanos,
    ...status,
    attributes: uniqueAttributes(attributes),
    events,
    links,
  };
}

function readEvent(cursor: Cursor): SpanEvent {
  let name = '';
  let atNanos = '0';
  const attributes: Attribute[] = [];
  eachField(cursor, (field, at) => {
    if (field === 1) atNanos = at.fixed64();
    else if (field === 2) name = at.text();
    else if (field === 3) attributes.push(readAttribute(at.message()));
    else return false;
    return true;
  });
  return { name, atNanos, attributes: uniqueAttributes(attributes) };
}

function readLink(cursor: Cursor): SpanLink {
  let traceId = '';
  let spanId = '';
  const attributes: Attribute[] = [];
  eachField(cursor, (field, at) => {
    if (field === 1) traceId = hexOf(at.bytes());
    else if (field === 2) spanId = hexOf(at.bytes());
    else if (field === 4) attributes.push(readAttribute(at.message()));
    else return false;
    return true;
  });
  return { traceId, spanId, attributes: uniqueAttributes(attributes) };
}

function readStatus(cursor: Cursor, before: { status: SpanStatus; statusMessage: string }) {
  let { status, statusMessage } = before;
  eachField(cursor, (field, at) => {
    if (field === 2) statusMessage = at.text();
    else if (field === 3) status = statusOfCode(Number(at.varint()));
    else return false;
    return true;
  });
  return { status, statusMessage };
}

export const statusOfCode = (code: number): SpanStatus => (code === 1 ? 'OK' : code === 2 ? 'ERROR' : 'UNSET');

function readAttribute(cursor: Cursor): Attribute {
  let key = '';
  let value: AnyValue = {};
  eachField(cursor, (field, at) => {
    if (field === 1) key = at.text();
    else if (field === 2) value = readValue(at.message(), value);
    else return false;
    return true;
  });
  return { key, value };
}

/** @param before what the same field held before: a list or a map that comes twice is joined */
function readValue(cursor: Cursor, before: AnyValue = {}): AnyValue {
  let value = before;
  eachField(cursor, (field, at) => {
    switch (field) {
      case 1:
        value = { string_value: at.text() };
        return true;
      case 2:
        value = { bool_value: at.varint() !== 0n };
        return true;
      case 3:
        value = { int_value: String(BigInt.asIntN(64, at.varint())) };
        return true;
      case 4:
        value = { double_value: wireDouble(at.double()) };
        return true;
      case 5: {
        const values: AnyValue[] = 'array_value' in value ? [...value.array_value.values] : [];
        eachField(at.message(), (inner, within) => inner === 1 && add(values, readValue(within.message())));
        value = { array_value: { values } };
        return true;
      }
      case 6: {
        const values: Attribute[] = 'kvlist_value' in value ? [...value.kvlist_value.values] : [];
        eachField(at.message(), (inner, within) => inner === 1 && add(values, readAttribute(within.message())));
        value = { kvlist_value: { values: uniqueAttributes(values) } };
        return true;
      }
      case 7:
        value = { bytes_value: Buffer.from(at.bytes()).toString('base64') };
        return true;
      default:
        return false;
    }
  });
  return value;
}

const wireDouble = (value: number) =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';

/** A key that comes twice keeps its first place and its last value, as in Python's dictionaries. */
export function uniqueAttributes(attributes: readonly Attribute[]): readonly Attribute[] {
  const byKey = new Map(attributes.map(({ key, value }) => [key, value]));
  return byKey.size === attributes.length ? attributes : [...byKey].map(([key, value]) => ({ key, value }));
}

/** @throws OTLP_INVALID for a span without ids, or with longer ones than OpenTelemetry has */
export function checkedIds(traceId: string, id: string, parentId: string): Pick<Span, 'traceId' | 'id' | 'parentId'> {
  if (/^0*$/.test(traceId) || /^0*$/.test(id)) throw otlpInvalid('a span has no trace_id or no span_id');
  if (traceId.length > 32 || id.length > 16 || parentId.length > 16) {
    throw otlpInvalid('a trace_id has 16 bytes and a span_id 8; one of the request is longer');
  }
  return { traceId: traceId.padStart(32, '0'), id: id.padStart(16, '0'), parentId: /^0*$/.test(parentId) ? null : parentId.padStart(16, '0') };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const add = <T>(list: T[], item: T): true => {
  list.push(item);
  return true;
};

// ---------------------------------------------------------------------------------------------------------------------
// protobuf's wire

/** @param read takes the value of a field it knows and answers true; others are skipped */
function eachField(cursor: Cursor, read: (field: number, cursor: Cursor) => boolean): void {
  while (!cursor.isAtEnd) {
    const field = cursor.tag();
    if (!read(field, cursor)) cursor.skip();
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depth: number;
  #at = 0;
  #wireType = 0;

  constructor(bytes: Uint8Array, depth = 0) {
    if (depth > deepest) throw otlpInvalid(`a value is more than ${deepest} messages deep`);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depth = depth;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The number of the next field. */
  tag(): number {
    const tag = this.#varint();
    if (tag > 0xff_ff_ff_ffn) throw otlpInvalid('a field has an impossible number');
    this.#wireType = Number(tag & 7n);
    const field = Number(tag >> 3n);
    if (field === 0) throw otlpInvalid('a field has the number 0');
    return field;
  }

  varint(): bigint {
    this.#require(0);
    return this.#varint();
  }

  fixed64(): string {
    this.#require(1);
    return String(this.#view.getBigUint64(this.#advance(8), true));
  }

  double(): number {
    this.#require(1);
    return this.#view.getFloat64(this.#advance(8), true);
  }

  bytes(): Uint8Array {
    this.#require(2);
    const length = this.#varint();
    if (length > BigInt(this.#bytes.length - this.#at)) throw cutOff();
    const start = this.#advance(Number(length));
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    try {
      return utf8.decode(this.bytes());
    } catch (cause) {
      if (cause instanceof TypeError) throw otlpInvalid('a text is not UTF-8');
      throw cause;
    }
  }

  message(): Cursor {
    return new Cursor(this.bytes(), this.#depth + 1);
  }

  skip(): void {
    switch (this.#wireType) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.bytes();
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw otlpInvalid(`a field has the wire type ${this.#wireType}`);
    }
  }

  #require(wireType: number): void {
    if (this.#wireType !== wireType) throw otlpInvalid(`a field has the wire type ${this.#wireType} instead of ${wireType}`);
  }

  #advance(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw cutOff();
    this.#at += count;
    return start;
  }

  #varint(): bigint {
    let low = 0;
    for (let index = 0; index < 4; index += 1) {
      const byte = this.#byte();
      low += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let index = 4; index < 10; index += 1) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw otlpInvalid('a number has more than ten bytes');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw cutOff();
    this.#at += 1;
    return byte;
  }
}

const cutOff = () => otlpInvalid('it is cut off');
