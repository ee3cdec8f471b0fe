import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { artifactKeyOf, isOurs } from '../../develop/tracking/artifact-keys.ts';
import { searchExperiments } from '../../develop/tracking/experiment-store.ts';
import type { Actor } from '../../platform/actor.ts';
import type { BlobStore } from '../../platform/blobs/blobs.ts';
import { badRequest } from '../../platform/errors.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { perform } from '../../team/command.ts';
import { createMlflowDatabase } from './export-database.ts';
import { createMlflowFolder } from './export-folder.ts';
import type { ExchangeKind, ExportReport, ExportRequest } from './exchange-api.ts';
import { exchangeKinds } from './exchange-kinds.ts';
import { targetTaken } from './exchange-errors.ts';
import { groupedByReason } from './import-tally.ts';
import type { MlflowTarget } from './mlflow-target.ts';
import { ownExperiment, ownLoggedModel, ownRegisteredModels, ownRun, ownTrace } from './own-records.ts';
import {
  importedTagPrefix,
  originalIdTag,
  type Left,
  type RegisteredModelRecord,
  type VersionRecord,
} from './records.ts';

export const exportJobKind = 'tracking.export';

/**
 * Writes everything, or some experiments, as MLflow can read it. The target gets its name when it is whole.
 *
 * @throws NOT_ALLOWED, EXPORT_TARGET_EXISTS, EXPERIMENT_NOT_FOUND
 */
export async function exportMlflow(
  world: World,
  actor: Actor,
  request: ExportRequest,
  job: Pick<JobContext, 'progress' | 'signal'>,
): Promise<ExportReport> {
  requireRight(actor, 'tracking.export');
  const paths = await pathsOf(request.target);
  const left: Left[] = [];
  const leave = (each: Left): void => void left.push(each);
  await mkdir(dirname(paths.target), { recursive: true });
  try {
    if (paths.format === 'sqlite') await mkdir(paths.artifactsPart, { recursive: true });
    const target =
      paths.format === 'sqlite'
        ? await createMlflowDatabase(paths.part, leave)
        : await createMlflowFolder(paths.part, leave);
    const writer = new Writer(world, target, paths, leave, job);
    await writer.write(request.experiments);
    await target.close();
    if (paths.format === 'sqlite') await rename(paths.artifactsPart, paths.artifacts);
    else await rm(paths.target, { recursive: true, force: true });
    await rename(paths.part, paths.target);
    const { written, pointCount, files } = writer;
    const report: ExportReport = {
      target: paths.target,
      format: paths.format,
      written,
      pointCount,
      files,
      left: groupedByReason(left),
    };
    const data = { target: paths.target, written, pointCount, files };
    await perform(world, { actor, verb: 'tracking.export', kind: 'export', thing: paths.target, data }, () =>
      Promise.resolve(),
    );
    return report;
  } finally {
    await rm(paths.part, { recursive: true, force: true });
    if (paths.format === 'sqlite') await rm(paths.artifactsPart, { recursive: true, force: true });
  }
}

interface Paths {
  readonly format: 'sqlite' | 'mlruns';
  readonly target: string;
  readonly part: string;
  /** where the files lie in the end, and until then */
  readonly artifacts: string;
  readonly artifactsPart: string;
}

/** @throws EXPORT_TARGET_EXISTS, BAD_REQUEST */
export async function pathsOf(wanted: string): Promise<Paths> {
  const target = wanted.replace(/^sqlite:\/\/\//, '').replace(/\/+$/, '');
  if (!isAbsolute(target))
    throw badRequest(`The target ${wanted} is no absolute path on the machine of the server.`);
  const format = wanted.startsWith('sqlite:') || /\.(db|sqlite3?)$/i.test(target) ? 'sqlite' : 'mlruns';
  const part = `${target}.${randomBytes(4).toString('hex')}.part`;
  if (format === 'mlruns') {
    const there = await readdir(target).catch(async () =>
      (await stat(target).catch(() => undefined)) === undefined ? [] : ['a file'],
    );
    if (there.length > 0) throw targetTaken(target);
    return { format, target, part, artifacts: target, artifactsPart: part };
  }
  const artifacts = join(dirname(target), `${basename(target, extname(target))}-artifacts`);
  for (const path of [target, artifacts])
    if ((await stat(path).catch(() => undefined)) !== undefined) throw targetTaken(path);
  return { format, target, part, artifacts, artifactsPart: `${part}-artifacts` };
}

class Writer {
  readonly written = Object.fromEntries(exchangeKinds.map((kind) => [kind, 0])) as Record<
    ExchangeKind,
    number
  >;
  readonly files = { count: 0, byteCount: 0 };
  pointCount = 0;
  readonly #world: World;
  readonly #target: MlflowTarget;
  readonly #paths: Paths;
  readonly #leave: (left: Left) => void;
  readonly #job: Pick<JobContext, 'progress' | 'signal'>;
  /** addresses there, by ours */
  readonly #places = new Map<string, string>();

  constructor(
    world: World,
    target: MlflowTarget,
    paths: Paths,
    leave: (left: Left) => void,
    job: Pick<JobContext, 'progress' | 'signal'>,
  ) {
    this.#world = world;
    this.#target = target;
    this.#paths = paths;
    this.#leave = leave;
    this.#job = job;
  }

  async write(only: readonly string[] | undefined): Promise<void> {
    const { read } = this.#world.database;
    const all = await searchExperiments(read, {
      orderBy: ['experiment_id ASC'],
      view: 'ALL',
      limit: 1_000_000,
    });
    for (const id of only ?? all.experiments.map((experiment) => experiment.id)) await this.#experiment(id);
    if (only !== undefined) {
      const models = await ownRegisteredModels(read);
      if (models.length > 0)
        this.#leave({
          kind: 'registered model',
          count: models.length,
          reason: 'only experiments were asked for; the registry goes out with all of them',
        });
      return;
    }
    for (const model of await ownRegisteredModels(read)) await this.#registered(model);
  }

  async #experiment(number: string): Promise<void> {
    const { read } = this.#world.database;
    const own = await ownExperiment(read, number);
    const id = own.tags.find((tag) => tag.key === originalIdTag)?.value ?? number;
    const record = { ...own, id, tags: withoutImportTags(own.tags) };
    await this.#target.experiment(
      record,
      isOurs(own.artifactLocation) ? this.#uri(id) : own.artifactLocation,
    );
    this.#count('experiment');
    const folder =
      this.#paths.format === 'mlruns' && own.lifecycleStage === 'deleted' ? join('.trash', id) : id;
    const models = await read
      .selectFrom('logged_model')
      .select('id')
      .where('experiment_id', '=', Number(number))
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    for (const model of models) {
      const found = await ownLoggedModel(read, model.id);
      if (found === undefined) continue;
      await this.#step();
      const uri = await this.#artifacts(
        found.artifactUri,
        [id, 'models', found.id, 'artifacts'],
        join(folder, 'models', found.id, 'artifacts'),
      );
      await this.#target.loggedModel(id, found, uri);
      this.#count('logged model');
    }
    const runs = await read
      .selectFrom('run')
      .select('id')
      .where('experiment_id', '=', Number(number))
      .orderBy('started_at')
      .orderBy('id')
      .execute();
    for (const run of runs) {
      const found = await ownRun(read, run.id);
      if (found === undefined) continue;
      await this.#step();
      const uri = await this.#artifacts(
        found.artifactUri,
        [id, found.id, 'artifacts'],
        join(folder, found.id, 'artifacts'),
      );
      await this.#target.run(id, found, uri);
      this.pointCount += found.metrics.length;
      this.#count('run');
    }
    const traces = await read
      .selectFrom('trace')
      .select('id')
      .where('experiment_id', '=', Number(number))
      .orderBy('requested_at')
      .orderBy('id')
      .execute();
    for (const trace of traces) {
      const found = await ownTrace(read, trace.id);
      if (found === undefined) continue;
      await this.#step();
      const below = ['traces', found.info.id, 'artifacts'];
      const uri = await this.#artifacts(found.artifactUri, [id, ...below], join(folder, ...below));
      await this.#target.trace(id, found, uri);
      this.#count('trace');
    }
  }

  async #registered(model: RegisteredModelRecord): Promise<void> {
    const versions: VersionRecord[] = [];
    for (const version of model.versions) {
      const location = await this.#locationOf(model.name, version);
      const source =
        version.source === version.location ? location : (this.#placed(version.source) ?? version.source);
      versions.push({ ...version, location, source, tags: withoutImportTags(version.tags) });
      this.#count('model version');
    }
    await this.#target.registeredModel({ ...model, versions });
    this.#count('registered model');
    for (const _alias of model.aliases) this.#count('alias');
  }

  async #locationOf(model: string, version: VersionRecord): Promise<string> {
    const placed = this.#placed(version.location);
    if (placed !== undefined || !isOurs(version.location)) return placed ?? version.location;
    const below =
      this.#paths.format === 'mlruns'
        ? ['models', model, `version-${version.version}`, 'artifacts']
        : ['registered', model, String(version.version)];
    return this.#artifacts(version.location, below, join(...below));
  }

  /** The address there of a place below one that was written. */
  #placed(uri: string): string | undefined {
    for (let at = uri; at.includes('/'); at = at.slice(0, at.lastIndexOf('/'))) {
      const known = this.#places.get(at);
      if (known !== undefined) return `${known}${uri.slice(at.length)}`;
    }
    return undefined;
  }

  /** Copies the files that we keep. @returns their address there; files elsewhere keep theirs */
  async #artifacts(uri: string, address: readonly string[], folder: string): Promise<string> {
    if (!isOurs(uri)) return uri;
    const there = this.#uri(...address);
    this.#places.set(uri, there);
    const copied = await copyBlobs(
      this.#world.blobs,
      artifactKeyOf(uri),
      join(this.#paths.artifactsPart, folder),
    );
    this.files.count += copied.count;
    this.files.byteCount += copied.byteCount;
    return there;
  }

  #uri(...below: string[]): string {
    return pathToFileURL(join(this.#paths.artifacts, ...below)).href;
  }

  #count(kind: ExchangeKind): void {
    this.written[kind] += 1;
  }

  #toldAt = 0;

  async #step(): Promise<void> {
    this.#job.signal.throwIfAborted();
    if (Date.now() - this.#toldAt < 500) return;
    this.#toldAt = Date.now();
    await this.#job.progress(`${this.written.run} runs, ${this.files.count} files`);
  }
}

const withoutImportTags = <T extends { readonly key: string }>(tags: readonly T[]): T[] =>
  tags.filter(({ key }) => !key.startsWith(importedTagPrefix));

async function copyBlobs(
  blobs: BlobStore,
  key: string,
  folder: string,
): Promise<{ count: number; byteCount: number }> {
  let count = 0;
  let byteCount = 0;
  for (const entry of await blobs.list(key)) {
    if (entry.isFolder) {
      const inner = await copyBlobs(blobs, `${key}/${entry.name}`, join(folder, entry.name));
      count += inner.count;
      byteCount += inner.byteCount;
      continue;
    }
    await mkdir(folder, { recursive: true });
    await pipeline(
      (await blobs.get(`${key}/${entry.name}`)).stream,
      createWriteStream(join(folder, entry.name)),
    );
    count += 1;
    byteCount += entry.byteCount;
  }
  return { count, byteCount };
}
