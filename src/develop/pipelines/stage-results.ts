import { readFileSync } from 'node:fs';
import { call } from '../../platform/client.ts';
import type { CommonFlags } from '../../platform/command.ts';
import type { LockedStage } from '../dvc-files/lock-file.ts';
import { parseParams } from '../dvc-files/params-file.ts';
import { stagePath, type Stage } from '../dvc-files/stage.ts';
import { scalarWord } from '../dvc-files/template-text.ts';
import { isList, isMap, textOf, type YamlScalar, type YamlValue } from '../dvc-files/yaml-value.ts';
import { defaultParams } from '../dvc-files/lock-file.ts';
import { commandRunTag } from '../repeatable/repeatable.ts';
import type { StagePath } from './pipeline-api.ts';

interface RunCount {
  readonly runs: readonly unknown[];
}

interface RunAnswer {
  readonly run: {
    readonly data: {
      readonly params?: readonly { readonly key: string }[];
      readonly metrics?: readonly { readonly key: string }[];
    };
  };
}

const mostAtOnce = 100;

/** Gives the run of a stage its params, the metrics of its metrics files and its inputs; what its script logged stays. */
export async function logResults(
  flags: CommonFlags,
  runId: string,
  stage: Stage,
  locked: LockedStage,
  inputs: readonly StagePath[],
): Promise<void> {
  const datasets = inputs.filter(({ md5 }) => md5 !== '').map(datasetOf);
  if (datasets.length > 0)
    await call(flags, 'POST', '/api/2.0/mlflow/runs/log-inputs', { run_id: runId, datasets });
  // of several runs nobody knows which one a file of metrics is about
  const filter = encodeURIComponent(`tags."${commandRunTag}" = '${runId}'`);
  const { runs } = await call<RunCount>(flags, 'GET', `/api/v1/runs?filter=${filter}&limit=2`);
  if (runs.length > 1) return;
  const { run } = await call<RunAnswer>(flags, 'GET', `/api/2.0/mlflow/runs/get?run_id=${runId}`);
  const has = (known: readonly { readonly key: string }[] = []): ((one: { key: string }) => boolean) => {
    const keys = new Set(known.map(({ key }) => key));
    return ({ key }) => !keys.has(key);
  };
  const params = paramsOf(locked).filter(has(run.data.params));
  const timestamp = Date.now();
  const metrics = metricsOf(stage)
    .filter(has(run.data.metrics))
    .map((metric) => ({ ...metric, timestamp, step: 0 }));
  for (let at = 0; at < Math.max(params.length, metrics.length); at += mostAtOnce) {
    const batch = {
      run_id: runId,
      params: params.slice(at, at + mostAtOnce),
      metrics: metrics.slice(at, at + mostAtOnce),
    };
    await call(flags, 'POST', '/api/2.0/mlflow/runs/log-batch', batch);
  }
}

const datasetOf = ({ path, md5, dataset }: StagePath): unknown => ({
  dataset: {
    name: dataset ?? path,
    digest: md5.replace(/\.dir$/, '').slice(0, 36),
    source_type: 'dvc',
    source: JSON.stringify({ path, md5 }),
  },
  tags: [{ key: 'mlflow.data.context', value: 'input' }],
});

/** `train.depth`; of another file than `params.yaml` with its name before. */
function paramsOf(locked: LockedStage): { key: string; value: string }[] {
  return [...locked.params].flatMap(([file, values]) =>
    [...values].flatMap(([name, value]) =>
      leaves(value, file === defaultParams ? name : `${file}:${name}`).map(([key, leaf]) => ({
        key: keyOf(key),
        value: textOfLeaf(leaf),
      })),
    ),
  );
}

/** Numbers of the stage's metrics files: `auc`, `test.auc`; booleans count as numbers do in Python. */
function metricsOf(stage: Stage): { key: string; value: number }[] {
  const files = stage.outs.filter(({ kind }) => kind === 'metric');
  return files.flatMap(({ path }) => {
    const prefix = files.length > 1 ? `${path.replace(/\.[^.]*$/, '')}/` : '';
    return leaves(readMetrics(stagePath(stage, path), path), '').flatMap(([key, leaf]) =>
      typeof leaf === 'number' || typeof leaf === 'bigint'
        ? [{ key: keyOf(prefix + key), value: Number(leaf) }]
        : [],
    );
  });
}

function readMetrics(path: string, name: string): YamlValue {
  try {
    return parseParams(readFileSync(path, 'utf8'), name);
  } catch {
    // a metrics file of another form is kept as an output all the same
    return new Map();
  }
}

function leaves(value: YamlValue, key: string): [string, YamlScalar][] {
  if (isMap(value))
    return [...value].flatMap(([name, item]) =>
      leaves(item, key === '' ? (textOf(name) ?? '') : `${key}.${textOf(name) ?? ''}`),
    );
  if (isList(value)) return value.flatMap((item, at) => leaves(item, `${key}.${at}`));
  return [[key, value]];
}

const textOfLeaf = (value: YamlScalar): string =>
  (typeof value === 'boolean' ? (value ? 'True' : 'False') : scalarWord(value)).slice(0, 6_000);

/** Other letters are not allowed in the key of a param or metric. */
const keyOf = (key: string): string => key.replaceAll(/[^\p{L}\p{N}_/.\- :]/gu, '_').slice(0, 250);
