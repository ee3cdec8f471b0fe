import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { datasetVersionId, linkLineage } from '../lineage/lineage-store.ts';
import {
  newExecution,
  newPipeline,
  type Execution,
  type ExecutionList,
  type ExecutionState,
  type NewExecution,
  type NewPipeline,
  type PipelineView,
  type StagePath,
} from './pipeline-api.ts';
import { executionMissing } from './pipeline-errors.ts';

interface PipelineExecutionTable {
  id: string;
  project: string;
  stage: string;
  cmd: string;
  state: string;
  started_at: number;
  finished_at: number | null;
  /** JSON, as the outputs and the needed stages */
  inputs: string;
  outputs: string;
  needs: string;
  commit: string | null;
  created_by: string;
  run_id: string | null;
  error: string | null;
}

/** What an execution made, so that a later one that reads the same content is linked with it. */
interface PipelineOutputTable {
  execution: string;
  md5: string;
}

/** A project's pipeline as it was last sent. */
interface PipelineTable {
  project: string;
  /** JSON of what was sent */
  graph: string;
  updated_at: number;
  updated_by: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    pipeline_execution: PipelineExecutionTable;
    pipeline_output: PipelineOutputTable;
    pipeline: PipelineTable;
  }
}

export const pipelineMigrations: Migrations = {
  'pipelines-001-executions': {
    async up(db) {
      await db.schema
        .createTable('pipeline_execution')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('stage', 'text', (column) => column.notNull())
        .addColumn('cmd', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('started_at', 'integer', (column) => column.notNull())
        .addColumn('finished_at', 'integer')
        .addColumn('inputs', 'text', (column) => column.notNull())
        .addColumn('outputs', 'text', (column) => column.notNull())
        .addColumn('needs', 'text', (column) => column.notNull())
        .addColumn('commit', 'text')
        .addColumn('created_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('pipeline_execution_stage')
        .on('pipeline_execution')
        .columns(['project', 'stage', 'id'])
        .execute();
      await db.schema
        .createTable('pipeline_output')
        .addColumn('execution', 'text', (column) => column.notNull().references('pipeline_execution.id'))
        .addColumn('md5', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('pipeline_output_key', ['md5', 'execution'])
        .execute();
    },
  },
  'pipelines-002-graphs-and-runs': {
    async up(db) {
      await db.schema.alterTable('pipeline_execution').addColumn('run_id', 'text').execute();
      await db.schema.alterTable('pipeline_execution').addColumn('error', 'text').execute();
      await db.schema
        .createTable('pipeline')
        .addColumn('project', 'text', (column) => column.primaryKey())
        .addColumn('graph', 'text', (column) => column.notNull())
        .addColumn('updated_at', 'integer', (column) => column.notNull())
        .addColumn('updated_by', 'text', (column) => column.notNull())
        .execute();
    },
  },
};

/**
 * Records that a stage started or ended, and what it read and made.
 *
 * @throws NOT_ALLOWED
 */
export async function recordExecution(world: World, actor: Actor, sent: NewExecution): Promise<Execution> {
  const execution = newExecution.parse(sent);
  const { id, project, stage, state } = execution;
  const change = {
    actor,
    verb: 'pipeline.record',
    kind: 'pipeline-execution',
    thing: id,
    data: { project, stage, state },
  } as const;
  await perform(world, change, async (tx) => {
    const changing = {
      state,
      finished_at: execution.finishedAt,
      inputs: JSON.stringify(execution.inputs),
      outputs: JSON.stringify(execution.outputs),
      run_id: execution.runId,
      error: execution.error,
    };
    await tx
      .insertInto('pipeline_execution')
      .values({
        id,
        project,
        stage,
        cmd: execution.cmd,
        started_at: execution.startedAt,
        needs: JSON.stringify(execution.needs),
        commit: execution.commit,
        created_by: actor.id,
        ...changing,
      })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changing))
      .execute();
    await linkInputs(tx, execution, world.clock.now());
    for (const { md5 } of execution.outputs) {
      await tx
        .insertInto('pipeline_output')
        .values({ execution: id, md5 })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  });
  return { ...execution, createdBy: actor.id };
}

/** Edges from the dataset versions it read, and from the executions that made what it read. */
async function linkInputs(
  tx: Transaction,
  execution: Omit<Execution, 'createdBy'>,
  now: number,
): Promise<void> {
  const to = { kind: 'pipeline-execution', id: execution.id } as const;
  for (const { dataset, md5 } of execution.inputs) {
    if (dataset !== null) {
      await linkLineage(tx, { kind: 'dataset-version', id: datasetVersionId(dataset, md5) }, to, 'read', now);
    }
    const maker = await tx
      .selectFrom('pipeline_output')
      .innerJoin('pipeline_execution', 'pipeline_execution.id', 'pipeline_output.execution')
      .select('execution')
      .where('md5', '=', md5)
      .where('pipeline_execution.project', '=', execution.project)
      .where('execution', '<', execution.id)
      .orderBy('execution', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (maker !== undefined)
      await linkLineage(tx, { kind: 'pipeline-execution', id: maker.execution }, to, 'made for', now);
  }
}

export interface ExecutionFilter {
  readonly project?: string | undefined;
  readonly stage?: string | undefined;
  readonly limit?: number | undefined;
}

/** Executions, newest first, and the graph that the latest execution of each stage knew. */
export async function listExecutions(read: Reader, filter: ExecutionFilter): Promise<ExecutionList> {
  let query = read
    .selectFrom('pipeline_execution')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(filter.limit ?? 100);
  if (filter.project !== undefined) query = query.where('project', '=', filter.project);
  if (filter.stage !== undefined) query = query.where('stage', '=', filter.stage);
  let newest = read
    .selectFrom('pipeline_execution')
    .selectAll()
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('pipeline_execution')
        .select((sub) => sub.fn.max('id').as('id'))
        .groupBy(['project', 'stage']),
    )
    .orderBy('started_at');
  if (filter.project !== undefined) newest = newest.where('project', '=', filter.project);
  const latest = (await newest.execute()).map(executionOf);
  const isKnown = (project: string, stage: string): boolean =>
    latest.some((one) => one.project === project && one.stage === stage);
  return {
    executions: (await query.execute()).map(executionOf),
    dag: {
      stages: latest.map((one) => ({ name: one.stage, project: one.project, latest: one })),
      edges: latest.flatMap((one) =>
        one.needs
          .filter((needed) => isKnown(one.project, needed))
          .map((needed) => ({ project: one.project, from: needed, to: one.stage })),
      ),
    },
  };
}

const executionOf = (row: PipelineExecutionTable): Execution => ({
  id: row.id,
  project: row.project,
  stage: row.stage,
  cmd: row.cmd,
  state: row.state as ExecutionState,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  inputs: JSON.parse(row.inputs) as StagePath[],
  outputs: JSON.parse(row.outputs) as StagePath[],
  needs: JSON.parse(row.needs) as string[],
  commit: row.commit,
  runId: row.run_id,
  error: row.error,
  createdBy: row.created_by,
});

/** @throws EXECUTION_NOT_FOUND */
export async function getExecution(read: Reader, id: string): Promise<Execution> {
  const row = await read.selectFrom('pipeline_execution').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw executionMissing(id);
  return executionOf(row);
}

/**
 * Keeps a project's pipeline as it is now. It may be sent many times in a run, so the audit log has executions only.
 *
 * @throws NOT_ALLOWED
 */
export async function recordPipeline(
  world: World,
  actor: Actor,
  project: string,
  sent: NewPipeline,
): Promise<void> {
  requireRight(actor, 'pipeline.record');
  const row = {
    graph: JSON.stringify(newPipeline.parse(sent)),
    updated_at: world.clock.now(),
    updated_by: actor.id,
  };
  await world.database.write((tx) =>
    tx
      .insertInto('pipeline')
      .values({ project, ...row })
      .onConflict((conflict) => conflict.column('project').doUpdateSet(row))
      .execute(),
  );
}

/** Pipelines with the newest execution of each stage, the one that changed last first. */
export async function listPipelines(read: Reader, project?: string): Promise<PipelineView[]> {
  let query = read.selectFrom('pipeline').selectAll().orderBy('updated_at', 'desc').limit(200);
  if (project !== undefined) query = query.where('project', '=', project);
  const rows = await query.execute();
  const { dag } = await listExecutions(read, { project, limit: 1 });
  const latest = new Map(dag.stages.map((one) => [`${one.project}\n${one.name}`, one.latest]));
  return rows.map((row) => {
    const { stages, ...graph } = newPipeline.parse(JSON.parse(row.graph));
    return {
      ...graph,
      project: row.project,
      stages: stages.map((stage) => ({
        ...stage,
        latest: latest.get(`${row.project}\n${stage.name}`) ?? null,
      })),
      updatedAt: row.updated_at,
      updatedBy: row.updated_by,
    };
  });
}
