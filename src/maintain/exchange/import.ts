import { existsSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import { messageOf } from '../../platform/errors.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import type { ExchangeKind, ImportReport, ImportRequest } from './exchange-api.ts';
import { exchangeKinds } from './exchange-kinds.ts';
import { importClashes, noPostgres, sourceUnreadable } from './exchange-errors.ts';
import { importExperiments, type PlacedExperiment } from './import-experiments.ts';
import { importLoggedModels, importRuns } from './import-runs.ts';
import { importTraces } from './import-traces.ts';
import { importRegistry, registryClashes } from './import-registry.ts';
import { openMlflowDatabase } from './mlflow-database.ts';
import { openMlflowFolder } from './mlflow-folder.ts';
import type { Left, MlflowSource } from './records.ts';

export const importJobKind = 'tracking.import';

type Progress = Pick<JobContext, 'progress' | 'signal' | 'log'>;

/** What the steps of one import share. */
export interface Import {
  readonly world: World;
  readonly actor: Actor;
  readonly source: MlflowSource;
  readonly request: ImportRequest;
  /** folders whose files may be copied */
  readonly roots: readonly string[];
  readonly job: Progress;
  readonly tally: Tally;
  /** where the artifacts of a source's run or model are here, by their address there */
  readonly places: Map<string, string>;
}

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

/** Counts what happens during an import. */
export class Tally {
  readonly clashes: string[] = [];
  readonly renamed: { kind: ExchangeKind; from: string; to: string }[] = [];
  readonly files = { count: 0, byteCount: 0 };
  pointCount = 0;
  readonly #taken = Object.fromEntries(
    exchangeKinds.map((kind) => [kind, { new: 0, changed: 0, same: 0 }]),
  ) as ImportReport['taken'];
  readonly #left: Left[] = [];

  count(kind: ExchangeKind, outcome: 'new' | 'changed' | 'same'): void {
    const counts = this.#taken[kind];
    if (counts !== undefined) counts[outcome] += 1;
  }

  leave(left: Left): void {
    this.#left.push(left);
  }

  /** Of one thing. */
  leaveOne(kind: string, id: string, reason: unknown): void {
    this.#left.push({ kind, id, count: 1, reason: messageOf(reason) });
  }

  get hasTaken(): boolean {
    return (
      this.files.count > 0 || Object.values(this.#taken).some((counts) => counts.new + counts.changed > 0)
    );
  }

  report(request: ImportRequest, format: MlflowSource['format']): ImportReport {
    return {
      source: request.source,
      format,
      isDryRun: request.isDryRun,
      taken: this.#taken,
      pointCount: this.pointCount,
      files: { ...this.files },
      renamed: this.renamed,
      clashes: this.clashes,
      left: groupedByReason(this.#left),
    };
  }
}

/** A thousand runs with one reason are one line. */
const listedAtMost = 5;

export function groupedByReason(all: readonly Left[]): ImportReport['left'] {
  const byReason = new Map<string, Left[]>();
  for (const left of all) {
    const key = `${left.kind}\n${left.reason}`;
    byReason.set(key, [...(byReason.get(key) ?? []), left]);
  }
  return [...byReason.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const plain = group.map(({ kind, id, count, reason }) => ({
      kind,
      ...(id === undefined ? {} : { id }),
      count,
      reason,
    }));
    if (group.length <= listedAtMost) return plain;
    return [
      { kind: first.kind, count: group.reduce((sum, each) => sum + each.count, 0), reason: first.reason },
    ];
  });
}
