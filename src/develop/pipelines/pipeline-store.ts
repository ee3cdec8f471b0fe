import type { Actor } from '../../platform/actor.ts';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { datasetVersionId, linkLineage } from '../lineage/lineage-store.ts';
import type { Execution, ExecutionList, ExecutionState, NewExecution, StagePath } from './pipeline-api.ts';

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
}

/** What an execution made, so that a later one that reads the same content is linked with it. */
interface PipelineOutputTable {
  execution: string;
  md5: string;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    pipeline_execution: PipelineExecutionTable;
    pipeline_output: PipelineOutputTable;
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
      await db.schema.createIndex('pipeline_execution_stage').on('pipeline_execution').columns(['project', 'stage', 'id']).execute();
      await db.schema
        .createTable('pipeline_output')
        .addColumn('execution', 'text', (column) => column.notNull().references('pipeline_execution.id'))
        .addColumn('md5', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('pipeline_output_key', ['md5', 'execution'])
        .execute();
    },
  },
};

/**
 * Records that a stage started or ended, and what it read and made.
 *
 * @throws NOT_ALLOWED
 */
export async function recordExecution(world: World, actor: Actor, execution: NewExecution): Promise<Execution> {
  const { id, project, stage, state } = execution;
  const change = { actor, verb: 'pipeline.record', kind: 'pipeline-execution', thing: id, data: { project, stage, state } } as const;
  await perform(world, change, async (tx) => {
    const changing = {
      state,
      finished_at: execution.finishedAt,
      inputs: JSON.stringify(execution.inputs),
      outputs: JSON.stringify(execution.outputs),
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
      await tx.insertInto('pipeline_output').values({ execution: id, md5 }).onConflict((conflict) => conflict.doNothing()).execute();
    }
  });
  return { ...execution, createdBy: actor.id };
}

/** Edges from the dataset versions it read, and from the executions that made what it read. */
async function linkInputs(tx: Transaction, execution: NewExecution, now: number): Promise<void> {
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
    if (maker !== undefined) await linkLineage(tx, { kind: 'pipeline-execution', id: maker.execution }, to, 'made for', now);
  }
}

export interface ExecutionFilter {
  readonly project?: string | undefined;
  readonly stage?: string | undefined;
  readonly limit?: number | undefined;
}

/** Executions, newest first, and the graph that the latest execution of each stage knew. */
export async function listExecutions(read: Reader, filter: ExecutionFilter): Promise<ExecutionList> {
  let query = read.selectFrom('pipeline_execution').selectAll().orderBy('id', 'desc').limit(filter.limit ?? 100);
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
  createdBy: row.created_by,
});
