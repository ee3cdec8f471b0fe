import { sql } from 'kysely';
import type { RouteTarget } from '../../deploy/serving/serving-api.ts';
import type { Reader } from '../../platform/database/database.ts';
import type { LiveModel } from './questions-api.ts';

interface Row {
  data_version: string;
  model: string;
  model_version: string;
  endpoint: string;
  targets: string;
}

/**
 * Which live models saw this dataset? One statement, over any number of steps from its versions to what is routed now.
 *
 * @param md5 one version of it; all when undefined
 */
export async function liveModelsOf(
  read: Reader,
  dataset: string,
  md5: string | undefined,
): Promise<LiveModel[]> {
  const prefix = md5 === undefined ? `${dataset}@` : `${dataset}@${md5}`;
  // UNION leaves out what was reached before, so that a circle ends
  const { rows } = await sql<Row>`
    WITH RECURSIVE reach(data_version, kind, id) AS (
      SELECT from_id, to_kind, to_id FROM lineage
      WHERE from_kind = 'dataset-version' AND substr(from_id, 1, ${prefix.length}) = ${prefix}
      UNION
      SELECT reach.data_version, lineage.to_kind, lineage.to_id FROM reach
      JOIN lineage ON lineage.from_kind = reach.kind AND lineage.from_id = reach.id
    )
    SELECT reach.data_version, endpoint.model, substr(reach.id, length(endpoint.model) + 2) AS model_version,
      endpoint.name AS endpoint, endpoint.targets
    FROM reach
    JOIN endpoint ON reach.kind = 'model-version' AND endpoint.is_stopped = 0
      AND substr(reach.id, 1, length(endpoint.model) + 1) = endpoint.model || '/'
    ORDER BY endpoint.name, reach.id, reach.data_version`.execute(read);
  const found = new Map<string, LiveModel & { dataVersions: string[] }>();
  for (const row of rows) {
    const version = Number(row.model_version);
    const target = (JSON.parse(row.targets) as RouteTarget[]).find((one) => one.version === version);
    if (target === undefined) continue;
    const key = `${row.endpoint}\n${row.model}/${version}`;
    const { variant, weight } = target;
    const known = found.get(key) ?? {
      model: row.model,
      version,
      endpoint: row.endpoint,
      variant,
      weight,
      dataVersions: [],
    };
    known.dataVersions.push(row.data_version.slice(row.data_version.lastIndexOf('@') + 1));
    found.set(key, known);
  }
  return [...found.values()];
}
