import type { Reader } from '../../platform/database/database.ts';
import { notFound } from '../../platform/errors.ts';
import type { World } from '../../platform/world.ts';
import type { Api } from '../../platform/http.ts';
import { z } from '../../platform/http.ts';
import {
  absent,
  bool,
  filledText,
  int64,
  invalidParameter,
  message,
  mlflowCall,
  mlflowRoutes,
  pageToken,
  readPageToken,
  repeated,
  text,
  type MlflowCall,
} from '../../develop/tracking/mlflow-wire.ts';
import type { Position } from '../../develop/tracking/keyset.ts';
import { changeLoggedModelTag } from '../../develop/tracking/logged-model-store.ts';
import { fileRoutes } from '../../develop/tracking/mlflow-files.ts';
import { keyFault } from '../../develop/tracking/tracking.ts';
import { moveAlias } from './aliases.ts';
import { registryFileCalls } from './mlflow-registry-files.ts';
import { webhookCalls } from './webhooks/mlflow-webhook-routes.ts';
import { isModelName, longestAlias } from './registry.ts';
import type { ModelVersion } from './registry-api.ts';
import {
  findAlias,
  getModelRow,
  getVersion,
  getVersionRow,
  listAliases,
  listVersions,
  tagsOf,
  type Tags,
} from './registry-store.ts';
import { deleteModel, deleteVersion } from './version-deletion.ts';
import { searchModels, searchVersions, type FoundModel } from './registry-search.ts';
import {
  createModel,
  describe,
  registerVersion,
  renameModel,
  setStage,
  stages,
  type Stage,
} from './versions.ts';

/** MLflow's model registry, spoken over our own rules: what needs an approval here needs it there. */
export function mlflowRegistryRoutes(world: World): Api {
  const api = mlflowRoutes(world, [...registryCalls, ...webhookCalls]);
  api.route('/', fileRoutes(world, registryFileCalls));
  return api;
}

const longestTagValue = 100_000;
const tagKey = filledText.refine((key) => keyFault(key) === undefined, {
  error: (issue) => keyFault(String(issue.input)) ?? '',
});
const keyValue = z.object({ key: tagKey, value: absent(text.max(longestTagValue)) });
const tagList = repeated(keyValue);
/** Any whole number: below 1 there is no version, and that is the answer. */
const versionNumber = filledText.regex(/^[-+]?\d+$/, 'Model version must be an integer.').transform(Number);
const modelName = filledText.refine(isModelName, "Names cannot contain '/' or ':'.");
const aliasName = filledText.max(longestAlias).regex(/^[\p{L}\p{N}_-]+$/u);
const named = z.object({ name: modelName });
const versioned = named.extend({ version: versionNumber });

const tagsFrom = (tags: readonly { key: string; value?: string | undefined }[]): Tags =>
  Object.fromEntries(tags.map((tag) => [tag.key, tag.value ?? '']));

const stageOf = (name: string): Stage => {
  const stage = stages.find((each) => each.toLowerCase() === name.toLowerCase());
  if (stage === undefined)
    throw invalidParameter(
      `Invalid Model Version stage: ${name}. Value must be one of ${stages.join(', ')}.`,
    );
  return stage;
};

/** Every call of MLflow's registry, with the right that each takes. */
export const registryCalls: readonly MlflowCall[] = [
  mlflowCall({
    method: 'post',
    path: 'registered-models/create',
    right: 'model.register',
    takes: named.extend({ description: absent(text), tags: tagList }),
    async answer(world, actor, { name, description, tags }) {
      await createModel(world, actor, { name, description, tags: tagsFrom(tags) });
      return { registered_model: await wireModel(world.database.read, name) };
    },
  }),
  mlflowCall({
    method: 'post',
    path: 'registered-models/rename',
    right: 'model.describe',
    takes: named.extend({ new_name: modelName }),
    async answer(world, actor, { name, new_name }) {
      await renameModel(world, actor, name, new_name);
      return { registered_model: await wireModel(world.database.read, new_name) };
    },
  }),
  mlflowCall({
    method: 'patch',
    path: 'registered-models/update',
    right: 'model.describe',
    takes: named.extend({ description: absent(text) }),
    async answer(world, actor, { name, description }) {
      await describe(world, actor, { model: name }, { description });
      return { registered_model: await wireModel(world.database.read, name) };
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'registered-models/delete',
    right: 'model.delete',
    takes: named,
    async answer(world, actor, { name }) {
      await deleteModel(world, actor, name);
      return {};
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'registered-models/get',
    right: 'read',
    takes: named,
    answer: async (world, _actor, { name }) => ({
      registered_model: await wireModel(world.database.read, name),
    }),
  }),
  mlflowCall({
    method: 'get',
    path: 'registered-models/search',
    right: 'read',
    takes: z.object({
      filter: absent(text),
      max_results: absent(int64.pipe(z.number().int().min(1).max(1000))),
      order_by: repeated(text),
      page_token: absent(text),
    }),
    async answer(world, _actor, input) {
      const page = await answerModelSearch(world.database.read, {
        ...input,
        limit: input.max_results ?? 100,
      });
      return message({ registered_models: page.found, next_page_token: page.token });
    },
  }),
  ...(['get', 'post'] as const).map((method) =>
    mlflowCall({
      method,
      path: 'registered-models/get-latest-versions',
      right: 'read' as const,
      takes: named.extend({ stages: repeated(text) }),
      async answer(world, _actor, { name, stages: wanted }) {
        await getModelRow(world.database.read, name);
        const latest = latestPerStage(await listVersions(world.database.read, name));
        const asked = new Set(wanted.map(stageOf));
        return message({
          model_versions: latest
            .filter((each) => asked.size === 0 || asked.has(each.stage as Stage))
            .map(wireVersion),
        });
      },
    }),
  ),
  mlflowCall({
    method: 'post',
    path: 'registered-models/set-tag',
    right: 'model.describe',
    takes: named.extend({ key: tagKey, value: absent(text.max(longestTagValue)) }),
    async answer(world, actor, { name, key, value }) {
      await describe(world, actor, { model: name }, { putTags: { [key]: value ?? '' } });
      return {};
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'registered-models/delete-tag',
    right: 'model.describe',
    takes: named.extend({ key: tagKey }),
    async answer(world, actor, { name, key }) {
      await describe(world, actor, { model: name }, { removeTag: key });
      return {};
    },
  }),
  mlflowCall({
    method: 'post',
    path: 'registered-models/alias',
    right: 'model.alias',
    takes: versioned.extend({ alias: filledText }),
    async answer(world, actor, { name, alias, version }) {
      await moveAlias(world, actor, { model: name, alias, version, reason: null });
      return {};
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'registered-models/alias',
    right: 'model.alias',
    takes: named.extend({ alias: aliasName }),
    async answer(world, actor, { name, alias }) {
      // MLflow answers that an alias which is not there is gone
      await getModelRow(world.database.read, name);
      if ((await findAlias(world.database.read, name, alias)) !== undefined) {
        await moveAlias(world, actor, { model: name, alias, version: null, reason: null });
      }
      return {};
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'registered-models/alias',
    right: 'read',
    takes: named.extend({ alias: aliasName }),
    async answer(world, _actor, { name, alias }) {
      const { read } = world.database;
      await getModelRow(read, name);
      const isLatest = alias.toLowerCase() === 'latest';
      const version = isLatest
        ? (await listVersions(read, name))[0]?.version
        : await findAlias(read, name, alias);
      if (version === undefined && isLatest)
        throw notFound('MODEL_VERSION_NOT_FOUND', `A version of ${name}`);
      if (version === undefined)
        throw invalidParameter(`Registered model alias ${alias} not found.`, `See: tilth model show ${name}`);
      return { model_version: wireVersion(await getVersion(read, name, version)) };
    },
  }),
  mlflowCall({
    method: 'post',
    path: 'model-versions/create',
    right: 'model.register',
    takes: named.extend({
      source: filledText,
      run_id: absent(text),
      run_link: absent(text),
      model_id: absent(text),
      description: absent(text),
      tags: tagList,
    }),
    async answer(world, actor, input) {
      const version = await registerVersion(world, actor, {
        model: input.name,
        source: input.source,
        runId: input.run_id === '' ? undefined : input.run_id,
        loggedModelId: input.model_id === '' ? undefined : input.model_id,
        runLink: input.run_link,
        description: input.description,
        tags: tagsFrom(input.tags),
      });
      if (input.model_id) await noteVersion(world, input.model_id, version);
      return { model_version: wireVersion(version) };
    },
  }),
  mlflowCall({
    method: 'patch',
    path: 'model-versions/update',
    right: 'model.describe',
    takes: versioned.extend({ description: absent(text) }),
    async answer(world, actor, { name, version, description }) {
      await describe(world, actor, { model: name, version }, { description });
      return { model_version: wireVersion(await getVersion(world.database.read, name, version)) };
    },
  }),
  mlflowCall({
    method: 'post',
    path: 'model-versions/transition-stage',
    right: 'model.alias',
    takes: versioned.extend({ stage: filledText, archive_existing_versions: absent(bool) }),
    async answer(world, actor, { name, version, stage, archive_existing_versions }) {
      if (archive_existing_versions === true && !['Staging', 'Production'].includes(stageOf(stage))) {
        throw invalidParameter(
          `Only a transition to Staging or Production archives existing versions, not one to ${stage}.`,
        );
      }
      await setStage(world, actor, {
        model: name,
        version,
        stage: stageOf(stage),
        archivesOthers: archive_existing_versions === true,
      });
      return { model_version: wireVersion(await getVersion(world.database.read, name, version)) };
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'model-versions/delete',
    right: 'model.delete',
    takes: versioned,
    async answer(world, actor, { name, version }) {
      await deleteVersion(world, actor, name, version);
      return {};
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'model-versions/get',
    right: 'read',
    takes: versioned,
    answer: async (world, _actor, { name, version }) => ({
      model_version: wireVersion(await getVersion(world.database.read, name, version)),
    }),
  }),
  mlflowCall({
    method: 'get',
    path: 'model-versions/search',
    right: 'read',
    takes: z.object({
      filter: absent(text),
      max_results: absent(int64.pipe(z.number().int().min(1).max(200_000))),
      order_by: repeated(text),
      page_token: absent(text),
    }),
    async answer(world, _actor, input) {
      const page = await answerVersionSearch(world.database.read, {
        ...input,
        limit: input.max_results ?? 10_000,
      });
      return message({ model_versions: page.found, next_page_token: page.token });
    },
  }),
  mlflowCall({
    method: 'get',
    path: 'model-versions/get-download-uri',
    right: 'read',
    takes: versioned,
    answer: async (world, _actor, { name, version }) => ({
      artifact_uri: (await getVersionRow(world.database.read, name, version)).location,
    }),
  }),
  mlflowCall({
    method: 'post',
    path: 'model-versions/set-tag',
    right: 'model.describe',
    takes: versioned.extend({ key: tagKey, value: absent(text.max(longestTagValue)) }),
    async answer(world, actor, { name, version, key, value }) {
      await describe(world, actor, { model: name, version }, { putTags: { [key]: value ?? '' } });
      return {};
    },
  }),
  mlflowCall({
    method: 'delete',
    path: 'model-versions/delete-tag',
    right: 'model.describe',
    takes: versioned.extend({ key: tagKey }),
    async answer(world, actor, { name, version, key }) {
      await describe(world, actor, { model: name, version }, { removeTag: key });
      return {};
    },
  }),
];

/** MLflow's page finds the versions of a logged model by this tag of it. */
const noteVersion = (
  world: World,
  loggedModelId: string,
  { model: name, version }: ModelVersion,
): Promise<void> =>
  changeLoggedModelTag(world, loggedModelId, 'mlflow.modelVersions', (before) =>
    JSON.stringify([...(before === undefined ? [] : (JSON.parse(before) as unknown[])), { name, version }]),
  );

// ---------------------------------------------------------------------------------------------------------------------
// what goes out

const wireTags = (tags: Tags): { key: string; value: string }[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));

const wireVersion = (version: ModelVersion): object =>
  message({
    name: version.model,
    version: String(version.version),
    creation_timestamp: version.createdAt,
    last_updated_timestamp: version.updatedAt,
    user_id: version.createdBy,
    current_stage: version.stage,
    description: version.description ?? '',
    source: version.source,
    run_id: version.runId ?? '',
    status: version.status,
    status_message: version.statusMessage,
    model_id: version.loggedModelId,
    run_link: version.runLink ?? '',
    aliases: version.aliases,
    tags: wireTags(version.tags),
  });

async function wireModel(read: Reader, name: string): Promise<object> {
  const [model] = await wireModels(read, [await getModelRow(read, name)]);
  return model ?? {};
}

async function wireModels(read: Reader, rows: readonly FoundModel[]): Promise<object[]> {
  const names = rows.map((row) => row.name);
  const tags = await tagsOf(
    read,
    names.map((model) => ({ model, version: 0 })),
  );
  const aliases = await listAliases(read, names);
  return Promise.all(
    rows.map(async (row) =>
      message({
        name: row.name,
        creation_timestamp: row.created_at,
        last_updated_timestamp: row.updated_at,
        description: row.description || undefined,
        latest_versions: latestPerStage(await listVersions(read, row.name)).map(wireVersion),
        tags: wireTags(tags.get(`${row.name}/0`) ?? {}),
        aliases: aliases
          .filter((alias) => alias.model === row.name)
          .map((alias) => ({ alias: alias.name, version: String(alias.version) })),
      }),
    ),
  );
}

/** In the order in which each stage was reached first. @param versions newest first */
function latestPerStage(versions: readonly ModelVersion[]): ModelVersion[] {
  const latest = new Map<string, ModelVersion>();
  for (const version of [...versions].reverse()) latest.set(version.stage, version);
  return [...latest.values()];
}

// ---------------------------------------------------------------------------------------------------------------------
// search

interface Search {
  readonly filter?: string | undefined;
  readonly order_by: readonly string[];
  readonly page_token?: string | undefined;
  readonly limit: number;
}

interface Page {
  readonly found: object[];
  readonly token: string | undefined;
}

const position = z.array(z.union([z.string(), z.number(), z.null()]));

async function answerModelSearch(read: Reader, search: Search): Promise<Page> {
  const query = [search.filter ?? '', search.order_by];
  const after = readPageToken<Position>(position, search.page_token, query);
  const { rows, next } = await searchModels(read, {
    filter: search.filter,
    orderBy: search.order_by,
    limit: search.limit,
    after,
  });
  return { found: await wireModels(read, rows), token: next && pageToken(next, query) };
}

async function answerVersionSearch(read: Reader, search: Search): Promise<Page> {
  const query = [search.filter ?? '', search.order_by];
  const after = readPageToken<Position>(position, search.page_token, query);
  const { rows, next } = await searchVersions(read, {
    filter: search.filter,
    orderBy: search.order_by,
    limit: search.limit,
    after,
  });
  const known = new Map<string, ModelVersion>();
  for (const model of new Set(rows.map((row) => row.model))) {
    for (const version of await listVersions(read, model)) known.set(`${model}/${version.version}`, version);
  }
  const found = rows.flatMap((row) => known.get(`${row.model}/${row.version}`) ?? []).map(wireVersion);
  return { found, token: next && pageToken(next, query) };
}
