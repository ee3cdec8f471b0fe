import type { Database } from '../../platform/database/database.ts';
import { stored } from './metric-columns.ts';
import type { RunStatus } from './tracking.ts';

/** A run as a test of searches states it: what it has, by key. */
export interface PlainRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: number;
  readonly status: RunStatus;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly datasets: readonly { readonly name: string; readonly digest: string; readonly context: string | null }[];
}

const perStatement = 500;

/** Puts runs into the tables by the thousand, past all that the calls of a client would check. */
export async function insertRuns(database: Database, runs: readonly PlainRun[]): Promise<void> {
  const inserted = <T>(rows: readonly T[], insert: (some: readonly T[]) => Promise<unknown>): Promise<void> => inParts(rows, perStatement, insert);
  await database.write(async (tx) => {
    for (const id of new Set(runs.map((run) => run.experiment))) {
      const values = { id, name: `experiment ${id}`, artifact_location: '', lifecycle_stage: 'active' as const, created_at: id, updated_at: id };
      await tx.insertInto('experiment').values(values).onConflict((conflict) => conflict.doNothing()).execute();
    }
    const rows = runs.map(({ id, name, experiment, status, startedAt, endedAt }) => ({
      id,
      name,
      experiment_id: experiment,
      user_id: 'ana',
      created_by: 'ana',
      status,
      started_at: startedAt,
      ended_at: endedAt,
      artifact_uri: `mlflow-artifacts:/${experiment}/${id}/artifacts`,
      lifecycle_stage: 'active' as const,
      deleted_at: null,
    }));
    await inserted(rows, (some) => tx.insertInto('run').values(some).execute());
    const pairs = (of: (run: PlainRun) => Readonly<Record<string, string>>) =>
      runs.flatMap((run) => Object.entries(of(run)).map(([key, value]) => ({ run_id: run.id, key, value })));
    await inserted(pairs((run) => run.params), (some) => tx.insertInto('run_param').values(some).execute());
    await inserted(pairs((run) => run.tags), (some) => tx.insertInto('run_tag').values(some).execute());
    let { last: series } = await tx.selectFrom('metric_series').select('last').executeTakeFirstOrThrow();
    const metrics = runs.flatMap((run) =>
      Object.entries(run.metrics).map(([key, value]) => {
        const [real, isNan] = stored(value);
        series += 1;
        return { run_id: run.id, key, series, value: real, is_nan: isNan, step: 0, timestamp: 0, row_count: 0, small_count: 0, batch_count: 0 };
      }),
    );
    await inserted(metrics, (some) => tx.insertInto('latest_metric').values(some).execute());
    await tx.updateTable('metric_series').set({ last: series }).execute();
    for (const run of runs) {
      for (const { name, digest, context } of run.datasets) {
        const identity = { experiment_id: run.experiment, name, digest };
        await tx
          .insertInto('logged_dataset')
          .values({ ...identity, source_type: 'local', source: '{}', schema: null, profile: null })
          .onConflict((conflict) => conflict.columns(['experiment_id', 'name', 'digest']).doNothing())
          .execute();
        const { id } = await tx
          .selectFrom('logged_dataset')
          .select('id')
          .where('experiment_id', '=', run.experiment)
          .where('name', '=', name)
          .where('digest', '=', digest)
          .executeTakeFirstOrThrow();
        const tags = JSON.stringify(context === null ? [] : [{ key: 'mlflow.data.context', value: context }]);
        await tx
          .insertInto('run_dataset')
          .values({ run_id: run.id, dataset_id: id, context, tags })
          .onConflict((conflict) => conflict.columns(['run_id', 'dataset_id']).doNothing())
          .execute();
      }
    }
  });
}

async function inParts<T>(rows: readonly T[], size: number, insert: (some: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < rows.length; start += size) await insert(rows.slice(start, start + size));
}
