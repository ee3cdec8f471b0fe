import { anyValueOfJson } from '../../develop/traces/any-value-json.ts';
import { fieldsOf, jsonOfSpan, spanContentOf } from '../../develop/traces/span-json.ts';
import {
  metadataKeys,
  numbersText,
  spanStatuses,
  spanTypeOf,
  spansAreHere,
  tagKeys,
  traceStates,
  type Assessment,
  type AssessmentError,
  type Span,
  type TraceState,
} from '../../develop/traces/traces.ts';
import { parsePythonJson } from '../../platform/python-json.ts';
import type { TraceRecord } from './trace-records.ts';

/*
 * Traces as MLflow's database keeps them, both ways: tables trace_info, trace_tags, trace_request_metadata, spans,
 * assessments and entity_associations (mlflow/store/tracking/dbmodels/models.py, 3.4 to 3.17).
 */

type Value = string | number | bigint | null;
export type Row = Readonly<Record<string, Value>>;

/** Metadata that MLflow from 3.16 on keeps in columns of trace_info instead. */
const promoted = {
  [metadataKeys.tokenUsage]: [
    'input_tokens',
    'output_tokens',
    'total_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
    'cache_creation_input_tokens_above_1hr',
  ],
  [metadataKeys.cost]: ['input_cost', 'output_cost', 'total_cost'],
} as const;

/** What MLflow's own reader makes of the columns of trace_info (trace_analytics.py). */
export function promotedFacts(row: Row): { tags: Record<string, string>; metadata: Record<string, string> } {
  const metadata: Record<string, string> = {};
  if (row['session_id'] !== null && row['session_id'] !== undefined)
    metadata[metadataKeys.session] = String(row['session_id']);
  for (const [key, columns] of Object.entries(promoted)) {
    const numbers = columns.flatMap((column) =>
      row[column] === null || row[column] === undefined ? [] : [[column, Number(row[column])] as const],
    );
    if (numbers.length > 0)
      metadata[key] = numbersText(Object.fromEntries(numbers), key === metadataKeys.tokenUsage);
  }
  const name = row['trace_name'];
  return { metadata, tags: name === null || name === undefined ? {} : { [tagKeys.name]: String(name) } };
}

export const traceStateOf = (status: Value | undefined): TraceState =>
  traceStates.find((state) => state === status) ?? 'STATE_UNSPECIFIED';

/** A row of `spans`; its times as text, as they have more digits than a number holds. */
export function spanOfRow(row: Row): Span {
  return {
    traceId: String(row['trace_id']).replace(/^tr-/, ''),
    id: String(row['span_id']),
    parentId: nullableText(row['parent_span_id']),
    startNanos: String(row['start_time_unix_nano'] ?? '0'),
    endNanos: String(row['end_time_unix_nano'] ?? '0'),
    status: spanStatuses.find((each) => each === row['status']) ?? 'UNSET',
    ...spanContentOf(fieldsOf(anyValueOfJson(String(row['content'])))),
  };
}

export function assessmentOfRow(row: Row): Assessment {
  const value = parsePythonJson(String(row['value']));
  const error =
    row['error'] === null || row['error'] === undefined
      ? null
      : errorOf(parsePythonJson(String(row['error'])));
  return {
    id: String(row['assessment_id']),
    traceId: String(row['trace_id']),
    name: String(row['name']),
    spanId: nullableText(row['span_id']),
    sourceType: String(row['source_type']),
    sourceId: nullableText(row['source_id']) ?? '',
    createdAt: Number(row['created_timestamp']),
    updatedAt: Number(row['last_updated_timestamp']),
    rationale: nullableText(row['rationale']),
    metadata:
      row['assessment_metadata'] === null
        ? {}
        : (parsePythonJson(String(row['assessment_metadata'])) as Record<string, string>),
    overrides: nullableText(row['overrides']),
    isValid: Number(row['valid']) !== 0,
    says: saidIn(row['assessment_type'], value, error),
  };
}

function saidIn(kind: Value | undefined, value: unknown, error: AssessmentError | null): Assessment['says'] {
  if (kind === 'issue')
    return { kind: 'issue', value: (value as { issue_name?: string } | null)?.issue_name ?? '' };
  return kind === 'expectation' ? { kind: 'expectation', value } : { kind: 'feedback', value, error };
}

function errorOf(value: unknown): AssessmentError {
  const { error_code, error_message, stack_trace } = value as Record<string, string | null | undefined>;
  return { code: error_code ?? '', message: error_message ?? null, stackTrace: stack_trace ?? null };
}

const nullableText = (value: Value | undefined): string | null =>
  value === null || value === undefined ? null : String(value);

// ---------------------------------------------------------------------------------------------------------------------
// out

const index = (table: string, columns: string, name = columns.replaceAll(', ', '_')): string =>
  `CREATE INDEX index_${table}_${name} ON ${table} (${columns})`;

/** Steps from the schema of 3.0 to that of 3.5, which has a place for spans; later MLflows go on from there. */
export const traceSchema: readonly string[] = [
  ...['client_request_id VARCHAR(50)', 'request_preview VARCHAR(1000)', 'response_preview VARCHAR(1000)'].map(
    (column) => `ALTER TABLE trace_info ADD COLUMN ${column}`,
  ),
  `CREATE TABLE assessments (
   assessment_id VARCHAR(50) NOT NULL, trace_id VARCHAR(50) NOT NULL, name VARCHAR(250) NOT NULL, assessment_type VARCHAR(20) NOT NULL,
   value TEXT NOT NULL, error TEXT, created_timestamp BIGINT NOT NULL, last_updated_timestamp BIGINT NOT NULL,
   source_type VARCHAR(50) NOT NULL, source_id VARCHAR(250), run_id VARCHAR(32), span_id VARCHAR(50), rationale TEXT,
   overrides VARCHAR(50), valid BOOLEAN NOT NULL, assessment_metadata TEXT,
   CONSTRAINT assessments_pk PRIMARY KEY (assessment_id),
   CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE)`,
  index('assessments', 'trace_id, created_timestamp'),
  index('assessments', 'run_id, created_timestamp'),
  index('assessments', 'last_updated_timestamp'),
  index('assessments', 'assessment_type'),
  `CREATE TABLE spans (
   trace_id VARCHAR(50) NOT NULL, experiment_id INTEGER NOT NULL, span_id VARCHAR(50) NOT NULL, parent_span_id VARCHAR(50), name TEXT,
   type VARCHAR(500), status VARCHAR(50) NOT NULL, start_time_unix_nano BIGINT NOT NULL, end_time_unix_nano BIGINT,
   duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, content TEXT NOT NULL,
   CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id),
   CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE,
   CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id))`,
  index('spans', 'experiment_id'),
  index('spans', 'experiment_id, status, type'),
  index('spans', 'experiment_id, type, status'),
  index('spans', 'experiment_id, duration_ns', 'experiment_id_duration'),
  `CREATE TABLE entity_associations (
   association_id VARCHAR(36) NOT NULL, source_type VARCHAR(36) NOT NULL, source_id VARCHAR(36) NOT NULL,
   destination_type VARCHAR(36) NOT NULL, destination_id VARCHAR(36) NOT NULL, created_time BIGINT,
   CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id))`,
  index('entity_associations', 'association_id'),
  index('entity_associations', 'destination_type, destination_id, source_type, source_id', 'reverse_lookup'),
];

/** The revision of the last of these steps. */
export const traceSchemaRevision = 'de4033877273';

export type TableRow = readonly [table: string, values: Readonly<Record<string, Value>>];

/** The rows of a trace, by table, those that others refer to first. */
export function rowsOfTrace(
  experiment: bigint,
  { info, spans, runIds, prompts }: TraceRecord,
  artifactUri: string,
  newId: () => string,
): TableRow[] {
  const request_id = info.id;
  const { [tagKeys.spansLocation]: _where, ...tags } = info.tags;
  const allTags = {
    ...tags,
    [tagKeys.artifacts]: artifactUri,
    ...(spans.length === 0 ? {} : { [tagKeys.spansLocation]: spansAreHere }),
  };
  const pairs = (table: string, record: Readonly<Record<string, string>>): TableRow[] =>
    Object.entries(record).map(([key, value]) => [table, { key, value, request_id }]);
  const linked = (type: string, ids: readonly string[]): TableRow[] =>
    ids.map((id) => [
      'entity_associations',
      {
        association_id: newId(),
        source_type: 'trace',
        source_id: request_id,
        destination_type: type,
        destination_id: id,
        created_time: info.requestedAt,
      },
    ]);
  return [
    [
      'trace_info',
      {
        request_id,
        experiment_id: experiment,
        timestamp_ms: info.requestedAt,
        execution_time_ms: info.durationMs,
        status: info.state,
        client_request_id: info.clientRequestId,
        request_preview: info.requestPreview,
        response_preview: info.responsePreview,
      },
    ],
    ...pairs('trace_tags', allTags),
    ...pairs('trace_request_metadata', info.metadata),
    ...spans.map((span): TableRow => ['spans', spanRow(experiment, request_id, span)]),
    ...info.assessments.map((assessment): TableRow => ['assessments', assessmentRow(assessment)]),
    ...linked('run', runIds),
    ...linked('prompt_version', prompts),
  ];
}

const spanRow = (experiment: bigint, traceId: string, span: Span): TableRow[1] => ({
  trace_id: traceId,
  experiment_id: experiment,
  span_id: span.id,
  parent_span_id: span.parentId,
  name: span.name,
  type: spanTypeOf(span),
  status: span.status,
  start_time_unix_nano: BigInt(span.startNanos),
  end_time_unix_nano: span.endNanos === '0' ? null : BigInt(span.endNanos),
  content: jsonOfSpan(span),
});

function assessmentRow(assessment: Assessment): TableRow[1] {
  const { says, metadata } = assessment;
  const error = says.kind === 'feedback' ? says.error : null;
  return {
    assessment_id: assessment.id,
    trace_id: assessment.traceId,
    name: assessment.name,
    assessment_type: says.kind,
    value: JSON.stringify(says.kind === 'issue' ? { issue_name: says.value } : (says.value ?? null)),
    error:
      error === null
        ? null
        : JSON.stringify({
            error_code: error.code,
            error_message: error.message,
            stack_trace: error.stackTrace,
          }),
    created_timestamp: assessment.createdAt,
    last_updated_timestamp: assessment.updatedAt,
    source_type: assessment.sourceType,
    source_id: assessment.sourceId,
    run_id: metadata[sourceRunKey] ?? null,
    span_id: assessment.spanId,
    rationale: assessment.rationale,
    overrides: assessment.overrides,
    valid: assessment.isValid ? 1 : 0,
    assessment_metadata: Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata),
  };
}

/** Where an assessment says which run judged; MLflow repeats it in a column. */
const sourceRunKey = 'mlflow.assessment.sourceRunId';
