import type { Actor } from '../../platform/actor.ts';
import type { BlobStore } from '../../platform/blobs/blobs.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { uploadLifeMs } from '../../develop/tracking/mlflow-artifact-routes.ts';
import { artifactKeyOf, isOurs } from '../../develop/tracking/artifact-keys.ts';
import { removeHistories } from '../../develop/tracking/metric-point-store.ts';
import { pointCountOfRun } from '../../develop/tracking/metric-store.ts';
import type { CleanupDone, CleanupPlan, CleanupRequest, Removable } from './cleanup-api.ts';

export const cleanupJobKind = 'cleanup';

type Kept = CleanupPlan['keep'][number];

/**
 * What a cleanup would remove for good, and what it would keep although it was deleted: whatever a model version was
 * made from stays, since a version must be reproducible as long as it exists.
 */
export async function planCleanup(world: World, request: CleanupRequest): Promise<CleanupPlan> {
  const read = world.database.read;
  const before = world.clock.now() - request.olderThan;
  const needed = await neededByVersions(read);
  const experiments = await deletedExperiments(read, before, request);
  const remove: Removable[] = [];
  const keep: Kept[] = [];
  const sort = (thing: Omit<Removable, 'byteCount' | 'pointCount'>, reason: string | undefined): boolean => {
    if (reason === undefined) remove.push({ ...thing, byteCount: 0, pointCount: 0 });
    else keep.push({ kind: thing.kind, id: thing.id, name: thing.name, reason });
    return reason === undefined;
  };

  const removedRuns = new Set<string>();
  for (const run of await deletedRuns(read, before, request))
    if (sort(run, needed.runs.get(run.id))) removedRuns.add(run.id);
  const ofExperiments = new Set(experiments.map(({ id }) => id));
  for (const model of await modelsWithoutHome(read, before, request, removedRuns, ofExperiments))
    sort(model, needed.models.get(model.id));
  const going = new Set(remove.map(({ id }) => id));
  for (const experiment of experiments) {
    const reason = (await isEmptyWithout(read, experiment.id, going)) ? undefined : 'something in it is kept';
    const deletedAt = experiment.updated_at;
    sort(
      {
        kind: 'experiment',
        id: String(experiment.id),
        name: experiment.name,
        experimentId: String(experiment.id),
        deletedAt,
      },
      reason,
    );
  }
  if (request.runs === undefined && request.experiments === undefined)
    remove.push(...(await orphans(world)), ...(await staleUploads(world, before)));

  const measured: Removable[] = [];
  for (const thing of remove) {
    if (thing.kind === 'upload') {
      measured.push(thing);
      continue;
    }
    const key = await keyOf(read, thing);
    measured.push({
      ...thing,
      byteCount: key === undefined || thing.kind === 'experiment' ? 0 : await byteCountOf(world.blobs, key),
      pointCount: thing.kind === 'run' ? await pointCountOfRun(read, thing.id) : 0,
    });
  }
  return { remove: measured, keep, byteCount: measured.reduce((sum, thing) => sum + thing.byteCount, 0) };
}

/**
 * Removes what the plan says, one thing after the other: first its rows with an entry in the audit log, then its files.
 * Files that an interruption leaves behind are orphans of the next plan.
 *
 * @throws NOT_ALLOWED
 */
export async function cleanUp(
  world: World,
  actor: Actor,
  request: CleanupRequest,
  job: Pick<JobContext, 'progress' | 'signal' | 'log'>,
): Promise<CleanupDone> {
  const { remove } = await planCleanup(world, request);
  const removed: Partial<Record<Removable['kind'], number>> = {};
  let byteCount = 0;
  for (const [index, thing] of remove.entries()) {
    job.signal.throwIfAborted();
    if (index % 20 === 0) await job.progress(`${index} of ${remove.length} removed`);
    const { kind, id, name } = thing;
    const key = kind === 'upload' ? undefined : await keyOf(world.database.read, thing);
    const change = {
      actor,
      verb: 'cleanup.remove',
      kind,
      thing: id,
      data: { name, byteCount: thing.byteCount },
    } as const;
    try {
      await perform(world, change, (tx) => removeRows(tx, thing));
    } catch (thrown) {
      if (!(thrown instanceof Restored)) throw thrown;
      job.log(`${kind} ${id} was restored meanwhile and stays`);
      continue;
    }
    if (kind === 'upload') await world.blobs.uploads.discard(id);
    if (key !== undefined) await world.blobs.remove(key);
    removed[kind] = (removed[kind] ?? 0) + 1;
    byteCount += thing.byteCount;
  }
  return { removed: removed as CleanupDone['removed'], byteCount };
}

/** Someone restored the thing between the plan and its turn; the write is taken back. */
class Restored extends Error {}

async function removeRows(tx: Transaction, { kind, id }: Removable): Promise<void> {
  if (kind === 'run') {
    const found = await tx
      .selectFrom('run')
      .select('lifecycle_stage')
      .where('id', '=', id)
      .executeTakeFirst();
    if (found?.lifecycle_stage !== 'deleted') throw new Restored();
    await removeHistories(tx, id);
    for (const table of ['latest_metric', 'run_param', 'run_tag', 'run_dataset', 'run_model'] as const)
      await tx.deleteFrom(table).where('run_id', '=', id).execute();
    await tx.deleteFrom('run').where('id', '=', id).execute();
  } else if (kind === 'logged-model') {
    for (const table of [
      'logged_model_param',
      'logged_model_tag',
      'logged_model_metric',
      'run_model',
    ] as const)
      await tx.deleteFrom(table).where('model_id', '=', id).execute();
    await tx.deleteFrom('logged_model').where('id', '=', id).execute();
  } else if (kind === 'experiment') {
    const number = Number(id);
    const found = await tx
      .selectFrom('experiment')
      .select('lifecycle_stage')
      .where('id', '=', number)
      .executeTakeFirst();
    if (found?.lifecycle_stage !== 'deleted') throw new Restored();
    await tx.deleteFrom('logged_dataset').where('experiment_id', '=', number).execute();
    await tx.deleteFrom('experiment_tag').where('experiment_id', '=', number).execute();
    await tx.deleteFrom('experiment').where('id', '=', number).execute();
  }
}

/** Runs and logged models that a model version was made from, with the words that say so. */
async function neededByVersions(
  read: Reader,
): Promise<{ runs: Map<string, string>; models: Map<string, string> }> {
  const runs = new Map<string, string>();
  const models = new Map<string, string>();
  const versions = await read
    .selectFrom('model_version')
    .select(['model', 'version', 'run_id', 'logged_model_id', 'source'])
    .execute();
  for (const { model, version, run_id: run, logged_model_id: logged, source } of versions) {
    const reason = `version ${version} of ${model} was made from it`;
    const sourceRun = /^runs:\/+([^/]+)/.exec(source)?.[1];
    for (const id of [run, sourceRun]) if (id !== null && id !== undefined) runs.set(id, reason);
    if (logged !== null) models.set(logged, reason);
  }
  return { runs, models };
}

async function deletedExperiments(
  read: Reader,
  before: number,
  request: CleanupRequest,
): Promise<{ id: number; name: string; updated_at: number }[]> {
  if (request.runs !== undefined) return [];
  let query = read
    .selectFrom('experiment')
    .select(['id', 'name', 'updated_at'])
    .where('lifecycle_stage', '=', 'deleted')
    .where('updated_at', '<=', before);
  if (request.experiments !== undefined) query = query.where('id', 'in', request.experiments.map(Number));
  return query.orderBy('id').execute();
}

type Found = Omit<Removable, 'byteCount' | 'pointCount'>;

async function deletedRuns(read: Reader, before: number, request: CleanupRequest): Promise<Found[]> {
  let query = read
    .selectFrom('run')
    .select(['id', 'name', 'experiment_id', 'deleted_at'])
    .where('lifecycle_stage', '=', 'deleted')
    .where('deleted_at', '<=', before);
  if (request.runs !== undefined) query = query.where('id', 'in', request.runs);
  if (request.experiments !== undefined)
    query = query.where('experiment_id', 'in', request.experiments.map(Number));
  return (await query.orderBy('deleted_at').execute()).map((row) => ({
    kind: 'run',
    id: row.id,
    name: row.name,
    experimentId: String(row.experiment_id),
    deletedAt: row.deleted_at,
  }));
}

/** Logged models that were deleted themselves, and those of runs and experiments that go. */
async function modelsWithoutHome(
  read: Reader,
  before: number,
  request: CleanupRequest,
  runs: ReadonlySet<string>,
  experiments: ReadonlySet<number>,
): Promise<Found[]> {
  const rows = await read
    .selectFrom('logged_model')
    .select(['id', 'name', 'experiment_id', 'source_run_id', 'lifecycle_stage', 'updated_at'])
    .orderBy('created_at')
    .execute();
  const isAsked = (row: (typeof rows)[number]): boolean => {
    if (row.source_run_id !== null && runs.has(row.source_run_id)) return true;
    if (experiments.has(row.experiment_id)) return true;
    if (request.runs !== undefined || row.lifecycle_stage !== 'deleted' || row.updated_at > before)
      return false;
    return request.experiments === undefined || request.experiments.includes(String(row.experiment_id));
  };
  return rows.filter(isAsked).map((row) => ({
    kind: 'logged-model',
    id: row.id,
    name: row.name,
    experimentId: String(row.experiment_id),
    deletedAt: row.lifecycle_stage === 'deleted' ? row.updated_at : null,
  }));
}

async function isEmptyWithout(
  read: Reader,
  experiment: number,
  going: ReadonlySet<string>,
): Promise<boolean> {
  const runs = await read.selectFrom('run').select('id').where('experiment_id', '=', experiment).execute();
  const models = await read
    .selectFrom('logged_model')
    .select('id')
    .where('experiment_id', '=', experiment)
    .execute();
  return [...runs, ...models].every(({ id }) => going.has(id));
}

/** `artifacts/1/<run>` and `artifacts/1/models/<model>` without a row; anything of another shape is not ours to judge. */
async function orphans(world: World): Promise<Removable[]> {
  const read = world.database.read;
  const found: Removable[] = [];
  const folders = async (key: string, shape: RegExp): Promise<string[]> =>
    (await world.blobs.list(key))
      .filter((entry) => entry.isFolder && shape.test(entry.name))
      .map(({ name }) => name);
  for (const experimentId of await folders('artifacts', /^\d+$/)) {
    const root = `artifacts/${experimentId}`;
    const runs = await folders(root, /^[0-9a-f]{32}$/);
    const models = await folders(`${root}/models`, /^m-[0-9a-f]{32}$/);
    const knownRuns = await idsIn(read, 'run', runs);
    const knownModels = await idsIn(read, 'logged_model', models);
    const lost = [
      ...runs.filter((id) => !knownRuns.has(id)),
      ...models.filter((id) => !knownModels.has(id)).map((id) => `models/${id}`),
    ];
    for (const id of lost)
      found.push({
        kind: 'orphan',
        id: `${experimentId}/${id}`,
        name: id,
        experimentId,
        deletedAt: null,
        byteCount: 0,
        pointCount: 0,
      });
  }
  return found;
}

/** Uploads that nobody goes on with: their links have expired, and as long as asked nothing came. */
async function staleUploads(world: World, before: number): Promise<Removable[]> {
  const stale = Math.min(before, world.clock.now() - uploadLifeMs);
  const unfinished = await world.blobs.uploads.unfinished();
  return unfinished
    .filter(({ touchedAt }) => touchedAt <= stale)
    .map(({ id, key, byteCount, touchedAt }) => ({
      kind: 'upload',
      id,
      name: key?.replace(/^artifacts\//, '') ?? 'a file that broke off',
      experimentId: /^artifacts\/([^/]+)/.exec(key ?? '')?.[1] ?? '',
      deletedAt: touchedAt,
      byteCount,
      pointCount: 0,
    }));
}

async function idsIn(
  read: Reader,
  table: 'run' | 'logged_model',
  ids: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let from = 0; from < ids.length; from += 500) {
    const chunk = ids.slice(from, from + 500);
    for (const { id } of await read.selectFrom(table).select('id').where('id', 'in', chunk).execute())
      found.add(id);
  }
  return found;
}

/** The folder of a thing's files; undefined when they are kept elsewhere. */
async function keyOf(read: Reader, thing: Removable): Promise<string | undefined> {
  if (thing.kind === 'orphan') return `artifacts/${thing.id}`;
  if (thing.kind === 'experiment') return `artifacts/${thing.id}`;
  const table = thing.kind === 'run' ? 'run' : 'logged_model';
  const row = await read
    .selectFrom(table)
    .select('artifact_uri')
    .where('id', '=', thing.id)
    .executeTakeFirst();
  if (row === undefined || !isOurs(row.artifact_uri)) return undefined;
  // the folder of the run holds nothing but `artifacts`
  return artifactKeyOf(row.artifact_uri).replace(/\/artifacts$/, '');
}

async function byteCountOf(blobs: BlobStore, key: string): Promise<number> {
  let sum = 0;
  for (const entry of await blobs.list(key))
    sum += entry.isFolder ? await byteCountOf(blobs, `${key}/${entry.name}`) : entry.byteCount;
  return sum;
}
