import type { Transaction } from '../../src/platform/database.ts';
import { connect } from '../../src/platform/sqlite.ts';
import { appendMetrics } from '../../src/develop/tracking/metric-store.ts';
import '../../src/develop/tracking/tracking-store.ts';
import { curvePoint, madeRun } from './made-runs.ts';

const runsPerStatement = 100;
const runsPerCommit = 5_000;
const pointsAtOnce = 1_000;

/** Puts made runs into the database of a server that does not run: 1,000,000 in some minutes. */
export async function addRuns(file: string, experiment: string, from: number, to: number): Promise<void> {
  await filling(file, async (tx, commit) => {
    for (let start = from; start < to; start += runsPerStatement) {
      const count = Math.min(runsPerStatement, to - start);
      const runs = Array.from({ length: count }, (_, place) => madeRun(experiment, start + place));
      const rows = runs.map(({ id, name, startedAt, endedAt }) => ({
        id,
        name,
        experiment_id: Number(experiment),
        user_id: 'ana',
        created_by: 'local',
        status: 'FINISHED' as const,
        started_at: startedAt,
        ended_at: endedAt,
        artifact_uri: `mlflow-artifacts:/${experiment}/${id}/artifacts`,
        lifecycle_stage: 'active' as const,
        deleted_at: null,
      }));
      const pairs = (of: 'tags' | 'params'): { run_id: string; key: string; value: string }[] =>
        runs.flatMap((run) => run[of].map(([key, value]) => ({ run_id: run.id, key, value })));
      await tx.insertInto('run').values(rows).execute();
      await tx.insertInto('run_tag').values(pairs('tags')).execute();
      await tx.insertInto('run_param').values(pairs('params')).execute();
      for (const { id, startedAt, metrics } of runs)
        await appendMetrics(
          tx,
          id,
          metrics.map(([key, value]) => ({ key, value, timestamp: startedAt, step: 0 })),
        );
      if ((start - from + count) % runsPerCommit === 0) commit();
    }
  });
}

/** Puts a curve `loss` into a run of a server that does not run. */
export async function addCurve(file: string, run: string, pointCount: number): Promise<void> {
  await filling(file, async (tx) => {
    for (let from = 0; from < pointCount; from += pointsAtOnce) {
      const count = Math.min(pointsAtOnce, pointCount - from);
      await appendMetrics(
        tx,
        run,
        Array.from({ length: count }, (_, place) => ({ key: 'loss', ...curvePoint(from + place) })),
      );
    }
  });
}

/** Commits without waiting for the disk: a fill that breaks off is begun again. */
async function filling(
  file: string,
  work: (tx: Transaction, commit: () => void) => Promise<void>,
): Promise<void> {
  const { raw, kysely } = connect(file);
  try {
    raw.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN');
    await work(kysely as Transaction, () => raw.exec('COMMIT; BEGIN'));
    raw.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    raw.close();
  }
}
