import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import type { LineageNode } from './lineage-api.ts';
import { linkLineage } from './lineage-store.ts';
import { hexOf, nodeOfDataset, readEvent, type ReadEvent } from './openlineage.ts';
import type { OpenLineageDataset } from './openlineage-api.ts';

interface OpenLineageEventTable {
  id: string;
  kind: string;
  /** ms since the epoch, by the producer's clock */
  event_at: number;
  received_at: number;
  received_by: string;
  run_id: string | null;
  job: string | null;
  /** JSON as it came */
  body: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    openlineage_event: OpenLineageEventTable;
  }
}

export const openLineageMigrations: Migrations = {
  'lineage-002-openlineage': {
    async up(db) {
      await db.schema
        .createTable('openlineage_event')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('event_at', 'integer', (column) => column.notNull())
        .addColumn('received_at', 'integer', (column) => column.notNull())
        .addColumn('received_by', 'text', (column) => column.notNull())
        .addColumn('run_id', 'text')
        .addColumn('job', 'text')
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('openlineage_event_run').on('openlineage_event').column('run_id').execute();
      await db.schema
        .createIndex('openlineage_event_at')
        .on('openlineage_event')
        .columns(['event_at', 'id'])
        .execute();
    },
  },
};

/** Which of these names are datasets of ours. */
export type KnownDatasets = (read: Reader, names: readonly string[]) => Promise<ReadonlySet<string>>;

/**
 * Keeps an event as it came, and joins what it says into the graph: input → run → output.
 *
 * @param knownDatasets data lies above lineage and brings its names here
 * @throws OPENLINEAGE_EVENT_INVALID, NOT_ALLOWED
 */
export async function receiveEvent(
  world: World,
  actor: Actor,
  body: unknown,
  knownDatasets: KnownDatasets,
): Promise<string> {
  const read = readEvent(body);
  const { event } = read;
  const id = newUlid();
  const job = read.kind === 'dataset' ? null : `${read.event.job.namespace}/${read.event.job.name}`;
  const runId = read.kind === 'run' ? read.event.run.runId : null;
  const change = {
    actor,
    verb: 'lineage.record',
    kind: 'lineage',
    thing: runId ?? job ?? id,
    data: { kind: read.kind, job },
  } as const;
  await perform(world, change, async (tx) => {
    const now = world.clock.now();
    await tx
      .insertInto('openlineage_event')
      .values({
        id,
        kind: read.kind,
        event_at: Date.parse(event.eventTime),
        received_at: now,
        received_by: actor.id,
        run_id: runId,
        job,
        body: JSON.stringify(body),
      })
      .execute();
    if (read.kind === 'run') await linkRun(tx, read, knownDatasets);
  });
  return id;
}

async function linkRun(
  tx: Transaction,
  { event }: ReadEvent & { kind: 'run' },
  knownDatasets: KnownDatasets,
): Promise<void> {
  const inputs = event.inputs ?? [];
  const outputs = event.outputs ?? [];
  const names = [...inputs, ...outputs].flatMap(namesOf);
  const known = names.length === 0 ? new Set<string>() : await knownDatasets(tx, [...new Set(names)]);
  const isOurs = (name: string): boolean => known.has(name);
  const run = await nodeOfRun(tx, event.run.runId);
  const at = Date.parse(event.eventTime);
  for (const input of inputs) await linkLineage(tx, nodeOfDataset(input, isOurs), run, 'read', at);
  for (const output of outputs) await linkLineage(tx, run, nodeOfDataset(output, isOurs), 'made', at);
}

const namesOf = (dataset: OpenLineageDataset): string[] => [
  dataset.name,
  ...(dataset.facets?.symlinks?.identifiers ?? []).map(({ name }) => name),
];

/** One of our own runs, when others send on what we told them. */
async function nodeOfRun(tx: Transaction, runId: string): Promise<LineageNode> {
  const hex = hexOf(runId);
  const own = await tx
    .selectFrom('lineage')
    .select('to_id')
    .where('to_kind', '=', 'run')
    .where('to_id', '=', hex)
    .executeTakeFirst();
  return own === undefined ? { kind: 'external-run', id: runId } : { kind: 'run', id: hex };
}

/** Events as they came, in the order of their times. @param after id of the last one that is known */
export async function storedEvents(
  read: Reader,
  wanted: { readonly since: number; readonly limit: number },
): Promise<{ readonly at: number; readonly id: string; readonly body: unknown }[]> {
  const rows = await read
    .selectFrom('openlineage_event')
    .select(['id', 'event_at', 'body'])
    .where('event_at', '>=', wanted.since)
    .orderBy('event_at')
    .orderBy('id')
    .limit(wanted.limit)
    .execute();
  return rows.map((row) => ({ at: row.event_at, id: row.id, body: JSON.parse(row.body) as unknown }));
}
