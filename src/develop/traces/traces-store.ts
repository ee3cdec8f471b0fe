import { sql } from 'kysely';
import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import { badRequest } from '../../platform/errors.ts';
import { createTables } from '../../platform/database/schema.ts';
import { listSql, rowsSql } from '../../platform/database/sql-words.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { artifactKeyOf, isOurs } from '../tracking/artifact-keys.ts';
import { experimentNumber, getExperiment, requireActiveExperiment } from '../tracking/experiment-store.ts';
import { getRunInfo } from '../tracking/run-store.ts';
import { groupedByIds } from '../tracking/tracking-store.ts';
import { assessmentOf, insertAssessment, type AssessmentTable } from './assessment-store.ts';
import { otlpTooLarge, traceNotFound, traceTagNotFound } from './traces-errors.ts';
import {
  attributeOf,
  cacheTokenKeys,
  costKeys,
  extentOf,
  metadataKeys,
  microsOf,
  numbersText,
  previewOf,
  spanKeys,
  spansAreHere,
  spanTypeOf,
  stateOf,
  sumOverTree,
  tagKeys,
  textOf,
  tokenKeys,
  traceIdOf,
  type Attribute,
  type Span,
  type SpanBatch,
  type SpanStatus,
  type TraceInfo,
  type TraceState,
} from './traces.ts';
import { translated } from './translation.ts';

interface TraceTable {
  id: string;
  experiment_id: number;
  requested_at: number;
  duration_ms: number | null;
  state: TraceState;
  client_request_id: string | null;
  request_preview: string | null;
  response_preview: string | null;
}

interface TraceKeyValueTable {
  trace_id: string;
  key: string;
  value: string;
}

interface TraceSpanTable {
  trace_id: string;
  /** 16 hexadecimal digits */
  span_id: string;
  parent_id: string | null;
  name: string;
  type: string;
  status: SpanStatus;
  /** microseconds since the epoch, for the order; the content has the nanoseconds */
  start_us: number;
  /** JSON of the rest */
  content: string;
}

interface TraceRunTable {
  trace_id: string;
  run_id: string;
}

interface TracePromptTable {
  trace_id: string;
  /** name/version */
  prompt: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    trace: TraceTable;
    trace_tag: TraceKeyValueTable;
    trace_metadata: TraceKeyValueTable;
    trace_span: TraceSpanTable;
    trace_run: TraceRunTable;
    trace_prompt: TracePromptTable;
    trace_assessment: AssessmentTable;
  }
}

export const traceMigrations: Migrations = {
  'traces-001': {
    async up(db) {
      const ofTrace = 'trace_id text NOT NULL REFERENCES trace(id) ON DELETE CASCADE';
      await createTables(db, [
        `CREATE TABLE trace (
          id text PRIMARY KEY, experiment_id integer NOT NULL REFERENCES experiment(id) ON DELETE CASCADE, requested_at integer NOT NULL,
          duration_ms integer, state text NOT NULL, client_request_id text, request_preview text, response_preview text)`,
        `CREATE INDEX trace_of_experiment ON trace (experiment_id, requested_at DESC, id)`,
        `CREATE TABLE trace_tag (${ofTrace}, key text NOT NULL, value text NOT NULL, PRIMARY KEY (trace_id, key)) WITHOUT ROWID`,
        `CREATE TABLE trace_metadata (${ofTrace}, key text NOT NULL, value text NOT NULL, PRIMARY KEY (trace_id, key)) WITHOUT ROWID`,
        `CREATE INDEX trace_metadata_value ON trace_metadata (key, value)`,
        `CREATE TABLE trace_span (
          ${ofTrace}, span_id text NOT NULL, parent_id text, name text NOT NULL, type text NOT NULL, status text NOT NULL,
          start_us integer NOT NULL, content text NOT NULL, PRIMARY KEY (trace_id, span_id))`,
        // without a reference to the trace: a client may link one that is still on its way
        `CREATE TABLE trace_run (
          trace_id text NOT NULL, run_id text NOT NULL REFERENCES run(id) ON DELETE CASCADE, PRIMARY KEY (trace_id, run_id)) WITHOUT ROWID`,
        `CREATE INDEX trace_run_of_run ON trace_run (run_id)`,
        `CREATE TABLE trace_prompt (${ofTrace}, prompt text NOT NULL, PRIMARY KEY (trace_id, prompt)) WITHOUT ROWID`,
        `CREATE TABLE trace_assessment (
          id text PRIMARY KEY, ${ofTrace}, name text NOT NULL, kind text NOT NULL, span_id text, source_type text NOT NULL,
          source_id text NOT NULL, value text NOT NULL, value_text text NOT NULL, value_number real, error text, rationale text,
          metadata text NOT NULL, overrides text, is_valid integer NOT NULL, created_at integer NOT NULL, updated_at integer NOT NULL)`,
        `CREATE INDEX trace_assessment_of_trace ON trace_assessment (trace_id)`,
        `CREATE INDEX trace_assessment_name ON trace_assessment (kind, name)`,
      ]);
    },
  },
};

// ---------------------------------------------------------------------------------------------------------------------
// reading

/** Traces without their spans, in the order of the ids; unknown ids are left out. */
export async function getTraceInfos(read: Reader, ids: readonly string[]): Promise<TraceInfo[]> {
  const unique = [...new Set(ids)];
  const rows = await groupedByIds(unique, (some) => read.selectFrom('trace').selectAll().where('id', 'in', some).execute(), (row) => row.id);
  const tags = await groupedByIds(unique, (some) => read.selectFrom('trace_tag').selectAll().where('trace_id', 'in', some).orderBy('key').execute(), (row) => row.trace_id);
  const metadata = await groupedByIds(unique, (some) => read.selectFrom('trace_metadata').selectAll().where('trace_id', 'in', some).orderBy('key').execute(), (row) => row.trace_id);
  const assessments = await groupedByIds(
    unique,
    (some) => read.selectFrom('trace_assessment').selectAll().where('trace_id', 'in', some).orderBy('created_at').orderBy('id').execute(),
    (row) => row.trace_id,
  );
  return unique.flatMap((id) => {
    const row = rows.get(id)?.[0];
    if (row === undefined) return [];
    return {
      id,
      experimentId: String(row.experiment_id),
      requestedAt: row.requested_at,
      durationMs: row.duration_ms,
      state: row.state,
      clientRequestId: row.client_request_id,
      requestPreview: row.request_preview,
      responsePreview: row.response_preview,
      tags: recordOf(tags.get(id) ?? []),
      metadata: recordOf(metadata.get(id) ?? []),
      assessments: (assessments.get(id) ?? []).map(assessmentOf),
    };
  });
}

const recordOf = (rows: readonly TraceKeyValueTable[]): Record<string, string> => Object.fromEntries(rows.map(({ key, value }) => [key, value]));

/** @throws TRACE_NOT_FOUND */
export async function getTraceInfo(read: Reader, id: string): Promise<TraceInfo> {
  const [info] = await getTraceInfos(read, [id]);
  if (info === undefined) throw traceNotFound(id);
  return info;
}

/** The spans of each trace that has some: the root first, then by their start. */
export async function getSpans(read: Reader, traceIds: readonly string[]): Promise<Map<string, Span[]>> {
  const rows = await groupedByIds(
    traceIds,
    (some) => read.selectFrom('trace_span').selectAll().where('trace_id', 'in', some).orderBy(sql`parent_id IS NOT NULL`).orderBy('start_us').orderBy('span_id').execute(),
    (row) => row.trace_id,
  );
  return new Map([...rows].map(([id, spans]) => [id, spans.map(spanOf)]));
}

/** What a row of a span keeps as JSON. */
type SpanContent = Omit<Span, 'traceId' | 'id' | 'parentId' | 'name' | 'status'> & { readonly traceId: string };

const spanOf = (row: TraceSpanTable): Span => ({
  ...(JSON.parse(row.content) as SpanContent),
  id: row.span_id,
  parentId: row.parent_id,
  name: row.name,
  status: row.status,
});

/** The names of the root spans, for traces that nobody named. */
export async function rootNames(read: Reader, traces: readonly TraceInfo[]): Promise<Map<string, string>> {
  const unnamed = traces.filter((trace) => trace.tags[tagKeys.name] === undefined).map((trace) => trace.id);
  if (unnamed.length === 0) return new Map();
  const rows = await read.selectFrom('trace_span').select(['trace_id', 'name']).where('trace_id', 'in', unnamed).where('parent_id', 'is', null).execute();
  return new Map(rows.map((row) => [row.trace_id, row.name]));
}

/** The runs that traces were linked to, beside the one they came from. */
export async function runsOfTrace(read: Reader, id: string): Promise<string[]> {
  const rows = await read.selectFrom('trace_run').select('run_id').where('trace_id', '=', id).orderBy('run_id').execute();
  return rows.map((row) => row.run_id);
}

/** Where a trace's files are, as a blob key; undefined when the experiment keeps its files elsewhere. */
export async function traceArtifactKey(read: Reader, info: Pick<TraceInfo, 'id' | 'experimentId'>): Promise<string | undefined> {
  const { artifactLocation } = await getExperiment(read, info.experimentId);
  // not what the tag says: a tag can be set to anything
  return isOurs(artifactLocation) ? artifactKeyOf(artifactUri(artifactLocation, info.id)) : undefined;
}

const artifactUri = (location: string, id: string): string => `${location}/traces/${id}/artifacts`;

// ---------------------------------------------------------------------------------------------------------------------
// writing

/**
 * Keeps what a client says of a finished trace; its spans come before or after. What it says wins over what was read off
 * the spans.
 *
 * @param isFinal does it end the trace? Older clients tell of its beginning, too
 * @throws EXPERIMENT_NOT_FOUND, EXPERIMENT_DELETED
 */
export async function startTrace(world: World, trace: TraceInfo, isFinal = true): Promise<TraceInfo> {
  return world.database.write(async (tx) => {
    const experiment = await requireActiveExperiment(tx, trace.experimentId);
    const told = {
      experiment_id: experiment.id,
      requested_at: trace.requestedAt,
      duration_ms: trace.durationMs,
      state: trace.state,
      client_request_id: trace.clientRequestId,
    };
    const previews = {
      ...(trace.requestPreview === null ? {} : { request_preview: trace.requestPreview }),
      ...(trace.responsePreview === null ? {} : { response_preview: trace.responsePreview }),
    };
    await tx
      .insertInto('trace')
      .values({ id: trace.id, ...told, request_preview: trace.requestPreview, response_preview: trace.responsePreview })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...told, ...previews }))
      .execute();
    const { [tagKeys.spansLocation]: _theirs, ...tags } = trace.tags;
    await put(tx, 'trace_tag', trace.id, { ...tags, [tagKeys.artifacts]: artifactUri(experiment.artifactLocation, trace.id) });
    await put(tx, 'trace_metadata', trace.id, { ...trace.metadata, ...(isFinal ? { [metadataKeys.isFinal]: 'true' } : {}) });
    for (const assessment of trace.assessments) await insertAssessment(tx, { ...assessment, traceId: trace.id });
    return getTraceInfo(tx, trace.id);
  });
}

async function put(tx: Transaction, table: 'trace_tag' | 'trace_metadata', traceId: string, pairs: Readonly<Record<string, string>>): Promise<void> {
  const values = Object.entries(pairs).map(([key, value]) => ({ trace_id: traceId, key, value }));
  if (values.length === 0) return;
  await tx
    .insertInto(table)
    .values(values)
    .onConflict((conflict) => conflict.columns(['trace_id', 'key']).doUpdateSet((row) => ({ value: row.ref('excluded.value') })))
    .execute();
}

const spanByteLimit = 16 * 1024 * 1024;

/**
 * Keeps spans, of one or more traces, all or none; a trace that is new begins with what its spans tell. A span that is
 * sent again replaces the earlier one.
 *
 * @param runId the run to link the traces to, whose root span is among these
 * @returns the ids of the traces
 * @throws EXPERIMENT_NOT_FOUND, EXPERIMENT_DELETED, OTLP_TOO_LARGE, RUN_NOT_FOUND
 */
export async function logSpans(world: World, experimentId: string, batches: readonly SpanBatch[], runId?: string): Promise<string[]> {
  const byTrace = new Map<string, { resource: readonly Attribute[]; spans: Span[] }>();
  for (const { resource, spans } of batches) {
    for (const span of spans) {
      const known = byTrace.get(span.traceId) ?? { resource, spans: [] };
      known.spans.push(translated(span));
      byTrace.set(span.traceId, known);
    }
  }
  return world.database.write(async (tx) => {
    const experiment = await requireActiveExperiment(tx, experimentId);
    if (runId !== undefined) await getRunInfo(tx, runId);
    for (const [hex, { resource, spans }] of byTrace) {
      const id = traceIdOf(hex);
      await logTraceSpans(tx, experiment, id, spans, resource);
      const isComplete = spans.some((span) => span.parentId === null);
      if (runId !== undefined && isComplete) await link(tx, [id], runId);
    }
    return [...byTrace.keys()].map(traceIdOf);
  });
}

async function logTraceSpans(
  tx: Transaction,
  experiment: { readonly id: number; readonly artifactLocation: string },
  id: string,
  spans: readonly Span[],
  resource: readonly Attribute[],
): Promise<void> {
  const { startedAt, endedAt } = extentOf(spans);
  const state = stateOf(spans);
  const known = await tx.selectFrom('trace').selectAll().where('id', '=', id).executeTakeFirst();
  if (known === undefined) {
    await tx
      .insertInto('trace')
      .values({
        id,
        experiment_id: experiment.id,
        requested_at: startedAt,
        duration_ms: endedAt === undefined ? null : endedAt - startedAt,
        state: state ?? 'IN_PROGRESS',
        client_request_id: null,
        request_preview: null,
        response_preview: null,
      })
      .execute();
    await put(tx, 'trace_tag', id, { [tagKeys.artifacts]: artifactUri(experiment.artifactLocation, id) });
  }
  for (const span of spans) await putSpan(tx, id, span);

  const metadata = recordOf(await tx.selectFrom('trace_metadata').selectAll().where('trace_id', '=', id).execute());
  const root = spans.findLast((span) => span.parentId === null);
  const row = known ?? { requested_at: startedAt, duration_ms: null, state: 'IN_PROGRESS' as const, request_preview: null, response_preview: null };
  const isFinal = metadata[metadataKeys.isFinal] === 'true';
  const firstAt = Math.min(row.requested_at, startedAt);
  const lastAt = Math.max(endedAt ?? 0, row.duration_ms === null ? 0 : row.requested_at + row.duration_ms);
  await tx
    .updateTable('trace')
    .set({
      ...(isFinal ? {} : { requested_at: firstAt, ...(endedAt === undefined ? {} : { duration_ms: lastAt - firstAt }) }),
      ...(state !== undefined && (row.state === 'IN_PROGRESS' || row.state === 'STATE_UNSPECIFIED') ? { state } : {}),
      request_preview: row.request_preview ?? (root === undefined ? null : previewOf(attributeOf(root, spanKeys.inputs), 'user')),
      response_preview: row.response_preview ?? (root === undefined ? null : previewOf(attributeOf(root, spanKeys.outputs), 'assistant')),
    })
    .where('id', '=', id)
    .execute();
  await put(tx, 'trace_metadata', id, await notedBySpans(tx, id, spans, metadata));
  await put(tx, 'trace_tag', id, { ...resourceTags(resource), ...(root === undefined ? {} : rootTags(root)), [tagKeys.spansLocation]: spansAreHere });
}

/** What a trace is linked to. */
export interface TraceLinks {
  /** beside the run that it came from; runs that are here */
  readonly runIds: readonly string[];
  readonly prompts: readonly string[];
}

/**
 * Keeps a trace as another store told it, to the letter; one that is here gets what it does not have yet.
 *
 * @param artifacts the address of its files
 */
export async function takeTrace(tx: Transaction, trace: TraceInfo, spans: readonly Span[], links: TraceLinks, artifacts: string): Promise<void> {
  await tx
    .insertInto('trace')
    .values({
      id: trace.id,
      experiment_id: experimentNumber(trace.experimentId),
      requested_at: trace.requestedAt,
      duration_ms: trace.durationMs,
      state: trace.state,
      client_request_id: trace.clientRequestId,
      request_preview: trace.requestPreview,
      response_preview: trace.responsePreview,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const known = await getTraceInfo(tx, trace.id);
  const { [tagKeys.spansLocation]: _theirs, ...tags } = trace.tags;
  await put(tx, 'trace_tag', trace.id, { ...tags, [tagKeys.artifacts]: artifacts, ...(spans.length === 0 ? {} : { [tagKeys.spansLocation]: spansAreHere }), ...known.tags });
  await put(tx, 'trace_metadata', trace.id, { ...trace.metadata, ...known.metadata });
  const knownSpans = new Set(((await getSpans(tx, [trace.id])).get(trace.id) ?? []).map((span) => span.id));
  for (const span of spans) if (!knownSpans.has(span.id)) await putSpan(tx, trace.id, span);
  const said = new Set(known.assessments.map((assessment) => assessment.id));
  for (const assessment of trace.assessments) if (!said.has(assessment.id)) await insertAssessment(tx, assessment);
  for (const runId of links.runIds) await link(tx, [trace.id], runId);
  for (const prompt of links.prompts) await linkPrompt(tx, trace.id, prompt);
}

/** The prompts that a trace used, name/version. */
export async function promptsOfTrace(read: Reader, id: string): Promise<string[]> {
  const rows = await read.selectFrom('trace_prompt').select('prompt').where('trace_id', '=', id).orderBy('prompt').execute();
  return rows.map((row) => row.prompt);
}

async function linkPrompt(tx: Transaction, traceId: string, prompt: string): Promise<void> {
  await tx.insertInto('trace_prompt').values({ trace_id: traceId, prompt }).onConflict((conflict) => conflict.doNothing()).execute();
}

async function putSpan(tx: Transaction, traceId: string, span: Span): Promise<void> {
  const attributes = [...span.attributes.filter(({ key }) => key !== spanKeys.traceId), { key: spanKeys.traceId, value: { string_value: traceId } }];
  const { id, parentId, name, status, ...rest } = span;
  const kept: SpanContent = { ...rest, attributes };
  const content = JSON.stringify(kept);
  if (content.length > spanByteLimit) throw otlpTooLarge(`The span ${JSON.stringify(name.slice(0, 100))}`, content.length, spanByteLimit);
  const row = { parent_id: parentId, name, type: spanTypeOf(span), status, start_us: microsOf(span.startNanos), content };
  await tx
    .insertInto('trace_span')
    .values({ trace_id: traceId, span_id: id, ...row })
    .onConflict((conflict) => conflict.columns(['trace_id', 'span_id']).doUpdateSet(row))
    .execute();
}

/** Session, user, tokens and cost, as far as the spans tell them and the client has not. */
async function notedBySpans(tx: Transaction, id: string, spans: readonly Span[], known: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const noted: Record<string, string> = {};
  const first = (keys: readonly string[]): string | undefined => {
    for (const span of spans) {
      for (const key of keys) {
        const value = textOf(attributeOf(span, key));
        if (value !== null && value !== '') return value;
      }
    }
    return undefined;
  };
  const session = first([spanKeys.session, spanKeys.conversation]);
  if (session !== undefined && known[metadataKeys.session] === undefined) noted[metadataKeys.session] = session;
  const user = first([spanKeys.user]);
  if (user !== undefined && known[metadataKeys.user] === undefined) noted[metadataKeys.user] = user;

  const isFinal = known[metadataKeys.isFinal] === 'true';
  const wants = (attribute: string, key: string): boolean =>
    spans.some((span) => attributeOf(span, attribute) !== undefined) && !(isFinal && known[key] !== undefined);
  const wantsTokens = wants(spanKeys.tokenUsage, metadataKeys.tokenUsage);
  const wantsCost = wants(spanKeys.cost, metadataKeys.cost);
  if (!wantsTokens && !wantsCost) return noted;
  // a parent that sums up its children may come in another request than they
  const all = (await getSpans(tx, [id])).get(id) ?? [];
  const tokens = wantsTokens ? sumOverTree(all, spanKeys.tokenUsage, tokenKeys, cacheTokenKeys) : undefined;
  if (tokens !== undefined) noted[metadataKeys.tokenUsage] = numbersText(tokens, true);
  const cost = wantsCost ? sumOverTree(all, spanKeys.cost, costKeys) : undefined;
  if (cost !== undefined) noted[metadataKeys.cost] = numbersText(cost, false);
  return noted;
}

/** What a program says of itself, such as service.name, becomes tags, except what is MLflow's own. */
const resourceTags = (resource: readonly Attribute[]): Record<string, string> =>
  Object.fromEntries(
    resource.filter(({ key }) => !/^(telemetry\.sdk\.|mlflow\.)/.test(key) && isTagKey(key)).map(({ key, value }) => [key, textOf(value) ?? 'null']),
  );

/** `mlflow.traceTag.<key>` on the root span. */
const rootTags = (root: Span): Record<string, string> =>
  Object.fromEntries(
    root.attributes
      .filter(({ key }) => key.startsWith(spanKeys.tagPrefix) && isTagKey(key.slice(spanKeys.tagPrefix.length)))
      .map(({ key, value }) => [key.slice(spanKeys.tagPrefix.length), textOf(value) ?? 'null'] as const)
      .filter(([key]) => !isFixedTag(key)),
  );

const isTagKey = (key: string): boolean => key !== '' && key.length <= 250;

/** Tags that say where things are: only the server sets them. */
export const isFixedTag = (key: string): boolean => key === tagKeys.spansLocation || key === tagKeys.artifacts || key.startsWith('mlflow.trace.archiv');

/** @throws TRACE_NOT_FOUND, BAD_REQUEST for a tag that only the server sets */
export async function setTraceTag(world: World, id: string, key: string, value: string): Promise<void> {
  requireOwnTag(key, 'set');
  await world.database.write(async (tx) => {
    await requireTrace(tx, id);
    await put(tx, 'trace_tag', id, { [key]: value });
  });
}

/** @throws TRACE_NOT_FOUND, TRACE_TAG_NOT_FOUND */
export async function deleteTraceTag(world: World, id: string, key: string): Promise<void> {
  requireOwnTag(key, 'deleted');
  await world.database.write(async (tx) => {
    await requireTrace(tx, id);
    const gone = await tx.deleteFrom('trace_tag').where('trace_id', '=', id).where('key', '=', key).executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw traceTagNotFound(key, id);
  });
}

function requireOwnTag(key: string, deed: 'set' | 'deleted'): void {
  if (isFixedTag(key)) throw badRequest(`Tag '${key}' is immutable and cannot be ${deed} on a trace.`);
}

/** @throws TRACE_NOT_FOUND */
export async function requireTrace(read: Reader, id: string): Promise<void> {
  const row = await read.selectFrom('trace').select('id').where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw traceNotFound(id);
}

/** Links traces to a run, also those that have not come yet. @throws RUN_NOT_FOUND */
export async function linkTraces(world: World, traceIds: readonly string[], runId: string): Promise<void> {
  await world.database.write(async (tx) => {
    await getRunInfo(tx, runId);
    await link(tx, traceIds, runId);
  });
}

async function link(tx: Transaction, traceIds: readonly string[], runId: string): Promise<void> {
  await sql`INSERT INTO trace_run (trace_id, run_id)
    SELECT value, ${runId} FROM ${rowsSql(traceIds, 'linked')} WHERE 1 = 1 ON CONFLICT DO NOTHING`.execute(tx);
}

/** @throws TRACE_NOT_FOUND */
export async function linkPrompts(world: World, id: string, prompts: readonly string[]): Promise<void> {
  await world.database.write(async (tx) => {
    await requireTrace(tx, id);
    for (const prompt of prompts) await linkPrompt(tx, id, prompt);
  });
}

export type Deletion =
  | { readonly traceIds: readonly string[] }
  /** the oldest first */
  | { readonly requestedUntil: number; readonly limit: number | undefined };

/** Deletes traces of an experiment, with spans and files, for good. @returns how many */
export async function deleteTraces(world: World, actor: Actor, experimentId: string, which: Deletion): Promise<number> {
  const experiment = experimentNumber(experimentId);
  const data = 'traceIds' in which ? { traceIds: which.traceIds.slice(0, 100), count: which.traceIds.length } : which;
  const gone = await perform(world, { actor, verb: 'trace.delete', kind: 'experiment', thing: experimentId, data }, async (tx) => {
    const chosen =
      'traceIds' in which
        ? sql`id IN ${listSql(which.traceIds)}`
        : sql`requested_at <= ${which.requestedUntil} ORDER BY requested_at, id ${which.limit === undefined ? sql`` : sql`LIMIT ${which.limit}`}`;
    const { rows } = await sql<{ id: string }>`
      DELETE FROM trace WHERE id IN (SELECT id FROM trace WHERE experiment_id = ${experiment} AND ${chosen}) RETURNING id`.execute(tx);
    const ids = rows.map((row) => row.id);
    await sql`DELETE FROM trace_run WHERE trace_id IN ${listSql(ids)}`.execute(tx);
    return ids;
  });
  for (const id of gone) {
    const key = await traceArtifactKey(world.database.read, { id, experimentId });
    if (key !== undefined) await world.blobs.remove(key);
  }
  return gone.length;
}
