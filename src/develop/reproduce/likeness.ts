import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { World } from '../../platform/world.ts';
import { artifactKeyOf, isOurs } from '../tracking/artifact-keys.ts';
import { getLoggedModel } from '../tracking/logged-model-store.ts';
import { metricHistory } from '../tracking/metric-store.ts';
import { getRun } from '../tracking/run-store.ts';
import type { Run } from '../tracking/tracking.ts';
import { commandFiles, commandRunTag } from '../repeatable/repeatable.ts';
import { harmlessRule, mostBytes } from './harmless.ts';
import { compareIngredients, type Circumstances } from './ingredients.ts';
import type { Ingredient, Likeness, Output } from './reproduce-api.ts';

/** Where a run keeps its last reproduction, and each reproduction's run its own. */
export const reproductionFile = 'reproduction.json';

/** What we put there, and what the registry does: not made by the run. */
const isOwnFile = (path: string): boolean =>
  Object.values<string>(commandFiles).includes(path) ||
  path === reproductionFile ||
  path === 'registered_model_meta' ||
  path.endsWith('/registered_model_meta');

interface Found {
  readonly kind: Output['kind'];
  readonly name: string;
  readonly value: number | string | null;
  /** what has to be equal; more than the value shows */
  readonly identity: string;
  /** of a file: its key and size */
  readonly blob: { readonly key: string; readonly byteCount: number } | undefined;
}

/**
 * All that two runs made, and all that they had to work with, side by side. Of commands that made several runs, the first with the
 * first, the second with the second.
 *
 * @param leftOut patterns of names that don't count
 * @throws RUN_NOT_FOUND
 */
export async function compareRuns(
  world: World,
  wasId: string,
  isId: string,
  leftOut: readonly string[] = [],
): Promise<Likeness> {
  const [was, is] = await Promise.all([runsLike(world, wasId), runsLike(world, isId)]);
  const outputs: Output[] = [];
  for (let at = 0; at < Math.max(was.length, is.length); at += 1) {
    const [before, after] = await Promise.all([foundIn(world, was[at], at), foundIn(world, is[at], at)]);
    for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
      outputs.push(await compareFound(world, before.get(name), after.get(name), leftOut));
    }
  }
  const [first, other] = [was[0], is[0]];
  const ingredients =
    first === undefined || other === undefined
      ? []
      : compareIngredients(await circumstancesOf(world, first), await circumstancesOf(world, other));
  return likenessOf(outputs, ingredients);
}

export function likenessOf(outputs: readonly Output[], ingredients: readonly Ingredient[]): Likeness {
  const counts: Record<string, number> = {};
  for (const { state } of outputs) counts[state] = (counts[state] ?? 0) + 1;
  const isEqual = outputs.every(
    ({ state }) => state === 'equal' || state === 'equal but for' || state === 'left out',
  );
  const counted = outputs.length - (counts['left out'] ?? 0);
  return {
    isIdentical: isEqual && counted > 0,
    counts,
    outputs: [...outputs],
    ingredients: [...ingredients],
  };
}

/** All runs of the command, or of the stage's execution, that made a run; in the order in which they began. */
async function runsLike(world: World, id: string): Promise<Run[]> {
  const { read } = world.database;
  const run = await getRun(read, id);
  const tags = new Map(run.tags.map(({ key, value }) => [key, value]));
  const [key, value] =
    tags.has('tilth.execution') && !tags.has('tilth.reproduces')
      ? ['tilth.execution', tags.get('tilth.execution')]
      : [commandRunTag, tags.get(commandRunTag)];
  if (value === undefined) return [run];
  const rows = await read
    .selectFrom('run')
    .innerJoin('run_tag', 'run_tag.run_id', 'run.id')
    .select('run.id')
    .where('run_tag.key', '=', key)
    .where('run_tag.value', '=', value)
    .where('run.lifecycle_stage', '=', 'active')
    .orderBy('run.started_at')
    .orderBy('run.id')
    .execute();
  const ids = rows.map((row) => row.id).sort((a, b) => Number(b === value) - Number(a === value));
  return Promise.all(ids.map((each) => getRun(read, each)));
}

async function circumstancesOf(world: World, run: Run): Promise<Circumstances> {
  const first = run.tags.find(({ key }) => key === commandRunTag)?.value;
  const holder =
    first === undefined || first === run.id ? run : await getRun(world.database.read, first).catch(() => run);
  return { run, packages: await textOf(world, holder.artifactUri, commandFiles.packages) };
}

async function textOf(world: World, uri: string, path: string): Promise<string | undefined> {
  if (!isOurs(uri)) return undefined;
  const key = `${artifactKeyOf(uri)}/${path}`;
  return (await world.blobs.size(key)) === undefined
    ? undefined
    : (await bytesOf(world, key)).toString('utf8');
}

async function foundIn(world: World, run: Run | undefined, at: number): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  if (run === undefined) return found;
  const prefix = at === 0 ? '' : `${at + 1}: `;
  const add = (each: Omit<Found, 'name'> & { readonly name: string }): void =>
    void found.set(`${each.kind} ${each.name}`, { ...each, name: `${prefix}${each.name}` });
  for (const { key, value } of run.params)
    add({ kind: 'param', name: key, value, identity: value, blob: undefined });
  for (const { key, value } of run.metrics) {
    // how the machine was doing is no result
    if (key.startsWith('system/')) continue;
    const history = await metricHistory(world.database.read, run.id, key);
    add({
      kind: 'metric',
      name: key,
      value: Number.isFinite(value) ? value : String(value),
      identity: historyPrint(history.points),
      blob: undefined,
    });
  }
  if (isOurs(run.artifactUri))
    await addFiles(world, artifactKeyOf(run.artifactUri), '', (name, blob) => {
      if (!isOwnFile(name)) add({ kind: 'artifact', name, value: null, identity: '', blob });
    });
  for (const [index, { modelId }] of run.modelOutputs.entries()) {
    const model = await getLoggedModel(world.database.read, modelId).catch(() => undefined);
    if (model === undefined || !isOurs(model.artifactUri)) continue;
    // its id is another one every time
    const place = run.modelOutputs.length === 1 ? model.name : `${model.name} ${index + 1}`;
    await addFiles(world, artifactKeyOf(model.artifactUri), '', (name, blob) => {
      if (!isOwnFile(name))
        add({ kind: 'model file', name: `${place}/${name}`, value: null, identity: '', blob });
    });
  }
  return found;
}

/**
 * Values by step. When they were logged is no result, and so is the order within a step: what was logged in the same millisecond
 * has none.
 */
function historyPrint(points: readonly { readonly value: number; readonly step: number }[]): string {
  const hash = createHash('sha256');
  const bytes = Buffer.alloc(16);
  const byValue = (one: number, other: number): number =>
    Object.is(one, other) ? 0 : Number.isNaN(one) || one < other ? -1 : 1;
  for (const { step, value } of [...points].sort(
    (one, other) => one.step - other.step || byValue(one.value, other.value),
  )) {
    bytes.writeDoubleLE(step, 0);
    bytes.writeDoubleLE(value, 8);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

async function addFiles(
  world: World,
  key: string,
  below: string,
  add: (name: string, blob: NonNullable<Found['blob']>) => void,
): Promise<void> {
  for (const { name, isFolder, byteCount } of await world.blobs.list(key)) {
    const path = below === '' ? name : `${below}/${name}`;
    if (isFolder) await addFiles(world, `${key}/${name}`, path, add);
    else add(path, { key: `${key}/${name}`, byteCount });
  }
}

async function compareFound(
  world: World,
  was: Found | undefined,
  is: Found | undefined,
  leftOut: readonly string[],
): Promise<Output> {
  const { kind, name } = was ?? is ?? { kind: 'artifact' as const, name: '' };
  const asked = leftOut.find((pattern) => fits(pattern, name));
  const [recorded, found] = [await shown(world, was), await shown(world, is)];
  const compared = { kind, name, recorded, found };
  if (asked !== undefined) return { ...compared, state: 'left out', rule: `--leave-out ${asked}` };
  if (was === undefined || is === undefined)
    return { ...compared, state: was === undefined ? 'only found' : 'only recorded', rule: null };
  if (was.blob === undefined || is.blob === undefined)
    return { ...compared, state: was.identity === is.identity ? 'equal' : 'differs', rule: null };
  if (recorded === found) return { ...compared, state: 'equal', rule: null };
  if (was.blob.byteCount > mostBytes || is.blob.byteCount > mostBytes)
    return { ...compared, state: 'differs', rule: null };
  const rule = harmlessRule(name, await bytesOf(world, was.blob.key), await bytesOf(world, is.blob.key));
  return { ...compared, state: rule === undefined ? 'differs' : 'equal but for', rule: rule?.name ?? null };
}

async function shown(world: World, found: Found | undefined): Promise<Output['recorded']> {
  if (found === undefined) return null;
  return found.blob === undefined ? found.value : hashOf((await world.blobs.get(found.blob.key)).stream);
}

async function hashOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

async function bytesOf(world: World, key: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of (await world.blobs.get(key)).stream as AsyncIterable<Buffer>) parts.push(chunk);
  return Buffer.concat(parts);
}

/** `*` stands for anything. */
export function fits(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^(?:\\d+: )?${parts.join('.*')}$`, 's').test(name);
}
