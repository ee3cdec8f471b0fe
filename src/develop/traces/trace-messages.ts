import { message } from '../tracking/mlflow-wire.ts';
import type { AnyValue, Assessment, Attribute, Span, TraceInfo } from './traces.ts';

// Our things as MLflow's JSON messages, and as protobuf's JSON where MLflow's are OpenTelemetry's.

export const traceInfoMessage = (trace: TraceInfo): object => ({
  ...message({
    trace_id: trace.id,
    client_request_id: trace.clientRequestId,
    request_preview: trace.requestPreview,
    response_preview: trace.responsePreview,
    execution_duration: trace.durationMs === null ? null : wireDuration(trace.durationMs),
    trace_metadata: filled(trace.metadata),
    tags: filled(trace.tags),
    assessments: trace.assessments.map(assessmentMessage),
  }),
  trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: trace.experimentId } },
  request_time: wireTime(trace.requestedAt),
  state: trace.state,
});

/** The same for clients older than 3.0. */
export const oldTraceInfoMessage = (trace: TraceInfo): object =>
  message({
    request_id: trace.id,
    experiment_id: trace.experimentId,
    timestamp_ms: trace.requestedAt,
    execution_time_ms: trace.durationMs,
    status: trace.state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : trace.state,
    request_metadata: Object.entries(trace.metadata).map(([key, value]) => ({ key, value })),
    tags: Object.entries(trace.tags).map(([key, value]) => ({ key, value })),
  });

export const traceMessage = (trace: TraceInfo, spans: readonly Span[]): object => ({
  trace_info: traceInfoMessage(trace),
  spans: spans.map(spanMessage),
});

const spanMessage = (span: Span): object => ({
  ...message({
    trace_id: base64(span.traceId),
    span_id: base64(span.id),
    parent_span_id: span.parentId === null ? null : base64(span.parentId),
    name: span.name || null,
    start_time_unix_nano: wholeNumber(span.startNanos),
    end_time_unix_nano: wholeNumber(span.endNanos),
    attributes: span.attributes.map(attributeMessage),
    events: span.events.map((event) =>
      message({ time_unix_nano: wholeNumber(event.atNanos), name: event.name || null, attributes: event.attributes.map(attributeMessage) }),
    ),
    links: span.links.map((link) =>
      message({ trace_id: base64(link.traceId), span_id: base64(link.spanId), attributes: link.attributes.map(attributeMessage) }),
    ),
  }),
  status: message({ code: span.status === 'UNSET' ? null : `STATUS_CODE_${span.status}`, message: span.statusMessage || null }),
});

const attributeMessage = ({ key, value }: Attribute): object => ({ key, value: valueMessage(value) });

function valueMessage(value: AnyValue): object {
  if ('int_value' in value) return { int_value: wholeNumber(value.int_value) ?? 0 };
  if ('array_value' in value) return { array_value: message({ values: value.array_value.values.map(valueMessage) }) };
  if ('kvlist_value' in value) return { kvlist_value: message({ values: value.kvlist_value.values.map(attributeMessage) }) };
  return value;
}

/** A whole number of 64 bits as JSON's number, with all its digits; null for 0, which protobuf leaves out. */
const wholeNumber = (digits: string): unknown => (digits === '0' ? null : (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits));

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

const filled = (record: Readonly<Record<string, string>>) => (Object.keys(record).length === 0 ? null : record);

export const assessmentMessage = (assessment: Assessment): object =>
  message({
    assessment_id: assessment.id,
    assessment_name: assessment.name,
    trace_id: assessment.traceId,
    span_id: assessment.spanId,
    source: message({ source_type: assessment.sourceType, source_id: assessment.sourceId || null }),
    create_time: wireTime(assessment.createdAt),
    last_update_time: wireTime(assessment.updatedAt),
    rationale: assessment.rationale,
    metadata: filled(assessment.metadata),
    overrides: assessment.overrides,
    valid: assessment.isValid,
    ...saidMessage(assessment.says),
  });

function saidMessage(says: Assessment['says']): object {
  if (says.kind === 'issue') return { issue: { issue_name: says.value } };
  if (says.kind === 'feedback') {
    const error = says.error && message({ error_code: says.error.code, error_message: says.error.message, stack_trace: says.error.stackTrace });
    return { feedback: { value: says.value, ...(error === null ? {} : { error }) } };
  }
  const isPlain = says.value === null || typeof says.value !== 'object';
  return { expectation: isPlain ? { value: says.value } : { serialized_value: { serialization_format: 'JSON_FORMAT', value: JSON.stringify(says.value) } } };
}

/** protobuf's JSON of a time: fractions only where there are some */
export const wireTime = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z');

export function wireDuration(ms: number): string {
  const whole = Math.trunc(Math.abs(ms) / 1_000);
  const rest = Math.abs(ms) % 1_000;
  return `${ms < 0 ? '-' : ''}${whole}${rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`}s`;
}
