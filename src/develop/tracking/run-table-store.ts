import { sql, type RawBuilder } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import { joinInOrder, listSql, rowsSql } from '../../platform/database/sql-words.ts';
import { experimentNumbers } from './experiment-store.ts';
import { tableOf } from './run-filter.ts';
import type { RunColumns, RunKeys, RunRow } from './tracking-api.ts';

/** Beyond this many keys all of a run's are read, since they lie beside each other. */
const fewKeys = 40;

/** The runs of a table, only with the columns that it shows; unknown ids are left out. */
export async function runRows(read: Reader, ids: readonly string[], columns: RunColumns): Promise<RunRow[]> {
  const [{ rows }, metrics, params, tags] = await Promise.all([
    sql<RunInfoRow>`
      SELECT id, name, experiment_id, user_id, status, started_at, ended_at FROM run
      WHERE id IN ${listSql(ids)}`.execute(read),
    cellsOf<number | string>(read, ids, 'metric', columns.metrics),
    cellsOf<string>(read, ids, 'param', columns.params),
    cellsOf<string>(read, ids, 'tag', columns.tags),
  ]);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => {
    const row = byId.get(id);
    if (row === undefined) return [];
    return {
      id,
      name: row.name,
      experimentId: String(row.experiment_id),
      userId: row.user_id,
      status: row.status,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      metrics: metrics(id),
      params: params(id),
      tags: tags(id),
    };
  });
}

interface RunInfoRow extends Pick<RunRow, 'id' | 'name' | 'status'> {
  readonly experiment_id: number;
  readonly user_id: string;
  readonly started_at: number;
  readonly ended_at: number | null;
}

type Cells<T> = (id: string) => (T | null)[];

async function cellsOf<T>(read: Reader, ids: readonly string[], family: 'metric' | 'param' | 'tag', keys: readonly string[]): Promise<Cells<T>> {
  if (keys.length === 0) return () => [];
  const value = family === 'metric' ? sql`logged.value, logged.is_nan` : sql`logged.value`;
  const isWanted = keys.length > fewKeys ? sql`` : sql`AND logged.key IN (${sql.join(keys)})`;
  const { rows } = await sql<{ run_id: string; key: string; value: T; is_nan?: number }>`
    SELECT logged.run_id, logged.key, ${value} FROM ${rowsSql(ids, 'wanted')}
    ${joinInOrder} ${tableOf(family)} AS logged ON logged.run_id = wanted.value ${isWanted}`.execute(read);
  const places = new Map(keys.map((key, index) => [key, index]));
  const byRun = new Map<string, (T | null)[]>();
  const empty = (): (T | null)[] => keys.map(() => null);
  for (const row of rows) {
    const place = places.get(row.key);
    if (place === undefined) continue;
    let cells = byRun.get(row.run_id);
    if (cells === undefined) byRun.set(row.run_id, (cells = empty()));
    cells[place] = row.is_nan === 1 ? ('NaN' as T) : writable(row.value);
  }
  return (id) => byRun.get(id) ?? empty();
}

/** JSON has no infinities. */
const writable = <T>(value: T): T => (typeof value === 'number' && !Number.isFinite(value) ? (String(value) as T) : value);

/** Up to here all runs of the experiments are looked through. */
const manyRuns = 3_000;
const mostKeys = 10_000;

/** Every key that a run of these experiments logged, in the order of the alphabet. */
export async function runKeys(read: Reader, experimentIds: readonly string[]): Promise<RunKeys> {
  const experiments = experimentNumbers(experimentIds);
  if (experiments.length === 0) return { metrics: [], params: [], tags: [] };
  const scope = sql`run.experiment_id IN (${sql.join(experiments)}) AND run.lifecycle_stage = 'active'`;
  const [metrics, params, tags] = await Promise.all([keysOf(read, 'metric', scope), keysOf(read, 'param', scope), keysOf(read, 'tag', scope)]);
  return { metrics, params, tags };
}

async function keysOf(read: Reader, family: 'metric' | 'param' | 'tag', scope: RawBuilder<unknown>): Promise<string[]> {
  const table = tableOf(family);
  const { rows } = await sql<{ key: string }>`
    SELECT DISTINCT key FROM (SELECT id FROM run WHERE ${scope} ORDER BY started_at DESC LIMIT ${manyRuns}) AS newest
    ${joinInOrder} ${table} AS logged ON logged.run_id = newest.id`.execute(read);
  const known = new Set(rows.map((row) => row.key));
  const { rows: all } = await sql<{ key: string }>`
    WITH RECURSIVE step(key) AS (
      SELECT min(key) FROM ${table} UNION ALL SELECT (SELECT min(key) FROM ${table} AS logged WHERE logged.key > step.key) FROM step WHERE step.key IS NOT NULL)
    SELECT key FROM step WHERE key IS NOT NULL LIMIT ${mostKeys}`.execute(read);
  const others = all.filter(({ key }) => !known.has(key)).map(({ key }) => key);
  if (others.length > 0) {
    const { rows: older } = await sql<{ key: string }>`
      SELECT other.value AS key FROM ${rowsSql(others, 'other')} WHERE EXISTS (
        SELECT 1 FROM ${table} AS logged ${joinInOrder} run ON run.id = logged.run_id WHERE logged.key = other.value AND ${scope})`.execute(read);
    for (const { key } of older) known.add(key);
  }
  return [...known].sort();
}
