import type { AssessmentView, SpanView, TraceView } from './traces-api.ts';
import { attributeOf, metadataKeys, plainRecord, plainValue, spanKeys, spanTypeOf, tagKeys, type Assessment, type Span, type TraceInfo } from './traces.ts';

/** @param rootName stands in for a name that nobody gave */
export const viewOf = (trace: TraceInfo, rootName: string | undefined): TraceView => ({
  id: trace.id,
  name: trace.tags[tagKeys.name] ?? rootName ?? null,
  experimentId: trace.experimentId,
  state: trace.state,
  requestedAt: trace.requestedAt,
  durationMs: trace.durationMs,
  requestPreview: trace.requestPreview,
  responsePreview: trace.responsePreview,
  sessionId: trace.metadata[metadataKeys.session] ?? null,
  user: trace.metadata[metadataKeys.user] ?? null,
  runId: trace.metadata[metadataKeys.run] ?? null,
  tokenCount: tokenCountOf(trace),
  tags: trace.tags,
  metadata: trace.metadata,
  assessmentCount: trace.assessments.length,
});

function tokenCountOf(trace: TraceInfo): number | null {
  try {
    const usage = JSON.parse(trace.metadata[metadataKeys.tokenUsage] ?? 'null') as { total_tokens?: unknown } | null;
    return typeof usage?.total_tokens === 'number' ? usage.total_tokens : null;
  } catch {
    return null;
  }
}

export const assessmentViewOf = (assessment: Assessment): AssessmentView => ({
  id: assessment.id,
  name: assessment.name,
  kind: assessment.says.kind,
  value: assessment.says.value,
  error: assessment.says.kind === 'feedback' && assessment.says.error !== null ? (assessment.says.error.message ?? assessment.says.error.code) : null,
  rationale: assessment.rationale,
  sourceType: assessment.sourceType,
  sourceId: assessment.sourceId,
  spanId: assessment.spanId,
  isValid: assessment.isValid,
  updatedAt: assessment.updatedAt,
});

/** Spans in the order of their tree, siblings by start; a span whose parent never came stands at the top. */
export function spanViewsOf(spans: readonly Span[]): SpanView[] {
  const known = new Set(spans.map((span) => span.id));
  const below = Map.groupBy(inOrder(spans), (span) => (span.parentId !== null && known.has(span.parentId) ? span.parentId : ''));
  const firstNanos = spans.reduce((least, span) => (BigInt(span.startNanos) < least ? BigInt(span.startNanos) : least), BigInt(spans[0]?.startNanos ?? 0));
  const views: SpanView[] = [];
  const seen = new Set<string>();
  const visit = (start: readonly Span[]): void => {
    const waiting = [...start].reverse();
    for (let span = waiting.pop(); span !== undefined; span = waiting.pop()) {
      if (seen.has(span.id)) continue;
      seen.add(span.id);
      views.push(spanViewOf(span, firstNanos));
      waiting.push(...(below.get(span.id) ?? []).reverse());
    }
  };
  visit(below.get('') ?? []);
  // spans that name each other as parents hang below nothing
  visit(spans.filter((span) => !seen.has(span.id)));
  return views;
}

const inOrder = (spans: readonly Span[]): Span[] =>
  [...spans].sort((a, b) => (a.startNanos === b.startNanos ? 0 : BigInt(a.startNanos) < BigInt(b.startNanos) ? -1 : 1));

const apart: ReadonlySet<string> = new Set([spanKeys.inputs, spanKeys.outputs, spanKeys.traceId, spanKeys.type]);

function spanViewOf(span: Span, firstNanos: bigint): SpanView {
  const after = (nanos: string): number => Number(BigInt(nanos) - firstNanos) / 1e6;
  return {
    id: span.id,
    parentId: span.parentId,
    name: span.name,
    type: spanTypeOf(span),
    status: span.status,
    statusMessage: span.statusMessage,
    startMs: after(span.startNanos),
    durationMs: span.endNanos === '0' ? null : Number(BigInt(span.endNanos) - BigInt(span.startNanos)) / 1e6,
    inputs: plainValue(attributeOf(span, spanKeys.inputs)),
    outputs: plainValue(attributeOf(span, spanKeys.outputs)),
    attributes: plainRecord(span.attributes.filter(({ key }) => !apart.has(key))),
    events: span.events.map((event) => ({ name: event.name, atMs: after(event.atNanos), attributes: plainRecord(event.attributes) })),
  };
}
