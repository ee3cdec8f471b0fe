import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { LineageEdge, LineageGraph, LineageKind, LineageNode } from './lineage-api.ts';

interface LineageTable {
  from_kind: string;
  from_id: string;
  to_kind: string;
  to_id: string;
  /** what `to` did with `from`: `read`, `trained`, `serves`, … */
  relation: string;
  at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    lineage: LineageTable;
  }
}

export const lineageMigrations: Migrations = {
  'lineage-001-edges': {
    async up(db) {
      await db.schema
        .createTable('lineage')
        .addColumn('from_kind', 'text', (column) => column.notNull())
        .addColumn('from_id', 'text', (column) => column.notNull())
        .addColumn('to_kind', 'text', (column) => column.notNull())
        .addColumn('to_id', 'text', (column) => column.notNull())
        .addColumn('relation', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('lineage_edge', ['from_kind', 'from_id', 'to_kind', 'to_id', 'relation'])
        .execute();
      await db.schema.createIndex('lineage_back').on('lineage').columns(['to_kind', 'to_id']).execute();
    },
  },
};

/** Id of a dataset version in the lineage. */
export const datasetVersionId = (dataset: string, md5: string): string => `${dataset}@${md5}`;

/** Keeps that `to` came from `from`, inside the write that made it so; the same edge again changes nothing. */
export async function linkLineage(
  tx: Transaction,
  from: LineageNode,
  to: LineageNode,
  relation: string,
  at: number,
): Promise<void> {
  await tx
    .insertInto('lineage')
    .values({ from_kind: from.kind, from_id: from.id, to_kind: to.kind, to_id: to.id, relation, at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const datasetTag = /^tilth\.dataset\.(.+)$/;

/**
 * Links a run with the dataset versions and the pipeline execution that its tags name (`tilth.dataset.<name>`,
 * `tilth.execution`); to be called where a run's tags are written.
 */
export async function linkRunTags(
  tx: Transaction,
  run: string,
  tags: Readonly<Record<string, string>>,
  at: number,
): Promise<void> {
  for (const [tag, value] of Object.entries(tags)) {
    const dataset = datasetTag.exec(tag)?.[1];
    if (dataset !== undefined) {
      await linkLineage(tx, { kind: 'dataset-version', id: datasetVersionId(dataset, value) }, { kind: 'run', id: run }, 'read', at);
    }
    if (tag === 'tilth.execution') {
      await linkLineage(tx, { kind: 'pipeline-execution', id: value }, { kind: 'run', id: run }, 'logged', at);
    }
  }
}

/** Everything that `start` came from and everything that came from it, up to `depth` steps away. */
export async function lineageOf(read: Reader, start: LineageNode, depth = 10): Promise<LineageGraph> {
  const nodes = new Map([[keyOf(start), start]]);
  const edges = new Map<string, LineageEdge>();
  await walk(read, start, depth, 'back', nodes, edges);
  await walk(read, start, depth, 'forward', nodes, edges);
  return { nodes: [...nodes.values()], edges: [...edges.values()].sort((one, other) => one.at - other.at) };
}

type Direction = 'back' | 'forward';

/** One statement per step, not one per node. */
async function walk(
  read: Reader,
  start: LineageNode,
  depth: number,
  direction: Direction,
  nodes: Map<string, LineageNode>,
  edges: Map<string, LineageEdge>,
): Promise<void> {
  const seen = new Set([keyOf(start)]);
  let reached: LineageNode[] = [start];
  for (let step = 0; step < depth && reached.length > 0; step++) {
    const found = await edgesAt(read, reached, direction);
    reached = [];
    for (const edge of found) {
      edges.set(`${keyOf(edge.from)}\n${keyOf(edge.to)}\n${edge.relation}`, edge);
      const next = direction === 'back' ? edge.from : edge.to;
      nodes.set(keyOf(next), next);
      if (!seen.has(keyOf(next))) reached.push(next);
      seen.add(keyOf(next));
    }
  }
}

const keyOf = (node: LineageNode): string => `${node.kind}\n${node.id}`;
const nodesPerStatement = 200;

async function edgesAt(read: Reader, nodes: readonly LineageNode[], direction: Direction): Promise<LineageEdge[]> {
  const [kind, id] = direction === 'back' ? (['to_kind', 'to_id'] as const) : (['from_kind', 'from_id'] as const);
  const rows: LineageTable[] = [];
  for (let at = 0; at < nodes.length; at += nodesPerStatement) {
    const part = nodes.slice(at, at + nodesPerStatement);
    rows.push(
      ...(await read
        .selectFrom('lineage')
        .selectAll()
        .where((eb) => eb.or(part.map((node) => eb.and([eb(kind, '=', node.kind), eb(id, '=', node.id)]))))
        .execute()),
    );
  }
  return rows.map((row) => ({
    from: { kind: row.from_kind as LineageKind, id: row.from_id },
    to: { kind: row.to_kind as LineageKind, id: row.to_id },
    relation: row.relation,
    at: row.at,
  }));
}
