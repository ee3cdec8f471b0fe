import type { Reader, Transaction } from '../../platform/database/database.ts';
import { placeOf } from './artifact-folders.ts';
import { findMark, putMark, type Mark } from './exchange-store.ts';
import type { Import } from './import-steps.ts';
import { ownExperiment } from './own-records.ts';
import { insertExperiment, putExperimentTags } from './record-writes.ts';
import { experimentDigest, originalIdTag, type ExperimentRecord } from './records.ts';

/** An experiment of the source and where it is here. */
export interface PlacedExperiment {
  readonly record: ExperimentRecord;
  /** its number here; undefined in a dry run, when it would get the next one */
  readonly number: number | undefined;
  readonly name: string;
  /** files of its runs are kept by tilth, not at an address elsewhere */
  readonly isKeptHere: boolean;
}

/** Ids and creation times travel with every copy of a store, names and paths don't. */
const identityOf = (record: ExperimentRecord): string => `${record.id}@${record.createdAt || record.name}`;

type Plan =
  | { readonly kind: 'new'; readonly id: number | undefined; readonly name: string }
  | {
      readonly kind: 'known';
      readonly number: number;
      readonly mark: Mark | undefined;
      readonly isSame: boolean;
    }
  | {
      readonly kind: 'clash';
      readonly reason: string;
      readonly id: number | undefined;
      readonly name: string;
    };

/** Puts the experiments of the source in their places, all in one write, or only says what is in the way. */
export async function importExperiments(shared: Import): Promise<PlacedExperiment[]> {
  const { world, source, request, tally } = shared;
  const records = await source.experiments();
  const plans: { record: ExperimentRecord; plan: Plan }[] = [];
  const names = new Set<string>();
  for (const record of records) {
    const plan = await planOf(world.database.read, record, names);
    if (plan.kind === 'clash' && !request.renames) tally.clashes.push(plan.reason);
    if (plan.kind !== 'known') names.add(plan.name);
    plans.push({ record, plan });
  }
  if (request.isDryRun) {
    const placed: PlacedExperiment[] = [];
    for (const { record, plan } of plans) {
      tell(shared, record, plan, plan.kind === 'known' ? plan.number : plan.id);
      placed.push(await placedOf(shared, record, plan, plan.kind === 'known' ? plan.number : plan.id));
    }
    return placed;
  }
  if (tally.clashes.length > 0) return [];
  const numbers = await world.database.write(async (tx) => {
    const given = new Map<number, number>();
    const keepsId = (plan: Plan): boolean => plan.kind === 'known' || plan.id !== undefined;
    // a new number is taken only when those that are kept are in their places
    const ordered = [...plans.entries()].toSorted(
      ([, a], [, b]) => Number(keepsId(b.plan)) - Number(keepsId(a.plan)),
    );
    for (const [index, { record, plan }] of ordered) given.set(index, await write(shared, tx, record, plan));
    return given;
  });
  const placed: PlacedExperiment[] = [];
  for (const [index, { record, plan }] of plans.entries()) {
    tell(shared, record, plan, numbers.get(index));
    placed.push(await placedOf(shared, record, plan, numbers.get(index)));
  }
  return placed;
}

async function planOf(read: Reader, record: ExperimentRecord, names: ReadonlySet<string>): Promise<Plan> {
  const mark = await findMark(read, 'experiment', identityOf(record));
  if (mark !== undefined) {
    const here = await read
      .selectFrom('experiment')
      .select('id')
      .where('id', '=', Number(mark.thing))
      .executeTakeFirst();
    if (here !== undefined)
      return { kind: 'known', number: here.id, mark, isSame: mark.digest === experimentDigest(record) };
  }
  const id = Number(record.id);
  const keepsId = Number.isSafeInteger(id);
  const sameId = keepsId ? await find(read, 'id', id) : undefined;
  if (sameId !== undefined && sameId.created_at === record.createdAt) {
    const isSame = experimentDigest(await ownExperiment(read, String(id))) === experimentDigest(record);
    return { kind: 'known', number: id, mark: undefined, isSame };
  }
  const sameName = await find(read, 'name', record.name);
  // everyone has an experiment 0; while ours is empty it is theirs
  const isEmptyDefault = id === 0 && sameId !== undefined && (await isEmpty(read, 0));
  const hasName =
    (sameName !== undefined && !(isEmptyDefault && sameName.id === 0)) || names.has(record.name);
  const hasId = sameId !== undefined && !isEmptyDefault;
  const name = hasName ? await freeName(read, record.name, names) : record.name;
  if (!hasId && !hasName) return { kind: 'new', id: keepsId ? id : undefined, name };
  const taken = hasId
    ? `the experiment ${record.id} is ${JSON.stringify(sameId.name)} here and ${JSON.stringify(record.name)} there`
    : `an experiment named ${JSON.stringify(record.name)} is here`;
  return { kind: 'clash', reason: taken, id: hasId || !keepsId ? undefined : id, name };
}

type Found = { readonly id: number; readonly name: string; readonly created_at: number };

const find = (read: Reader, column: 'id' | 'name', value: number | string): Promise<Found | undefined> =>
  read
    .selectFrom('experiment')
    .select(['id', 'name', 'created_at'])
    .where(column, '=', value)
    .executeTakeFirst();

async function isEmpty(read: Reader, experiment: number): Promise<boolean> {
  const run = await read
    .selectFrom('run')
    .select('id')
    .where('experiment_id', '=', experiment)
    .executeTakeFirst();
  const model = await read
    .selectFrom('logged_model')
    .select('id')
    .where('experiment_id', '=', experiment)
    .executeTakeFirst();
  return run === undefined && model === undefined;
}

async function freeName(read: Reader, name: string, names: ReadonlySet<string>): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const wanted = attempt === 1 ? `${name} (imported)` : `${name} (imported ${attempt})`;
    if (!names.has(wanted) && (await find(read, 'name', wanted)) === undefined) return wanted;
  }
}

async function write(shared: Import, tx: Transaction, record: ExperimentRecord, plan: Plan): Promise<number> {
  const { world, request } = shared;
  const at = world.clock.now();
  const digest = experimentDigest(record);
  let number: number;
  if (plan.kind === 'known') {
    number = plan.number;
    if (plan.isSame) return number;
    await mergeExperiment(shared, tx, record, plan.number, plan.mark);
  } else {
    const isSameId = plan.id !== undefined;
    number = await insertExperiment(tx, record, {
      id: plan.id,
      name: plan.name,
      artifactLocation: (await isKeptHere(shared, record)) ? undefined : record.artifactLocation,
      tags: isSameId ? record.tags : [...record.tags, { key: originalIdTag, value: record.id }],
    });
  }
  // an experiment may have another name here, so what it is here is remembered apart
  const files = experimentDigest(await ownExperiment(tx, String(number)));
  await putMark(
    tx,
    'experiment',
    identityOf(record),
    { thing: String(number), digest, files },
    request.source,
    at,
  );
  return number;
}

/** A newer source renames, deletes and tags what was not changed here since; else only missing tags come in. */
async function mergeExperiment(
  shared: Import,
  tx: Transaction,
  record: ExperimentRecord,
  number: number,
  mark: Mark | undefined,
): Promise<void> {
  const ours = await ownExperiment(tx, String(number));
  const isUntouched = mark !== undefined && experimentDigest(ours) === mark.files;
  const known = new Map(ours.tags.map(({ key, value }) => [key, value]));
  const news = record.tags.filter(({ key }) => isUntouched || !known.has(key));
  await putExperimentTags(tx, number, news);
  const keeps = (what: string): void =>
    shared.tally.leaveOne('experiment', record.id, `its ${what} was changed here, and stays`);
  for (const { key, value } of record.tags)
    if (!isUntouched && known.has(key) && known.get(key) !== value) keeps(`tag ${key}`);
  if (ours.name !== record.name) {
    const taken = await find(tx, 'name', record.name);
    if (isUntouched && taken === undefined)
      await tx.updateTable('experiment').set({ name: record.name }).where('id', '=', number).execute();
    else if (!ours.name.startsWith(`${record.name} (imported`)) keeps('name');
  }
  if (ours.lifecycleStage !== record.lifecycleStage) {
    if (isUntouched)
      await tx
        .updateTable('experiment')
        .set({ lifecycle_stage: record.lifecycleStage })
        .where('id', '=', number)
        .execute();
    else keeps('deletion');
  }
  if (isUntouched)
    await tx
      .updateTable('experiment')
      .set({ updated_at: record.updatedAt })
      .where('id', '=', number)
      .execute();
}

function tell(shared: Import, record: ExperimentRecord, plan: Plan, number: number | undefined): void {
  const { tally } = shared;
  if (plan.kind === 'known') {
    tally.count('experiment', plan.isSame ? 'same' : 'changed');
    return;
  }
  tally.count('experiment', 'new');
  const to = `${number ?? 'the next number'} ${JSON.stringify(plan.name)}`;
  if (String(number) !== record.id || plan.name !== record.name)
    tally.renamed.push({ kind: 'experiment', from: `${record.id} ${JSON.stringify(record.name)}`, to });
}

async function placedOf(
  shared: Import,
  record: ExperimentRecord,
  plan: Plan,
  number: number | undefined,
): Promise<PlacedExperiment> {
  const name = plan.kind === 'known' ? record.name : plan.name;
  return { record, number, name, isKeptHere: await isKeptHere(shared, record) };
}

const isKeptHere = async (shared: Import, record: ExperimentRecord): Promise<boolean> =>
  record.artifactLocation === '' || (await placeOf(record.artifactLocation, shared.roots)).kind !== 'remote';
