import { z } from '../../platform/http.ts';

/** A trace in a list. */
export const traceView = z.object({
  id: z.string(),
  name: z.string().nullable(),
  experimentId: z.string(),
  state: z.string(),
  requestedAt: z.number(),
  durationMs: z.number().nullable(),
  requestPreview: z.string().nullable(),
  responsePreview: z.string().nullable(),
  sessionId: z.string().nullable(),
  user: z.string().nullable(),
  /** the run that it came from */
  runId: z.string().nullable(),
  tokenCount: z.number().nullable(),
  tags: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.string()),
  assessmentCount: z.number(),
});
export type TraceView = z.infer<typeof traceView>;

export const tracePage = z.object({ traces: z.array(traceView), nextCursor: z.string().optional() });
export type TracePage = z.infer<typeof tracePage>;

export const assessmentView = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['feedback', 'expectation', 'issue']),
  value: z.unknown(),
  error: z.string().nullable(),
  rationale: z.string().nullable(),
  sourceType: z.string(),
  sourceId: z.string(),
  spanId: z.string().nullable(),
  isValid: z.boolean(),
  updatedAt: z.number(),
});
export type AssessmentView = z.infer<typeof assessmentView>;

export const spanView = z.object({
  id: z.string(),
  parentId: z.string().nullable(),
  name: z.string(),
  type: z.string(),
  status: z.enum(['UNSET', 'OK', 'ERROR']),
  statusMessage: z.string(),
  /** milliseconds after the first span's start, with fractions */
  startMs: z.number(),
  /** null while it runs */
  durationMs: z.number().nullable(),
  inputs: z.unknown(),
  outputs: z.unknown(),
  attributes: z.record(z.string(), z.unknown()),
  events: z.array(z.object({ name: z.string(), atMs: z.number(), attributes: z.record(z.string(), z.unknown()) })),
});
export type SpanView = z.infer<typeof spanView>;

export const traceDetail = z.object({
  ...traceView.shape,
  experimentName: z.string(),
  /** the runs that it was linked to, beside the one it came from */
  linkedRunIds: z.array(z.string()),
  assessments: z.array(assessmentView),
  /** in the order of the tree: each before what it called */
  spans: z.array(spanView),
});
export type TraceDetail = z.infer<typeof traceDetail>;

export const deletedTrace = z.object({ deleted: z.string() });
