import { keyFault } from '../../develop/tracking/tracking.ts';
import { copyFiles, filesBelow, listingDigest, normalUri, placeOf, type Place } from './artifact-folders.ts';
import { findMark, putMark, type Mark } from './exchange-store.ts';
import type { Import } from './import-steps.ts';
import type { PlacedExperiment } from './import-experiments.ts';
import { ownLoggedModel, ownRun } from './own-records.ts';
import {
  insertLoggedModel,
  insertRun,
  mergePairs,
  putMetrics,
  putModelMetrics,
  putRunLinks,
  type Home,
} from './record-writes.ts';
import { loggedModelDigest, runDigest, type LoggedModelRecord, type RunRecord } from './records.ts';

/** Runs that share one commit: a commit waits for the disk, a run does not. */
const runsPerWrite = 50;
const pointsPerWrite = 20_000;

export type Step = () => Promise<void>;

/** A thing of the source, ready to be written. */
interface Ready<Record> {
  readonly record: Record;
  readonly digest: string;
  readonly files: string;
  readonly home: Home;
}

export async function importRuns(
  shared: Import,
  experiment: PlacedExperiment,
  ids: readonly string[],
  step: Step,
): Promise<void> {
  const { world, source, tally } = shared;
  let waiting: Ready<RunRecord>[] = [];
  let pointCount = 0;
  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    pointCount = 0;
    if (batch.length === 0) return;
    await world.database.write(async (tx) => {
      for (const { record, digest, files, home } of batch) {
        await insertRun(tx, record, home);
        await putMark(
          tx,
          'run',
          record.id,
          { thing: record.id, digest, files },
          shared.request.source,
          home.at,
        );
      }
    });
  };
  for (const id of ids) {
    await step();
    try {
      checkId(id);
      const record = allowedKeys(shared, await source.run(experiment.record.id, id));
      const digest = await runDigest(record);
      const mark = await findMark(world.database.read, 'run', id);
      const ours = await world.database.read
        .selectFrom('run')
        .select(['id', 'artifact_uri', 'experiment_id'])
        .where('id', '=', id)
        .executeTakeFirst();
      const uri = ours?.artifact_uri ?? uriFor(experiment, `${id}/artifacts`);
      const artifacts = await takeArtifacts(
        shared,
        'run',
        id,
        record.artifactUri,
        uri,
        mark,
        ours !== undefined,
      );
      if (ours === undefined && mark !== undefined) {
        tally.leaveOne('run', id, 'it was imported before and removed here for good');
        continue;
      }
      if (ours !== undefined) {
        const isSame =
          mark?.digest === digest ||
          (await mergeRun(shared, record, digest, artifacts.files, mark, ours.experiment_id));
        tally.count('run', isSame && !artifacts.hasNew ? 'same' : 'changed');
        if (isSame && mark !== undefined && mark.files !== artifacts.files)
          await remember(shared, 'run', id, { thing: id, digest, files: artifacts.files });
        continue;
      }
      tally.count('run', 'new');
      tally.pointCount += record.metrics.length;
      if (shared.request.isDryRun) continue;
      waiting.push({
        record,
        digest,
        files: artifacts.files,
        home: homeOf(shared, experiment, artifacts.uri),
      });
      pointCount += record.metrics.length;
      if (waiting.length >= runsPerWrite || pointCount >= pointsPerWrite) await flush();
    } catch (thrown) {
      shared.job.signal.throwIfAborted();
      tally.leaveOne('run', id, thrown);
    }
  }
  await flush();
}

export async function importLoggedModels(
  shared: Import,
  experiment: PlacedExperiment,
  ids: readonly string[],
  step: Step,
): Promise<void> {
  const { world, source, tally } = shared;
  for (const id of ids) {
    await step();
    try {
      checkId(id);
      const record = await source.loggedModel(experiment.record.id, id);
      const digest = loggedModelDigest(record);
      const mark = await findMark(world.database.read, 'logged-model', id);
      const ours = await world.database.read
        .selectFrom('logged_model')
        .select('artifact_uri')
        .where('id', '=', id)
        .executeTakeFirst();
      const uri = ours?.artifact_uri ?? uriFor(experiment, `models/${id}/artifacts`);
      const artifacts = await takeArtifacts(
        shared,
        'logged model',
        id,
        record.artifactUri,
        uri,
        mark,
        ours !== undefined,
      );
      if (ours === undefined && mark !== undefined) {
        tally.leaveOne('logged model', id, 'it was imported before and removed here for good');
        continue;
      }
      if (ours !== undefined) {
        const isSame =
          mark?.digest === digest || (await mergeLoggedModel(shared, record, digest, artifacts.files, mark));
        tally.count('logged model', isSame && !artifacts.hasNew ? 'same' : 'changed');
        if (isSame && mark !== undefined && mark.files !== artifacts.files)
          await remember(shared, 'logged-model', id, { thing: id, digest, files: artifacts.files });
        continue;
      }
      tally.count('logged model', 'new');
      if (shared.request.isDryRun) continue;
      const home = homeOf(shared, experiment, artifacts.uri);
      await world.database.write(async (tx) => {
        await insertLoggedModel(tx, record, home);
        await putMark(
          tx,
          'logged-model',
          id,
          { thing: id, digest, files: artifacts.files },
          shared.request.source,
          home.at,
        );
      });
    } catch (thrown) {
      shared.job.signal.throwIfAborted();
      tally.leaveOne('logged model', id, thrown);
    }
  }
}

/** Ids become parts of addresses and of keys. */
export function checkId(id: string): void {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) throw new Error('its id is none that MLflow gives');
}

/** What a client may not log is not imported either; it stays, and the rest of the run comes. */
function allowedKeys(shared: Import, run: RunRecord): RunRecord {
  const isAllowed = ({ key }: { readonly key: string }): boolean => keyFault(key) === undefined;
  const refused = new Set(
    [...run.params, ...run.tags, ...run.metrics].filter((each) => !isAllowed(each)).map(({ key }) => key),
  );
  if (refused.size === 0) return run;
  for (const key of refused)
    shared.tally.leaveOne('key of a run', `${run.id} ${JSON.stringify(key)}`, keyFault(key));
  return {
    ...run,
    params: run.params.filter(isAllowed),
    tags: run.tags.filter(isAllowed),
    metrics: run.metrics.filter(isAllowed),
  };
}

export const uriFor = (experiment: PlacedExperiment, path: string): string =>
  `mlflow-artifacts:/${experiment.number ?? 'next'}/${path}`;

const homeOf = (shared: Import, experiment: PlacedExperiment, artifactUri: string): Home => ({
  experiment: experiment.number ?? 0,
  artifactUri,
  by: shared.actor.id,
  at: shared.world.clock.now(),
});

export const remember = (
  shared: Import,
  kind: 'run' | 'logged-model' | 'trace',
  id: string,
  mark: Mark,
): Promise<void> =>
  shared.request.isDryRun
    ? Promise.resolve()
    : shared.world.database.write((tx) =>
        putMark(tx, kind, id, mark, shared.request.source, shared.world.clock.now()),
      );

interface Artifacts {
  /** the address that the thing has here */
  readonly uri: string;
  readonly files: string;
  readonly hasNew: boolean;
}

/** Copies the files of a run or model before it appears; an address elsewhere is kept as it is. */
export async function takeArtifacts(
  shared: Import,
  kind: string,
  id: string,
  from: string,
  to: string,
  mark: Mark | undefined,
  isHere: boolean,
): Promise<Artifacts> {
  const { world, tally, request, roots, places } = shared;
  const place = await placeOf(from, roots);
  const uri = addressOf(place, from, to, isHere);
  places.set(normalUri(from), uri);
  if (place.kind === 'remote')
    tally.leave({
      kind: `artifacts of a ${kind}`,
      id,
      count: 1,
      reason: 'its files stay in the bucket or server that its address names',
    });
  if (place.kind === 'outside')
    tally.leave({
      kind: `artifacts of a ${kind}`,
      id,
      count: 1,
      reason: `they lie outside of the source; let them be copied with --artifacts FOLDER`,
    });
  if (place.kind !== 'here') return { uri, files: mark?.files ?? '', hasNew: false };
  const { files, refused } = await filesBelow(place.folder);
  for (const path of refused)
    tally.leaveOne('artifact', `${id}/${path}`, 'it is a link that leads out of its folder, or no file');
  const listing = listingDigest(files);
  if (mark?.files === listing) return { uri, files: listing, hasNew: false };
  const copied = await copyFiles(world.blobs, place.folder, files, uri, {
    replaces: !isHere || mark !== undefined,
    isDryRun: request.isDryRun,
  });
  tally.files.count += copied.count;
  tally.files.byteCount += copied.byteCount;
  for (const { path, reason } of copied.refused) tally.leaveOne('artifact', `${id}/${path}`, reason);
  return { uri, files: listing, hasNew: copied.count > 0 };
}

/** A place of this machine becomes ours, also an empty one; files that may not be copied stay where they are. */
const addressOf = (place: Place, from: string, to: string, isHere: boolean): string =>
  !isHere && (place.kind === 'remote' || place.kind === 'outside') ? from : to;

/** @returns whether nothing was new */
async function mergeRun(
  shared: Import,
  record: RunRecord,
  digest: string,
  files: string,
  mark: Mark | undefined,
  experiment: number,
): Promise<boolean> {
  const { world, tally, request } = shared;
  const ours = await ownRun(world.database.read, record.id);
  if (ours === undefined) return true;
  const before = await runDigest(ours);
  if (before === digest) {
    await remember(shared, 'run', record.id, { thing: record.id, digest, files });
    return true;
  }
  tally.pointCount += Math.max(0, record.metrics.length - ours.metrics.length);
  if (request.isDryRun) return false;
  const isUntouched = before === mark?.digest;
  await world.database.write(async (tx) => {
    const params = await mergePairs(tx, 'run_param', record.id, ours.params, record.params, isUntouched);
    const tags = await mergePairs(tx, 'run_tag', record.id, ours.tags, record.tags, isUntouched);
    for (const key of [...params.kept, ...tags.kept])
      tally.leaveOne('run', record.id, `its param or tag ${key} was changed here, and stays`);
    await putMetrics(tx, record.id, record.metrics);
    await putRunLinks(tx, record, experiment);
    const { name, status, startedAt, endedAt, lifecycleStage, deletedAt, userId } = record;
    const state = { name, status, started_at: startedAt, ended_at: endedAt, user_id: userId };
    const life = {
      lifecycle_stage: lifecycleStage,
      deleted_at: lifecycleStage === 'deleted' ? (deletedAt ?? world.clock.now()) : null,
    };
    if (isUntouched)
      await tx
        .updateTable('run')
        .set({ ...state, ...life })
        .where('id', '=', record.id)
        .execute();
    else if (ours.status !== status || ours.name !== name || ours.lifecycleStage !== lifecycleStage)
      tally.leaveOne('run', record.id, 'its name, state or deletion was changed here, and stays');
    await putMark(
      tx,
      'run',
      record.id,
      { thing: record.id, digest, files },
      request.source,
      world.clock.now(),
    );
  });
  return false;
}

/** @returns whether nothing was new */
async function mergeLoggedModel(
  shared: Import,
  record: LoggedModelRecord,
  digest: string,
  files: string,
  mark: Mark | undefined,
): Promise<boolean> {
  const { world, tally, request } = shared;
  const ours = await ownLoggedModel(world.database.read, record.id);
  if (ours === undefined) return true;
  const before = loggedModelDigest(ours);
  if (before === digest) {
    await remember(shared, 'logged-model', record.id, { thing: record.id, digest, files });
    return true;
  }
  if (request.isDryRun) return false;
  const isUntouched = before === mark?.digest;
  await world.database.write(async (tx) => {
    const params = await mergePairs(
      tx,
      'logged_model_param',
      record.id,
      ours.params,
      record.params,
      isUntouched,
    );
    const tags = await mergePairs(tx, 'logged_model_tag', record.id, ours.tags, record.tags, isUntouched);
    for (const key of [...params.kept, ...tags.kept])
      tally.leaveOne('logged model', record.id, `its param or tag ${key} was changed here, and stays`);
    await putModelMetrics(tx, record);
    if (isUntouched)
      await tx
        .updateTable('logged_model')
        .set({ status: record.status, lifecycle_stage: record.lifecycleStage, updated_at: record.updatedAt })
        .where('id', '=', record.id)
        .execute();
    else if (ours.status !== record.status || ours.lifecycleStage !== record.lifecycleStage)
      tally.leaveOne('logged model', record.id, 'its state was changed here, and stays');
    await putMark(
      tx,
      'logged-model',
      record.id,
      { thing: record.id, digest, files },
      request.source,
      world.clock.now(),
    );
  });
  return false;
}
