import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { parse } from 'yaml';
import { messageOf } from '../../platform/errors.ts';
import {
  runNameTag,
  runStatuses,
  type KeyValue,
  type LoggedDataset,
  type Metric,
  type RunStatus,
} from '../../develop/tracking/tracking.ts';
import { sourceUnreadable } from './exchange-errors.ts';
import { loggedModelIn, modelStatusOf } from './mlflow-database.ts';
import { readFolderTrace } from './mlflow-folder-traces.ts';
import type {
  ExperimentRecord,
  Left,
  LoggedModelRecord,
  MlflowSource,
  RegisteredModelRecord,
  VersionRecord,
} from './records.ts';

/** Folders inside an experiment's that are no runs. */
const reserved = new Set(['tags', 'datasets', 'traces', 'models', '.trash']);
const trash = '.trash';

type Meta = Readonly<Record<string, unknown>>;

/**
 * MLflow's file store: `mlruns/<experiment>/<run>/{meta.yaml,params,tags,metrics,inputs,outputs}`, deleted experiments
 * below `.trash`, registered models below `models`. A value is the text of a file; the name of the file is its key.
 *
 * @throws IMPORT_SOURCE_UNREADABLE
 */
export async function openMlflowFolder(folder: string): Promise<MlflowSource> {
  const root = resolve(folder);
  const experimentFolders = new Map<string, string>();
  for (const place of [join(root, trash), root])
    for (const name of await foldersIn(place))
      if (/^\d+$/.test(name)) experimentFolders.set(name, join(place, name));
  const modelFolders = await foldersIn(join(root, 'models'));
  if (experimentFolders.size === 0 && modelFolders.length === 0)
    throw sourceUnreadable(root, 'it has no folder of an experiment, such as 0/, so it is no mlruns folder');
  const left: Left[] = [];
  const leave = (kind: string, id: string, reason: string): void =>
    void left.push({ kind, id, count: 1, reason });
  const folderOf = (experiment: string): string =>
    experimentFolders.get(experiment) ?? join(root, experiment);

  async function experimentOf(id: string, at: string): Promise<ExperimentRecord> {
    const meta = await metaOf(at);
    if (text(meta['experiment_id']) !== id)
      throw new Error(`its meta.yaml names the experiment ${text(meta['experiment_id'])}`);
    const datasets = new Map<string, LoggedDataset>();
    for (const name of await foldersIn(join(at, 'datasets'))) {
      const dataset = datasetOf(await metaOf(join(at, 'datasets', name)));
      datasets.set(`${dataset.name}\n${dataset.digest}`, dataset);
    }
    return {
      id,
      name: text(meta['name']),
      artifactLocation: text(meta['artifact_location']),
      lifecycleStage: meta['lifecycle_stage'] === 'deleted' ? 'deleted' : 'active',
      createdAt: number(meta['creation_time']),
      updatedAt: number(meta['last_update_time']),
      tags: await valuesIn(join(at, 'tags')),
      datasets: [...datasets.values()],
    };
  }

  async function inputsOf(
    experiment: string,
    at: string,
  ): Promise<{ datasets: LoggedDatasetInput[]; models: { modelId: string; step: number }[] }> {
    const datasets: LoggedDatasetInput[] = [];
    const models: { modelId: string; step: number }[] = [];
    for (const name of await foldersIn(join(at, 'inputs'))) {
      const meta = await metaOf(join(at, 'inputs', name));
      const source = text(meta['source_id']);
      if (vertex(meta['source_type']) === 'MODEL') models.push({ modelId: source, step: 0 });
      else {
        const tags = Object.entries((meta['tags'] ?? {}) as Meta).map(([key, value]) => ({
          key,
          value: text(value),
        }));
        datasets.push({
          dataset: datasetOf(await metaOf(join(folderOf(experiment), 'datasets', source))),
          tags,
        });
      }
    }
    return { datasets, models };
  }

  return {
    format: 'mlruns',
    folder: root,
    async experiments() {
      const found: ExperimentRecord[] = [];
      for (const [id, at] of experimentFolders) {
        try {
          found.push(await experimentOf(id, at));
        } catch (thrown) {
          leave('experiment', id, messageOf(thrown));
        }
      }
      return found.toSorted((a, b) => a.id.length - b.id.length || (a.id < b.id ? -1 : 1));
    },
    async runIds(experiment) {
      const names = (await foldersIn(folderOf(experiment))).filter((name) => !reserved.has(name));
      const found: string[] = [];
      for (const name of names)
        if (await isFile(join(folderOf(experiment), name, 'meta.yaml'))) found.push(name);
      return found;
    },
    async run(experiment, id) {
      const at = join(folderOf(experiment), id);
      const meta = await metaOf(at);
      if (text(meta['run_id'] ?? meta['run_uuid']) !== id) throw new Error('its meta.yaml names another run');
      if (text(meta['experiment_id']) !== experiment)
        throw new Error(`its meta.yaml names the experiment ${text(meta['experiment_id'])}`);
      const tags = await valuesIn(join(at, 'tags'));
      const inputs = await inputsOf(experiment, at);
      const outputs: { modelId: string; step: number }[] = [];
      for (const modelId of await foldersIn(join(at, 'outputs')))
        outputs.push({ modelId, step: number((await metaOf(join(at, 'outputs', modelId)))['step']) });
      return {
        id,
        name: text(meta['run_name']) || (tags.find((tag) => tag.key === runNameTag)?.value ?? ''),
        userId: text(meta['user_id']),
        status: runStatusOf(meta['status']),
        startedAt: number(meta['start_time']),
        endedAt: numberOrNull(meta['end_time']),
        lifecycleStage: meta['lifecycle_stage'] === 'deleted' ? 'deleted' : 'active',
        deletedAt: numberOrNull(meta['deleted_time']),
        artifactUri: text(meta['artifact_uri']) || join(at, 'artifacts'),
        params: await valuesIn(join(at, 'params')),
        tags,
        metrics: (await valuesIn(join(at, 'metrics'))).flatMap(({ key, value }) =>
          linesOf(value).map((line) => runPoint(key, line)),
        ),
        datasets: inputs.datasets,
        modelInputs: inputs.models,
        modelOutputs: outputs.toSorted((a, b) => a.step - b.step || (a.modelId < b.modelId ? -1 : 1)),
      };
    },
    async loggedModelIds(experiment) {
      const models = join(folderOf(experiment), 'models');
      const found: string[] = [];
      for (const name of await foldersIn(models))
        if (await isFile(join(models, name, 'meta.yaml'))) found.push(name);
      return found;
    },
    async loggedModel(experiment, id): Promise<LoggedModelRecord> {
      const at = join(folderOf(experiment), 'models', id);
      const meta = await metaOf(at);
      if (text(meta['model_id']) !== id) throw new Error('its meta.yaml names another model');
      return {
        id,
        name: text(meta['name']),
        status: modelStatusOf(text(meta['status'])),
        modelType: textOrNull(meta['model_type']),
        sourceRunId: textOrNull(meta['source_run_id']),
        artifactUri: text(meta['artifact_location']) || join(at, 'artifacts'),
        lifecycleStage: meta['lifecycle_stage'] === 'deleted' ? 'deleted' : 'active',
        createdAt: number(meta['creation_timestamp']),
        updatedAt: number(meta['last_updated_timestamp']),
        params: await valuesIn(join(at, 'params')),
        tags: await valuesIn(join(at, 'tags')),
        metrics: (await valuesIn(join(at, 'metrics'))).flatMap(({ key, value }) =>
          linesOf(value).map((line) => modelPoint(key, line)),
        ),
      };
    },
    async traceIds(experiment) {
      const traces = join(folderOf(experiment), 'traces');
      const found: string[] = [];
      for (const name of await foldersIn(traces))
        if (await isFile(join(traces, name, 'trace_info.yaml'))) found.push(name);
      return found;
    },
    trace: (experiment, id) =>
      readFolderTrace(join(folderOf(experiment), 'traces', id), experiment, id, valuesIn),
    async registeredModels() {
      const found: RegisteredModelRecord[] = [];
      for (const name of modelFolders) {
        try {
          found.push(await registeredOf(join(root, 'models', name)));
        } catch (thrown) {
          leave('registered model', name, messageOf(thrown));
        }
      }
      return found;
    },
    left: () => Promise.resolve(left),
    close: () => undefined,
  };
}

type LoggedDatasetInput = { readonly dataset: LoggedDataset; readonly tags: readonly KeyValue[] };

async function registeredOf(at: string): Promise<RegisteredModelRecord> {
  const meta = await metaOf(at);
  const versions: VersionRecord[] = [];
  for (const name of await foldersIn(at))
    if (/^version-\d+$/.test(name)) versions.push(await versionOf(join(at, name)));
  return {
    name: text(meta['name']),
    description: textOrNull(meta['description']),
    createdAt: number(meta['creation_timestamp']),
    updatedAt: number(meta['last_updated_timestamp']),
    tags: await valuesIn(join(at, 'tags')),
    aliases: (await valuesIn(join(at, 'aliases'))).map(({ key, value }) => ({
      name: key,
      version: Number(value.trim()),
    })),
    versions: versions
      .filter((version) => version.stage !== 'Deleted_Internal')
      .toSorted((a, b) => a.version - b.version),
  };
}

async function versionOf(at: string): Promise<VersionRecord> {
  const meta = await metaOf(at);
  const source = text(meta['source']);
  return {
    version: number(meta['version']),
    description: textOrNull(meta['description']),
    userId: textOrNull(meta['user_id']),
    stage: text(meta['current_stage']) || 'None',
    source,
    location: text(meta['storage_location']) || source,
    runId: textOrNull(meta['run_id']),
    runLink: textOrNull(meta['run_link']),
    loggedModelId: textOrNull(meta['model_id']) ?? loggedModelIn(source),
    status: text(meta['status']) || 'READY',
    statusMessage: textOrNull(meta['status_message']),
    createdAt: number(meta['creation_timestamp']),
    updatedAt: number(meta['last_updated_timestamp']),
    tags: await valuesIn(join(at, 'tags')),
  };
}

/** `timestamp value [step [dataset digest]]`; the oldest stores have no step. */
function runPoint(key: string, line: string): Metric {
  const [timestamp = '', value = '', step = '0'] = line.split(' ');
  return { key, value: python(value), timestamp: whole(timestamp), step: whole(step) };
}

/** `timestamp value step run [dataset digest]`; a name of a dataset may hold spaces, a digest not. */
function modelPoint(key: string, line: string): LoggedModelRecord['metrics'][number] {
  const [timestamp = '', value = '', step = '', runId = '', ...dataset] = line.split(' ');
  const digest = dataset.length > 1 ? (dataset.at(-1) ?? null) : null;
  return {
    key,
    value: python(value),
    timestamp: whole(timestamp),
    step: whole(step),
    runId,
    datasetName: digest === null ? null : dataset.slice(0, -1).join(' '),
    datasetDigest: digest,
  };
}

/** A number as Python writes it. */
function python(value: string): number {
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(value);
  if (special !== null)
    return special[2]?.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  const read = Number(value.replaceAll('_', ''));
  if (value === '' || Number.isNaN(read)) throw new Error(`a metric has the value ${JSON.stringify(value)}`);
  return read;
}

function whole(digits: string): number {
  const read = Number(digits);
  if (!/^-?\d+$/.test(digits) || !Number.isSafeInteger(read))
    throw new Error(`a metric has the step or time ${JSON.stringify(digits)}`);
  return read;
}

const linesOf = (content: string): string[] =>
  content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Every value as its text, but for null: what else PyYAML takes for a number is no other reader's rule, and ids would round. */
async function metaOf(folder: string): Promise<Meta> {
  const file = join(folder, 'meta.yaml');
  const read = parse(await readFile(file, 'utf8'), { schema: 'failsafe', customTags: ['null'] }) as unknown;
  if (read === null || typeof read !== 'object' || Array.isArray(read))
    throw new Error(`${file} is empty or torn`);
  return read as Meta;
}

const datasetOf = (meta: Meta): LoggedDataset => ({
  name: text(meta['name']),
  digest: text(meta['digest']),
  sourceType: text(meta['source_type']),
  source: text(meta['source']),
  schema: textOrNull(meta['schema']),
  profile: textOrNull(meta['profile']),
});

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const textOrNull = (value: unknown): string | null =>
  value === null || value === undefined ? null : text(value);
const number = (value: unknown): number => Number(text(value) || '0');
const numberOrNull = (value: unknown): number | null =>
  value === null || value === undefined ? null : number(value);

/** File stores number the states: 1 running, 2 scheduled, 3 finished, 4 failed, 5 killed. */
const runStatusOf = (value: unknown): RunStatus =>
  runStatuses.find((name, index) => name === value || index + 1 === number(value)) ?? 'RUNNING';

/** Numbered like the messages of MLflow's protocol: 1 run, 2 dataset, 3 model. */
const vertex = (value: unknown): 'DATASET' | 'MODEL' =>
  value === 'MODEL' || text(value) === '3' ? 'MODEL' : 'DATASET';

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() === true;

/** Keys and values: a key with a slash lies in a folder below. */
async function valuesIn(folder: string): Promise<KeyValue[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const found: KeyValue[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.push({ key: relative(folder, path).split(sep).join('/'), value: await readFile(path, 'utf8') });
  }
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
