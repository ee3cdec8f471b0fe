import { takeTrace } from '../../develop/traces/traces-store.ts';
import type { PlacedExperiment } from './import-experiments.ts';
import { findMark, putMark } from './exchange-store.ts';
import type { Import } from './import-steps.ts';
import { checkId, remember, takeArtifacts, uriFor, type Step } from './import-runs.ts';
import { ownTrace } from './own-records.ts';
import { traceDigest, type TraceRecord } from './trace-records.ts';

/** Traces after the runs that they are linked to. One that is here gets what is new there; what was changed here stays. */
export async function importTraces(
  shared: Import,
  experiment: PlacedExperiment,
  ids: readonly string[],
  step: Step,
): Promise<void> {
  const { world, source, tally, request } = shared;
  for (const id of ids) {
    await step();
    try {
      checkId(id);
      const record = await withRunsHere(shared, await source.trace(experiment.record.id, id));
      const digest = traceDigest(record);
      const mark = await findMark(world.database.read, 'trace', id);
      const ours = await ownTrace(world.database.read, id);
      const uri = ours?.artifactUri ?? uriFor(experiment, `traces/${id}/artifacts`);
      const artifacts = await takeArtifacts(
        shared,
        'trace',
        id,
        record.artifactUri,
        uri,
        mark,
        ours !== undefined,
      );
      if (ours === undefined && mark !== undefined) {
        tally.leaveOne('trace', id, 'it was imported before and removed here for good');
        continue;
      }
      const before = ours === undefined ? undefined : traceDigest(ours);
      const isSame = before === digest || (ours !== undefined && mark?.digest === digest);
      tally.count('trace', ours === undefined ? 'new' : isSame && !artifacts.hasNew ? 'same' : 'changed');
      const newMark = { thing: id, digest, files: artifacts.files };
      if (isSame) {
        if (mark?.files !== artifacts.files) await remember(shared, 'trace', id, newMark);
        continue;
      }
      if (request.isDryRun || experiment.number === undefined) continue;
      // what nobody changed here since the last import becomes what it is there
      const isReplaced = ours !== undefined && before === mark?.digest;
      const info = { ...record.info, experimentId: ours?.info.experimentId ?? String(experiment.number) };
      await world.database.write(async (tx) => {
        if (isReplaced) await tx.deleteFrom('trace').where('id', '=', id).execute();
        await takeTrace(tx, info, record.spans, record, artifacts.uri);
        await putMark(tx, 'trace', id, newMark, request.source, world.clock.now());
      });
      if (ours !== undefined && !isReplaced)
        tally.leaveOne('trace', id, 'it was changed here, and keeps what it says here');
    } catch (thrown) {
      shared.job.signal.throwIfAborted();
      tally.leaveOne('trace', id, thrown);
    }
  }
}

/** A link to a run that did not come is told and left. */
async function withRunsHere({ world, tally, request }: Import, record: TraceRecord): Promise<TraceRecord> {
  // in a dry run those that would come are not here yet
  if (request.isDryRun || record.runIds.length === 0) return record;
  const rows = await world.database.read
    .selectFrom('run')
    .select('id')
    .where('id', 'in', record.runIds)
    .execute();
  const here = new Set(rows.map((row) => row.id));
  for (const runId of record.runIds)
    if (!here.has(runId))
      tally.leaveOne('link of a trace', `${record.info.id} ${runId}`, 'the run is not here');
  return { ...record, runIds: record.runIds.filter((runId) => here.has(runId)) };
}
