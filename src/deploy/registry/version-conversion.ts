import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { systemActor } from '../../platform/actor.ts';
import type { BlobStore } from '../../platform/blobs/blobs.ts';
import { TilthError, messageOf } from '../../platform/errors.ts';
import type { JobContext } from '../../platform/jobs.ts';
import type { World } from '../../platform/world.ts';
import { perform } from '../../team/command.ts';
import { declarationOf, type DeclaredModel } from '../../start/project/project-store.ts';
import { getRun } from '../../develop/tracking/run-store.ts';
import { convertModel, type Conversion } from '../conversion/conversion.ts';
import { pythonOfRequirements } from '../python/model-environment.ts';
import { defaultCriteria } from '../conversion/criteria.ts';
import { insideOf, writeSampleRows } from '../conversion/sample-rows.ts';
import { voidChanged } from './approvals/approval-state.ts';
import { blobFolderOf } from './model-source.ts';
import { hashOf } from './registry.ts';
import { pythonVersion } from './python-version.ts';
import { getVersionRow, updateVersionRow, type VersionRow } from './registry-store.ts';
import { keepProof } from './proof-again.ts';
import { fileKeyOf } from './served-file.ts';
import type { ConvertJobInput } from './versions.ts';

/**
 * Converts a version's files and keeps graph, schema and parity on it, or the reason why there is none.
 * Whatever happens, the version does not stay pending.
 */
export async function convertVersion(
  world: World,
  input: ConvertJobInput,
  job: JobContext,
): Promise<unknown> {
  const row = await getVersionRow(world.database.read, input.model, input.version);
  const folder = await mkdtemp(join(tmpdir(), 'tilth-convert-'));
  let artifactDigest: string | null = null;
  try {
    const modelFolder = join(folder, 'model');
    artifactDigest = await materialise(world.blobs, row, modelFolder);
    const declared = await declarationOf(world.database.read, row.model);
    const rowsFile = join(folder, 'rows.json');
    const criteria = declared?.model.parity ?? defaultCriteria;
    const sample = await writeSampleRows(
      modelFolder,
      await rowSources(world, row, declared),
      rowsFile,
      criteria.rows,
    );
    await job.progress(
      `${sample.rowCount} rows to compare on, from ${sample.from.join(' and ') || 'nowhere'}`,
    );
    const python = await pythonOf(world, declared, modelFolder, job);
    const conversion = await convertModel(
      {
        modelFolder,
        outFolder: join(folder, 'out'),
        rowsFile,
        python,
        criteria,
      },
      job,
    ).catch((cause: unknown): Conversion => {
      if (job.signal.aborted) throw cause;
      return {
        engine: 'python',
        code: 'CONVERTER_FAILED',
        reason: `The converter failed: ${messageOf(cause)}`,
      };
    });
    if (conversion.engine === 'onnx') await storeConversion(world, row, artifactDigest, conversion);
    else {
      const kept = await pythonVersion(
        world,
        { modelFolder, rowsFile, python, folder },
        conversion.reason,
        job,
      );
      await store(world, row, { ...nothing, artifact_digest: artifactDigest, ...kept });
    }
    return summaryOf(conversion);
  } catch (thrown) {
    // a server that stops takes the job up again at its next start
    if (!job.signal.aborted) await storeFailure(world, row, artifactDigest, messageOf(thrown));
    throw thrown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The Python that can load the model: its project's, the one of `TILTH_PYTHON`, else one made of its requirements. */
async function pythonOf(
  world: World,
  declared: DeclaredModel | undefined,
  modelFolder: string,
  job: JobContext,
): Promise<string> {
  const own = declared === undefined ? undefined : join(declared.project.root, '.venv', 'bin', 'python');
  if (own !== undefined && existsSync(own)) return own;
  const named = process.env['TILTH_PYTHON'];
  if (named !== undefined && named !== '') return named;
  if (existsSync(join(modelFolder, 'requirements.txt'))) {
    await job.progress('making an environment of the model’s requirements');
    return pythonOfRequirements(modelFolder, join(world.home.serving, 'environments'), job.log);
  }
  throw new TilthError(
    'MODEL_PYTHON_MISSING',
    409,
    declared === undefined
      ? 'No project declares this model, so there is no environment to load it in.'
      : `The project ${declared.project.root} has no environment at .venv to load the model in.`,
    declared === undefined
      ? 'Set TILTH_PYTHON for the server, or declare the model in tilth.yaml.'
      : 'Make it: poetry install',
  );
}

/** Copies the files from the store; their digest covers names and contents. */
async function materialise(blobs: BlobStore, row: VersionRow, folder: string): Promise<string> {
  const root = blobFolderOf(row.location);
  if (root === undefined)
    throw new TilthError(
      'ARTIFACT_ELSEWHERE',
      409,
      `The files of the version are kept elsewhere: ${row.location}`,
    );
  const files = await filesBelow(blobs, root);
  if (!files.includes('MLmodel')) {
    throw new TilthError(
      'NOT_AN_MLFLOW_MODEL',
      409,
      `${row.source} holds no MLflow model: there is no MLmodel in it.`,
      'Log it with mlflow.<flavor>.log_model',
    );
  }
  const digest = createHash('sha256');
  for (const name of files) {
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    const content = createHash('sha256');
    const { stream } = await blobs.get(`${root}/${name}`);
    stream.on('data', (chunk: Buffer) => void content.update(chunk));
    await pipeline(stream, createWriteStream(target));
    digest.update(`${name}\0${content.digest('hex')}\n`);
  }
  return digest.digest('hex');
}

async function filesBelow(blobs: BlobStore, folder: string, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await blobs.list(folder)) {
    const name = `${prefix}${entry.name}`;
    if (entry.isFolder) found.push(...(await filesBelow(blobs, `${folder}/${entry.name}`, `${name}/`)));
    else found.push(name);
  }
  return found.sort();
}

const datasetSource = z.object({ uri: z.string() });

/** Files of the project that may hold rows: what the run says it read, evaluation before training, then the dataset. */
async function rowSources(
  world: World,
  row: VersionRow,
  declared: DeclaredModel | undefined,
): Promise<string[]> {
  if (declared === undefined) return [];
  const logged: string[] = [];
  if (row.run_id !== null) {
    const run = await getRun(world.database.read, row.run_id).catch(() => undefined);
    const datasets = (run?.datasets ?? []).map((input) => input.dataset);
    const isHeldOut = (name: string): boolean => /hold|test|eval|valid/i.test(name);
    for (const dataset of [...datasets.filter((each) => isHeldOut(each.name)), ...datasets]) {
      const source = datasetSource.safeParse(parseJson(dataset.source));
      if (source.success) logged.push(source.data.uri.replace(/^file:\/\//, ''));
    }
  }
  const dataset = declared.project.declaration.datasets[declared.model.dataset]?.path;
  return [...logged, ...(dataset === undefined ? [] : [dataset])].flatMap(
    (path) => insideOf(declared.project.root, path) ?? [],
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function storeConversion(
  world: World,
  row: VersionRow,
  artifactDigest: string,
  conversion: Extract<Conversion, { engine: 'onnx' }>,
): Promise<void> {
  const graph = await readFile(conversion.onnxFile);
  const digest = createHash('sha256').update(graph).digest('hex');
  if ((await world.blobs.size(fileKeyOf('onnx', digest))) === undefined)
    await world.blobs.put(fileKeyOf('onnx', digest), graph);
  await keepProof(world.blobs, digest, conversion);
  const measuredAt = world.clock.now();
  await store(world, row, {
    ...nothing,
    engine: 'onnx',
    artifact_digest: artifactDigest,
    onnx_digest: digest,
    onnx_byte_count: graph.length,
    schema: JSON.stringify(conversion.schema),
    schema_hash: hashOf(conversion.schema),
    parity: JSON.stringify({ ...conversion.parity, measuredAt }),
  });
}

/** What is kept of a version before anything is known of it. */
const nothing: Partial<VersionRow> = {
  engine: 'python',
  reason: null,
  onnx_digest: null,
  onnx_byte_count: null,
  bundle_digest: null,
  bundle_byte_count: null,
  python: null,
  schema: null,
  schema_hash: null,
  parity: null,
};

const storeFailure = (
  world: World,
  row: VersionRow,
  artifactDigest: string | null,
  reason: string,
): Promise<void> => store(world, row, { ...nothing, reason, artifact_digest: artifactDigest });

async function store(world: World, row: VersionRow, change: Partial<VersionRow>): Promise<void> {
  const thing = `${row.model}/${row.version}`;
  const data = {
    engine: change.engine,
    digest: change.onnx_digest ?? change.bundle_digest,
    ...(change.reason === null ? {} : { reason: change.reason }),
  };
  await perform(
    world,
    { actor: systemActor, verb: 'model.convert', kind: 'model-version', thing, data },
    async (tx) => {
      await getVersionRow(tx, row.model, row.version);
      await updateVersionRow(tx, row.model, row.version, change);
      await voidChanged(world, tx, row.model, row.version);
    },
  );
}

const summaryOf = (conversion: Conversion): unknown =>
  conversion.engine === 'python'
    ? conversion
    : {
        engine: 'onnx',
        rowCount: conversion.parity.rowCount,
        labelsEqual: conversion.parity.labelsEqual,
        maxError: conversion.parity.maxError,
      };
