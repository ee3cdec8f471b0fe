import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  runStatuses,
  type KeyValue,
  type LoggedDataset,
  type Metric,
} from '../../develop/tracking/tracking.ts';
import type { MlflowTarget } from './mlflow-target.ts';
import { modelStatusNumbers } from './mlflow-database.ts';
import { writeFolderTrace } from './mlflow-folder-traces.ts';
import type { Left } from './records.ts';

/** Writes MLflow's file store. @param root an empty folder */
export async function createMlflowFolder(root: string, leave: (left: Left) => void): Promise<MlflowTarget> {
  await mkdir(join(root, '.trash'), { recursive: true });
  await mkdir(join(root, 'models'), { recursive: true });
  const folders = new Map<string, string>();
  const folderOf = (experiment: string): string => folders.get(experiment) ?? join(root, experiment);

  /** A key with a slash is a file in a folder, so `a` and `a/b` can't both be there. */
  async function putValues(folder: string, owner: string, values: readonly KeyValue[]): Promise<void> {
    for (const { key, value } of values) {
      try {
        await mkdir(dirname(join(folder, key)), { recursive: true });
        await writeFile(join(folder, key), value, { flag: 'wx' });
      } catch {
        leave({
          kind: 'key',
          id: `${owner} ${JSON.stringify(key)}`,
          count: 1,
          reason: 'a file store can’t hold it beside a longer or shorter key; a SQLite file can',
        });
      }
    }
  }

  async function putHistories(
    folder: string,
    owner: string,
    lines: readonly (readonly [key: string, line: string])[],
  ): Promise<void> {
    const byKey = new Map<string, string[]>();
    for (const [key, line] of lines) {
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [line]);
      else known.push(line);
    }
    await putValues(
      folder,
      owner,
      [...byKey].map(([key, all]) => ({ key, value: `${all.join('\n')}\n` })),
    );
  }

  async function putDataset(experiment: string, dataset: LoggedDataset): Promise<string> {
    const id = createHash('md5').update(dataset.name).update(dataset.digest).digest('hex');
    const { digest, name, profile, schema, source, sourceType } = dataset;
    await putMeta(join(folderOf(experiment), 'datasets', id), {
      digest,
      name,
      profile,
      schema,
      source,
      source_type: sourceType,
    });
    return id;
  }

  return {
    async experiment(record, artifactLocation) {
      const at =
        record.lifecycleStage === 'deleted' ? join(root, '.trash', record.id) : join(root, record.id);
      folders.set(record.id, at);
      await putMeta(at, {
        artifact_location: artifactLocation,
        creation_time: record.createdAt,
        experiment_id: record.id,
        last_update_time: record.updatedAt,
        lifecycle_stage: record.lifecycleStage,
        name: record.name,
      });
      await putValues(join(at, 'tags'), `experiment ${record.id}`, record.tags);
      for (const dataset of record.datasets) await putDataset(record.id, dataset);
    },
    async run(experiment, record, artifactUri) {
      const at = join(folderOf(experiment), record.id);
      for (const part of ['metrics', 'params', 'tags', 'artifacts'])
        await mkdir(join(at, part), { recursive: true });
      await putMeta(at, {
        artifact_uri: artifactUri,
        deleted_time: record.deletedAt,
        end_time: record.endedAt,
        entry_point_name: '',
        experiment_id: experiment,
        lifecycle_stage: record.lifecycleStage,
        run_id: record.id,
        run_name: record.name,
        run_uuid: record.id,
        source_name: '',
        source_type: 4,
        source_version: '',
        start_time: record.startedAt,
        status: runStatuses.indexOf(record.status) + 1,
        tags: [],
        user_id: record.userId,
      });
      await putValues(join(at, 'params'), `run ${record.id}`, record.params);
      await putValues(join(at, 'tags'), `run ${record.id}`, record.tags);
      await putHistories(
        join(at, 'metrics'),
        `run ${record.id}`,
        record.metrics.map((metric) => [metric.key, pointLine(metric)] as const),
      );
      for (const { dataset, tags } of record.datasets) {
        const source = await putDataset(experiment, dataset);
        await putLink(join(at, 'inputs', idOf(source, record.id)), 'DATASET', 'RUN', source, tags);
      }
      for (const { modelId } of record.modelInputs)
        await putLink(join(at, 'inputs', idOf(modelId, record.id)), 'MODEL', 'RUN', modelId, []);
      const linked = new Set<string>();
      for (const { modelId, step } of record.modelOutputs) {
        if (linked.has(modelId))
          leave({
            kind: 'output of a run',
            id: `${record.id} ${modelId}`,
            count: 1,
            reason: 'a file store keeps one step per model',
          });
        else await putLink(join(at, 'outputs', modelId), 'RUN_OUTPUT', 'MODEL_OUTPUT', modelId, [], step);
        linked.add(modelId);
      }
    },
    async loggedModel(experiment, record, artifactUri) {
      const at = join(folderOf(experiment), 'models', record.id);
      for (const part of ['metrics', 'params', 'tags']) await mkdir(join(at, part), { recursive: true });
      await putMeta(at, {
        artifact_location: artifactUri,
        creation_timestamp: record.createdAt,
        experiment_id: experiment,
        last_updated_timestamp: record.updatedAt,
        lifecycle_stage: record.lifecycleStage,
        model_id: record.id,
        model_type: record.modelType,
        name: record.name,
        source_run_id: record.sourceRunId,
        status: modelStatusNumbers[record.status],
        status_message: null,
      });
      await putValues(join(at, 'params'), record.id, record.params);
      await putValues(join(at, 'tags'), record.id, record.tags);
      const isReadable = ({
        datasetName,
        datasetDigest,
      }: {
        datasetName: string | null;
        datasetDigest: string | null;
      }): boolean => !/\s/.test(`${datasetName ?? ''}${datasetDigest ?? ''}`);
      for (const metric of record.metrics.filter((each) => !isReadable(each)))
        leave({
          kind: 'metric of a logged model',
          id: `${record.id} ${metric.key}`,
          count: 1,
          reason: 'a file store can’t hold a dataset with a space in its name; a SQLite file can',
        });
      await putHistories(
        join(at, 'metrics'),
        record.id,
        record.metrics.filter(isReadable).map((metric) => {
          const dataset =
            metric.datasetName === null || metric.datasetDigest === null
              ? ''
              : ` ${metric.datasetName} ${metric.datasetDigest}`;
          return [metric.key, `${pointLine(metric)} ${metric.runId}${dataset}`] as const;
        }),
      );
    },
    async trace(experiment, record, artifactUri) {
      for (const [kind, ids] of [
        ['link of a trace', record.runIds],
        ['prompt of a trace', record.prompts],
      ] as const)
        for (const id of ids)
          leave({
            kind,
            id: `${record.info.id} ${id}`,
            count: 1,
            reason: 'a file store has no place for it; a SQLite file has',
          });
      const at = join(folderOf(experiment), 'traces', record.info.id);
      await writeFolderTrace(at, record, artifactUri, putValues);
    },
    async registeredModel(record) {
      if (/[%/\\]/.test(record.name)) {
        leave({
          kind: 'registered model',
          id: record.name,
          count: 1,
          reason: 'a file store can’t hold its name; a SQLite file can',
        });
        return;
      }
      const at = join(root, 'models', record.name);
      await putMeta(at, {
        creation_timestamp: record.createdAt,
        description: record.description,
        last_updated_timestamp: record.updatedAt,
        name: record.name,
      });
      await putValues(join(at, 'tags'), record.name, record.tags);
      await putValues(
        join(at, 'aliases'),
        record.name,
        record.aliases.map(({ name, version }) => ({ key: name, value: String(version) })),
      );
      for (const version of record.versions) {
        const folder = join(at, `version-${version.version}`);
        await putMeta(folder, {
          creation_timestamp: version.createdAt,
          current_stage: version.stage,
          description: version.description,
          last_updated_timestamp: version.updatedAt,
          model_id: version.loggedModelId,
          name: record.name,
          run_id: version.runId,
          run_link: version.runLink,
          source: version.source,
          status: version.status,
          status_message: version.statusMessage,
          storage_location: version.location,
          user_id: version.userId,
          version: version.version,
        });
        await putValues(join(folder, 'tags'), `${record.name}/${version.version}`, version.tags);
      }
    },
    close: () => Promise.resolve(),
  };
}

const pointLine = ({ timestamp, value, step }: Omit<Metric, 'key'>): string =>
  `${timestamp} ${value} ${step}`;

const idOf = (source: string, run: string): string =>
  createHash('md5').update(source).update(run).digest('hex');

function putLink(
  folder: string,
  from: string,
  to: string,
  id: string,
  tags: readonly KeyValue[],
  step?: number,
): Promise<void> {
  return putMeta(folder, {
    source_type: from,
    source_id: id,
    destination_type: to,
    destination_id: id,
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    ...(step === undefined ? {} : { step }),
  });
}

type Scalar = string | number | null;

async function putMeta(
  folder: string,
  facts: Readonly<Record<string, Scalar | readonly never[] | Readonly<Record<string, string>>>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines = Object.entries(facts).map(([key, value]) => {
    if (Array.isArray(value)) return `${key}: []`;
    if (value === null || typeof value !== 'object') return `${key}: ${scalar(value as Scalar)}`;
    const inner = Object.entries(value).map(([name, each]) => `${quoted(name)}: ${quoted(each)}`);
    return `${key}: {${inner.join(', ')}}`;
  });
  await writeFile(join(folder, 'meta.yaml'), `${lines.join('\n')}\n`);
}

const scalar = (value: Scalar): string =>
  value === null ? 'null' : typeof value === 'number' ? String(value) : quoted(value);

/** A YAML text in double quotes and ASCII, which every reader of YAML takes for the same. */
const quoted = (text: string): string =>
  `"${Array.from(text)
    .map((letter) => {
      const code = letter.codePointAt(0) ?? 0;
      if (letter === '"' || letter === '\\') return `\\${letter}`;
      if (code >= 0x20 && code < 0x7f) return letter;
      return code > 0xffff
        ? `\\U${code.toString(16).padStart(8, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    })
    .join('')}"`;
