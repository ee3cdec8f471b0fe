import type { Transaction } from '../../src/platform/database/database.ts';
import { connect } from '../../src/platform/database/sqlite.ts';
import { appendMetrics } from '../../src/develop/tracking/metric-store.ts';
import '../../src/develop/tracking/tracking-store.ts';
import type { Metric } from '../../src/develop/tracking/tracking.ts';
import { curvePoint, madeRun, type MadeRun } from './made-runs.ts';

const runsPerStatement = 100;
const runsPerCommit = 5_000;
const pointsAtOnce = 1_000;

/** Puts made runs into the database of a server that does not run: 1,000,000 in some minutes. */
export async function addRuns(file: string, experiment: string, from: number, to: number): Promise<void> {
  await filling(file, (tx, commit) => putRuns(tx, experiment, madeRuns(experiment, from, to), commit));
}

function* madeRuns(experiment: string, from: number, to: number): Generator<MadeRun> {
  for (let index = from; index < to; index++) yield madeRun(experiment, index);
}

/** Puts a curve `loss` into a run of a server that does not run. */
export async function addCurve(file: string, run: string, pointCount: number): Promise<void> {
  await filling(file, (tx) => putPoints(tx, run, curve(pointCount)));
}

function* curve(pointCount: number): Generator<Metric> {
  for (let step = 0; step < pointCount; step++) yield { key: 'loss', ...curvePoint(step) };
}

/** Commits without waiting for the disk: a fill that breaks off is begun again. */
export async function filling(
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

export async function putRuns(
  tx: Transaction,
  experiment: string,
  runs: Iterable<MadeRun>,
  commit: () => void,
): Promise<void> {
  let count = 0;
  for (const some of inParts(runs, runsPerStatement)) {
    await putSome(tx, experiment, some);
    count += some.length;
    if (count % runsPerCommit === 0) commit();
  }
}

export async function putPoints(tx: Transaction, run: string, points: Iterable<Metric>): Promise<void> {
  for (const some of inParts(points, pointsAtOnce)) await appendMetrics(tx, run, some);
}

async function putSome(tx: Transaction, experiment: string, runs: readonly MadeRun[]): Promise<void> {
  const rows = runs.map(({ id, name, status = 'FINISHED', startedAt, endedAt }) => ({
    id,
    name,
    experiment_id: Number(experiment),
    user_id: 'ana',
    created_by: 'local',
    status,
    started_at: startedAt,
    ended_at: endedAt,
    artifact_uri: `mlflow-artifacts:/${experiment}/${id}/artifacts`,
    lifecycle_stage: 'active' as const,
    deleted_at: null,
  }));
  await tx.insertInto('run').values(rows).execute();
  for (const [table, of] of [
    ['run_tag', 'tags'],
    ['run_param', 'params'],
  ] as const) {
    const pairs = runs.flatMap((run) => run[of].map(([key, value]) => ({ run_id: run.id, key, value })));
    if (pairs.length > 0) await tx.insertInto(table).values(pairs).execute();
  }
  for (const { id, startedAt, metrics } of runs)
    await appendMetrics(
      tx,
      id,
      metrics.map(([key, value]) => ({ key, value, timestamp: startedAt, step: 0 })),
    );
}

function* inParts<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let part: T[] = [];
  for (const one of all) {
    part.push(one);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
