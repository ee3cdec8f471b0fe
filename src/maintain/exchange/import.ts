import { existsSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import type { ImportReport, ImportRequest } from './exchange-api.ts';
import { importClashes, noPostgres, sourceUnreadable } from './exchange-errors.ts';
import { importExperiments, type PlacedExperiment } from './import-experiments.ts';
import { importLoggedModels, importRuns } from './import-runs.ts';
import type { Import, Progress } from './import-steps.ts';
import { Tally } from './import-tally.ts';
import { importTraces } from './import-traces.ts';
import { importRegistry, registryClashes } from './import-registry.ts';
import { openMlflowDatabase } from './mlflow-database.ts';
import { openMlflowFolder } from './mlflow-folder.ts';
import type { MlflowSource } from './records.ts';

export const importJobKind = 'tracking.import';

/**
 * Takes over what an MLflow store holds, with its ids. A run or model appears whole, after its files; what is here
 * already is only completed, so that the same import twice adds nothing and an interrupted one goes on.
 *
 * @throws NOT_ALLOWED, IMPORT_SOURCE_UNREADABLE, IMPORT_POSTGRES_NOT_SUPPORTED, IMPORT_CLASHES
 */
export async function importMlflow(
  world: World,
  actor: Actor,
  request: ImportRequest,
  job: Progress,
): Promise<ImportReport> {
  requireRight(actor, 'tracking.import');
  const source = await openSource(request.source);
  const tally = new Tally();
  const roots = [
    ...(request.artifacts === undefined ? [] : [request.artifacts]),
    ...ownRoots(source, request.source),
  ];
  const shared: Import = { world, actor, source, request, roots, job, tally, places: new Map() };
  try {
    tally.clashes.push(...(await registryClashes(shared)));
    const experiments = await importExperiments(shared);
    if (tally.clashes.length > 0 && !request.isDryRun) throw importClashes(tally.clashes);
    await importThings(shared, experiments);
    for (const left of await source.left()) tally.leave(left);
    return tally.report(request, source.format);
  } finally {
    source.close();
    if (!request.isDryRun && tally.hasTaken) {
      const { taken, pointCount, files } = tally.report(request, source.format);
      const data = { source: request.source, taken, pointCount, files };
      await perform(
        world,
        { actor, verb: 'tracking.import', kind: 'import', thing: request.source, data },
        () => Promise.resolve(),
      );
    }
  }
}

/**
 * What can be said before the work begins: that the source can be read and nothing stands in its way.
 *
 * @throws as `importMlflow`
 */
export async function checkImport(world: World, actor: Actor, request: ImportRequest): Promise<void> {
  const source = await openSource(request.source);
  const tally = new Tally();
  const job: Progress = {
    progress: () => Promise.resolve(),
    signal: new AbortController().signal,
    log: () => undefined,
  };
  const shared: Import = {
    world,
    actor,
    source,
    request: { ...request, isDryRun: true },
    roots: [],
    job,
    tally,
    places: new Map(),
  };
  try {
    tally.clashes.push(...(await registryClashes(shared)));
    await importExperiments(shared);
  } finally {
    source.close();
  }
  if (tally.clashes.length > 0 && !request.isDryRun) throw importClashes(tally.clashes);
}

async function importThings(shared: Import, experiments: readonly PlacedExperiment[]): Promise<void> {
  const { source, job, tally } = shared;
  const work: { experiment: PlacedExperiment; runs: string[]; models: string[]; traces: string[] }[] = [];
  for (const experiment of experiments)
    work.push({
      experiment,
      runs: await source.runIds(experiment.record.id),
      models: await source.loggedModelIds(experiment.record.id),
      traces: await source.traceIds(experiment.record.id),
    });
  const total = work.reduce(
    (sum, { runs, models, traces }) => sum + runs.length + models.length + traces.length,
    0,
  );
  let done = 0;
  let toldAt = 0;
  const step = async (): Promise<void> => {
    job.signal.throwIfAborted();
    done += 1;
    if (Date.now() - toldAt < 1000) return;
    toldAt = Date.now();
    await job.progress(
      `${done} of ${total} runs, logged models and traces, ${tally.files.count} files copied`,
    );
  };
  for (const { experiment, models } of work) await importLoggedModels(shared, experiment, models, step);
  for (const { experiment, runs } of work) await importRuns(shared, experiment, runs, step);
  for (const { experiment, traces } of work) await importTraces(shared, experiment, traces, step);
  await job.progress('the model registry');
  await importRegistry(shared);
}

async function openSource(source: string): Promise<MlflowSource> {
  if (/^postgres(ql)?(\+\w+)?:/.test(source)) throw noPostgres(source);
  const path = source.replace(/^sqlite:\/\/\//, '').replace(/^file:\/\//, '');
  if (/^[a-z][a-z0-9+]+:\/\//i.test(path))
    throw sourceUnreadable(source, 'it is neither a file nor a folder');
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw sourceUnreadable(path, 'there is no such file or folder on the machine of the server');
  return found.isDirectory() ? openMlflowFolder(path) : openMlflowDatabase(path);
}

/** A file store's own folder; beside a database the folders in which MLflow and our export keep its artifacts. */
function ownRoots(source: MlflowSource, path: string): string[] {
  if (source.format === 'mlruns') return [source.folder, join(source.folder, '.trash')];
  const name = basename(path, extname(path));
  return ['mlartifacts', 'mlruns', `${name}-artifacts`]
    .map((folder) => join(source.folder, folder))
    .filter((folder) => existsSync(folder));
}
