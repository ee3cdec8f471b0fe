import { createHash } from 'node:crypto';
import { linkLineage } from '../../develop/lineage/lineage-store.ts';
import { isOurs } from '../../develop/tracking/artifact-keys.ts';
import { isProtected, moveAliasIn, requireApproval } from '../../deploy/registry/aliases.ts';
import { challenger, champion, checkAlias, checkModelName } from '../../deploy/registry/registry.ts';
import { findAlias, putTag, tagsOf, type VersionRow } from '../../deploy/registry/registry-store.ts';
import type { Reader, Transaction } from '../../platform/database/database.ts';
import { TilthError } from '../../platform/errors.ts';
import { claim } from '../../team/ownership.ts';
import { copyFiles, filesBelow, listingDigest, normalUri, placeOf } from './artifact-folders.ts';
import { findMark, putMark, type Mark } from './exchange-store.ts';
import { importClashes } from './exchange-errors.ts';
import type { Import } from './import-steps.ts';
import { ownVersion } from './own-records.ts';
import {
  modelDigest,
  originalUserTag,
  promptTag,
  versionDigest,
  type RegisteredModelRecord,
  type VersionRecord,
} from './records.ts';

/** Renamed or not, a model of the source is known by when it was made. */
const identityOf = (model: RegisteredModelRecord): string => `${model.name}@${model.createdAt}`;

/**
 * Registered models with their versions. None of them has an approval here, whatever it was in production of there:
 * an alias comes in by the rules that hold for any other move, and nothing is routed.
 */
export async function importRegistry(shared: Import): Promise<void> {
  const { source, tally, job } = shared;
  for (const model of await source.registeredModels()) {
    job.signal.throwIfAborted();
    try {
      await importModel(shared, model);
    } catch (thrown) {
      job.signal.throwIfAborted();
      tally.leaveOne('registered model', model.name, thrown);
    }
  }
}

/** What has the name of another model here. @returns the name it gets, undefined when it clashes */
async function nameFor(
  shared: Import,
  model: RegisteredModelRecord,
  mark: Mark | undefined,
): Promise<{ name: string; isNew: boolean } | undefined> {
  const { world, request } = shared;
  const find = (name: string): Promise<{ created_at: number; lifecycle: string } | undefined> =>
    world.database.read
      .selectFrom('model')
      .select(['created_at', 'lifecycle'])
      .where('name', '=', name)
      .executeTakeFirst();
  if (mark !== undefined && (await find(mark.thing))?.lifecycle === 'active')
    return { name: mark.thing, isNew: false };
  const known = await find(model.name);
  if (known === undefined) return { name: model.name, isNew: true };
  if (known.lifecycle === 'active' && known.created_at === model.createdAt)
    return { name: model.name, isNew: false };
  if (!request.renames) return undefined;
  for (let attempt = 1; ; attempt += 1) {
    const name = attempt === 1 ? `${model.name}-imported` : `${model.name}-imported-${attempt}`;
    if ((await find(name)) === undefined) return { name, isNew: true };
  }
}

/** Models whose name is something else here, told before anything is written. */
export async function registryClashes(shared: Import): Promise<string[]> {
  const clashes: string[] = [];
  for (const model of await shared.source.registeredModels()) {
    const mark = await findMark(shared.world.database.read, 'model', identityOf(model));
    if ((await nameFor(shared, model, mark)) === undefined)
      clashes.push(`a registered model named ${JSON.stringify(model.name)} is here`);
  }
  return clashes;
}

async function importModel(shared: Import, model: RegisteredModelRecord): Promise<void> {
  const { world, tally, request, actor } = shared;
  checkModelName(model.name);
  const mark = await findMark(world.database.read, 'model', identityOf(model));
  const target = await nameFor(shared, model, mark);
  if (target === undefined) {
    if (request.isDryRun) return;
    throw importClashes([`a registered model named ${JSON.stringify(model.name)} is here`]);
  }
  const { name, isNew } = target;
  if (name !== model.name && isNew)
    tally.renamed.push({ kind: 'registered model', from: model.name, to: name });
  const versions: { record: VersionRecord; location: string; files: string }[] = [];
  const isPrompt = model.tags.some(({ key }) => key === promptTag);
  for (const record of model.versions)
    versions.push({ record, ...(await locate(shared, name, record, isPrompt)) });
  if (request.isDryRun) {
    tally.count('registered model', isNew ? 'new' : 'same');
    for (const { record } of versions)
      tally.count(
        'model version',
        isNew || (await findVersion(world.database.read, name, record.version)) === undefined
          ? 'new'
          : 'same',
      );
    for (const alias of model.aliases)
      tally.count(
        'alias',
        isNew || (await findAlias(world.database.read, name, alias.name)) === undefined ? 'new' : 'same',
      );
    return;
  }
  const digest = modelDigest(model);
  await world.database.write(async (tx) => {
    const at = world.clock.now();
    if (isNew) {
      await insertModelRow(tx, model, name, actor.id);
      await claim(tx, 'model', name, actor.id, at);
    }
    let hasChanged = false;
    if (!isNew && mark?.digest !== digest) hasChanged = await mergeModel(shared, tx, model, name);
    for (const version of versions)
      hasChanged = (await importVersion(shared, tx, model, name, version)) || hasChanged;
    for (const alias of model.aliases)
      hasChanged = (await importAlias(shared, tx, name, alias)) || hasChanged;
    // giving the aliases touched it
    if (isNew)
      await tx.updateTable('model').set({ updated_at: model.updatedAt }).where('name', '=', name).execute();
    await putMark(tx, 'model', identityOf(model), { thing: name, digest, files: '' }, request.source, at);
    tally.count('registered model', isNew ? 'new' : hasChanged ? 'changed' : 'same');
  });
}

async function insertModelRow(
  tx: Transaction,
  model: RegisteredModelRecord,
  name: string,
  by: string,
): Promise<void> {
  await tx
    .insertInto('model')
    .values({
      name,
      description: model.description,
      created_by: by,
      created_at: model.createdAt,
      updated_at: model.updatedAt,
      last_version: Math.max(0, ...model.versions.map(({ version }) => version)),
      lifecycle: 'active',
    })
    .execute();
  for (const { key, value } of model.tags) await putTag(tx, name, 0, key, value);
}

/** Only what is missing comes in: who describes a model here is right about it. */
async function mergeModel(
  shared: Import,
  tx: Transaction,
  model: RegisteredModelRecord,
  name: string,
): Promise<boolean> {
  const row = await tx
    .selectFrom('model')
    .select('description')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  const tags = (await tagsOf(tx, [{ model: name, version: 0 }])).get(`${name}/0`) ?? {};
  let hasChanged = await mergeTags(shared, tx, name, 0, tags, model.tags);
  if ((row.description ?? '') === '' && (model.description ?? '') !== '') {
    await tx.updateTable('model').set({ description: model.description }).where('name', '=', name).execute();
    hasChanged = true;
  } else if ((row.description ?? '') !== (model.description ?? '')) {
    shared.tally.leaveOne(
      'registered model',
      name,
      'its description was changed here or there, and stays as it is here',
    );
  }
  return hasChanged;
}

async function mergeTags(
  shared: Import,
  tx: Transaction,
  model: string,
  version: number,
  ours: Readonly<Record<string, string>>,
  theirs: readonly { key: string; value: string }[],
): Promise<boolean> {
  let hasChanged = false;
  for (const { key, value } of theirs) {
    if (ours[key] === value) continue;
    if (ours[key] === undefined) {
      await putTag(tx, model, version, key, value);
      hasChanged = true;
    } else
      shared.tally.leaveOne(
        'registered model',
        version === 0 ? model : `${model}/${version}`,
        `its tag ${key} has another value here, which stays`,
      );
  }
  return hasChanged;
}

const findVersion = (read: Reader, model: string, version: number): Promise<VersionRow | undefined> =>
  read
    .selectFrom('model_version')
    .selectAll()
    .where('model', '=', model)
    .where('version', '=', version)
    .executeTakeFirst();

async function importVersion(
  shared: Import,
  tx: Transaction,
  model: RegisteredModelRecord,
  name: string,
  { record, location, files }: { record: VersionRecord; location: string; files: string },
): Promise<boolean> {
  const { tally, request, world } = shared;
  const sourceId = `${identityOf(model)}/${record.version}`;
  const thing = `${name}/${record.version}`;
  const digest = versionDigest(record);
  const mark = await findMark(tx, 'model-version', sourceId);
  const ours = await findVersion(tx, name, record.version);
  const remember = (): Promise<void> =>
    putMark(tx, 'model-version', sourceId, { thing, digest, files }, request.source, world.clock.now());
  if (ours === undefined) {
    await insertVersion(shared, tx, name, record, location);
    await remember();
    tally.count('model version', 'new');
    return true;
  }
  if (ours.lifecycle === 'deleted') {
    tally.leaveOne('model version', thing, 'it was deleted here');
    return false;
  }
  if (mark === undefined && ours.created_at !== record.createdAt) {
    tally.leaveOne('model version', thing, 'a version with that number was made here');
    return false;
  }
  const tags = (await tagsOf(tx, [{ model: name, version: record.version }])).get(thing) ?? {};
  if (mark?.digest === digest || versionDigest(ownVersion(ours, tags)) === digest) {
    tally.count('model version', 'same');
    return false;
  }
  const hasChanged = await mergeTags(shared, tx, name, record.version, tags, record.tags);
  if ((ours.description ?? '') !== (record.description ?? '') || ours.stage !== record.stage)
    tally.leaveOne('model version', thing, 'its description or stage is another here, and stays');
  await remember();
  tally.count('model version', hasChanged ? 'changed' : 'same');
  return hasChanged;
}

async function insertVersion(
  shared: Import,
  tx: Transaction,
  name: string,
  record: VersionRecord,
  location: string,
): Promise<void> {
  const { actor, tally, world } = shared;
  const isStoredHere = isOurs(location);
  const isWithheld = record.stage === 'Production' && (await isProtected(tx, name, champion));
  if (isWithheld)
    tally.leaveOne(
      'stage',
      `${name}/${record.version}`,
      'Production takes an approval here, since a project declares the model',
    );
  const { version, source, status, description, createdAt, updatedAt } = record;
  await tx
    .insertInto('model_version')
    .values({
      model: name,
      version,
      source,
      location,
      run_id: record.runId,
      run_link: record.runLink,
      logged_model_id: record.loggedModelId,
      status,
      status_message: record.statusMessage,
      stage: isWithheld ? 'None' : record.stage,
      description,
      // who imports a version answers for it: the name that the source gives can't be checked
      created_by: actor.id,
      created_at: createdAt,
      updated_at: updatedAt,
      engine: 'python',
      reason: isStoredHere
        ? `It was imported and not converted yet: tilth model convert ${name} ${version}`
        : `Its files are kept elsewhere (${location}), so it was not converted.`,
      artifact_digest: null,
      onnx_digest: null,
      onnx_byte_count: null,
      schema: null,
      schema_hash: null,
      parity: null,
      data_version: null,
      gate_report: null,
      gate_hash: null,
      card_hash: null,
      conversion_job: null,
      lifecycle: 'active',
    })
    .execute();
  await tx
    .updateTable('model')
    .set({ last_version: version })
    .where('name', '=', name)
    .where('last_version', '<', version)
    .execute();
  const user =
    record.userId === null || record.userId === '' ? [] : [{ key: originalUserTag, value: record.userId }];
  for (const { key, value } of [...record.tags, ...user]) await putTag(tx, name, version, key, value);
  if (record.runId !== null) {
    const to = { kind: 'model-version', id: `${name}/${version}` } as const;
    await linkLineage(tx, { kind: 'run', id: record.runId }, to, 'registered as', world.clock.now());
  }
}

/**
 * An alias comes in where the model has none of that name, or moves where the last import set it. The aliases that
 * decide over traffic never move by an import, and the champion of a declared model waits for its approval.
 */
async function importAlias(
  shared: Import,
  tx: Transaction,
  model: string,
  alias: { name: string; version: number },
): Promise<boolean> {
  const { world, actor, request, tally } = shared;
  const { name, version } = alias;
  const leave = (reason: unknown): false => {
    tally.leaveOne('alias', `${model}@${name}`, reason);
    return false;
  };
  const ours = await findAlias(tx, model, name);
  if (ours === version) {
    tally.count('alias', 'same');
    return false;
  }
  const reason = `imported from ${request.source}`;
  if (ours !== undefined) {
    const stay = await tx
      .selectFrom('alias_history')
      .select('reason')
      .where('model', '=', model)
      .where('name', '=', name)
      .where('to_at', 'is', null)
      .executeTakeFirst();
    if (name === champion || name === challenger)
      return leave(`it is on version ${ours} here and on ${version} there; an import moves no traffic`);
    if (stay?.reason?.startsWith('imported from ') !== true)
      return leave(`it is on version ${ours} here, and stays`);
  }
  try {
    checkAlias(name);
    await requireApproval(tx, model, version, name);
  } catch (thrown) {
    if (!(thrown instanceof TilthError)) throw thrown;
    return leave(thrown.message);
  }
  if ((await findVersion(tx, model, version))?.lifecycle !== 'active')
    return leave(`there is no version ${version} here`);
  await moveAliasIn(world, tx, actor, { model, alias: name, version, reason });
  tally.count('alias', ours === undefined ? 'new' : 'changed');
  return true;
}

/** Where the files of a version are here: below its run or logged model, or copied to a place of its own. */
async function locate(
  shared: Import,
  model: string,
  record: VersionRecord,
  isPrompt: boolean,
): Promise<{ location: string; files: string }> {
  const { places, roots, world, request, tally } = shared;
  const address = normalUri(record.location);
  for (let at = address; at !== ''; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
    const known = places.get(at);
    if (known !== undefined) return { location: `${known}${address.slice(at.length)}`, files: '' };
  }
  const logged = /^models:\/(m-[\w-]+)$/.exec(record.location)?.[1];
  if (logged !== undefined) {
    const found = await world.database.read
      .selectFrom('logged_model')
      .select('artifact_uri')
      .where('id', '=', logged)
      .executeTakeFirst();
    if (found !== undefined) return { location: found.artifact_uri, files: '' };
  }
  // a prompt is a tag and has no files
  if (isPrompt || /^(models|runs):/.test(record.location)) return { location: record.location, files: '' };
  const place = await placeOf(record.location, roots);
  const folder = createHash('sha256').update(`${model}/${record.version}`).digest('hex').slice(0, 32);
  const location = `mlflow-artifacts:/registered/${folder}/artifacts`;
  if (place.kind !== 'here') {
    const isThere = !isOurs(record.location);
    const reason = isThere
      ? `they stay at ${record.location}`
      : 'they were not found; name their folder with --artifacts';
    tally.leaveOne('files of a model version', `${model}/${record.version}`, reason);
    // an address that means the other server's files would mean somebody else's here
    return { location: isThere ? record.location : location, files: '' };
  }
  const { files } = await filesBelow(place.folder);
  const copied = await copyFiles(world.blobs, place.folder, files, location, {
    replaces: true,
    isDryRun: request.isDryRun,
  });
  tally.files.count += copied.count;
  tally.files.byteCount += copied.byteCount;
  return { location, files: listingDigest(files) };
}
