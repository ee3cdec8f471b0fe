import type { Reader } from '../../platform/database/database.ts';
import { getExperiment } from '../../develop/tracking/experiment-store.ts';
import { metricHistory } from '../../develop/tracking/metric-store.ts';
import { getRuns } from '../../develop/tracking/run-store.ts';
import {
  listAliases,
  listVersionRows,
  tagsOf,
  type Tags,
  type VersionRow,
} from '../../deploy/registry/registry-store.ts';
import { getSpans, getTraceInfos, promptsOfTrace, runsOfTrace } from '../../develop/traces/traces-store.ts';
import { tagKeys } from '../../develop/traces/traces.ts';
import type { KeyValue, Metric } from '../../develop/tracking/tracking.ts';
import { pointOf } from '../../develop/tracking/metric-point-store.ts';
import {
  originalUserTag,
  type ExperimentRecord,
  type LoggedModelRecord,
  type RegisteredModelRecord,
  type RunRecord,
  type VersionRecord,
} from './records.ts';
import type { TraceRecord } from './trace-records.ts';

/** Our own store in the shape of MLflow's. @throws EXPERIMENT_NOT_FOUND */
export async function ownExperiment(read: Reader, id: string): Promise<ExperimentRecord> {
  const experiment = await getExperiment(read, id);
  const datasets = await read
    .selectFrom('logged_dataset')
    .selectAll()
    .where('experiment_id', '=', Number(id))
    .orderBy('name')
    .orderBy('digest')
    .execute();
  return {
    ...experiment,
    datasets: datasets.map((row) => ({
      name: row.name,
      digest: row.digest,
      sourceType: row.source_type,
      source: row.source,
      schema: row.schema,
      profile: row.profile,
    })),
  };
}

/** A run with every point of its histories; undefined when there is none. */
export async function ownRun(read: Reader, id: string): Promise<RunRecord | undefined> {
  const [run] = await getRuns(read, [id]);
  if (run === undefined) return undefined;
  const { deleted_at } = await read
    .selectFrom('run')
    .select('deleted_at')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const metrics: Metric[] = [];
  for (const { key } of run.metrics) {
    const { points } = await metricHistory(read, id, key);
    for (const point of points) metrics.push({ key, ...point });
  }
  return { ...run, deletedAt: deleted_at, metrics };
}

/** A logged model, deleted or not; undefined when there is none. */
export async function ownLoggedModel(read: Reader, id: string): Promise<LoggedModelRecord | undefined> {
  const row = await read.selectFrom('logged_model').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  const pairs = (table: 'logged_model_param' | 'logged_model_tag'): Promise<KeyValue[]> =>
    read.selectFrom(table).select(['key', 'value']).where('model_id', '=', id).orderBy('key').execute();
  const metrics = await read
    .selectFrom('logged_model_metric')
    .selectAll()
    .where('model_id', '=', id)
    .orderBy('key')
    .orderBy('step')
    .execute();
  return {
    id,
    name: row.name,
    status: row.status,
    modelType: row.model_type,
    sourceRunId: row.source_run_id,
    artifactUri: row.artifact_uri,
    lifecycleStage: row.lifecycle_stage,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    params: await pairs('logged_model_param'),
    tags: await pairs('logged_model_tag'),
    metrics: metrics.map((metric) => ({
      key: metric.key,
      ...pointOf(metric),
      runId: metric.run_id,
      datasetName: metric.dataset_name || null,
      datasetDigest: metric.dataset_digest || null,
    })),
  };
}

/** A trace with spans, judgements and links; undefined when there is none. */
export async function ownTrace(read: Reader, id: string): Promise<TraceRecord | undefined> {
  const [info] = await getTraceInfos(read, [id]);
  if (info === undefined) return undefined;
  return {
    info,
    spans: (await getSpans(read, [id])).get(id) ?? [],
    runIds: await runsOfTrace(read, id),
    prompts: await promptsOfTrace(read, id),
    artifactUri: info.tags[tagKeys.artifacts] ?? '',
  };
}

export async function ownRegisteredModels(read: Reader): Promise<RegisteredModelRecord[]> {
  const rows = await read
    .selectFrom('model')
    .selectAll()
    .where('lifecycle', '=', 'active')
    .orderBy('name')
    .execute();
  const found: RegisteredModelRecord[] = [];
  for (const row of rows) {
    const versions = (await listVersionRows(read, row.name)).toReversed();
    const tags = await tagsOf(read, [{ model: row.name, version: 0 }, ...versions]);
    const aliases = await listAliases(read, [row.name]);
    found.push({
      name: row.name,
      description: row.description,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      tags: pairsOf(tags.get(`${row.name}/0`)),
      aliases: aliases.map(({ name, version }) => ({ name, version })),
      versions: versions.map((version) =>
        ownVersion(version, tags.get(`${row.name}/${version.version}`) ?? {}),
      ),
    });
  }
  return found;
}

/** Who made a version is told as MLflow knew it, where it came from there. */
export const ownVersion = (row: VersionRow, tags: Tags): VersionRecord => ({
  version: row.version,
  description: row.description,
  userId: tags[originalUserTag] ?? null,
  stage: row.stage,
  source: row.source,
  location: row.location,
  runId: row.run_id,
  runLink: row.run_link,
  loggedModelId: row.logged_model_id,
  status: row.status,
  statusMessage: row.status_message,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  tags: pairsOf(tags),
});

const pairsOf = (tags: Tags = {}): KeyValue[] => Object.entries(tags).map(([key, value]) => ({ key, value }));
