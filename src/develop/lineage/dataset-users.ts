import { sql } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import type { DatasetUsers } from './dataset-users-api.ts';
import './lineage-store.ts';

interface Reached {
  version: string;
  kind: string;
  id: string;
}

const shownRuns = 20;

/**
 * What came from each dataset's versions, of one dataset or of all that are used. Runs are counted, not listed: there
 * may be very many.
 */
export async function usersOfDatasets(read: Reader, dataset: string | undefined): Promise<DatasetUsers[]> {
  const prefix = dataset === undefined ? '' : `${dataset}@`;
  // one statement for any number of steps; UNION leaves out what was reached before, so that a circle ends
  const reach = sql`
    WITH RECURSIVE reach(version, kind, id) AS (
      SELECT from_id, to_kind, to_id FROM lineage
      WHERE from_kind = 'dataset-version' AND substr(from_id, 1, ${prefix.length}) = ${prefix}
      UNION
      SELECT reach.version, lineage.to_kind, lineage.to_id FROM reach
      JOIN lineage ON lineage.from_kind = reach.kind AND lineage.from_id = reach.id
    )`;
  const counts = await sql<{ dataset: string; kind: string; count: number }>`${reach}
    SELECT dataset, kind, count(*) AS count FROM (
      SELECT DISTINCT ${datasetOf} AS dataset, kind, id FROM reach WHERE kind IN ('run', 'pipeline-execution')
    ) AS used GROUP BY dataset, kind`.execute(read);
  const named = await sql<Reached>`${reach}
    SELECT version, kind, id FROM reach WHERE kind IN ('model-version', 'endpoint') ORDER BY id, version`.execute(
    read,
  );
  const users = new Map<string, DatasetUsers>();
  const of = (name: string): DatasetUsers => {
    const found = users.get(name) ?? {
      dataset: name,
      runCount: 0,
      executionCount: 0,
      models: [],
      endpoints: [],
      runs: [],
    };
    users.set(name, found);
    return found;
  };
  for (const { dataset: name, kind, count } of counts.rows) {
    of(name)[kind === 'run' ? 'runCount' : 'executionCount'] = Number(count);
  }
  for (const { version, kind, id } of named.rows) {
    const [name, md5] = parts(version);
    const list = of(name)[kind === 'endpoint' ? 'endpoints' : 'models'];
    const known = list.find((one) => one.id === id);
    if (known === undefined) list.push({ id, versions: [md5] });
    else known.versions.push(md5);
  }
  if (dataset !== undefined) of(dataset).runs.push(...(await newestRuns(read, prefix)));
  return [...users.values()].toSorted((left, right) => (left.dataset < right.dataset ? -1 : 1));
}

/** The name before the last `@`: an md5, with or without `.dir`, has none. */
const datasetOf = sql`substr(version, 1, length(version) - CASE WHEN version LIKE '%.dir' THEN 37 ELSE 33 END)`;

function parts(version: string): [string, string] {
  const at = version.lastIndexOf('@');
  return [version.slice(0, at), version.slice(at + 1)];
}

async function newestRuns(read: Reader, prefix: string): Promise<DatasetUsers['runs']> {
  const rows = await read
    .selectFrom('lineage')
    .select(['from_id', 'to_id', 'at'])
    .where('from_kind', '=', 'dataset-version')
    .where(sql<boolean>`substr(from_id, 1, ${prefix.length}) = ${prefix}`)
    .where('to_kind', '=', 'run')
    .orderBy('at', 'desc')
    .limit(shownRuns)
    .execute();
  return rows.map((row) => ({ id: row.to_id, version: parts(row.from_id)[1], at: row.at }));
}
