import type { Actor } from '../../platform/actor.ts';
import type { Transaction } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import { linkRunTags } from '../lineage/lineage-store.ts';
import { artifactKeyOf, isOurs } from '../tracking/artifact-keys.ts';
import { createExperiment, getExperiment, requireActiveExperiment } from '../tracking/experiment-store.ts';
import { createRun, getRun, getRunInfo, putTags, updateRun, type NewRun } from '../tracking/run-store.ts';
import { runNameTag, type KeyValue, type Run, type RunInfo, type RunStatus } from '../tracking/tracking.ts';
import type { CommandEnd, CommandRunView, NewCommandRun } from './repeatable-api.ts';
import { commandRunTag, isSharedFact, waitingTag } from './repeatable.ts';

const pairsOf = (tags: Readonly<Record<string, string>>): KeyValue[] => Object.entries(tags).map(([key, value]) => ({ key, value }));

/** The run of a command that is about to start; its experiment is made where there is none of that name. */
export async function startCommandRun(world: World, actor: Actor, wanted: NewCommandRun): Promise<CommandRunView> {
  const experimentId = await experimentFor(world, actor, wanted.experiment);
  const { userId, name, startedAt } = wanted;
  const run = await createRun(world, actor, { experimentId, userId, name, startedAt, tags: pairsOf({ ...wanted.tags, [waitingTag]: 'true' }) });
  await world.database.write((tx) => putTags(tx, run.id, [{ key: commandRunTag, value: run.id }]));
  const experiment = await getExperiment(world.database.read, experimentId);
  return { id: run.id, name: run.name, experimentId, experimentName: experiment.name };
}

async function experimentFor(world: World, actor: Actor, wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return '0';
  const known = await world.database.read
    .selectFrom('experiment')
    .select(['id', 'name'])
    .where((where) => where.or([where('name', '=', wanted), ...(/^\d{1,15}$/.test(wanted) ? [where('id', '=', Number(wanted))] : [])]))
    .execute();
  // a name comes before a number that looks like it
  const found = known.find(({ name }) => name === wanted) ?? known[0];
  return found === undefined ? createExperiment(world, actor, { name: wanted, tags: [] }) : String(found.id);
}

/**
 * The run that a client asks for. The first one that a command of `tilth run` asks for is the run that waits for it since the
 * command's start, in whatever experiment the script has chosen; later ones are new, and have the command's facts too.
 */
export async function startRun(world: World, actor: Actor, wanted: NewRun): Promise<Run> {
  const first = wanted.tags.find(({ key }) => key === commandRunTag)?.value;
  if (first === undefined) return createRun(world, actor, wanted);
  const joined = await world.database.write((tx) => joinFirst(tx, actor, first, wanted, world.clock.now()));
  if (joined !== undefined) {
    if (joined.leftBehind !== undefined) await world.blobs.remove(joined.leftBehind);
    return getRun(world.database.read, first);
  }
  const facts = await world.database.read.selectFrom('run_tag').select(['key', 'value']).where('run_id', '=', first).execute();
  const own = new Set(wanted.tags.map(({ key }) => key));
  const tags = [...wanted.tags, ...facts.filter(({ key }) => isSharedFact(key) && !own.has(key))];
  return createRun(world, actor, { ...wanted, tags });
}

async function joinFirst(
  tx: Transaction,
  actor: Actor,
  id: string,
  wanted: NewRun,
  now: number,
): Promise<{ leftBehind: string | undefined } | undefined> {
  const waiting = await tx
    .selectFrom('run')
    .innerJoin('run_tag', 'run_tag.run_id', 'run.id')
    .select(['run.artifact_uri', 'run.experiment_id'])
    .where('run.id', '=', id)
    .where('run_tag.key', '=', waitingTag)
    .where('run.status', '=', 'RUNNING')
    .where('run.lifecycle_stage', '=', 'active')
    .where('run.created_by', '=', actor.id)
    .executeTakeFirst();
  if (waiting === undefined) return undefined;
  // Default is what a client says that was told of no experiment: a stage's run stays with its pipeline then
  const isUnchosen = wanted.experimentId === '0' && wanted.tags.some(({ key }) => key === 'tilth.stage');
  const experiment = await requireActiveExperiment(tx, isUnchosen ? String(waiting.experiment_id) : wanted.experimentId);
  const isMoved = experiment.id !== waiting.experiment_id;
  const artifactUri = isMoved ? `${experiment.artifactLocation.replace(/\/$/, '')}/${id}/artifacts` : waiting.artifact_uri;
  await tx
    .updateTable('run')
    .set({
      experiment_id: experiment.id,
      artifact_uri: artifactUri,
      ...(wanted.userId ? { user_id: wanted.userId } : {}),
      ...(wanted.startedAt ? { started_at: wanted.startedAt } : {}),
    })
    .where('id', '=', id)
    .execute();
  await tx.deleteFrom('run_tag').where('run_id', '=', id).where('key', '=', waitingTag).execute();
  await putTags(tx, id, [...wanted.tags, ...(wanted.name ? [{ key: runNameTag, value: wanted.name }] : [])]);
  await linkRunTags(tx, id, Object.fromEntries(wanted.tags.map(({ key, value }) => [key, value])), now);
  return { leftBehind: isMoved && isOurs(waiting.artifact_uri) ? artifactKeyOf(waiting.artifact_uri) : undefined };
}

/** All runs of a command that are not deleted, the first one first. */
export async function runsOfCommand(world: World, first: string): Promise<(RunInfo & { isChild: boolean })[]> {
  await requireCommandRun(world, first);
  const rows = await world.database.read
    .selectFrom('run')
    .innerJoin('run_tag', 'run_tag.run_id', 'run.id')
    .leftJoin('run_tag as parent', (join) => join.onRef('parent.run_id', '=', 'run.id').on('parent.key', '=', 'mlflow.parentRunId'))
    .select(['run.id', 'parent.value as parent'])
    .where('run_tag.key', '=', commandRunTag)
    .where('run_tag.value', '=', first)
    .where('run.lifecycle_stage', '=', 'active')
    .orderBy('run.started_at')
    .execute();
  const runs = await Promise.all(
    rows.map(async ({ id, parent }) => ({ ...(await getRunInfo(world.database.read, id)), isChild: parent !== null })),
  );
  return runs.sort((a, b) => Number(b.id === first) - Number(a.id === first));
}

/** @throws RUN_NOT_FOUND, COMMAND_RUN_EXPECTED */
export async function requireCommandRun(world: World, id: string): Promise<RunInfo> {
  const run = await getRunInfo(world.database.read, id);
  const tag = await world.database.read
    .selectFrom('run_tag')
    .select('value')
    .where('run_id', '=', id)
    .where('key', '=', commandRunTag)
    .executeTakeFirst();
  if (tag?.value !== id) throw new TilthError('COMMAND_RUN_EXPECTED', 400, `The run ${id} was not started by tilth run.`, 'tilth run -- COMMAND');
  return run;
}

/** Facts that took longer to find than the command's start: for every run that it has by now. */
export async function addFacts(world: World, first: string, tags: Readonly<Record<string, string>>): Promise<void> {
  const runs = await runsOfCommand(world, first);
  await world.database.write(async (tx) => {
    for (const { id } of runs) await putTags(tx, id, pairsOf(tags));
  });
}

/** Ends what the command left running; what its own end has ended gets the status that fits. */
export async function endCommandRun(world: World, actor: Actor, first: string, end: CommandEnd): Promise<(RunInfo & { isChild: boolean })[]> {
  const runs = await runsOfCommand(world, first);
  for (const run of runs) {
    const status = statusAtEnd(run, runs, end);
    if (status !== undefined) await updateRun(world, actor, run.id, { status, endedAt: run.endedAt ?? end.endedAt });
  }
  await world.database.write(async (tx) => {
    await tx.deleteFrom('run_tag').where('run_id', '=', first).where('key', '=', waitingTag).execute();
    await putTags(tx, first, pairsOf(end.tags));
  });
  return runsOfCommand(world, first);
}

/**
 * MLflow's client says FINISHED of a run that a crash has ended, unless the script used `with`, and FAILED of one that Ctrl-C has.
 *
 * @returns undefined when the run keeps its status
 */
function statusAtEnd(run: RunInfo & { isChild: boolean }, runs: readonly (RunInfo & { isChild: boolean })[], end: CommandEnd): RunStatus | undefined {
  if (run.status === 'RUNNING' || run.status === 'SCHEDULED') return end.status;
  if (end.status === 'FINISHED' || run.endedAt === null || run.endedAt < end.since || run.status === end.status) return undefined;
  if (end.status === 'KILLED') return 'KILLED';
  // a nested run ends before its parent: only what ended last can have ended by the failure
  const lastEnd = Math.max(...runs.map(({ endedAt }) => endedAt ?? 0));
  return !run.isChild && run.endedAt >= lastEnd ? 'FAILED' : undefined;
}
