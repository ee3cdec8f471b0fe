import type { DirectRoutes } from '../../platform/direct-routes.ts';
import type { Api } from '../../platform/http.ts';
import { z } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { startRun } from '../repeatable/command-run-store.ts';
import { listArtifacts } from './artifacts.ts';
import { metricCurve } from './curve-store.ts';
import {
  createExperiment,
  deleteExperiment,
  deleteExperimentTag,
  getExperiment,
  getExperimentByName,
  renameExperiment,
  restoreExperiment,
  searchExperiments,
  setExperimentTag,
} from './experiment-store.ts';
import type { Position } from './keyset.ts';
import {
  createLoggedModel,
  deleteLoggedModel,
  deleteLoggedModelTag,
  finalizeLoggedModel,
  getLoggedModel,
  logLoggedModelParams,
  searchLoggedModels,
  setLoggedModelTags,
} from './logged-model-store.ts';
import type { HistoryPosition } from './metric-columns.ts';
import { metricHistory } from './metric-store.ts';
import { experimentMessage, loggedModelMessage, metricMessage, newRunMessage, runInfoMessage, runMessage } from './mlflow-messages.ts';
import {
  absent,
  createMlflowApi,
  double,
  filledText,
  int64,
  invalidParameter,
  invalidValue,
  message,
  mlflowCall,
  mlflowDirectRoutes,
  mlflowRoutes,
  pageToken,
  readPageToken,
  repeated,
  text,
  bool,
  wireDouble,
  type MlflowCall,
} from './mlflow-wire.ts';
import { searchRuns } from './run-search.ts';
import {
  changeTag,
  datasetsOfExperiments,
  deleteRun,
  deleteTag,
  getRun,
  getRunInfo,
  logBatch,
  logInputs,
  logOutputs,
  restoreRun,
  updateRun,
} from './run-store.ts';
import { keyFault, modelStatuses, runStatuses } from './tracking.ts';

/** The version of MLflow whose API this is; clients read it to know what they may call. */
export const mlflowVersion = '3.17.2';

// ---------------------------------------------------------------------------------------------------------------------
// shapes

const key = filledText.refine((name) => keyFault(name) === undefined, { error: (issue) => keyFault(String(issue.input)) ?? '' });
const pair = z.object({ key, value: absent(text).transform((value) => value ?? '') });
const pairs = absent(z.array(pair)).transform((list) => list ?? []);
const texts = repeated(text);

const experimentId = filledText.regex(/^[-+]?\d+$/, 'Experiment ID must be a valid integer.');

/** `run_id`, or `run_uuid` of older clients. */
const ofRun = <S extends z.ZodRawShape>(shape: S, id: z.ZodString = filledText) =>
  z.preprocess(
    (input) => {
      const { run_uuid: older, ...rest } = input as Record<string, unknown>;
      return { ...rest, run_id: rest['run_id'] || older };
    },
    z.object({ run_id: id, ...shape }),
  );
/** MLflow looks at how an id is written in two calls; in all others it looks for the run. */
const ofWellNamedRun = <S extends z.ZodRawShape>(shape: S) => ofRun(shape, filledText.regex(/^[a-zA-Z0-9][\w-]{0,255}$/));
const ofExperiment = <S extends z.ZodRawShape>(shape: S) => z.object({ experiment_id: experimentId, ...shape });
const ofModel = <S extends z.ZodRawShape>(shape: S) => z.object({ model_id: filledText, ...shape });
const experimentName = filledText.max(500);

const viewTypes = ['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL'] as const;
/** an enum of the wire by name or number */
const view = absent(z.union([z.enum(viewTypes), z.coerce.number().int().min(1).max(3).transform((number) => viewTypes[number - 1] ?? 'ACTIVE_ONLY')])).transform(
  (value) => value ?? 'ACTIVE_ONLY',
);
const runStatus = z.union([z.enum(runStatuses), z.number().int().min(1).max(5).transform((number) => runStatuses[number - 1] ?? 'RUNNING')]);

const limit = (standard: number, most: number) =>
  absent(int64.refine((value) => value >= 1 && value <= most, { error: `It must be at least 1 and at most ${most}.` })).transform((value) => value ?? standard);

const metric = z.object({
  key,
  value: double,
  timestamp: int64.refine((at) => at >= 0, 'Timestamp must be a nonnegative long (64-bit integer)'),
  step: absent(int64).transform((step) => step ?? 0),
  model_id: absent(filledText),
  dataset_name: absent(text),
  dataset_digest: absent(text),
});

/**
 * A list of them. A batch has up to a thousand, nearly always in their plainest form: these are seen at a glance, and
 * only what is anything else is looked at field by field.
 */
const metrics = absent(z.unknown()).transform((list, context): z.infer<typeof metric>[] => {
  if (list === undefined || list === null) return [];
  if (Array.isArray(list) && list.every(isPlainMetric)) return list as z.infer<typeof metric>[];
  const parsed = z.array(metric).safeParse(list);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: list } as never);
  return z.NEVER;
});

const isPlainMetric = (wire: Partial<Record<keyof z.input<typeof metric>, unknown>> | null): boolean =>
  typeof wire === 'object' &&
  wire !== null &&
  typeof wire.key === 'string' &&
  keyFault(wire.key) === undefined &&
  typeof wire.value === 'number' &&
  Number.isSafeInteger(wire.timestamp) &&
  (wire.timestamp as number) >= 0 &&
  Number.isSafeInteger(wire.step) &&
  wire.model_id === undefined &&
  wire.dataset_name === undefined &&
  wire.dataset_digest === undefined;

const toMetric = (wire: z.infer<typeof metric>) => ({
  key: wire.key,
  value: wire.value,
  timestamp: wire.timestamp,
  step: wire.step,
  ...(wire.model_id === undefined ? {} : { modelId: wire.model_id }),
  ...(wire.dataset_name ? { datasetName: wire.dataset_name } : {}),
  ...(wire.dataset_digest ? { datasetDigest: wire.dataset_digest } : {}),
});

const dataset = z.object({
  tags: absent(z.array(z.object({ key: filledText.max(255), value: text.max(500) }))).transform((tags) => tags ?? []),
  dataset: z.object({
    name: filledText.max(500),
    digest: filledText.max(36),
    source_type: filledText,
    source: filledText.max(65_535),
    schema: absent(text.max(1_048_575)),
    profile: absent(text.max(16_777_215)),
  }),
});

const position = z.array(z.union([z.string(), z.number(), z.null()])) as unknown as z.ZodType<Position>;
const historyPosition = z.tuple([z.number(), z.number(), double, z.number()]) as unknown as z.ZodType<HistoryPosition>;

const nothing = Promise.resolve({});
const done = async (work: Promise<unknown>): Promise<object> => {
  await work;
  return nothing;
};

// ---------------------------------------------------------------------------------------------------------------------
// experiments

const experimentSearch = z.object({
  max_results: limit(1_000, 50_000),
  page_token: absent(text),
  filter: absent(text),
  order_by: texts,
  view_type: view,
});

async function answerExperimentSearch(world: World, input: z.infer<typeof experimentSearch>): Promise<object> {
  const query = [input.filter, input.order_by, input.view_type];
  const { experiments, next } = await searchExperiments(world.database.read, {
    filter: input.filter,
    orderBy: input.order_by,
    view: input.view_type,
    limit: input.max_results,
    after: readPageToken(position, input.page_token, query),
  });
  return message({ experiments: experiments.map(experimentMessage), next_page_token: next && pageToken(next, query) });
}

const experimentCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'experiments/create',
    right: 'experiment.create',
    takes: z.object({ name: experimentName, artifact_location: absent(text), tags: pairs }),
    answer: async (world, actor, { name, artifact_location, tags }) => ({
      experiment_id: await createExperiment(world, actor, { name, artifactLocation: artifact_location || undefined, tags }),
    }),
  }),
  mlflowCall({
    method: 'get',
    path: 'experiments/get',
    right: 'read',
    takes: ofExperiment({}),
    answer: async (world, _, input) => ({ experiment: experimentMessage(await getExperiment(world.database.read, input.experiment_id)) }),
  }),
  mlflowCall({
    method: 'get',
    path: 'experiments/get-by-name',
    right: 'read',
    takes: z.object({ experiment_name: filledText }),
    answer: async (world, _, input) => ({
      experiment: experimentMessage(await getExperimentByName(world.database.read, input.experiment_name)),
    }),
  }),
  ...(['get', 'post'] as const).map((method) =>
    mlflowCall({
      method,
      path: 'experiments/search',
      right: 'read',
      takes: experimentSearch,
      answer: (world, _, input) => answerExperimentSearch(world, input),
    }),
  ),
  mlflowCall({
    method: 'post',
    path: 'experiments/update',
    right: 'experiment.change',
    takes: ofExperiment({ new_name: experimentName }),
    answer: (world, actor, input) => done(renameExperiment(world, actor, input.experiment_id, input.new_name)),
  }),
  mlflowCall({
    method: 'post',
    path: 'experiments/delete',
    right: 'experiment.delete',
    takes: ofExperiment({}),
    answer: (world, actor, input) => done(deleteExperiment(world, actor, input.experiment_id)),
  }),
  mlflowCall({
    method: 'post',
    path: 'experiments/restore',
    right: 'experiment.change',
    takes: ofExperiment({}),
    answer: (world, actor, input) => done(restoreExperiment(world, actor, input.experiment_id)),
  }),
  mlflowCall({
    method: 'post',
    path: 'experiments/set-experiment-tag',
    right: 'experiment.change',
    takes: ofExperiment({ key, value: absent(text.max(20_000)).transform((value) => value ?? '') }),
    answer: (world, _, input) => done(setExperimentTag(world, input.experiment_id, { key: input.key, value: input.value })),
  }),
  mlflowCall({
    method: 'post',
    path: 'experiments/delete-experiment-tag',
    right: 'experiment.change',
    takes: ofExperiment({ key: filledText }),
    answer: (world, _, input) => done(deleteExperimentTag(world, input.experiment_id, input.key)),
  }),
];

// ---------------------------------------------------------------------------------------------------------------------
// runs

const runSearch = z.object({
  experiment_ids: texts,
  filter: absent(text),
  run_view_type: view,
  max_results: limit(1_000, 50_000),
  order_by: texts,
  page_token: absent(text),
});

async function answerRunSearch(world: World, input: z.infer<typeof runSearch>): Promise<object> {
  const query = [input.experiment_ids, input.filter, input.order_by, input.run_view_type];
  const { runs, next } = await searchRuns(world.database.read, {
    experimentIds: input.experiment_ids,
    filter: input.filter,
    orderBy: input.order_by,
    view: input.run_view_type,
    limit: input.max_results,
    after: readPageToken(position, input.page_token, query),
  });
  return message({ runs: runs.map(runMessage), next_page_token: next && pageToken(next, query) });
}

const bodyLimit = 1_000_000;

const batch = ofWellNamedRun({ metrics, params: pairs, tags: pairs });

async function answerBatch(world: World, input: z.infer<typeof batch>): Promise<object> {
  const { metrics, params, tags } = input;
  const limits: readonly [string, number, number][] = [
    ['metrics', metrics.length, 1_000],
    ['params', params.length, 100],
    ['tags', tags.length, 100],
    ['metrics, params, and tags', metrics.length + params.length + tags.length, 1_000],
  ];
  for (const [what, count, most] of limits) {
    if (count <= most) continue;
    throw invalidParameter(`A batch logging request can contain at most ${most} ${what}. Got ${count} ${what}.`, `Please split up ${what} across multiple requests and try again.`);
  }
  const keys = params.map((param) => param.key);
  const twice = keys.filter((name, index) => keys.indexOf(name) !== index);
  if (twice.length > 0) throw invalidParameter(`Duplicate parameter keys have been submitted: ${twice.join(', ')}.`);
  await logBatch(world, input.run_id, { metrics: metrics.map(toMetric), params, tags });
  return {};
}

/** `log_model` of clients before 3.0: the model's description joins a list in a tag. */
async function answerLegacyModel(world: World, runId: string, modelJson: string): Promise<object> {
  let model: unknown;
  try {
    model = JSON.parse(modelJson);
  } catch {
    throw invalidValue('model_json', modelJson, 'it is not JSON');
  }
  const missing = ['artifact_path', 'utc_time_created', 'flavors'].filter((name) => !(name in Object(model)));
  if (missing.length > 0) throw invalidParameter(`Model json is missing mandatory fields: ${missing.join(', ')}`);
  const { signature: _signature, ...kept } = model as Record<string, unknown>;
  await changeTag(world, runId, 'mlflow.log-model.history', (before) =>
    JSON.stringify([...(before === undefined ? [] : (JSON.parse(before) as unknown[])), kept]),
  );
  return {};
}

const runCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'runs/create',
    right: 'run.create',
    takes: z.object({
      experiment_id: absent(z.union([z.literal(''), experimentId])).transform((id) => id || '0'),
      user_id: absent(text),
      run_name: absent(text),
      start_time: absent(int64),
      tags: pairs,
    }),
    answer: async (world, actor, input) => ({
      run: newRunMessage(
        await startRun(world, actor, {
          experimentId: input.experiment_id,
          userId: input.user_id,
          name: input.run_name,
          startedAt: input.start_time,
          tags: input.tags,
        }),
      ),
    }),
  }),
  mlflowCall({
    method: 'get',
    path: 'runs/get',
    right: 'read',
    takes: ofRun({}),
    answer: async (world, _, input) => ({ run: runMessage(await getRun(world.database.read, input.run_id)) }),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/update',
    right: 'run.log',
    takes: ofRun({ status: absent(runStatus), end_time: absent(int64), run_name: absent(text) }),
    answer: async (world, actor, input) => ({
      run_info: runInfoMessage(
        await updateRun(world, actor, input.run_id, { status: input.status, endedAt: input.end_time, name: input.run_name }),
      ),
    }),
  }),
  mlflowCall({ method: 'post', path: 'runs/search', right: 'read', takes: runSearch, answer: (world, _, input) => answerRunSearch(world, input) }),
  mlflowCall({
    method: 'post',
    path: 'runs/delete',
    right: 'run.delete',
    takes: ofRun({}),
    answer: (world, actor, input) => done(deleteRun(world, actor, input.run_id)),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/restore',
    right: 'run.restore',
    takes: ofRun({}),
    answer: (world, actor, input) => done(restoreRun(world, actor, input.run_id)),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/log-metric',
    right: 'run.log',
    takes: ofRun(metric.shape).refine(({ dataset_name: name, dataset_digest: digest }) => Boolean(name) === Boolean(digest), {
      error: 'Both dataset_name and dataset_digest must be provided if one is provided.',
      path: ['dataset_digest'],
    }),
    answer: (world, _, { run_id, ...wire }) => done(logBatch(world, run_id, { metrics: [toMetric(wire)] })),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/log-parameter',
    right: 'run.log',
    takes: ofRun(pair.shape),
    maxBodyBytes: bodyLimit,
    answer: (world, _, input) => done(logBatch(world, input.run_id, { params: [{ key: input.key, value: input.value }] })),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/set-tag',
    right: 'run.log',
    takes: ofRun(pair.shape),
    maxBodyBytes: bodyLimit,
    answer: (world, _, input) => done(logBatch(world, input.run_id, { tags: [{ key: input.key, value: input.value }] })),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/delete-tag',
    right: 'run.log',
    takes: ofRun({ key: filledText }),
    answer: (world, _, input) => done(deleteTag(world, input.run_id, input.key)),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/log-batch',
    right: 'run.log',
    takes: batch,
    maxBodyBytes: bodyLimit,
    answer: (world, _, input) => answerBatch(world, input),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/log-model',
    right: 'run.log',
    takes: ofRun({ model_json: filledText }),
    answer: (world, _, input) => answerLegacyModel(world, input.run_id, input.model_json),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/log-inputs',
    right: 'run.log',
    takes: ofWellNamedRun({
      datasets: absent(z.array(dataset).max(1_000)).transform((list) => list ?? []),
      models: absent(z.array(z.object({ model_id: filledText }))).transform((list) => list ?? []),
    }),
    answer: (world, _, input) =>
      done(
        logInputs(
          world,
          input.run_id,
          input.datasets.map(({ tags, dataset: { source_type, schema, profile, ...rest } }) => ({
            tags,
            dataset: { ...rest, sourceType: source_type, schema: schema ?? null, profile: profile ?? null },
          })),
          input.models.map((model) => model.model_id),
        ),
      ),
  }),
  mlflowCall({
    method: 'post',
    path: 'runs/outputs',
    right: 'run.log',
    takes: ofRun({ models: z.array(z.object({ model_id: filledText, step: absent(int64) })) }),
    answer: (world, _, input) =>
      done(logOutputs(world, input.run_id, input.models.map(({ model_id, step }) => ({ modelId: model_id, step: step ?? 0 })))),
  }),
];

// ---------------------------------------------------------------------------------------------------------------------
// metrics and artifacts

const historyLimit = 25_000;
const intervalLimit = 2_500;

async function answerBulkHistory(world: World, runIds: readonly string[], metricKey: string, most: number): Promise<object> {
  const metrics: object[] = [];
  for (const runId of [...new Set(runIds)].sort()) {
    const { points } = await metricHistory(world.database.read, runId, metricKey, { limit: most - metrics.length });
    metrics.push(...points.map((point) => ({ ...metricMessage({ key: metricKey, ...point }), run_id: runId })));
    if (metrics.length >= most) break;
  }
  return { metrics };
}

async function answerInterval(world: World, runIds: readonly string[], metricKey: string, steps: [number, number] | undefined, most: number): Promise<object> {
  const metrics: object[] = [];
  for (const runId of runIds) {
    const { points } = await metricCurve(world.database.read, runId, metricKey, most, steps);
    metrics.push(
      ...points.map((point) => ({
        key: metricKey,
        value: wireDouble(point.value),
        timestamp: point.timestamp,
        step: point.step,
        run_id: runId,
      })),
    );
  }
  return message({ metrics });
}

const dataCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'experiments/search-datasets',
    right: 'read',
    takes: z.object({ experiment_ids: texts.refine((ids) => ids.length >= 1 && ids.length <= 20, 'between 1 and 20 experiment_ids') }),
    answer: async (world, _, input) => {
      const found = await datasetsOfExperiments(world.database.read, input.experiment_ids);
      return message({ dataset_summaries: found.map(({ experimentId, ...rest }) => message({ experiment_id: experimentId, ...rest })) });
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'metrics/get-history',
    right: 'read',
    takes: ofRun({ metric_key: filledText, max_results: absent(int64), page_token: absent(text) }),
    answer: async (world, _, input) => {
      if (input.max_results !== undefined && input.max_results <= 0) {
        throw invalidValue('max_results', input.max_results, 'It must be a positive integer.');
      }
      const query = [input.run_id, input.metric_key];
      await getRunInfo(world.database.read, input.run_id);
      const { points, next } = await metricHistory(world.database.read, input.run_id, input.metric_key, {
        limit: input.max_results,
        after: readPageToken(historyPosition, input.page_token, query),
      });
      const metrics = points.map((point) => metricMessage({ key: input.metric_key, ...point }));
      return message({ metrics, next_page_token: next && pageToken(next.map(wireDouble), query) });
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'metrics/get-history-bulk',
    right: 'read',
    takes: z.object({
      run_id: repeated(filledText).refine((ids) => ids.length >= 1 && ids.length <= 100, 'between 1 and 100 run_ids'),
      metric_key: filledText,
      max_results: absent(int64),
    }),
    answer: (world, _, input) =>
      answerBulkHistory(world, input.run_id, input.metric_key, Math.min(input.max_results ?? historyLimit, historyLimit)),
  }),
  mlflowCall({
    method: 'get',
    path: 'metrics/get-history-bulk-interval',
    right: 'read',
    takes: z.object({
      run_ids: repeated(filledText).refine((ids) => ids.length >= 1 && ids.length <= 100, 'GetMetricHistoryBulkInterval request must specify at most 100 run_ids, and one at least.'),
      metric_key: filledText,
      start_step: absent(int64),
      end_step: absent(int64),
      max_results: limit(intervalLimit, intervalLimit),
    }),
    answer: (world, _, input) => {
      const { start_step: from, end_step: to } = input;
      if ((from === undefined) !== (to === undefined)) throw invalidParameter('If either start step or end step are specified, both must be specified.');
      if (from !== undefined && to !== undefined && from > to) throw invalidParameter(`end_step must be greater than start_step. Found start_step=${from} and end_step=${to}.`);
      const steps: [number, number] | undefined = from === undefined || to === undefined ? undefined : [from, to];
      return answerInterval(world, input.run_ids, input.metric_key, steps, input.max_results);
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'artifacts/list',
    right: 'read',
    takes: ofRun({ path: absent(text), page_token: absent(text) }),
    answer: async (world, _, input) => {
      const { artifactUri } = await getRunInfo(world.database.read, input.run_id);
      return artifactsMessage(world, artifactUri, input.path);
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'logged-models/{model_id}/artifacts/directories',
    right: 'read',
    takes: ofModel({ artifact_directory_path: absent(text), page_token: absent(text) }),
    answer: async (world, _, input) => {
      const { artifactUri } = await getLoggedModel(world.database.read, input.model_id);
      return artifactsMessage(world, artifactUri, input.artifact_directory_path);
    },
  }),
];

async function artifactsMessage(world: World, rootUri: string, path: string | undefined): Promise<object> {
  const files = await listArtifacts(world, rootUri, path ?? '');
  return message({
    root_uri: rootUri,
    files: files.map((file) => message({ path: file.path, is_dir: file.isFolder, file_size: file.byteCount })),
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// logged models

const loggedModelSearch = z.object({
  experiment_ids: z.array(text).min(1),
  filter: absent(text),
  datasets: absent(z.array(z.object({ dataset_name: absent(text), dataset_digest: absent(text) }))).transform((list) => list ?? []),
  max_results: limit(100, 1_000),
  order_by: absent(
    z.array(z.object({ field_name: filledText, ascending: absent(bool), dataset_name: absent(text), dataset_digest: absent(text) })),
  ).transform((list) => list ?? []),
  page_token: absent(text),
});

async function answerModelSearch(world: World, input: z.infer<typeof loggedModelSearch>): Promise<object> {
  const query = [input.experiment_ids, input.filter, input.datasets, input.order_by];
  if (input.datasets.some((each) => !each.dataset_name)) {
    throw invalidParameter('`dataset_name` in the `datasets` clause must be specified.');
  }
  const datasetOf = (each: { dataset_name?: string | undefined; dataset_digest?: string | undefined }) =>
    each.dataset_name ? { name: each.dataset_name, digest: each.dataset_digest } : undefined;
  const { models, next } = await searchLoggedModels(world.database.read, {
    experimentIds: input.experiment_ids,
    filter: input.filter,
    datasets: input.datasets.flatMap((each) => datasetOf(each) ?? []),
    orderBy: input.order_by.map((order) => ({
      field: order.field_name,
      isAscending: order.ascending ?? true,
      dataset: datasetOf(order),
    })),
    limit: input.max_results,
    after: readPageToken(position, input.page_token, query),
  });
  return message({ models: models.map(loggedModelMessage), next_page_token: next && pageToken(next, query) });
}

const finalStatus = z.union([
  z.enum(modelStatuses),
  z.number().int().min(1).max(3).transform((number) => modelStatuses[number - 1] ?? 'LOGGED_MODEL_PENDING'),
]);

const answerModel = async (model: Promise<Parameters<typeof loggedModelMessage>[0]>): Promise<object> => ({
  model: loggedModelMessage(await model),
});

const loggedModelCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'logged-models',
    right: 'run.log',
    takes: ofExperiment({ name: absent(text), model_type: absent(text), source_run_id: absent(text), params: pairs, tags: pairs }),
    answer: (world, _, input) =>
      answerModel(
        createLoggedModel(world, {
          experimentId: input.experiment_id,
          name: input.name,
          // MLflow's server keeps what is unset as empty, and so finds it by !=
          modelType: input.model_type ?? '',
          sourceRunId: input.source_run_id ?? '',
          params: input.params,
          tags: input.tags,
        }),
      ),
  }),
  mlflowCall({
    method: 'post',
    path: 'logged-models/search',
    right: 'read',
    takes: loggedModelSearch,
    answer: (world, _, input) => answerModelSearch(world, input),
  }),
  mlflowCall({
    method: 'get',
    path: 'logged-models/{model_id}',
    right: 'read',
    takes: ofModel({}),
    answer: (world, _, input) => answerModel(getLoggedModel(world.database.read, input.model_id)),
  }),
  mlflowCall({
    method: 'patch',
    path: 'logged-models/{model_id}',
    right: 'logged-model.finalize',
    takes: ofModel({ status: finalStatus }),
    answer: (world, actor, input) => answerModel(finalizeLoggedModel(world, actor, input.model_id, input.status)),
  }),
  mlflowCall({
    method: 'delete',
    path: 'logged-models/{model_id}',
    right: 'logged-model.delete',
    takes: ofModel({}),
    answer: (world, actor, input) => done(deleteLoggedModel(world, actor, input.model_id)),
  }),
  mlflowCall({
    method: 'patch',
    path: 'logged-models/{model_id}/tags',
    right: 'run.log',
    takes: ofModel({ tags: pairs }),
    answer: (world, _, input) => done(setLoggedModelTags(world, input.model_id, input.tags)),
  }),
  mlflowCall({
    method: 'delete',
    path: 'logged-models/{model_id}/tags/{tag_key}',
    right: 'run.log',
    takes: ofModel({ tag_key: filledText }),
    answer: (world, _, input) => done(deleteLoggedModelTag(world, input.model_id, input.tag_key)),
  }),
  mlflowCall({
    method: 'post',
    path: 'logged-models/{model_id}/params',
    right: 'run.log',
    takes: ofModel({ params: pairs }),
    answer: (world, _, input) => done(logLoggedModelParams(world, input.model_id, input.params)),
  }),
];

/** Every call of MLflow's tracking API that is answered here, with the right that each takes. */
export const trackingCalls: readonly MlflowCall[] = [...experimentCalls, ...runCalls, ...dataCalls, ...loggedModelCalls];

export const mlflowTrackingDirectRoutes = (world: World): DirectRoutes => mlflowDirectRoutes(world, trackingCalls);

/** MLflow's tracking API; what is not JSON lives in `mlflow-artifact-routes.ts`. */
export function mlflowTrackingRoutes(world: World): Api {
  const api = createMlflowApi(world);
  api.route('/', mlflowRoutes(world, trackingCalls));
  api.get('/version', (context) => context.text(mlflowVersion));
  for (const prefix of ['/api', '/ajax-api']) {
    api.get(`${prefix}/3.0/mlflow/server-info`, (context) => context.json(serverInfo));
  }
  return api;
}

const serverInfo = {
  store_type: 'SqlStore',
  workspaces_enabled: false,
  trace_archival_enabled: false,
  multipart_uploads_enabled: true,
  // a client that reads true asks twice for every file, however small; one that is told to load in parts can do so all the same
  multipart_downloads_enabled: false,
  presigned_upload_run_id_supported: true,
  presigned_upload_model_id_supported: true,
  features_enabled: {},
} as const;

