import { anyValueOfJson } from './any-value-json.ts';
import { jsonText, textOf, type AnyValue, type Attribute, type Span } from './traces.ts';

// Spans as MLflow's clients write them (`Span.to_dict`, mlflow/entities/span.py), both ways: in the artifact `traces.json`
// that its versions before 3.4 and its file store keep, and in the table of its database. Each attribute is JSON in a text.

type Fields = ReadonlyMap<string, AnyValue>;

/**
 * The spans of a `traces.json`, as versions 2 and 3 of MLflow write it.
 *
 * @param traceId 32 hexadecimal digits
 * @throws SyntaxError
 */
export const spansOfFile = (text: string, traceId: string): Span[] =>
  listOf(fieldsOf(anyValueOfJson(text)).get('spans')).map((span) => spanOf(fieldsOf(span), traceId));

/** The reverse, as version 3 writes it. */
export const fileOfSpans = (spans: readonly Span[]): string => `{"spans": [${spans.map(jsonOfSpan).join(', ')}]}`;

function spanOf(fields: Fields, traceId: string): Span {
  const context = fieldsOf(fields.get('context'));
  const status = fieldsOf(fields.get('status'));
  return {
    traceId,
    id: idOf(textOf(context.get('span_id') ?? fields.get('span_id'))) ?? '',
    parentId: idOf(textOf(fields.get('parent_id') ?? fields.get('parent_span_id'))),
    startNanos: nanosOf(fields, 'start_time', 'start_time_unix_nano'),
    endNanos: nanosOf(fields, 'end_time', 'end_time_unix_nano'),
    status: statusIn(textOf(fields.get('status_code') ?? status.get('code'))),
    ...spanContentOf(fields),
  };
}

/** What a database keeps of a span in its column `content` alone. */
export function spanContentOf(fields: Fields): Pick<Span, 'name' | 'statusMessage' | 'attributes' | 'events' | 'links'> {
  return {
    name: textOf(fields.get('name')) ?? '',
    statusMessage: textOf(fields.get('status_message') ?? fieldsOf(fields.get('status')).get('message')) ?? '',
    attributes: pairsOf(fields.get('attributes')).map(({ key, value }) => ({
      key,
      value: 'string_value' in value ? readAgain(value.string_value) : value,
    })),
    events: listOf(fields.get('events')).map((event) => {
      const of = fieldsOf(event);
      return {
        name: textOf(of.get('name')) ?? '',
        atNanos: nanosOf(of, 'timestamp', 'time_unix_nano'),
        attributes: pairsOf(of.get('attributes')),
      };
    }),
    links: listOf(fields.get('links')).map((link) => {
      const of = fieldsOf(link);
      return {
        traceId: (textOf(of.get('trace_id')) ?? '').replace(/^tr-/, ''),
        spanId: textOf(of.get('span_id')) ?? '',
        attributes: pairsOf(of.get('attributes')),
      };
    }),
  };
}

export function jsonOfSpan(span: Span): string {
  const fields: readonly (readonly [string, AnyValue])[] = [
    ['trace_id', base64(span.traceId)],
    ['span_id', base64(span.id)],
    ['parent_span_id', span.parentId === null ? {} : base64(span.parentId)],
    ['name', text(span.name)],
    ['start_time_unix_nano', { int_value: span.startNanos }],
    ['end_time_unix_nano', span.endNanos === '0' ? {} : { int_value: span.endNanos }],
    [
      'events',
      list(
        span.events.map((event) =>
          record([
            ['name', text(event.name)],
            ['time_unix_nano', { int_value: event.atNanos }],
            ['attributes', { kvlist_value: { values: event.attributes } }],
          ]),
        ),
      ),
    ],
    [
      'status',
      record([
        ['code', text(`STATUS_CODE_${span.status}`)],
        ['message', text(span.statusMessage)],
      ]),
    ],
    ['attributes', record(span.attributes.map(({ key, value }) => [key, text(jsonText(value))]))],
    [
      'links',
      list(
        span.links.map((link) =>
          record([
            ['trace_id', text(`tr-${link.traceId}`)],
            ['span_id', text(link.spanId)],
            ['attributes', { kvlist_value: { values: link.attributes } }],
          ]),
        ),
      ),
    ],
  ];
  return jsonText(record(fields));
}

const text = (string_value: string): AnyValue => ({ string_value });
const base64 = (hex: string): AnyValue => text(Buffer.from(hex, 'hex').toString('base64'));
const list = (values: readonly AnyValue[]): AnyValue => ({ array_value: { values } });
const record = (fields: readonly (readonly [string, AnyValue])[]): AnyValue => ({
  kvlist_value: { values: fields.map(([key, value]) => ({ key, value })) },
});

const pairsOf = (value: AnyValue | undefined): readonly Attribute[] =>
  value !== undefined && 'kvlist_value' in value ? value.kvlist_value.values : [];
const listOf = (value: AnyValue | undefined): readonly AnyValue[] =>
  value !== undefined && 'array_value' in value ? value.array_value.values : [];

/** The fields of an object; none of anything else. */
export const fieldsOf = (value: AnyValue | undefined): Map<string, AnyValue> =>
  new Map(pairsOf(value).map(({ key, value: field }) => [key, field]));

/** A time by its name in version 2, or in version 3. */
function nanosOf(fields: Fields, ...names: readonly string[]): string {
  const found = names.map((name) => textOf(fields.get(name))).find((digits) => digits !== null && /^\d{1,20}$/.test(digits));
  return found ?? '0';
}

/** Version 2 has hexadecimal digits after `0x`, version 3 the base64 of the bytes. */
function idOf(id: string | null): string | null {
  if (id === null || id === '') return null;
  if (/^(0x)?[0-9a-f]{16}$/i.test(id)) return id.slice(-16).toLowerCase();
  return Buffer.from(id, 'base64').toString('hex').padStart(16, '0');
}

const statusIn = (code: string | null): Span['status'] =>
  code?.endsWith('ERROR') === true ? 'ERROR' : code?.endsWith('OK') === true ? 'OK' : 'UNSET';

function readAgain(json: string): AnyValue {
  try {
    return anyValueOfJson(json);
  } catch {
    return { string_value: json };
  }
}
