import { sql } from 'kysely';
import { systemClock, type Instant } from '../../platform/clock.ts';
import type { Migrations, Reader, Transaction } from '../../platform/database/database.ts';
import { newUlid } from '../../platform/ids.ts';
import type { AliasStay, GateReport, ModelVersion, Parity, RegisteredModel } from './registry-api.ts';
import type { ServedPython, ServedSchema } from '../serving/serving-api.ts';
import { approvalOf } from './approvals/approval-store.ts';
import type { Engine } from './registry.ts';
import { modelNotFound, versionNotFound } from './registry-errors.ts';

interface ModelTable {
  name: string;
  description: string | null;
  created_by: string;
  created_at: number;
  updated_at: number;
  /** numbers are never given twice, also when a version is deleted */
  last_version: number;
  lifecycle: 'active' | 'deleted';
}

interface ModelVersionTable {
  model: string;
  version: number;
  source: string;
  /** where the files are, as MLflow's clients read it */
  location: string;
  run_id: string | null;
  run_link: string | null;
  logged_model_id: string | null;
  status: string;
  status_message: string | null;
  stage: string;
  description: string | null;
  created_by: string;
  created_at: number;
  updated_at: number;
  engine: Engine;
  reason: string | null;
  artifact_digest: string | null;
  onnx_digest: string | null;
  onnx_byte_count: number | null;
  /** the MLflow model as one file, for a version that its own Python serves */
  bundle_digest: string | null;
  bundle_byte_count: number | null;
  /** JSON of ServedPython: what the model was loaded with */
  python: string | null;
  schema: string | null;
  schema_hash: string | null;
  parity: string | null;
  data_version: string | null;
  gate_report: string | null;
  gate_hash: string | null;
  /** sha256 of what people said in the card when the gate was evaluated */
  card_hash: string | null;
  conversion_job: string | null;
  lifecycle: 'active' | 'deleted';
}

interface RegistryTagTable {
  model: string;
  /** 0: a tag of the model itself */
  version: number;
  key: string;
  value: string;
}

interface AliasTable {
  model: string;
  name: string;
  version: number;
  set_at: number;
}

interface AliasHistoryTable {
  id: string;
  model: string;
  name: string;
  version: number;
  from_at: number;
  to_at: number | null;
  by: string;
  reason: string | null;
  /** the approval under which it moved; null where none is asked for */
  approval: string | null;
}

declare module '../../platform/database/database.ts' {
  interface Tables {
    model: ModelTable;
    model_version: ModelVersionTable;
    registry_tag: RegistryTagTable;
    alias: AliasTable;
    alias_history: AliasHistoryTable;
  }
}

export type VersionRow = ModelVersionTable;
export type ModelRow = ModelTable;

export const registryMigrations: Migrations = {
  'registry-001-models': {
    async up(db) {
      await db.schema
        .createTable('model')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('description', 'text')
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('updated_at', 'integer', (column) => column.notNull())
        .addColumn('last_version', 'integer', (column) => column.notNull())
        .addColumn('lifecycle', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('model_version')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('location', 'text', (column) => column.notNull())
        .addColumn('run_id', 'text')
        .addColumn('run_link', 'text')
        .addColumn('logged_model_id', 'text')
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('status_message', 'text')
        .addColumn('stage', 'text', (column) => column.notNull())
        .addColumn('description', 'text')
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'integer', (column) => column.notNull())
        .addColumn('updated_at', 'integer', (column) => column.notNull())
        .addColumn('engine', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('artifact_digest', 'text')
        .addColumn('onnx_digest', 'text')
        .addColumn('onnx_byte_count', 'integer')
        .addColumn('schema', 'text')
        .addColumn('schema_hash', 'text')
        .addColumn('parity', 'text')
        .addColumn('data_version', 'text')
        .addColumn('gate_report', 'text')
        .addColumn('gate_hash', 'text')
        .addColumn('conversion_job', 'text')
        .addColumn('lifecycle', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('model_version_key', ['model', 'version'])
        .execute();
      await db.schema.createIndex('model_version_run').on('model_version').column('run_id').execute();
      await db.schema.createIndex('model_version_onnx').on('model_version').column('onnx_digest').execute();
      await db.schema
        .createTable('registry_tag')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('registry_tag_key', ['model', 'version', 'key'])
        .execute();
      await db.schema
        .createTable('alias')
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('set_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('alias_key', ['model', 'name'])
        .execute();
      await db.schema
        .createTable('alias_history')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('from_at', 'integer', (column) => column.notNull())
        .addColumn('to_at', 'integer')
        .addColumn('by', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .execute();
      await db.schema
        .createIndex('alias_history_at')
        .on('alias_history')
        .columns(['model', 'name', 'from_at'])
        .execute();
      await db.schema
        .createTable('approval')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('model', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('alias', 'text', (column) => column.notNull())
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .addColumn('requested_at', 'integer', (column) => column.notNull())
        .addColumn('bundle_hash', 'text', (column) => column.notNull())
        .addColumn('bundle', 'text', (column) => column.notNull())
        .addColumn('gate_report', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('decided_by', 'text')
        .addColumn('decided_at', 'integer')
        .addColumn('reason', 'text')
        .addColumn('is_single_eye', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('approval_of')
        .on('approval')
        .columns(['model', 'version', 'alias'])
        .execute();
    },
  },
  'registry-002-python-versions': {
    async up(db) {
      await db.schema.alterTable('model_version').addColumn('bundle_digest', 'text').execute();
      await db.schema.alterTable('model_version').addColumn('bundle_byte_count', 'integer').execute();
      await db.schema.alterTable('model_version').addColumn('python', 'text').execute();
      await db.schema
        .createIndex('model_version_bundle')
        .on('model_version')
        .column('bundle_digest')
        .execute();
    },
  },
};

// ---------------------------------------------------------------------------------------------------------------------
// models

export const findModelRow = (read: Reader, name: string): Promise<ModelRow | undefined> =>
  read
    .selectFrom('model')
    .selectAll()
    .where('name', '=', name)
    .where('lifecycle', '=', 'active')
    .executeTakeFirst();

/** @throws MODEL_NOT_FOUND */
export async function getModelRow(read: Reader, name: string): Promise<ModelRow> {
  const row = await findModelRow(read, name);
  if (row === undefined) throw modelNotFound(name);
  return row;
}

/** Adds a model, or brings a deleted one back empty; its version numbers go on. */
/** MLflow keeps prompts as models with a tag. */
export const promptTag = 'mlflow.prompt.is_prompt';

export const isPromptModel = async (read: Reader, name: string): Promise<boolean> =>
  (
    await read
      .selectFrom('registry_tag')
      .select('value')
      .where('model', '=', name)
      .where('version', '=', 0)
      .where('key', '=', promptTag)
      .executeTakeFirst()
  )?.value === 'true';

export async function insertModel(
  tx: Transaction,
  model: { name: string; description: string | null; by: string; at: Instant },
): Promise<void> {
  const values = {
    description: model.description,
    created_by: model.by,
    created_at: model.at,
    updated_at: model.at,
    lifecycle: 'active' as const,
  };
  await tx
    .insertInto('model')
    .values({ name: model.name, last_version: 0, ...values })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
    .execute();
}

/** Takes the next number of a model. */
export async function nextVersion(tx: Transaction, model: string, at: Instant): Promise<number> {
  const { last_version } = await tx
    .updateTable('model')
    .set((eb) => ({ last_version: eb('last_version', '+', 1), updated_at: at }))
    .where('name', '=', model)
    .returning('last_version')
    .executeTakeFirstOrThrow();
  return last_version;
}

export const touchModel = (tx: Transaction, model: string, at: Instant): Promise<unknown> =>
  tx.updateTable('model').set({ updated_at: at }).where('name', '=', model).execute();

/** Moves everything that bears the name. */
export async function renameModelRows(
  tx: Transaction,
  name: string,
  newName: string,
  at: Instant,
): Promise<void> {
  await tx.updateTable('model').set({ name: newName, updated_at: at }).where('name', '=', name).execute();
  await tx.updateTable('model_version').set({ updated_at: at }).where('model', '=', name).execute();
  for (const table of ['model_version', 'registry_tag', 'alias', 'alias_history', 'approval'] as const) {
    await tx.updateTable(table).set({ model: newName }).where('model', '=', name).execute();
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// versions

export const findVersionRow = (
  read: Reader,
  model: string,
  version: number,
): Promise<VersionRow | undefined> =>
  read
    .selectFrom('model_version')
    .selectAll()
    .where('model', '=', model)
    .where('version', '=', version)
    .where('lifecycle', '=', 'active')
    .executeTakeFirst();

/** @throws MODEL_VERSION_NOT_FOUND */
export async function getVersionRow(read: Reader, model: string, version: number): Promise<VersionRow> {
  const row = await findVersionRow(read, model, version);
  if (row === undefined) throw versionNotFound(model, version);
  return row;
}

export const listVersionRows = (read: Reader, model: string): Promise<VersionRow[]> =>
  read
    .selectFrom('model_version')
    .selectAll()
    .where('model', '=', model)
    .where('lifecycle', '=', 'active')
    .orderBy('version', 'desc')
    .execute();

export const updateVersionRow = (
  tx: Transaction,
  model: string,
  version: number,
  change: Partial<Omit<VersionRow, 'model' | 'version'>>,
): Promise<unknown> =>
  tx
    .updateTable('model_version')
    .set(change)
    .where('model', '=', model)
    .where('version', '=', version)
    .execute();

// ---------------------------------------------------------------------------------------------------------------------
// tags

export type Tags = Record<string, string>;

/** Tags of several models or versions in one statement, by `model/version`; version 0 is the model. */
export async function tagsOf(
  read: Reader,
  keys: readonly { model: string; version: number }[],
): Promise<Map<string, Tags>> {
  const found = new Map<string, Tags>();
  if (keys.length === 0) return found;
  const rows = await read
    .selectFrom('registry_tag')
    .selectAll()
    .where('model', 'in', [...new Set(keys.map((key) => key.model))])
    .orderBy('key')
    .execute();
  for (const row of rows) {
    const key = `${row.model}/${row.version}`;
    const tags = found.get(key) ?? {};
    tags[row.key] = row.value;
    found.set(key, tags);
  }
  return found;
}

export const putTag = (
  tx: Transaction,
  model: string,
  version: number,
  key: string,
  value: string,
): Promise<unknown> =>
  tx
    .insertInto('registry_tag')
    .values({ model, version, key, value })
    .onConflict((conflict) => conflict.columns(['model', 'version', 'key']).doUpdateSet({ value }))
    .execute();

export const removeTag = (tx: Transaction, model: string, version: number, key: string): Promise<unknown> =>
  tx
    .deleteFrom('registry_tag')
    .where('model', '=', model)
    .where('version', '=', version)
    .where('key', '=', key)
    .execute();

// ---------------------------------------------------------------------------------------------------------------------
// aliases

export interface AliasRow {
  readonly model: string;
  readonly name: string;
  readonly version: number;
}

export const listAliases = (read: Reader, models: readonly string[]): Promise<AliasRow[]> =>
  models.length === 0
    ? Promise.resolve([])
    : read
        .selectFrom('alias')
        .select(['model', 'name', 'version'])
        .where('model', 'in', models)
        .orderBy('name')
        .execute();

export const findAlias = async (read: Reader, model: string, name: string): Promise<number | undefined> =>
  (
    await read
      .selectFrom('alias')
      .select('version')
      .where('model', '=', model)
      .where('name', '=', name)
      .executeTakeFirst()
  )?.version;

/** Moves or takes away an alias and writes its history. */
export async function writeAlias(
  tx: Transaction,
  change: {
    model: string;
    name: string;
    version: number | null;
    at: Instant;
    by: string;
    reason: string | null;
    approval?: string | null;
  },
): Promise<void> {
  const { model, name, version, at } = change;
  await tx
    .updateTable('alias_history')
    .set({ to_at: at })
    .where('model', '=', model)
    .where('name', '=', name)
    .where('to_at', 'is', null)
    .execute();
  if (version === null) {
    await tx.deleteFrom('alias').where('model', '=', model).where('name', '=', name).execute();
    return;
  }
  await tx
    .insertInto('alias')
    .values({ model, name, version, set_at: at })
    .onConflict((conflict) => conflict.columns(['model', 'name']).doUpdateSet({ version, set_at: at }))
    .execute();
  await tx
    .insertInto('alias_history')
    .values({
      id: newUlid(),
      model,
      name,
      version,
      from_at: at,
      to_at: null,
      by: change.by,
      reason: change.reason,
      approval: change.approval ?? null,
    })
    .execute();
}

/** Stays of a model's aliases, newest first; with `at` only those that held at that time. */
export async function aliasHistory(
  read: Reader,
  filter: { model: string; alias?: string | undefined; at?: Instant | undefined },
): Promise<AliasStay[]> {
  let query = read
    .selectFrom('alias_history')
    .leftJoin('approval', 'approval.id', 'alias_history.approval')
    .selectAll('alias_history')
    .select(['approval.requested_by', 'approval.decided_by', 'approval.decided_at', 'approval.is_single_eye'])
    .where('alias_history.model', '=', filter.model)
    .orderBy('alias_history.from_at', 'desc')
    .orderBy('alias_history.id', 'desc');
  if (filter.alias !== undefined) query = query.where('alias_history.name', '=', filter.alias);
  const { at } = filter;
  if (at !== undefined) {
    query = query
      .where('from_at', '<=', at)
      .where((eb) => eb.or([eb('to_at', 'is', null), eb('to_at', '>', at)]));
  }
  return (await query.execute()).map((row) => ({
    model: row.model,
    alias: row.name,
    version: row.version,
    fromAt: row.from_at,
    toAt: row.to_at,
    by: row.by,
    reason: row.reason,
    approval:
      row.approval === null
        ? null
        : {
            id: row.approval,
            requestedBy: row.requested_by ?? '',
            by: row.decided_by,
            at: row.decided_at,
            isSingleEye: row.is_single_eye === 1,
          },
  }));
}

// ---------------------------------------------------------------------------------------------------------------------
// what the outside sees

/** @throws MODEL_VERSION_NOT_FOUND */
export async function getVersion(read: Reader, model: string, version: number): Promise<ModelVersion> {
  const [view] = await viewsOf(read, [await getVersionRow(read, model, version)]);
  if (view === undefined) throw versionNotFound(model, version);
  return view;
}

export const listVersions = async (read: Reader, model: string): Promise<ModelVersion[]> =>
  viewsOf(read, await listVersionRows(read, model));

async function viewsOf(
  read: Reader,
  rows: readonly VersionRow[],
  now = systemClock.now(),
): Promise<ModelVersion[]> {
  const models = [...new Set(rows.map((row) => row.model))];
  const tags = await tagsOf(read, rows);
  const aliases = await listAliases(read, models);
  const approvals =
    models.length === 0
      ? []
      : await read
          .selectFrom('approval')
          .selectAll()
          .where('model', 'in', models)
          .orderBy('id', 'desc')
          .execute();
  return rows.map((row) => ({
    model: row.model,
    version: row.version,
    source: row.source,
    runId: row.run_id,
    runLink: row.run_link,
    loggedModelId: row.logged_model_id,
    status: row.status,
    statusMessage: row.status_message,
    stage: row.stage,
    description: row.description,
    tags: tags.get(`${row.model}/${row.version}`) ?? {},
    aliases: aliases
      .filter((alias) => alias.model === row.model && alias.version === row.version)
      .map((alias) => alias.name),
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    engine: row.engine,
    reason: row.reason,
    artifactDigest: row.artifact_digest,
    onnxDigest: row.onnx_digest,
    onnxByteCount: row.onnx_byte_count,
    bundleDigest: row.bundle_digest,
    bundleByteCount: row.bundle_byte_count,
    python: parsed<ServedPython>(row.python),
    schema: parsed<ServedSchema>(row.schema),
    schemaHash: row.schema_hash,
    parity: parsed<Parity>(row.parity),
    dataVersion: row.data_version,
    gate: parsed<GateReport>(row.gate_report),
    conversionJob: row.conversion_job,
    approvals: approvals
      .filter((each) => each.model === row.model && each.version === row.version)
      .map((each) => approvalOf(each, row, now)),
  }));
}

/** What we wrote ourselves needs no second check. */
const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));

/** All models, by name. */
export async function listModels(read: Reader): Promise<Omit<RegisteredModel, 'isDeclared'>[]> {
  const rows = await read
    .selectFrom('model')
    .selectAll()
    .where('lifecycle', '=', 'active')
    .orderBy('name')
    .execute();
  const counts = await read
    .selectFrom('model_version')
    .select(['model', sql<number>`count(*)`.as('count'), sql<number>`max(version)`.as('latest')])
    .where('lifecycle', '=', 'active')
    .groupBy('model')
    .execute();
  const names = rows.map((row) => row.name);
  const tags = await tagsOf(
    read,
    names.map((model) => ({ model, version: 0 })),
  );
  const aliases = await listAliases(read, names);
  return rows.map((row) => {
    const count = counts.find((each) => each.model === row.name);
    return {
      name: row.name,
      description: row.description,
      tags: tags.get(`${row.name}/0`) ?? {},
      createdBy: row.created_by,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      aliases: Object.fromEntries(
        aliases.filter((each) => each.model === row.name).map((each) => [each.name, each.version]),
      ),
      latestVersion: count?.latest ?? null,
      versionCount: count?.count ?? 0,
    };
  });
}

/** The version in production, now or at a time; undefined when there was none. */
export async function championOf(read: Reader, model: string, at?: Instant): Promise<number | undefined> {
  if (at === undefined) return findAlias(read, model, 'champion');
  return (await aliasHistory(read, { model, alias: 'champion', at }))[0]?.version;
}
