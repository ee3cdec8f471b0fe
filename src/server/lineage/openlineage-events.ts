import { createHash } from 'node:crypto';
import type { Reader } from '../../platform/database/database.ts';
import { findDatasetVersion } from '../../develop/data/data-store.ts';
import { ownNamespace, uuidOf } from '../../develop/lineage/openlineage.ts';
import { storedEvents } from '../../develop/lineage/openlineage-store.ts';
import type {} from '../../develop/pipelines/pipeline-store.ts';
import type { StagePath } from '../../develop/pipelines/pipeline-api.ts';
import type {} from '../../develop/tracking/tracking-store.ts';

const producer = 'https://github.com/tilth/tilth';
const schemaURL = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';
const facetOf = (name: string, version: string): { _producer: string; _schemaURL: string } => ({
  _producer: producer,
  _schemaURL: `https://openlineage.io/spec/facets/${version}/${name}.json`,
});

interface TimedEvent {
  readonly at: number;
  readonly id: string;
  readonly body: unknown;
}

/**
 * What happened here as OpenLineage events, those of other programs among them, in the order of their times: stages of
 * pipelines, and runs that read datasets and became model versions.
 *
 * @param after `next` of the page before
 */
export async function openLineageEvents(
  read: Reader,
  wanted: { readonly after: string | undefined; readonly limit: number },
): Promise<{ events: unknown[]; next: string | null }> {
  const [time = '0', last = ''] = (wanted.after ?? '').split(',');
  const since = Number(time) || 0;
  // one page more than asked, so that what shares the last moment is told apart by its id
  const limit = wanted.limit + 200;
  const all = [
    ...(await stageEvents(read, since, limit)),
    ...(await runEvents(read, since, limit)),
    ...(await storedEvents(read, { since, limit })),
  ].sort((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
  const later = all.filter(({ at, id }) => at > since || (at === since && id > last));
  const page = later.slice(0, wanted.limit);
  const end = page.at(-1);
  return {
    events: page.map(({ body }) => body),
    next: later.length > page.length && end !== undefined ? `${end.at},${end.id}` : null,
  };
}

const iso = (at: number): string => new Date(at).toISOString();

/** A run's id for things whose own ids are no UUIDs; the same each time (RFC 9562, version 8). */
function uuidFor(id: string): string {
  const hex = createHash('sha256').update(id).digest('hex');
  return uuidOf(`${hex.slice(0, 12)}8${hex.slice(13, 16)}8${hex.slice(17, 32)}`);
}

const version = (md5: string): object => ({
  version: { ...facetOf('DatasetVersionDatasetFacet', '1-0-1'), datasetVersion: md5 },
});

async function stageEvents(read: Reader, since: number, limit: number): Promise<TimedEvent[]> {
  const rows = await read
    .selectFrom('pipeline_execution')
    .selectAll()
    .where((eb) => eb.or([eb('started_at', '>=', since), eb('finished_at', '>=', since)]))
    .orderBy('started_at')
    .limit(limit)
    .execute();
  const events: TimedEvent[] = [];
  for (const row of rows) {
    const job = { namespace: ownNamespace, name: `${row.project}.${row.stage}` };
    const common = { producer, schemaURL, run: { runId: uuidFor(row.id) }, job };
    const inputs = await pathDatasets(read, row.project, JSON.parse(row.inputs) as StagePath[]);
    const outputs = (await pathDatasets(read, row.project, JSON.parse(row.outputs) as StagePath[])).map(
      ({ inputFacets: _none, ...rest }) => rest,
    );
    if (row.started_at >= since) {
      events.push({
        at: row.started_at,
        id: `${row.id}:start`,
        body: { ...common, eventType: 'START', eventTime: iso(row.started_at), inputs, outputs: [] },
      });
    }
    if (row.finished_at !== null && row.finished_at >= since) {
      const eventType = row.state === 'failed' ? 'FAIL' : row.state === 'stopped' ? 'ABORT' : 'COMPLETE';
      events.push({
        at: row.finished_at,
        id: `${row.id}:end`,
        body: { ...common, eventType, eventTime: iso(row.finished_at), inputs, outputs },
      });
    }
  }
  return events;
}

interface DescribedInput {
  readonly namespace: string;
  readonly name: string;
  readonly facets: object;
  readonly inputFacets?: object;
}

async function pathDatasets(
  read: Reader,
  project: string,
  paths: readonly StagePath[],
): Promise<DescribedInput[]> {
  const described: DescribedInput[] = [];
  for (const { path, md5, dataset } of paths) {
    if (dataset !== null && dataset !== undefined) described.push(await ownDataset(read, dataset, md5));
    else
      described.push({
        namespace: ownNamespace,
        name: `${project}/${path}`,
        facets: md5 === null ? {} : version(md5),
      });
  }
  return described;
}

/** A dataset version with what its contract's check found. */
async function ownDataset(read: Reader, dataset: string, md5: string | null): Promise<DescribedInput> {
  const known = md5 === null ? undefined : await findDatasetVersion(read, dataset, md5);
  const fields = known?.columns.map(({ name, type }) => ({ name, type })) ?? [];
  const assertions = (known?.report?.rules ?? []).map(({ rule, column, passed }) => ({
    assertion: rule,
    success: passed,
    ...(column === null ? {} : { column }),
  }));
  return {
    namespace: ownNamespace,
    name: dataset,
    facets: {
      ...(md5 === null ? {} : version(md5)),
      ...(fields.length === 0 ? {} : { schema: { ...facetOf('SchemaDatasetFacet', '1-1-1'), fields } }),
    },
    ...(assertions.length === 0
      ? {}
      : {
          inputFacets: {
            dataQualityAssertions: { ...facetOf('DataQualityAssertionsDatasetFacet', '1-0-1'), assertions },
          },
        }),
  };
}

/** Runs that read a dataset; the model versions that they became are their outputs. */
async function runEvents(read: Reader, since: number, limit: number): Promise<TimedEvent[]> {
  const rows = await read
    .selectFrom('run')
    .innerJoin('lineage', (join) =>
      join
        .onRef('lineage.to_id', '=', 'run.id')
        .on('lineage.to_kind', '=', 'run')
        .on('lineage.from_kind', '=', 'dataset-version'),
    )
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .select([
      'run.id',
      'run.name',
      'run.status',
      'run.started_at',
      'run.ended_at',
      'experiment.name as experiment',
      'lineage.from_id',
    ])
    .where((eb) => eb.or([eb('run.started_at', '>=', since), eb('run.ended_at', '>=', since)]))
    .orderBy('run.started_at')
    .orderBy('run.id')
    .limit(limit)
    .execute();
  const events: TimedEvent[] = [];
  for (const [id, own] of Map.groupBy(rows, (row) => row.id)) {
    const [first] = own;
    if (first === undefined) continue;
    const inputs: DescribedInput[] = [];
    for (const { from_id: from } of own)
      inputs.push(
        await ownDataset(read, from.slice(0, from.lastIndexOf('@')), from.slice(from.lastIndexOf('@') + 1)),
      );
    const models = await read
      .selectFrom('lineage')
      .select('to_id')
      .where('from_kind', '=', 'run')
      .where('from_id', '=', id)
      .where('to_kind', '=', 'model-version')
      .execute();
    const outputs = models.map(({ to_id: model }) => ({
      namespace: ownNamespace,
      name: `models/${model.slice(0, model.lastIndexOf('/'))}`,
      facets: version(model.slice(model.lastIndexOf('/') + 1)),
    }));
    const common = {
      producer,
      schemaURL,
      run: { runId: uuidOf(id) },
      job: { namespace: ownNamespace, name: first.experiment },
      inputs,
    };
    const startedAt = first.started_at ?? 0;
    if (startedAt >= since)
      events.push({
        at: startedAt,
        id: `${id}:start`,
        body: { ...common, eventType: 'START', eventTime: iso(startedAt), outputs: [] },
      });
    if (first.ended_at !== null && first.ended_at >= since) {
      const eventType =
        first.status === 'FINISHED' ? 'COMPLETE' : first.status === 'KILLED' ? 'ABORT' : 'FAIL';
      events.push({
        at: first.ended_at,
        id: `${id}:end`,
        body: { ...common, eventType, eventTime: iso(first.ended_at), outputs },
      });
    }
  }
  return events;
}
