import { z } from '../../platform/http.ts';
import { checkedIds, statusOfCode, uniqueAttributes } from './otlp-message.ts';
import { otlpInvalid } from './traces-errors.ts';
import type { AnyValue, Attribute, NotFinite, SpanBatch } from './traces.ts';

// The same request in OTLP's JSON: names in camelCase (those of the .proto are taken as well), ids in hexadecimal digits,
// whole numbers of 64 bits as text or numbers, enumerations as numbers.

/** @throws OTLP_INVALID */
export function readExportJson(text: string): SpanBatch[] {
  let body: unknown;
  try {
    body = JSON.parse(text, digitsKept as Parameters<typeof JSON.parse>[1]);
  } catch {
    throw otlpInvalid('the body is not JSON');
  }
  const parsed = exportRequest.safeParse(camelCased(body));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw otlpInvalid(`${issue?.path.join('.') ?? 'the body'}: ${issue?.message ?? 'not as it should be'}`);
  }
  return parsed.data.resourceSpans.map(({ resource, scopeSpans }) => ({
    resource: attributesOf(resource?.attributes ?? []),
    spans: scopeSpans.flatMap((scope) => scope.spans.map(toSpan)),
  }));
}

/** A whole number of more digits than a number holds stays as it is written. */
const digitsKept = (_key: string, value: unknown, context: { readonly source?: string }): unknown =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? '') ? context.source : value;

/** an absent list, and null, is an empty one */
const list = <S extends z.ZodType>(item: S) => z.preprocess((value) => value ?? [], z.array(item));
const int64 = z
  .union([z.string().regex(/^-?\d{1,20}$/, 'a whole number'), z.number().int()])
  .transform(String)
  .refine((digits) => BigInt.asIntN(64, BigInt(digits)) === BigInt(digits), 'a whole number of 64 bits');
const nanos = z
  .union([z.string().regex(/^\d{1,20}$/, 'nanoseconds in digits'), z.number().int().min(0)])
  .transform((value) => String(BigInt(value)))
  .refine((digits) => BigInt(digits) < 2n ** 64n, 'a whole number of 64 bits')
  .default('0');
const hex = z.string().regex(/^([0-9a-f]{2})*$/i, 'hexadecimal digits').transform((digits) => digits.toLowerCase());
const text = z.preprocess((value) => value ?? '', z.string());

interface JsonValue {
  readonly stringValue?: string | undefined;
  readonly boolValue?: boolean | undefined;
  readonly intValue?: string | undefined;
  readonly doubleValue?: number | NotFinite | undefined;
  readonly arrayValue?: { readonly values: readonly JsonValue[] } | undefined;
  readonly kvlistValue?: { readonly values: readonly JsonAttribute[] } | undefined;
  readonly bytesValue?: string | undefined;
}
interface JsonAttribute {
  readonly key: string;
  readonly value?: JsonValue | null | undefined;
}

const anyValue: z.ZodType<JsonValue> = z.lazy(() =>
  z.object({
    stringValue: z.string().optional(),
    boolValue: z.boolean().optional(),
    intValue: int64.optional(),
    doubleValue: z
      .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']), z.string().regex(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i).transform(Number)])
      .optional(),
    arrayValue: z.object({ values: list(anyValue) }).optional(),
    kvlistValue: z.object({ values: list(attribute) }).optional(),
    bytesValue: z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'base64').optional(),
  }),
);
const attribute: z.ZodType<JsonAttribute> = z.object({ key: text, value: anyValue.nullish() });

const span = z.object({
  traceId: hex,
  spanId: hex,
  parentSpanId: hex.nullish(),
  name: text,
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: list(attribute),
  events: list(z.object({ name: text, timeUnixNano: nanos, attributes: list(attribute) })),
  links: list(z.object({ traceId: hex, spanId: hex, attributes: list(attribute) })),
  status: z
    .object({
      code: z
        .union([z.number().int(), z.enum(['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'])])
        .nullish()
        .transform((code) => (code === 'STATUS_CODE_OK' ? 1 : code === 'STATUS_CODE_ERROR' ? 2 : typeof code === 'number' ? code : 0)),
      message: text,
    })
    .nullish(),
});

const exportRequest = z.object({
  resourceSpans: list(
    z.object({
      resource: z.object({ attributes: list(attribute) }).nullish(),
      scopeSpans: list(z.object({ spans: list(span) })),
    }),
  ),
});

const toSpan = (json: z.infer<typeof span>) => ({
  ...checkedIds(json.traceId, json.spanId, json.parentSpanId ?? ''),
  name: json.name,
  startNanos: json.startTimeUnixNano,
  endNanos: json.endTimeUnixNano,
  status: statusOfCode(json.status?.code ?? 0),
  statusMessage: json.status?.message ?? '',
  attributes: attributesOf(json.attributes),
  events: json.events.map((event) => ({ name: event.name, atNanos: event.timeUnixNano, attributes: attributesOf(event.attributes) })),
  links: json.links.map((link) => ({ traceId: link.traceId, spanId: link.spanId, attributes: attributesOf(link.attributes) })),
});

const attributesOf = (attributes: readonly JsonAttribute[]): readonly Attribute[] =>
  uniqueAttributes(attributes.map(({ key, value }) => ({ key, value: toValue(value ?? {}) })));

function toValue(json: JsonValue): AnyValue {
  if (json.stringValue !== undefined) return { string_value: json.stringValue };
  if (json.boolValue !== undefined) return { bool_value: json.boolValue };
  if (json.intValue !== undefined) return { int_value: String(BigInt(json.intValue)) };
  if (json.doubleValue !== undefined) return { double_value: json.doubleValue };
  if (json.arrayValue !== undefined) return { array_value: { values: json.arrayValue.values.map(toValue) } };
  if (json.kvlistValue !== undefined) return { kvlist_value: { values: attributesOf(json.kvlistValue.values) } };
  // both alphabets of base64 are read, one is written
  if (json.bytesValue !== undefined) return { bytes_value: Buffer.from(json.bytesValue, 'base64').toString('base64') };
  return {};
}

/** @throws OTLP_INVALID for what is nested deeper than any trace */
function camelCased(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 250) throw otlpInvalid('a value is nested too deep');
  if (Array.isArray(value)) return value.map((item) => camelCased(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      // in protobuf's JSON null is the same as absent
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), camelCased(item, depth + 1)]),
  );
}
