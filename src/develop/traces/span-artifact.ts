import { buffer } from 'node:stream/consumers';
import { z } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { traceArtifactKey } from './traces-store.ts';
import { type AnyValue, type Span, type TraceInfo } from './traces.ts';

/** larger ones are only downloaded */
const shownByteLimit = 64 * 1024 * 1024;

/**
 * The spans that an older client uploaded as the artifact `traces.json`, in any of the forms that its versions wrote;
 * none when there is no such file, or it is something else.
 */
export async function spansInArtifact(world: World, trace: TraceInfo): Promise<Span[]> {
  const folder = await traceArtifactKey(world.database.read, trace);
  const byteCount = folder === undefined ? undefined : await world.blobs.size(`${folder}/traces.json`);
  if (folder === undefined || byteCount === undefined || byteCount > shownByteLimit) return [];
  const { stream } = await world.blobs.get(`${folder}/traces.json`);
  try {
    const { spans } = file.parse(JSON.parse((await buffer(stream)).toString()));
    return spans.map((span) => toSpan(trace, span));
  } catch {
    return [];
  }
}

const nanos = z
  .union([z.number(), z.string().regex(/^\d{1,20}$/)])
  .nullish()
  .transform((value) => String(BigInt(value ?? 0)));
const attributes = z.record(z.string(), z.unknown()).nullish().transform((record) => record ?? {});

const span = z.object({
  name: z.string(),
  /** version 2; version 3 has them as base64 of their bytes */
  context: z.object({ trace_id: z.string(), span_id: z.string() }).optional(),
  span_id: z.string().optional(),
  parent_id: z.string().nullish(),
  parent_span_id: z.string().nullish(),
  start_time: nanos,
  end_time: nanos,
  start_time_unix_nano: nanos,
  end_time_unix_nano: nanos,
  status_code: z.string().optional(),
  status_message: z.string().nullish(),
  status: z.object({ code: z.string().optional(), message: z.string().nullish() }).optional(),
  attributes,
  events: z
    .array(z.object({ name: z.string(), timestamp: nanos, time_unix_nano: nanos, attributes }))
    .nullish()
    .transform((list) => list ?? []),
});
const file = z.object({ spans: z.array(span) });

const toSpan = (trace: TraceInfo, json: z.infer<typeof span>): Span => ({
  traceId: trace.id.replace(/^tr-/, ''),
  id: idOf(json.context?.span_id ?? json.span_id) ?? '',
  parentId: idOf(json.parent_id ?? json.parent_span_id),
  name: json.name,
  startNanos: json.start_time === '0' ? json.start_time_unix_nano : json.start_time,
  endNanos: json.end_time === '0' ? json.end_time_unix_nano : json.end_time,
  status: statusIn(json.status_code ?? json.status?.code),
  statusMessage: json.status_message ?? json.status?.message ?? '',
  // each value was written as JSON
  attributes: Object.entries(json.attributes).map(([key, value]) => ({ key, value: anyValue(readJson(value)) })),
  events: json.events.map((event) => ({
    name: event.name,
    atNanos: event.timestamp === '0' ? event.time_unix_nano : event.timestamp,
    attributes: Object.entries(event.attributes).map(([key, value]) => ({ key, value: anyValue(value) })),
  })),
  links: [],
});

function idOf(text: string | null | undefined): string | null {
  if (text === undefined || text === null || text === '') return null;
  if (/^(0x)?[0-9a-f]{16}$/i.test(text)) return text.slice(-16).toLowerCase();
  return Buffer.from(text, 'base64').toString('hex').padStart(16, '0');
}

const statusIn = (code: string | undefined): Span['status'] => (code?.endsWith('ERROR') === true ? 'ERROR' : code?.endsWith('OK') === true ? 'OK' : 'UNSET');

function readJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'string') return { string_value: value };
  if (typeof value === 'boolean') return { bool_value: value };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { int_value: String(value) } : { double_value: value };
  if (Array.isArray(value)) return { array_value: { values: value.map(anyValue) } };
  if (typeof value !== 'object' || value === null) return {};
  return { kvlist_value: { values: Object.entries(value).map(([key, item]) => ({ key, value: anyValue(item) })) } };
}
