import { sql } from 'kysely';
import type { Reader } from '../../platform/database/database.ts';
import type { Provenance } from './questions-api.ts';

interface Row {
  what: 'version' | 'run' | 'data' | 'stage' | 'approval' | 'external';
  id: string;
  a: string | null;
  b: string | null;
  c: string | null;
  d: string | null;
  at: number | null;
}

/** What is asked about: a prediction by its request, or a model version. */
export type Asked = { readonly requestId: string } | { readonly model: string; readonly version: number };

/**
 * From which data, code and approvals did this come? One statement, back over any number of steps. A prediction is one
 * row of the log, which names its version: there is no edge for each of them.
 *
 * @returns undefined when the prediction or version is not known
 */
export async function provenanceOf(read: Reader, asked: Asked): Promise<Provenance | undefined> {
  const start =
    'requestId' in asked
      ? sql`SELECT model, version, variant FROM prediction_request
          WHERE request_id = ${asked.requestId} AND variant <> 'shadow' AND status = 'ok'`
      : sql`SELECT model, version, NULL AS variant FROM model_version
          WHERE model = ${asked.model} AND version = ${asked.version}`;
  // the name of the kind is put together with a column, whose order of letters PostgreSQL wants on both sides of UNION
  const { rows } = await sql<Row>`
    WITH RECURSIVE start(model, version, variant) AS (${start}),
    origin(kind, id) AS (
      SELECT substr(model, 1, 0) || 'model-version', model || '/' || version FROM start
      UNION
      SELECT lineage.from_kind, lineage.from_id FROM origin
      JOIN lineage ON lineage.to_kind = origin.kind AND lineage.to_id = origin.id
    )
    SELECT 'version' AS what, model AS id, CAST(version AS text) AS a, variant AS b, NULL AS c, NULL AS d, NULL AS at FROM start
    UNION ALL
    SELECT 'run', run.id, run.name, commits.value, NULL, NULL, run.started_at
    FROM origin JOIN run ON origin.kind = 'run' AND run.id = origin.id
    LEFT JOIN run_tag AS commits ON commits.run_id = run.id AND commits.key = 'mlflow.source.git.commit'
    UNION ALL
    SELECT 'data', origin.id, dataset_version.contract_state, dataset_version.${sql.ref('commit')}, dataset.owner, dataset.licence,
      dataset_version.created_at
    FROM origin
    LEFT JOIN dataset_version ON origin.id = dataset_version.dataset || '@' || dataset_version.md5
    LEFT JOIN dataset ON dataset.name = dataset_version.dataset
    WHERE origin.kind = 'dataset-version'
    UNION ALL
    SELECT 'stage', pipeline_execution.id, pipeline_execution.project, pipeline_execution.stage,
      pipeline_execution.${sql.ref('commit')}, NULL, pipeline_execution.started_at
    FROM origin JOIN pipeline_execution ON origin.kind = 'pipeline-execution' AND pipeline_execution.id = origin.id
    UNION ALL
    SELECT 'approval', approval.alias, approval.state, approval.requested_by, approval.decided_by, NULL, approval.decided_at
    FROM start JOIN approval ON approval.model = start.model AND approval.version = start.version
    UNION ALL
    SELECT 'external', origin.id, origin.kind, NULL, NULL, NULL, NULL
    FROM origin WHERE origin.kind IN ('external-run', 'external-dataset')
    ORDER BY at, id`.execute(read);
  const of = (what: Row['what']): Row[] => rows.filter((row) => row.what === what);
  const [found] = of('version');
  if (found === undefined) return undefined;
  return {
    model: found.id,
    version: Number(found.a),
    prediction: 'requestId' in asked ? { requestId: asked.requestId, variant: found.b ?? '' } : null,
    runs: of('run').map((row) => ({ id: row.id, name: row.a ?? '', commit: row.b })),
    data: of('data').map((row) => {
      const at = row.id.lastIndexOf('@');
      return {
        dataset: row.id.slice(0, at),
        md5: row.id.slice(at + 1),
        contractState: row.a,
        commit: row.b,
        owner: row.c,
        licence: row.d,
      };
    }),
    stages: of('stage').map((row) => ({
      id: row.id,
      project: row.a ?? '',
      stage: row.b ?? '',
      commit: row.c,
    })),
    approvals: of('approval').map((row) => ({
      alias: row.id,
      state: row.a ?? '',
      requestedBy: row.b ?? '',
      decidedBy: row.c,
      decidedAt: row.at,
    })),
    external: of('external').map((row) => ({ kind: row.a ?? '', id: row.id })),
  };
}
