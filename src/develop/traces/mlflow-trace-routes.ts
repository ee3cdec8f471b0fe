import { randomUUID } from 'node:crypto';
import type { Api } from '../../platform/http.ts';
import { z } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import type { Position } from '../tracking/keyset.ts';
import {
  absent,
  bool,
  filledText,
  int64,
  invalidParameter,
  message,
  mlflowCall,
  mlflowRoutes,
  pageToken,
  readPageToken,
  repeated,
  text,
  type MlflowCall,
} from '../tracking/mlflow-wire.ts';
import { createAssessment, deleteAssessment, getAssessment, newAssessmentId, updateAssessment, type AssessmentChange } from './assessment-store.ts';
import { assessmentMessage, oldTraceInfoMessage, traceInfoMessage, traceMessage } from './trace-messages.ts';
import { searchTraces } from './trace-search.ts';
import { spansMissing } from './traces-errors.ts';
import {
  deleteTraces,
  deleteTraceTag,
  getSpans,
  getTraceInfo,
  getTraceInfos,
  linkPrompts,
  linkTraces,
  setTraceTag,
  startTrace,
  type Deletion,
} from './traces-store.ts';
import { tagKeys, traceStates, type Assessment, type Span, type TraceInfo } from './traces.ts';

// ---------------------------------------------------------------------------------------------------------------------
// shapes

const traceId = filledText.regex(/^[a-zA-Z0-9][\w-]{0,249}$/, 'letters, digits, _ and -, at most 250');
const ofTrace = <S extends z.ZodRawShape>(shape: S) => z.object({ trace_id: traceId, ...shape });
/** the same, by the name that the path has in version 2 */
const ofRequest = <S extends z.ZodRawShape>(shape: S) => z.object({ request_id: traceId, ...shape });

/** clients write Python's False into an address */
const flag = z.preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), bool);

const tagKey = filledText.max(250);
const tagValue = absent(text.max(8_000)).transform((value) => value ?? '');
const record = absent(z.record(z.string().min(1).max(250), text)).transform((fields) => fields ?? {});
const pairs = absent(z.array(z.object({ key: tagKey, value: absent(text).transform((value) => value ?? '') }))).transform((list) =>
  Object.fromEntries((list ?? []).map(({ key, value }) => [key, value])),
);

/** protobuf's JSON of a time, in milliseconds */
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/, 'a time such as 2026-01-31T10:00:00.5Z')
  .transform((value) => Date.parse(value.replace(/(\.\d{3})\d+/, '$1')))
  .refine(Number.isFinite, 'a time such as 2026-01-31T10:00:00.5Z');
const duration = z
  .string()
  .regex(/^-?\d{1,12}(\.\d{1,9})?s$/, 'seconds such as 1.5s')
  .transform((value) => Math.trunc(Math.round(Number(value.slice(0, -1)) * 1e6) / 1e3));

const sourceTypes = ['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE'] as const;
const assessmentError = z
  .object({ error_code: absent(text), error_message: absent(text), stack_trace: absent(text) })
  .transform((error) => ({ code: error.error_code ?? '', message: error.error_message ?? null, stackTrace: error.stack_trace ?? null }));

const serialized = z
  .object({ serialization_format: absent(text), value: text })
  .transform(({ value }, context) => {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'JSON' });
      return z.NEVER;
    }
  });

const assessmentFields = z.object({
  assessment_id: absent(text),
  assessment_name: absent(text),
  span_id: absent(text),
  source: absent(
    z.object({
      source_type: absent(z.union([z.enum(sourceTypes), z.number().int().min(0).max(3).transform((number) => sourceTypes[number] ?? 'CODE')])),
      source_id: absent(text),
    }),
  ),
  create_time: absent(time),
  last_update_time: absent(time),
  feedback: absent(z.object({ value: z.unknown().optional(), error: absent(assessmentError) })),
  expectation: absent(z.object({ value: z.unknown().optional(), serialized_value: absent(serialized) })),
  issue: absent(z.object({ issue_name: absent(text) })),
  error: absent(assessmentError),
  rationale: absent(text),
  metadata: record,
  overrides: absent(text),
  valid: absent(bool),
});
type AssessmentFields = z.infer<typeof assessmentFields>;

function saidBy(fields: AssessmentFields): Assessment['says'] | undefined {
  if (fields.feedback !== undefined) {
    return { kind: 'feedback', value: fields.feedback.value ?? null, error: fields.feedback.error ?? fields.error ?? null };
  }
  if (fields.expectation !== undefined) {
    return { kind: 'expectation', value: fields.expectation.serialized_value ?? fields.expectation.value ?? null };
  }
  return fields.issue === undefined ? undefined : { kind: 'issue', value: fields.issue.issue_name ?? '' };
}

function toAssessment(world: World, ofTraceId: string, fields: AssessmentFields): Assessment {
  const says = saidBy(fields);
  if (says === undefined) throw invalidParameter('Unknown assessment type: exactly one of `expectation`, `feedback`, or `issue` should be specified.');
  const now = world.clock.now();
  return {
    id: fields.assessment_id || newAssessmentId(),
    traceId: ofTraceId,
    name: fields.assessment_name || says.kind,
    spanId: fields.span_id || null,
    sourceType: fields.source?.source_type ?? 'CODE',
    sourceId: fields.source?.source_id ?? '',
    createdAt: fields.create_time ?? now,
    updatedAt: fields.last_update_time ?? now,
    rationale: fields.rationale || null,
    metadata: fields.metadata,
    overrides: fields.overrides || null,
    isValid: fields.valid ?? true,
    says,
  };
}

const state = z.union([z.enum(traceStates), z.number().int().min(0).max(3).transform((number) => traceStates[number] ?? 'STATE_UNSPECIFIED')]);

const newTrace = z.object({
  trace_info: z.object({
    trace_id: traceId,
    client_request_id: absent(text.max(250)),
    trace_location: z.object({ mlflow_experiment: z.object({ experiment_id: filledText }) }),
    request_preview: absent(text),
    response_preview: absent(text),
    request_time: time,
    execution_duration: absent(duration),
    state: absent(state),
    trace_metadata: record,
    tags: record,
    assessments: absent(z.array(assessmentFields)).transform((list) => list ?? []),
  }),
});

async function answerStart(world: World, { trace_info: info }: z.infer<typeof newTrace>): Promise<object> {
  const trace = await startTrace(world, {
    id: info.trace_id,
    experimentId: info.trace_location.mlflow_experiment.experiment_id,
    requestedAt: info.request_time,
    durationMs: info.execution_duration ?? null,
    state: info.state ?? 'STATE_UNSPECIFIED',
    clientRequestId: info.client_request_id ?? null,
    requestPreview: info.request_preview ?? null,
    responsePreview: info.response_preview ?? null,
    metadata: info.trace_metadata,
    tags: info.tags,
    assessments: info.assessments.map((fields) => toAssessment(world, info.trace_id, fields)),
  });
  return { trace: { trace_info: traceInfoMessage(trace) } };
}

// ---------------------------------------------------------------------------------------------------------------------
// reading

/** Have all spans come that the client said there are? */
function isComplete(trace: TraceInfo, spans: readonly Span[]): boolean {
  if (spans.length === 0) return false;
  try {
    const { num_spans: wanted } = JSON.parse(trace.metadata['mlflow.trace.sizeStats'] ?? '{}') as { num_spans?: number };
    return spans.length >= (wanted ?? 0);
  } catch {
    return true;
  }
}

const position = z.array(z.union([z.string(), z.number(), z.null()])) as unknown as z.ZodType<Position>;
const limit = absent(int64.refine((value) => value >= 1 && value <= 500, { error: 'It must be at least 1 and at most 500.' })).transform((value) => value ?? 100);

interface WireSearch {
  readonly experimentIds: readonly string[];
  readonly filter?: string | undefined;
  readonly max_results: number;
  readonly order_by: readonly string[];
  readonly page_token?: string | undefined;
}

async function answerSearch(world: World, input: WireSearch, show: (trace: TraceInfo) => object): Promise<object> {
  const query = [input.experimentIds, input.filter ?? '', input.order_by];
  const { traces, next } = await searchTraces(world.database.read, {
    experimentIds: input.experimentIds,
    filter: input.filter,
    orderBy: input.order_by,
    limit: input.max_results,
    after: readPageToken(position, input.page_token, query),
  });
  return message({ traces: traces.map(show), next_page_token: next && pageToken(next, query) });
}

const inExperiments = (traces: readonly TraceInfo[], ids: readonly string[]): TraceInfo[] =>
  traces.filter((trace) => ids.length === 0 || ids.includes(trace.experimentId));

const batch = z.object({ trace_ids: repeated(text).refine((ids) => ids.length >= 1 && ids.length <= 1_000, 'between 1 and 1000 trace_ids'), experiment_ids: repeated(text) });

const readCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'get',
    version: '3.0',
    path: 'traces/get',
    right: 'read',
    takes: ofTrace({ allow_partial: absent(flag) }),
    answer: async (world, _, input) => {
      const trace = await getTraceInfo(world.database.read, input.trace_id);
      const spans = (await getSpans(world.database.read, [trace.id])).get(trace.id) ?? [];
      if (input.allow_partial !== true && !isComplete(trace, spans)) throw spansMissing(trace.id);
      return { trace: traceMessage(trace, spans) };
    },
  }),
  mlflowCall({
    method: 'get',
    version: '3.0',
    path: 'traces/batchGet',
    right: 'read',
    takes: batch,
    answer: async (world, _, input) => {
      const traces = inExperiments(await getTraceInfos(world.database.read, input.trace_ids), input.experiment_ids);
      const spans = await getSpans(world.database.read, traces.map((trace) => trace.id));
      const complete = traces.filter((trace) => isComplete(trace, spans.get(trace.id) ?? []));
      return message({ traces: complete.map((trace) => traceMessage(trace, spans.get(trace.id) ?? [])) });
    },
  }),
  mlflowCall({
    method: 'post',
    version: '3.0',
    path: 'traces/batchGetInfos',
    right: 'read',
    takes: batch,
    answer: async (world, _, input) =>
      message({ trace_infos: inExperiments(await getTraceInfos(world.database.read, input.trace_ids), input.experiment_ids).map(traceInfoMessage) }),
  }),
  mlflowCall({
    method: 'post',
    version: '3.0',
    path: 'traces/search',
    right: 'read',
    takes: z.object({
      locations: z.array(z.object({ mlflow_experiment: absent(z.object({ experiment_id: filledText })) })).min(1),
      filter: absent(text),
      max_results: limit,
      order_by: repeated(text),
      page_token: absent(text),
    }),
    answer: (world, _, input) =>
      answerSearch(
        world,
        { ...input, experimentIds: input.locations.flatMap((location) => location.mlflow_experiment?.experiment_id ?? []) },
        traceInfoMessage,
      ),
  }),
  mlflowCall({
    method: 'get',
    version: '3.0',
    path: 'traces/{trace_id}',
    right: 'read',
    takes: ofTrace({}),
    answer: async (world, _, input) => ({ trace: { trace_info: traceInfoMessage(await getTraceInfo(world.database.read, input.trace_id)) } }),
  }),
];

// ---------------------------------------------------------------------------------------------------------------------
// writing

const none = Promise.resolve({});
const done = async (work: Promise<unknown>): Promise<object> => {
  await work;
  return none;
};

const deletion = z.object({
  experiment_id: filledText,
  max_timestamp_millis: absent(int64),
  max_traces: absent(int64),
  request_ids: repeated(text),
});

function deletionOf(input: z.infer<typeof deletion>): Deletion {
  const { max_timestamp_millis: requestedUntil, max_traces: most, request_ids: ids } = input;
  if (requestedUntil === undefined && ids.length === 0) throw invalidParameter('Either `max_timestamp_millis` or `trace_ids` must be specified.');
  if (requestedUntil !== undefined && ids.length > 0) throw invalidParameter('Only one of `max_timestamp_millis` and `trace_ids` can be specified.');
  if (ids.length > 0 && most !== undefined) throw invalidParameter("`max_traces` can't be specified if `trace_ids` is specified.");
  if (most !== undefined && most <= 0) throw invalidParameter(`\`max_traces\` must be a positive integer, received ${most}.`);
  return requestedUntil === undefined ? { traceIds: ids } : { requestedUntil, limit: most };
}

const mostLinks = 100;

/** Calls that clients make in either version. */
const callsOf = (version: '2.0' | '3.0'): readonly MlflowCall[] => [
  mlflowCall({
    method: 'post',
    version,
    path: 'traces/delete-traces',
    right: 'trace.delete',
    takes: deletion,
    answer: async (world, actor, input) => ({ traces_deleted: await deleteTraces(world, actor, input.experiment_id, deletionOf(input)) }),
  }),
  mlflowCall({
    method: 'post',
    version,
    path: 'traces/link-to-run',
    right: 'run.log',
    takes: z.object({ trace_ids: z.array(text).min(1), run_id: filledText }),
    answer: (world, _, input) => {
      const count = input.trace_ids.length;
      if (count > mostLinks) throw invalidParameter(`Cannot link more than ${mostLinks} traces to a run in a single request. Provided ${count} traces.`);
      return done(linkTraces(world, input.trace_ids, input.run_id));
    },
  }),
  mlflowCall({
    method: 'post',
    version,
    path: 'traces/link-prompts',
    right: 'run.log',
    takes: ofTrace({ prompt_versions: z.array(z.object({ name: filledText, version: z.union([text, z.number()]).transform(String) })).min(1) }),
    answer: (world, _, input) => done(linkPrompts(world, input.trace_id, input.prompt_versions.map((prompt) => `${prompt.name}/${prompt.version}`))),
  }),
  mlflowCall({
    method: 'patch',
    version,
    path: 'traces/{trace_id}/tags',
    right: 'run.log',
    takes: ofTrace({ key: tagKey, value: tagValue }),
    answer: (world, _, input) => done(setTraceTag(world, input.trace_id, input.key, input.value)),
  }),
  mlflowCall({
    method: 'delete',
    version,
    path: 'traces/{trace_id}/tags',
    right: 'run.log',
    takes: ofTrace({ key: tagKey }),
    answer: (world, _, input) => done(deleteTraceTag(world, input.trace_id, input.key)),
  }),
];

const masks: Readonly<Record<string, keyof AssessmentChange>> = {
  assessment_name: 'name',
  expectation: 'says',
  feedback: 'says',
  rationale: 'rationale',
  metadata: 'metadata',
};

/** protobuf's JSON of a field mask: `assessmentName,rationale` */
const fieldMask = z
  .union([text.transform((paths) => paths.split(',')), z.object({ paths: repeated(text) }).transform((mask) => mask.paths)])
  .transform((paths) => paths.map((path) => path.trim().replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));

function changeOf(fields: AssessmentFields, mask: readonly string[]): AssessmentChange {
  const says = saidBy(fields);
  const all: AssessmentChange = {
    ...(fields.assessment_name === undefined ? {} : { name: fields.assessment_name }),
    ...(says === undefined ? {} : { says }),
    ...(fields.rationale === undefined ? {} : { rationale: fields.rationale }),
    metadata: fields.metadata,
  };
  const wanted = mask.map((path) => masks[path]);
  const unknown = mask[wanted.indexOf(undefined)];
  if (unknown !== undefined) throw invalidParameter(`The field '${unknown}' of an assessment can't be updated.`);
  return Object.fromEntries(Object.entries(all).filter(([key]) => wanted.includes(key as keyof AssessmentChange)));
}

const assessmentPath = 'traces/{trace_id}/assessments/{assessment_id}';

const writeCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    version: '3.0',
    path: 'traces',
    right: 'run.log',
    takes: z.object({ trace: newTrace }),
    answer: (world, _, input) => answerStart(world, input.trace),
  }),
  mlflowCall({
    method: 'post',
    version: '3.0',
    path: 'traces/{trace_id}/assessments',
    right: 'run.log',
    takes: ofTrace({ assessment: assessmentFields }),
    answer: async (world, _, input) => ({
      assessment: assessmentMessage(await createAssessment(world, toAssessment(world, input.trace_id, { ...input.assessment, assessment_id: undefined }))),
    }),
  }),
  mlflowCall({
    method: 'get',
    version: '3.0',
    path: assessmentPath,
    right: 'read',
    takes: ofTrace({ assessment_id: filledText }),
    answer: async (world, _, input) => ({ assessment: assessmentMessage(await getAssessment(world.database.read, input.trace_id, input.assessment_id)) }),
  }),
  mlflowCall({
    method: 'patch',
    version: '3.0',
    path: assessmentPath,
    right: 'run.log',
    takes: ofTrace({ assessment_id: filledText, assessment: assessmentFields, update_mask: fieldMask }),
    answer: async (world, _, input) => ({
      assessment: assessmentMessage(await updateAssessment(world, input.trace_id, input.assessment_id, changeOf(input.assessment, input.update_mask))),
    }),
  }),
  mlflowCall({
    method: 'delete',
    version: '3.0',
    path: assessmentPath,
    right: 'run.log',
    takes: ofTrace({ assessment_id: filledText }),
    answer: (world, _, input) => done(deleteAssessment(world, input.trace_id, input.assessment_id)),
  }),
];

// ---------------------------------------------------------------------------------------------------------------------
// clients older than 3.0: a trace is started and ended, its spans are an artifact

const endStates = ['TRACE_STATUS_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS'] as const;
const oldState = z
  .union([z.enum(endStates), z.number().int().min(0).max(3).transform((number) => endStates[number] ?? 'TRACE_STATUS_UNSPECIFIED')])
  .transform((status) => (status === 'TRACE_STATUS_UNSPECIFIED' ? 'STATE_UNSPECIFIED' : status));

const oldCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'traces',
    right: 'run.log',
    takes: z.object({ experiment_id: filledText, timestamp_ms: int64, request_metadata: pairs, tags: pairs }),
    answer: async (world, _, input) => {
      const started: TraceInfo = {
        id: `tr-${randomUUID().replaceAll('-', '')}`,
        experimentId: input.experiment_id,
        requestedAt: input.timestamp_ms,
        durationMs: null,
        state: 'IN_PROGRESS',
        clientRequestId: null,
        requestPreview: null,
        responsePreview: null,
        metadata: input.request_metadata,
        tags: input.tags,
        assessments: [],
      };
      return { trace_info: oldTraceInfoMessage(await startTrace(world, started, false)) };
    },
  }),
  mlflowCall({
    method: 'patch',
    path: 'traces/{request_id}',
    right: 'run.log',
    takes: ofRequest({ timestamp_ms: int64, status: absent(oldState), request_metadata: pairs, tags: pairs }),
    answer: async (world, _, input) => {
      const before = await getTraceInfo(world.database.read, input.request_id);
      const ended: TraceInfo = {
        ...before,
        durationMs: input.timestamp_ms - before.requestedAt,
        state: input.status ?? 'STATE_UNSPECIFIED',
        // clients of that age keep the request and the response there
        requestPreview: input.request_metadata['mlflow.traceInputs'] ?? before.requestPreview,
        responsePreview: input.request_metadata['mlflow.traceOutputs'] ?? before.responsePreview,
        metadata: { ...before.metadata, ...input.request_metadata },
        tags: { ...before.tags, ...input.tags, [tagKeys.artifacts]: before.tags[tagKeys.artifacts] ?? '' },
      };
      return { trace_info: oldTraceInfoMessage(await startTrace(world, ended, false)) };
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'traces/{request_id}/info',
    right: 'read',
    takes: ofRequest({}),
    answer: async (world, _, input) => ({ trace_info: oldTraceInfoMessage(await getTraceInfo(world.database.read, input.request_id)) }),
  }),
  mlflowCall({
    method: 'get',
    path: 'traces',
    right: 'read',
    takes: z.object({
      experiment_ids: repeated(filledText).refine((ids) => ids.length > 0, 'at least one experiment'),
      filter: absent(text),
      max_results: limit,
      order_by: repeated(text),
      page_token: absent(text),
    }),
    answer: (world, _, input) => answerSearch(world, { ...input, experimentIds: input.experiment_ids }, oldTraceInfoMessage),
  }),
];

/** Every call of MLflow's API on traces that is answered here; fixed paths stand before those with an id in their place. */
export const traceCalls: readonly MlflowCall[] = [...callsOf('2.0'), ...callsOf('3.0'), ...writeCalls, ...readCalls, ...oldCalls];

export const mlflowTraceRoutes = (world: World): Api => mlflowRoutes(world, traceCalls);
