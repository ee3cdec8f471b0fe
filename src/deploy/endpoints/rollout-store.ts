import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import type { VersionCounts } from '../serving/serving-api.ts';
import type { Decision, RolloutPlan, RolloutState, VersionEvidence } from './rollout-api.ts';
import { nothingCounted, since, together } from './rollout.ts';

interface RolloutTable {
  id: string;
  endpoint: string;
  model: string;
  version: number;
  champion: number;
  state: RolloutState;
  step: number;
  step_started_at: number;
  /** the configuration that serves this step: what an older one counted is no evidence */
  config_revision: number;
  /** JSON */
  plan: string;
  /** grows by one with each decision, so that of two deciders one finds that the other was first */
  decision_count: number;
  started_by: string;
  started_at: number;
  ended_at: number | null;
}

interface RolloutDecisionTable {
  rollout: string;
  number: number;
  at: number;
  step: number;
  what: Decision['what'];
  by: string;
  on_behalf_of: string | null;
  because: string;
  checks: string;
  evidence: string | null;
}

/** What one life of a data plane counted for a version in a step: first and last word. */
interface RolloutCountTable {
  rollout: string;
  step: number;
  plane: string;
  plane_started_at: number;
  version: number;
  first: string;
  last: string;
  at: number;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    rollout: RolloutTable;
    rollout_decision: RolloutDecisionTable;
    rollout_count: RolloutCountTable;
  }
}

export const rolloutMigrations: Migrations = {
  'endpoints-002-rollouts': {
    async up(db) {
      for (const table of ['endpoint', 'endpoint_route'] as const)
        await db.schema.alterTable(table).addColumn('sticky', 'text').execute();
      await db.schema
        .createTable('rollout')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('endpoint', 'text', (column) => column.notNull())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('champion', 'integer', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('step', 'integer', (column) => column.notNull())
        .addColumn('step_started_at', 'integer', (column) => column.notNull())
        .addColumn('config_revision', 'integer', (column) => column.notNull())
        .addColumn('plan', 'text', (column) => column.notNull())
        .addColumn('decision_count', 'integer', (column) => column.notNull())
        .addColumn('started_by', 'text', (column) => column.notNull())
        .addColumn('started_at', 'integer', (column) => column.notNull())
        .addColumn('ended_at', 'integer')
        .execute();
      await db.schema.createIndex('rollout_of').on('rollout').columns(['endpoint', 'state']).execute();
      await db.schema
        .createTable('rollout_decision')
        .addColumn('rollout', 'text', (column) => column.notNull())
        .addColumn('number', 'integer', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addColumn('step', 'integer', (column) => column.notNull())
        .addColumn('what', 'text', (column) => column.notNull())
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('on_behalf_of', 'text')
        .addColumn('because', 'text', (column) => column.notNull())
        .addColumn('checks', 'text', (column) => column.notNull())
        .addColumn('evidence', 'text')
        .addPrimaryKeyConstraint('rollout_decision_key', ['rollout', 'number'])
        .execute();
      await db.schema
        .createTable('rollout_count')
        .addColumn('rollout', 'text', (column) => column.notNull())
        .addColumn('step', 'integer', (column) => column.notNull())
        .addColumn('plane', 'text', (column) => column.notNull())
        .addColumn('plane_started_at', 'integer', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('first', 'text', (column) => column.notNull())
        .addColumn('last', 'text', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('rollout_count_key', [
          'rollout',
          'step',
          'plane',
          'plane_started_at',
          'version',
        ])
        .execute();
      await db.schema
        .createTable('endpoint_outcome')
        .addColumn('endpoint', 'text', (column) => column.notNull())
        .addColumn('metric', 'text', (column) => column.notNull())
        .addColumn('request_id', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('unit', 'text', (column) => column.notNull())
        .addColumn('value', 'real', (column) => column.notNull())
        .addColumn('at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('endpoint_outcome_key', ['endpoint', 'metric', 'request_id'])
        .execute();
      await db.schema
        .createIndex('endpoint_outcome_at')
        .on('endpoint_outcome')
        .columns(['endpoint', 'metric', 'at'])
        .execute();
    },
  },
};

export interface RolloutRow extends Omit<RolloutTable, 'plan'> {
  readonly plan: RolloutPlan;
}

const rowOf = ({ plan, ...row }: RolloutTable): RolloutRow => ({
  ...row,
  plan: JSON.parse(plan) as RolloutPlan,
});

export const underWay = ['running', 'paused', 'watching'] as const satisfies readonly RolloutState[];

/** Rollouts that have not ended: at most one per endpoint. */
export async function activeRollouts(read: Reader, endpoint?: string): Promise<RolloutRow[]> {
  let query = read.selectFrom('rollout').selectAll().where('state', 'in', underWay);
  if (endpoint !== undefined) query = query.where('endpoint', '=', endpoint);
  return (await query.execute()).map(rowOf);
}

/** Newest first. */
export async function listRollouts(read: Reader, endpoint: string): Promise<RolloutRow[]> {
  const query = read.selectFrom('rollout').selectAll().where('endpoint', '=', endpoint);
  return (await query.orderBy('id', 'desc').limit(100).execute()).map(rowOf);
}

export const insertRollout = (tx: Transaction, row: RolloutRow): Promise<unknown> =>
  tx
    .insertInto('rollout')
    .values({ ...row, plan: JSON.stringify(row.plan) })
    .execute();

/** Writes a decision and what follows from it. @returns false when another decision came first */
export async function writeDecision(
  tx: Transaction,
  row: Pick<RolloutRow, 'id' | 'decision_count'>,
  change: Partial<Pick<RolloutTable, 'state' | 'step' | 'step_started_at' | 'config_revision' | 'ended_at'>>,
  decision: Omit<Decision, 'number'>,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('rollout')
    .set({ ...change, decision_count: row.decision_count + 1 })
    .where('id', '=', row.id)
    .where('decision_count', '=', row.decision_count)
    .where('state', 'in', underWay)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) return false;
  await insertDecision(tx, row.id, { ...decision, number: row.decision_count + 1 });
  return true;
}

export const insertDecision = (tx: Transaction, rollout: string, decision: Decision): Promise<unknown> =>
  tx
    .insertInto('rollout_decision')
    .values({
      rollout,
      number: decision.number,
      at: decision.at,
      step: decision.step,
      what: decision.what,
      by: decision.by,
      on_behalf_of: decision.onBehalfOf,
      because: decision.because,
      checks: JSON.stringify(decision.checks),
      evidence: decision.evidence === null ? null : JSON.stringify(decision.evidence),
    })
    .execute();

/** In their order. */
export async function decisionsOf(read: Reader, rollout: string): Promise<Decision[]> {
  const query = read
    .selectFrom('rollout_decision')
    .selectAll()
    .where('rollout', '=', rollout)
    .orderBy('number');
  return (await query.execute()).map((row) => ({
    number: row.number,
    at: row.at,
    step: row.step,
    what: row.what,
    by: row.by,
    onBehalfOf: row.on_behalf_of,
    because: row.because,
    checks: JSON.parse(row.checks) as Decision['checks'],
    evidence: row.evidence === null ? null : (JSON.parse(row.evidence) as Decision['evidence']),
  }));
}

/** What a plane said of the versions of a step; its counts only grow, so the last word holds all before it. */
export async function putCounts(
  tx: Transaction,
  rollout: RolloutRow,
  plane: { readonly plane: string; readonly startedAt: number; readonly at: number },
  counts: readonly VersionCounts[],
): Promise<void> {
  const began = plane.startedAt >= rollout.step_started_at;
  for (const version of [rollout.version, rollout.champion]) {
    const last = counts
      .filter((each) => each.version === version && each.variant !== 'shadow')
      .map(evidenceOf)
      .reduce(together, nothingCounted);
    const said = JSON.stringify(last);
    await tx
      .insertInto('rollout_count')
      .values({
        rollout: rollout.id,
        step: rollout.step,
        plane: plane.plane,
        plane_started_at: plane.startedAt,
        version,
        // a plane that is younger than the step counted nothing before it
        first: began ? JSON.stringify(nothingCounted) : said,
        last: said,
        at: plane.at,
      })
      .onConflict((conflict) =>
        conflict
          .columns(['rollout', 'step', 'plane', 'plane_started_at', 'version'])
          .doUpdateSet({ last: said, at: plane.at }),
      )
      .execute();
  }
}

const evidenceOf = ({
  requestCount,
  failedCount,
  refusedCount,
  rowCount,
  latencies,
}: VersionCounts): VersionEvidence => ({
  requestCount,
  failedCount,
  refusedCount,
  rowCount,
  latencies,
});

/** What was counted for both versions since the step began, and by which planes. */
export async function countsOf(
  read: Reader,
  rollout: Pick<RolloutRow, 'id' | 'step' | 'version' | 'champion'>,
): Promise<{ candidate: VersionEvidence; champion: VersionEvidence; planes: Map<string, number> }> {
  const rows = await read
    .selectFrom('rollout_count')
    .selectAll()
    .where('rollout', '=', rollout.id)
    .where('step', '=', rollout.step)
    .execute();
  const of = (version: number): VersionEvidence =>
    rows
      .filter((row) => row.version === version)
      .map((row) => since(JSON.parse(row.last) as VersionEvidence, JSON.parse(row.first) as VersionEvidence))
      .reduce(together, nothingCounted);
  const planes = new Map<string, number>();
  for (const row of rows) planes.set(row.plane, Math.max(planes.get(row.plane) ?? 0, row.at));
  return { candidate: of(rollout.version), champion: of(rollout.champion), planes };
}
