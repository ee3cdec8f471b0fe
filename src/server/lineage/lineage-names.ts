import type { LineageNode } from '../../develop/lineage/lineage-api.ts';
import type {} from '../../develop/lineage/lineage-store.ts';
import type {} from '../../develop/pipelines/pipeline-store.ts';
import type {} from '../../develop/tracking/tracking-store.ts';
import type { Reader } from '../../platform/database/database.ts';
import type { NamedNode } from './lineage-view-api.ts';

const perStatement = 500;

/** The nodes with their names, in the same order; two statements for each 500 of them. */
export async function namedNodes(read: Reader, nodes: readonly LineageNode[]): Promise<NamedNode[]> {
  const idsOf = (kind: string): string[] => nodes.filter((node) => node.kind === kind).map(({ id }) => id);
  const runs = new Map<string, { name: string; status: string }>();
  for (const ids of chunks(idsOf('run'))) {
    const rows = await read
      .selectFrom('run')
      .select(['id', 'name', 'status'])
      .where('id', 'in', ids)
      .execute();
    for (const row of rows) runs.set(row.id, row);
  }
  const executions = new Map<string, { stage: string; project: string; state: string }>();
  for (const ids of chunks(idsOf('pipeline-execution'))) {
    const rows = await read
      .selectFrom('pipeline_execution')
      .select(['id', 'stage', 'project', 'state'])
      .where('id', 'in', ids)
      .execute();
    for (const row of rows) executions.set(row.id, row);
  }
  return nodes.map((node) => {
    const [run, execution] = [runs.get(node.id), executions.get(node.id)];
    if (node.kind === 'run' && run !== undefined)
      return named(node, run.name, null, run.status.toLowerCase());
    if (node.kind === 'pipeline-execution' && execution !== undefined) {
      return named(node, execution.stage, execution.project, execution.state);
    }
    return nameFromId(node);
  });
}

const named = (node: LineageNode, name: string, detail: string | null, state: string | null): NamedNode => ({
  kind: node.kind,
  id: node.id,
  name,
  detail,
  state,
});

/** A dataset version is `name@md5`, a model version `name/3`. */
function nameFromId(node: LineageNode): NamedNode {
  const at = node.kind === 'dataset-version' ? node.id.lastIndexOf('@') : node.id.lastIndexOf('/');
  if (at === -1 || (node.kind !== 'dataset-version' && node.kind !== 'model-version'))
    return named(node, node.id, null, null);
  const rest = node.id.slice(at + 1);
  return named(
    node,
    node.id.slice(0, at),
    node.kind === 'model-version' ? `version ${rest}` : rest.slice(0, 12),
    null,
  );
}

function* chunks(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += perStatement) yield ids.slice(at, at + perStatement);
}

const mostFound = 12;

/**
 * Things in the lineage that have these letters in their name: datasets, models and endpoints first, then stages, each
 * by its newest execution, then runs, newest first.
 */
export async function searchLineage(read: Reader, words: string): Promise<NamedNode[]> {
  const pattern = `%${words}%`;
  const ends = (['from', 'to'] as const).map((side) =>
    read
      .selectFrom('lineage')
      .select([`${side}_kind as kind`, `${side}_id as id`])
      .select((eb) => eb.fn.max('at').as('at'))
      .where(`${side}_kind`, 'not in', ['run', 'pipeline-execution'])
      .where((eb) => eb(eb.fn<string>('lower', [`${side}_id`]), 'like', pattern.toLowerCase()))
      .groupBy([`${side}_kind`, `${side}_id`])
      .orderBy('at', 'desc')
      .limit(mostFound)
      .execute(),
  );
  const things = (await Promise.all(ends)).flat() as (LineageNode & { at: number })[];
  const newest = things.toSorted((left, right) => Number(right.at) - Number(left.at));
  const unique = [
    ...new Map(
      newest.map(({ kind, id }): [string, LineageNode] => [`${kind}\n${id}`, { kind, id }]),
    ).values(),
  ];
  const executions = await read
    .selectFrom('pipeline_execution')
    .select((eb) => eb.fn.max('id').as('id'))
    .where((eb) => eb(eb.fn<string>('lower', ['stage']), 'like', pattern.toLowerCase()))
    .groupBy(['project', 'stage'])
    .limit(mostFound)
    .execute();
  const runs = await read
    .selectFrom('run')
    .select('id')
    .where('lifecycle_stage', '=', 'active')
    .where((eb) =>
      eb.or([eb(eb.fn<string>('lower', ['name']), 'like', pattern.toLowerCase()), eb('id', 'like', pattern)]),
    )
    .orderBy('started_at', 'desc')
    .limit(mostFound)
    .execute();
  return namedNodes(read, [
    ...unique.slice(0, mostFound),
    ...executions.map(({ id }): LineageNode => ({ kind: 'pipeline-execution', id })),
    ...runs.map(({ id }): LineageNode => ({ kind: 'run', id })),
  ]);
}
