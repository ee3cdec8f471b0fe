import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { fileOfSpans, spansOfFile } from '../../develop/traces/span-json.ts';
import { assessmentMessage, traceInfoMessage } from '../../develop/traces/trace-messages.ts';
import { tagKeys, type Assessment, type Span, type TraceInfo } from '../../develop/traces/traces.ts';
import type { KeyValue } from '../../develop/tracking/tracking.ts';
import { traceStateOf } from './mlflow-trace-rows.ts';
import type { TraceRecord } from './trace-records.ts';

/*
 * Traces as MLflow's file store keeps them, both ways: `<experiment>/traces/<id>/` with `trace_info.yaml`, a file for each
 * tag in `tags` and each fact in `request_metadata`, `assessments/<id>.yaml`, and the spans in `artifacts/traces.json`
 * (mlflow/store/tracking/file_store.py, 2.14 to 3.17).
 */

const infoFile = 'trace_info.yaml';
const metadataFolder = 'request_metadata';

/** @param values of the files of a folder, by their names */
export async function readFolderTrace(
  at: string,
  experiment: string,
  id: string,
  values: (folder: string) => Promise<KeyValue[]>,
): Promise<TraceRecord> {
  const meta = fieldsOf(await readYaml(join(at, infoFile)));
  const named = said(meta, 'trace_id') ?? said(meta, 'request_id');
  if (named !== id) throw new Error(`its ${infoFile} names the trace ${named}`);
  const record = async (folder: string): Promise<Record<string, string>> =>
    Object.fromEntries((await values(join(at, folder))).map(({ key, value }) => [key, value]));
  const tags = await record('tags');
  const info: TraceInfo = {
    id,
    experimentId: experiment,
    requestedAt: timeOf(meta['request_time'] ?? meta['timestamp_ms']) ?? 0,
    durationMs: numberOf(meta['execution_duration_ms'] ?? meta['execution_time_ms']),
    state: traceStateOf(said(meta, 'state') ?? said(meta, 'status') ?? null),
    clientRequestId: said(meta, 'client_request_id') ?? null,
    requestPreview: said(meta, 'request_preview') ?? null,
    responsePreview: said(meta, 'response_preview') ?? null,
    metadata: await record(metadataFolder),
    tags,
    assessments: await assessmentsIn(join(at, 'assessments'), id),
  };
  const artifacts = join(at, 'artifacts');
  return {
    info,
    spans: await spansIn(artifacts, id),
    runIds: [],
    prompts: [],
    artifactUri: tags[tagKeys.artifacts] ?? artifacts,
  };
}

/** Where the artifacts lie elsewhere, the spans are read from them when somebody looks. */
async function spansIn(artifacts: string, id: string): Promise<Span[]> {
  const text = await readFile(join(artifacts, 'traces.json'), 'utf8').catch(() => undefined);
  return text === undefined ? [] : spansOfFile(text, id.replace(/^tr-/, ''));
}

async function assessmentsIn(folder: string, trace: string): Promise<Assessment[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml'));
  const found = await Promise.all(
    names.map(async (name) => assessmentOf(fieldsOf(await readYaml(join(folder, name))), trace)),
  );
  return found.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

function assessmentOf(fields: Fields, trace: string): Assessment {
  const source = fieldsOf(fields['source']);
  return {
    id: said(fields, 'assessment_id') ?? '',
    traceId: trace,
    name: said(fields, 'assessment_name') ?? '',
    spanId: said(fields, 'span_id') ?? null,
    sourceType: said(source, 'source_type') ?? 'SOURCE_TYPE_UNSPECIFIED',
    sourceId: said(source, 'source_id') ?? '',
    createdAt: timeOf(fields['create_time']) ?? 0,
    updatedAt: timeOf(fields['last_update_time']) ?? 0,
    rationale: said(fields, 'rationale') ?? null,
    metadata: Object.fromEntries(
      Object.entries(fieldsOf(fields['metadata'])).map(([key, value]) => [key, String(value)]),
    ),
    overrides: said(fields, 'overrides') ?? null,
    isValid: fields['valid'] !== false,
    says: saidBy(fields),
  };
}

function saidBy(fields: Fields): Assessment['says'] {
  if (fields['issue'] !== undefined)
    return { kind: 'issue', value: said(fieldsOf(fields['issue']), 'issue_name') ?? '' };
  if (fields['expectation'] !== undefined) {
    const expectation = fieldsOf(fields['expectation']);
    const serialized = said(fieldsOf(expectation['serialized_value']), 'value');
    const value = serialized === undefined ? (expectation['value'] ?? null) : (JSON.parse(serialized) as unknown);
    return { kind: 'expectation', value };
  }
  const feedback = fieldsOf(fields['feedback']);
  const error = feedback['error'] === undefined ? undefined : fieldsOf(feedback['error']);
  return {
    kind: 'feedback',
    value: feedback['value'] ?? null,
    error:
      error === undefined
        ? null
        : {
            code: said(error, 'error_code') ?? '',
            message: said(error, 'error_message') ?? null,
            stackTrace: said(error, 'stack_trace') ?? null,
          },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** PyYAML puts texts in quotes that would be something else to it, which leaves what its YAML 1.1 and 1.2 agree on. */
const readYaml = async (file: string): Promise<unknown> => parse(await readFile(file, 'utf8'), { schema: 'core' });

const fieldsOf = (value: unknown): Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {};

const said = (fields: Fields, key: string): string | undefined => {
  const value = fields[key];
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
};

const numberOf = (value: unknown): number | null =>
  value === undefined || value === null || !Number.isFinite(Number(value)) ? null : Number(value);

/** Milliseconds, or a time as protobuf's JSON writes it. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

/**
 * @param at the trace's folder
 * @param putValues writes values into files of a folder
 */
export async function writeFolderTrace(
  at: string,
  { info, spans }: TraceRecord,
  artifactUri: string,
  putValues: (folder: string, owner: string, values: readonly KeyValue[]) => Promise<void>,
): Promise<void> {
  const message = traceInfoMessage({ ...info, durationMs: null, metadata: {}, tags: {}, assessments: [] });
  await mkdir(at, { recursive: true });
  await writeFile(join(at, infoFile), yamlOf({ ...message, execution_duration_ms: info.durationMs }));
  const owner = `trace ${info.id}`;
  await putValues(join(at, metadataFolder), owner, pairsOf(info.metadata));
  // spans lie in the artifacts here, which clients look for where nothing else is said
  const { [tagKeys.spansLocation]: _where, ...tags } = info.tags;
  await putValues(join(at, 'tags'), owner, pairsOf({ ...tags, [tagKeys.artifacts]: artifactUri }));
  await mkdir(join(at, 'assessments'), { recursive: true });
  for (const assessment of info.assessments)
    await writeFile(join(at, 'assessments', `${assessment.id}.yaml`), yamlOf(assessmentMessage(assessment)));
  await mkdir(join(at, 'artifacts'), { recursive: true });
  if (spans.length > 0) await writeFile(join(at, 'artifacts', 'traces.json'), fileOfSpans(spans));
}

/** Texts in double quotes, so that readers of YAML 1.1 and 1.2 take them for the same. */
const yamlOf = (facts: object): string =>
  stringify(facts, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0 });

const pairsOf = (record: Readonly<Record<string, string>>): KeyValue[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));
